"""The margin of those who stay: unbiased in sum, told apart by features, a constant where nothing tells."""

import json

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.params import Learner
from rapport.models.boosting import Training
from rapport.models.margin import Margin, fit_margin

TRAINING = Training(Learner(rounds=150, learning_rate=0.1, leaves=7, min_leaf_rows=30), 2, 1, ())


def rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.Series, np.ndarray]:
    """Return X, money, who stayed, ids and the expected money of who stays; who leaves brings half of it."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)).astype(np.float32)
    expected = np.exp(3.0 + 0.7 * X[:, 0])
    stayed = rng.random(n) < 0.8
    money = expected * np.exp(0.8 * rng.normal(size=n) - 0.32) * np.where(stayed, 1.0, 0.5)
    return X, money, stayed, pd.Series([f"s{at}" for at in range(n)], dtype="str"), expected


def test_sums_are_unbiased_and_rows_told_apart() -> None:
    """In 10 draws the mean was within 4 % of the truth, the correlation at least 0.86."""
    X, money, stayed, ids, _ = rows(5000, 1)
    model = fit_margin(X, money, stayed, ids, TRAINING)
    X_new, *_, expected = rows(5000, 2)
    found = model.predict(X_new, 1)
    assert found.mean() == pytest.approx(expected.mean(), rel=0.08)
    assert np.corrcoef(found, expected)[0, 1] > 0.8


def test_what_leavers_brought_has_no_say() -> None:
    X, money, stayed, ids, _ = rows(1500, 3)
    model = fit_margin(X, money, stayed, ids, TRAINING)
    changed = fit_margin(X, np.where(stayed, money, 1e6), stayed, ids, TRAINING)
    np.testing.assert_array_equal(changed.predict(X, 1), model.predict(X, 1))
    assert (fit_margin(X, 2 * money, stayed, ids, TRAINING).predict(X, 1) != model.predict(X, 1)).all()


@pytest.mark.parametrize(("money", "expected"), [(0.0, 0.0), (7.5, 7.5)])
def test_the_same_for_all_is_a_constant(money: float, expected: float) -> None:
    X, _, stayed, ids, _ = rows(600, 4)
    model = fit_margin(X, np.full(600, money), stayed, ids, TRAINING)
    assert model == Margin(expected)
    assert model.predict(X[:2], 1).tolist() == [expected] * 2


def test_nobody_stayed() -> None:
    X, money, _, ids, _ = rows(50, 5)
    assert fit_margin(X, money, np.zeros(50, dtype=bool), ids, TRAINING) == Margin(0.0)


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_files_give_identical_predictions(scale: float) -> None:
    X, money, stayed, ids, _ = rows(1000, 6)
    model = fit_margin(X, scale * money, stayed, ids, TRAINING)
    files = {k: v if isinstance(v, str) else json.loads(json.dumps(v)) for k, v in model.as_files().items()}
    assert set(files) == ({"margin.json", "margin.txt"} if scale else {"margin.json"})
    np.testing.assert_array_equal(Margin.from_files(files).predict(X, 1), model.predict(X, 1))
