"""Policies under the limits that logged decisions can keep, and without those that they cannot."""

import numpy as np

from rapport.evaluation.held import Held
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.policies import OURS, policies
from rapport.evaluation.policy_scorecard import policy_scorecard
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
    assert policy_scorecard(held(few, some, closed=True), ("none", "call", "mail"))["limits_left_out"] == ["some"]
