"""Policies under the limits that logged decisions can keep, and without those that they cannot."""

from dataclasses import replace

import numpy as np

from rapport.evaluation.budget_curves import budget_grid, value_per_budget
from rapport.evaluation.held import Held, chosen
from rapport.evaluation.limits import one_per_household
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.policies import OURS, policies
from rapport.evaluation.policy_scorecard import policy_scorecard
from rapport.evaluation.views import View
from rapport.policy.limits import Constraints, at_least, at_most

ROWS = 60


def held(*limits: object, closed: bool = False) -> Held:
    """Return decisions of which a call is worth 1 to everyone, and a mail 2, or closed."""
    rng = np.random.default_rng(0)
    arm = rng.integers(0, 3, ROWS)
    cost = np.tile([0.0, 3.0, 1.0], (ROWS, 1))
    log = LoggedDecisions(rng.normal(size=ROWS), arm, np.full((ROWS, 3), 1 / 3), cost, np.zeros((ROWS, 3)),
                          np.arange(ROWS))  # fmt: skip
    worth = np.tile([0.0, 1.0, np.nan if closed else 2.0], (ROWS, 1))
    return Held(log, worth, ~np.isnan(worth), Constraints(tuple(limits)), rng.integers(0, 2, ROWS),
                rng.random(ROWS), np.ones(ROWS, dtype=bool), worth)  # type: ignore[arg-type]  # fmt: skip


def test_limits_hold_for_ours_and_the_upper_ones_for_the_baselines() -> None:
    few, some = at_most("few", 6, [0, 0, 1]), at_least("some", 9, [0, 1, 0])
    compared, left_out = policies(held(few, some))
    assert left_out == []
    assert compared[OURS].sum(axis=0).tolist() == [0, 54, 6]
    assert all(policy[:, 2].sum() <= 6 + 1e-9 for policy in compared.values())
    assert compared["nobody"][:, 0].sum() == ROWS


def test_a_quota_that_the_log_cannot_keep_is_left_out_and_named() -> None:
    few, some = at_most("few", 6, [0, 1, 0]), at_least("some", 9, [0, 0, 1])
    compared, left_out = policies(held(few, some, closed=True))
    assert left_out == ["some"]
    assert compared[OURS].sum(axis=0).tolist() == [54, 6, 0]
    bound = held(few, some, closed=True)
    scored = policy_scorecard(bound, ("none", "call", "mail"), View(bound.worth, bound.gain))
    assert scored["limits_left_out"] == ["some"]


def test_of_a_household_the_first_by_priority_who_may_anything_speaks() -> None:
    """Rows 0 to 2 share a home, the likeliest of whom may receive nothing; 3 and 4 share one and tie; 5 is alone."""
    within = np.array([[True, True], [True, False], [True, True], [True, True], [True, True], [True, True]])
    homes = Constraints(household=np.array([0, 0, 0, 1, 1, -1]))
    found = one_per_household(within, np.array([0.1, 0.9, 0.2, 0.5, 0.5, 0.0]), homes)
    assert found[:, 0].all()
    assert found[:, 1].tolist() == [False, False, True, True, False, True]
    assert one_per_household(within, np.zeros(6), Constraints()) is within


def test_no_policy_gives_a_household_two_arms() -> None:
    whole = held()
    homes = np.where(np.arange(ROWS) < 40, np.arange(ROWS) // 4, -1)
    shared = replace(whole, constraints=Constraints(household=homes))
    compared, _ = policies(shared)
    for name, policy in compared.items():
        by_home = np.bincount(homes[:40], weights=policy[:40, 1:].sum(axis=1))
        assert by_home.max() <= 1 + 1e-9, name
    assert compared["random"][40:, 1:].sum() > 0
    ranked = compared["risk_ranking"][:40, 1:].sum(axis=1).reshape(10, 4)
    risk = whole.churn_risk[:40].reshape(10, 4)
    assert (ranked.argmax(axis=1) == risk.argmax(axis=1))[ranked.any(axis=1)].all()
    assert max(policy[:40, 1:].sum(axis=1).reshape(10, 4).sum(axis=1).max()
               for policy in policies(whole)[0].values()) > 1  # fmt: skip


def test_budgets_buy_within_all_other_limits() -> None:
    few = held(at_most("few", 6, [0, 0, 1]), at_most("calls", 10, [0, 1, 0]))
    free = budget_grid(chosen(few.worth, few.log.cost, Constraints())[0], few.log.cost)
    within = budget_grid(few.ours[0], few.log.cost)
    assert (free[-1], within[-1]) == (1.0, (10 * 3.0 + 6 * 1.0) / ROWS)
    last = value_per_budget(few.log, few.worth, within, few.constraints)[-1]
    assert (last.treated, last.spend) == (16 / ROWS, within[-1])
    assert value_per_budget(few.log, few.worth, within)[-1].treated > last.treated
