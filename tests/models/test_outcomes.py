"""Expected value under each arm: retention worth its money plus money, constant where training saw a constant."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.params import Learner
from rapport.models.boosting import Training
from rapport.models.logged import Logged
from rapport.models.outcomes import OutcomeModel, fit_outcomes

TRAINING = Training(Learner(rounds=40, learning_rate=0.1, leaves=7, min_leaf_rows=30), 2, 1, ())


def randomised(rows: int = 2000) -> Logged:
    """Three equally likely arms; arm 1 keeps more people, arm 2 earns 20 more."""
    rng = np.random.default_rng(1)
    X, arm = rng.normal(size=(rows, 3)).astype(np.float32), rng.integers(0, 3, rows)
    return Logged(
        arms=("none", "call", "mail"),
        X=X,
        arm=arm,
        propensity=np.full(rows, 1 / 3),
        money=30.0 * X[:, 0] + 20.0 * (arm == 2) + rng.normal(0, 5, rows),
        retained=(rng.random(rows) < 0.5 + 0.3 * (arm == 1)).astype(float),
        retention_value=100.0,
        ids=pd.Series([f"s{at}" for at in range(rows)], dtype="str"),
        iteration=np.zeros(rows, dtype=np.int64),
        eligible=np.ones((rows, 3), dtype=bool),
    )


@pytest.fixture(scope="module")
def model() -> OutcomeModel:
    return fit_outcomes(randomised(), TRAINING)


def test_the_mean_under_each_arm_is_near_the_truth(model: OutcomeModel) -> None:
    # One arm's mean has a standard error of about 2.5, mostly that of 667 retained or not at 100 each.
    mu = model.predict(randomised().X, 3, 1)
    assert mu.mean(axis=0) == pytest.approx([50.0, 80.0, 70.0], abs=8.0)
    assert np.corrcoef(mu[:, 0], randomised().X[:, 0])[0, 1] > 0.95


def test_value_is_retention_times_its_worth_plus_money(model: OutcomeModel) -> None:
    X = randomised().X[:50]
    worthless = replace(model, retention_value=0.0).predict(X, 3, 1)
    doubled = replace(model, retention_value=200.0).predict(X, 3, 1)
    mu = model.predict(X, 3, 1)
    np.testing.assert_allclose(doubled - worthless, 2 * (mu - worthless))
    chance = (mu - worthless) / 100
    assert ((chance > 0) & (chance < 1)).all()


def test_files_give_identical_predictions(model: OutcomeModel) -> None:
    files = {k: v if isinstance(v, str) else json.loads(json.dumps(v)) for k, v in model.as_files().items()}
    assert set(files) == {"outcomes.json", "retention.txt", "money.txt"}
    X = randomised().X
    np.testing.assert_array_equal(OutcomeModel.from_files(files).predict(X, 3, 1), model.predict(X, 3, 1))


@pytest.mark.parametrize(("retained", "worth"), [(1.0, 100.0), (0.0, 0.0)])
def test_a_constant_part_stays_constant(retained: float, worth: float) -> None:
    logged = randomised()
    constant = fit_outcomes(replace(logged, retained=np.full(len(logged), retained)), TRAINING)
    assert set(constant.as_files()) == {"outcomes.json", "money.txt"}
    money_only = replace(constant, retention_value=0.0).predict(logged.X, 3, 1)
    np.testing.assert_allclose(constant.predict(logged.X, 3, 1) - money_only, worth)


def test_both_parts_constant_survive_the_files() -> None:
    logged = replace(randomised(), retained=np.ones(2000), money=np.full(2000, 7.5))
    files = fit_outcomes(logged, TRAINING).as_files()
    assert set(files) == {"outcomes.json"}
    assert (OutcomeModel.from_files(files).predict(logged.X[:4], 3, 1) == 107.5).all()


def test_no_rows_at_all_predict_nothing_gained() -> None:
    """With one decision in the log, the folds that leave it out have none to learn from."""
    nobody = randomised().take(np.zeros(2000, dtype=bool))
    assert (fit_outcomes(nobody, TRAINING).predict(randomised().X[:4], 3, 1) == 0.0).all()


def test_each_row_alone_is_predicted_as_in_the_batch(model: OutcomeModel) -> None:
    X = randomised().X[:200]
    whole = model.predict(X, 3, 1)
    alone = np.vstack([model.predict(X[[row]], 3, 1) for row in range(0, 200, 20)])
    np.testing.assert_array_equal(alone, whole[::20])
