"""What is told of propensities: those estimated beside the shares of the arms, those logged not at all."""

from dataclasses import replace

import numpy as np
import pytest

from rapport.evaluation.held import Held
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.propensities import propensity_scorecard
from rapport.policy.limits import Constraints


def held(arm: list[int], propensity: list[float], logged: list[bool]) -> Held:
    n, none = len(arm), np.zeros((len(arm), 2))
    log = LoggedDecisions(np.zeros(n), np.array(arm), np.array(propensity), none, none, np.arange(n))
    return Held(log, none, none == 0, Constraints(), np.arange(n) % 2, np.zeros(n), np.array(logged), none)


def test_estimates_are_held_against_the_shares_of_the_same_decisions_by_hand() -> None:
    """Of the four estimated three are arm 1; the two logged ones, both arm 0, have no say in that."""
    made = held([1, 1, 1, 0, 0, 0], [0.9, 0.8, 0.5, 0.5, 0.005, 0.01], [False] * 4 + [True] * 2)
    found = propensity_scorecard(made)
    own, shares = -np.log([0.9, 0.8, 0.5, 0.5]), -np.log([0.75, 0.75, 0.75, 0.25])
    assert (found["logged"], found["estimated"]) == (2, 4)
    assert (found["least"], found["without_overlap"]) == (0.005, 2)
    assert found["log_loss"]["value"] == pytest.approx(own.mean())
    assert found["log_loss_of_shares"]["value"] == pytest.approx(shares.mean())
    assert found["ahead_of_shares"]["value"] == pytest.approx((shares - own).mean())
    assert found["ahead_of_shares"]["se"] == pytest.approx((shares - own).std(ddof=1) / 2)
    assert found["log_loss"]["n"] == found["log_loss_of_shares"]["n"] == found["ahead_of_shares"]["n"] == 4


def test_where_all_were_logged_there_is_nothing_to_explain() -> None:
    made = held([1, 0, 1, 0], [0.5] * 4, [True] * 4)
    found = propensity_scorecard(made)
    assert (found["logged"], found["estimated"], found["log_loss"]["value"]) == (4, 0, None)
    assert found["log_loss_of_shares"] == found["ahead_of_shares"] == found["log_loss"]
    assert found["log_loss"]["n"] == 0
    estimated = propensity_scorecard(replace(made, propensity_logged=np.zeros(4, dtype=bool)))
    assert estimated["log_loss"]["value"] == estimated["log_loss_of_shares"]["value"] == pytest.approx(np.log(2))


@pytest.mark.parametrize("told", [True, False])
def test_features_that_explain_the_log_put_estimates_ahead(told: bool) -> None:
    rng = np.random.default_rng(7)
    chance = rng.uniform(0.1, 0.9, 2000)
    arm = (rng.random(2000) < chance).astype(int)
    own = np.where(arm == 1, chance, 1 - chance) if told else np.full(2000, 0.5)
    ahead = propensity_scorecard(held(arm.tolist(), own.tolist(), [False] * 2000))["ahead_of_shares"]
    assert (ahead["low"] > 0) == told
