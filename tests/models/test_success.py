"""The probability of success under each arm, beside known truth."""

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.params import Learner
from rapport.models.boosting import Training
from rapport.models.logged import Logged
from rapport.models.outcomes import OutcomeModel, fit_outcomes
from rapport.models.success import success_probabilities

ROWS = 3000


def randomised() -> Logged:
    """Arm 1 keeps 80 % where the control keeps 50 %; arm 2 makes 60 % pay where the control makes 30 %."""
    rng = np.random.default_rng(4)
    arm = rng.integers(0, 3, ROWS)
    pays = rng.random(ROWS) < 0.3 + 0.3 * (arm == 2)
    return Logged(
        arms=("none", "call", "mail"),
        X=rng.normal(size=(ROWS, 2)).astype(np.float32),
        arm=arm,
        propensity=np.full(ROWS, 1 / 3),
        money=np.where(pays, rng.exponential(20.0, ROWS), 0.0),
        retained=(rng.random(ROWS) < 0.5 + 0.3 * (arm == 1)).astype(float),
        retention_value=100.0,
        ids=pd.Series([f"s{at}" for at in range(ROWS)], dtype="str"),
        iteration=np.zeros(ROWS, dtype=np.int64),
        eligible=np.ones((ROWS, 3), dtype=bool),
    )


@pytest.fixture(scope="module")
def outcomes() -> OutcomeModel:
    learner = Learner(rounds=30, learning_rate=0.1, leaves=7, min_leaf_rows=30)
    return fit_outcomes(randomised(), Training(learner, 2, 1, ()))[0]


def test_the_mean_under_each_arm_is_near_the_truth(outcomes: OutcomeModel) -> None:
    """A share of 1,000 has a standard error of 0.016; four of them, and the shrinkage of arms towards one another."""
    found = success_probabilities(outcomes, randomised().X, 3, 1, ("retained", "paying"))
    assert found["retained"].mean(axis=0) == pytest.approx([0.5, 0.8, 0.5], abs=0.064)
    assert found["paying"].mean(axis=0) == pytest.approx([0.3, 0.3, 0.6], abs=0.064)
    assert all(((p >= 0) & (p <= 1)).all() for p in found.values())


def test_one_row_alone_and_nothing_to_learn_from(outcomes: OutcomeModel) -> None:
    X = randomised().X[:20]
    whole = success_probabilities(outcomes, X, 3, 1, ["paying"])["paying"]
    np.testing.assert_array_equal(success_probabilities(outcomes, X[7:8], 3, 1, ["paying"])["paying"], whole[7:8])
    unknown = success_probabilities(None, X, 3, 1, ["retained"])
    np.testing.assert_array_equal(unknown["retained"], np.ones((20, 3)))
    assert success_probabilities(outcomes, X, 3, 1, []) == {}
