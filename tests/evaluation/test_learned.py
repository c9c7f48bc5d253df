"""Which rows drift compares with today's, by hand."""

import pandas as pd

from rapport.contracts.params import parse_params
from rapport.evaluation.learned import learned_by_churn, learned_by_uplift

PARAMS = parse_params({
    "source": {"kind": "files"},
    "clock": {"as_of": "2025-01-01", "horizon_days": 90},
    "outcome": {"churn": {"event": "churned"}, "value": {}, "retention_value": 40.0},
    "interventions": {"control": "none", "arms": {"call": {}}},
})  # fmt: skip


def test_rows_of_a_known_arm_whichever_it_is_each_stakeholder_and_household_once() -> None:
    at = pd.to_datetime(["2024-01-01", "2024-02-01"] * 3)
    snapshots = pd.DataFrame({
        "stakeholder_id": ["a", "a", "b", "b", "c", "c"],
        "as_of": at,
        "contacts": [0, 0, 1, 1, 0, 0],  # b was called, and then had a contact that nobody decided
        "home": ["x", "x", "x", "x", None, None],
    })  # fmt: skip
    decisions = snapshots.iloc[[0, 2]].assign(arm=["none", "call"])
    found = learned_by_churn(snapshots, decisions, PARAMS)
    assert found.rows.tolist() == [True, True, True, False, True, True]
    assert found.independent == 25 / (4 + 1 + 4)
    together = PARAMS.model_copy(update={"decision": PARAMS.decision.model_copy(update={"one_per": "home"})})
    assert learned_by_churn(snapshots, decisions, together).independent == 25 / (9 + 4)
    assert (learned_by_uplift(decisions, PARAMS).independent, learned_by_uplift(decisions, together).independent) == (
        2,
        1,
    )
