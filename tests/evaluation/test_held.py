"""Decisions as arrays: costs due on success by hand and beside known truth, today's rules, caution, order."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rapport.contracts.errors import ArtifactError
from rapport.contracts.params import Params, parse_params
from rapport.evaluation.held import Held, chosen, held_out
from rapport.evaluation.policy_value import difference, direct, doubly_robust, ipw, logged_policy, snips
from rapport.policy.choose import Choice, choose
from rapport.policy.limits import Constraints

NOBODY, CALL = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def params(cost_on: str = "retained", **decision: object) -> Params:
    return parse_params({
        "source": {"kind": "files"},
        "clock": {"as_of": "2025-01-01", "horizon_days": 90},
        "outcome": {"churn": {"event": "churned"}, "value": {}, "retention_value": 40.0},
        "interventions": {"control": "none", "arms": {"call": {"cost": 10.0, "cost_on": cost_on,
                                                               "kinds": ["customer"]}}},
        "decision": decision,
    })  # fmt: skip


def tables(arm: np.ndarray, kept: np.ndarray, value: np.ndarray, chance: np.ndarray, mu: np.ndarray,
           propensity: float = 0.5) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Return out-of-fold rows and decisions; `chance` is the predicted probability of success with a call."""
    n, ids = len(arm), [f"d{at}" for at in range(len(arm))]
    rows = pd.DataFrame({
        "decision_id": ids, "arm": arm, "propensity": propensity, "value": value, "mu_none": mu[:, 0],
        "mu_call": mu[:, 1], "effect_none": 0.0, "effect_call": mu[:, 1] - mu[:, 0], "effect_se_none": 0.0,
        "effect_se_call": 2.0, "fold": np.arange(n) % 2, "churn_risk": 0.2, "propensity_logged": True,
        "retained_none": 1.0, "retained_call": chance, "paying_none": 1.0, "paying_call": chance,
    })  # fmt: skip
    decisions = pd.DataFrame({
        "decision_id": ids, "stakeholder_id": [f"s{at}" for at in range(n)], "kind": "customer", "iteration": 1,
        "as_of": pd.Timestamp("2024-06-01"), "churned": ~kept, "money": np.where(kept, 3.0, 0.0),
    })  # fmt: skip
    return rows, decisions


def by_hand(cost_on: str) -> Held:
    """Two calls, one of which succeeds, and two controls; a success was expected of every second call."""
    arm, kept = np.array([1, 1, 0, 0]), np.array([True, False, True, True])
    value = np.array([40.0, 6.0, 30.0, 20.0])
    mu = np.column_stack([np.full(4, 25.0), np.full(4, 31.0)])
    return held_out(*tables(arm, kept, value, np.full(4, 0.5), mu), params(cost_on), 4)


@pytest.mark.parametrize("cost_on", ["retained", "paying"])
def test_what_was_really_due_by_hand(cost_on: str) -> None:
    # Of the calls the first was due, 10, and the second not; 5 was expected of each: net 30, 6, 30, 20.
    held = by_hand(cost_on)
    assert held.log.cost[:, 1].tolist() == [5.0] * 4
    assert held.log.value.tolist() == [35.0, 11.0, 30.0, 20.0]
    assert held.gain.tolist() == [[0.0, 1.0]] * 4
    everyone = np.tile(CALL, (4, 1))
    assert logged_policy(held.log).value == pytest.approx((30 + 6 + 30 + 20) / 4)
    assert ipw(held.log, everyone).value == pytest.approx((35 * 2 + 11 * 2) / 4 - 5)  # = (30 + 6)·2 / 4 here
    assert snips(held.log, everyone).value == pytest.approx((30 + 6) / 2)
    assert direct(held.log, everyone).value == pytest.approx(31 - 5)
    # mu net of cost is 26; the calls left 30 and 6: corrected by (4·2 − 20·2) / 4
    assert doubly_robust(held.log, everyone).value == pytest.approx(26 - 8)
    # the control's scores: 25 + 10, 25 − 10, 25, 25; those of a call 34, −14, 26, 26
    ahead = difference(held.log, everyone, np.tile(NOBODY, (4, 1)))
    assert ahead.value == pytest.approx((34 - 25 - 14 - 25 + 26 - 35 + 26 - 15) / 4)


def test_costs_due_on_assignment_are_as_they_were() -> None:
    held = by_hand("assignment")
    assert held.log.value.tolist() == [40.0, 6.0, 30.0, 20.0]
    assert held.log.cost[:, 1].tolist() == [10.0] * 4
    assert held.worth.tolist() == held.gain.tolist() == [[0.0, -4.0]] * 4  # no rule, no caution


def test_a_wrong_expectation_of_success_does_not_bias_the_value() -> None:
    """Success is expected of 95 calls in 100 and comes of 30: a call leaves 30 + 0.3·(40 − 10) on average.

    99.9 % bands of Binomial(200, 0.95); charging what was expected instead holds the truth next to never.
    """
    rng, hits, naive, truth = np.random.default_rng(151), np.zeros(3), 0, 30 + 0.3 * 30
    for _ in range(200):
        arm = rng.integers(2, size=300)
        kept = rng.random(300) < np.where(arm == 1, 0.3, 0.2)
        value = 30 + 40.0 * kept + rng.normal(0, 5, 300)
        mu = np.column_stack([np.full(300, 40.0), np.full(300, 45.0)])
        rows, decisions = tables(arm, kept, value, np.full(300, 0.95), mu)
        held, everyone = held_out(rows, decisions, params(), 300), np.tile(CALL, (300, 1))
        for at, estimator in enumerate((ipw, snips, doubly_robust)):
            found = estimator(held.log, everyone)
            hits[at] += found.low <= truth <= found.high
        expected = held_out(rows, decisions.assign(churned=rng.random(300) >= 0.95), params(), 300)
        found = doubly_robust(expected.log, everyone)
        naive += found.low <= truth <= found.high
    low, high = stats.binom.ppf([0.0005, 0.9995], 200, 0.95)
    assert (hits >= low).all(), hits
    assert (hits <= high).all(), hits
    assert naive < 50


def test_rules_and_caution_mask_the_worth_and_not_the_gain() -> None:
    rows, decisions = tables(np.array([1, 0, 1, 0]), np.ones(4, dtype=bool), np.ones(4), np.full(4, 0.5),
                             np.tile([20.0, 31.0], (4, 1)))  # fmt: skip
    decisions["kind"] = ["customer", "customer", "partner", "partner"]
    held = held_out(rows, decisions, params(caution=1.5), 8)
    assert held.eligible[:, 1].tolist() == [True, True, False, False]
    assert held.log.supported is not None  # the third is a partner who was called all the same
    assert held.log.supported[:, 1].tolist() == [True, True, True, False]
    assert held.gain[:, 1].tolist() == [6.0] * 4
    assert held.worth[:2, 1].tolist() == [3.0, 3.0]
    assert np.isnan(held.worth[2:, 1]).all()
    assert held.worth[:, 0].tolist() == [0.0] * 4


def test_limits_hold_in_proportion_and_households_are_clusters() -> None:
    rows, decisions = tables(np.array([1, 0, 1, 0]), np.ones(4, dtype=bool), np.ones(4), np.full(4, 0.5),
                             np.tile([20.0, 31.0], (4, 1)))  # fmt: skip
    decisions["home"] = ["x", "x", "y", None]
    held = held_out(rows, decisions, params(budget=100.0, one_per="home"), 8)
    assert held.constraints.limits[0].bound == 50.0
    assert held.log.cluster.tolist() == [0, 0, 1, 2]


def test_other_decisions_than_those_predicted_are_refused() -> None:
    rows, decisions = tables(np.array([1, 0]), np.ones(2, dtype=bool), np.ones(2), np.ones(2), np.ones((2, 2)))
    assert len(held_out(rows, decisions, params(), 2).worth) == 2
    with pytest.raises(ArtifactError, match="expected those of the decisions in data/features, in their order"):
        held_out(rows, decisions[::-1].reset_index(drop=True), params(), 2)


def test_our_policy_is_solved_once_and_is_that_of_todays_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    solved = []

    def counted(worth: np.ndarray, cost: np.ndarray, constraints: Constraints) -> Choice:
        solved.append(constraints)
        return choose(worth, cost, constraints)

    monkeypatch.setattr("rapport.evaluation.held.choose", counted)
    held = by_hand("retained")
    worth = held.worth.copy()
    assert held.ours is held.ours
    assert len(solved) == 1
    assert held.ours[0].tolist() == chosen(worth, held.log.cost, held.constraints)[0].tolist()
    worth[:, 1] = np.abs(worth[:, 1]) * np.array([1, -1, 1, -1])
    assert replace(held, worth=worth).ours[0][:, 1].tolist() == [1, 0, 1, 0]
