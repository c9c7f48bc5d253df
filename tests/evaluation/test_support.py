"""Which arms could have been chosen: rules at the decision, what its iteration gave, and what was done all the same."""

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.params import Params, parse_params
from rapport.evaluation.log import LoggedDecisions, overlap
from rapport.evaluation.support import supported


def params(**arms) -> Params:
    return parse_params({
        "source": {"kind": "simulated"}, "clock": {"as_of": "2025-04-01", "horizon_days": 30},
        "outcome": {"churn": {"event": "churned"}, "value": {"purchase": 1.0}, "retention_value": 10.0},
        "interventions": {"control": "none", "arms": {"call": {"cost": 1.0}, "mail": {"cost": 1.0}, **arms}},
    })  # fmt: skip


def decisions(**columns) -> pd.DataFrame:
    """Six customers in two iterations of three."""
    at = pd.to_datetime(["2024-06-01"] * 3 + ["2025-01-01"] * 3, utc=True)
    return pd.DataFrame({"iteration": [1, 1, 1, 2, 2, 2], "kind": "customer", "as_of": at} | columns)


def test_an_iteration_that_gave_an_arm_to_nobody_does_not_support_it():
    found = supported(decisions(), np.array([0, 1, 0, 2, 1, 0]), params())
    assert found.tolist() == [[True, True, False]] * 3 + [[True] * 3] * 3


def test_kinds_are_apart():
    kinds = ["customer", "partner", "partner", "customer", "customer", "customer"]
    found = supported(decisions(kind=kinds), np.array([1, 0, 2, 0, 1, 2]), params())
    assert found[:3].tolist() == [[False, True, False], [True, False, True], [True, False, True]]


def test_rules_hold_as_of_the_decision_not_of_today():
    arms = {"mail": {"cost": 1.0, "available_from": "2024-12-01"}, "call": {"cost": 1.0, "cooldown_days": 30}}
    since = [10.0, np.nan, 40.0, 10.0, np.nan, 29.0]
    found = supported(decisions(contact_call_days_since=since), np.array([0, 2, 1, 1, 2, 0]), params(**arms))
    assert found[:, 1].tolist() == [
        False,
        True,
        True,
        True,
        True,
        False,
    ]  # the fourth had it within its rest all the same
    assert found[:, 2].tolist() == [False, True, False, True, True, True]  # the second, before it was available


def test_a_log_says_how_much_of_a_policy_it_does_not_support():
    could = np.array([[True, True], [True, False], [True, True], [True, False]])
    arm = np.array([0, 0, 1, 0])
    log = LoggedDecisions(np.ones(4), arm, np.full(4, 0.5), np.zeros((4, 2)), np.zeros((4, 2)), np.arange(4), could)
    everyone, half = np.eye(2)[np.ones(4, dtype=int)], np.full((4, 2), 0.5)
    assert overlap(log, everyone).unsupported == 0.5
    assert overlap(log, half).unsupported == 0.25
    assert overlap(log.take(np.array([True, True, False, False])), everyone[:2]).unsupported == 0.5
    never = could.copy()
    never[2, 1] = False
    fields = [getattr(log, name) for name in ("value", "arm", "propensity", "cost", "mu", "cluster")]
    with pytest.raises(ValueError, match="every logged arm to be; got 1 rows where it is not, the first is row 2"):
        LoggedDecisions(*fields, never)
    with pytest.raises(ValueError, match=r"supported: expected bool of shape \(4, 2\); got bool of \(3, 2\)"):
        LoggedDecisions(*fields, could[:3])
