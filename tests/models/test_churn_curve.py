"""The curve rises for everyone, holds the risk of the horizon, and is right about a world whose hazards are known."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from rapport.contracts.params import Learner
from rapport.models.boosting import Training
from rapport.models.churn_curve import ChurnCurve, fit_curve, neighbours

TRAINING = Training(Learner(rounds=60, learning_rate=0.1, leaves=7, min_leaf_rows=30), 2, 1, ())
DAYS = (30, 60, 90, 180)


def world(rows: int, seed: int) -> tuple[np.ndarray, dict[int, np.ndarray], dict[int, np.ndarray], pd.Series]:
    """Return X, who is lost by when, the true risks and ids.

    Feature 0 raises the hazard of every month, feature 1 brings leaving forward within the first three.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3)).astype(np.float32)
    early = np.exp(0.8 * X[:, 1])
    months = np.column_stack([early, np.ones(rows), 1.0 / early, *[np.ones(rows)] * 3])
    hazard = expit(-3.2 + 0.9 * X[:, [0]]) * months
    survival = np.cumprod(1.0 - np.minimum(hazard, 0.9), axis=1)
    left = (rng.random(rows)[:, None] > survival).argmax(axis=1).astype(float)
    left[survival[:, -1] > rng.random(rows)] = np.inf
    draw = rng.random(rows)
    truth = {days: 1.0 - survival[:, days // 30 - 1] for days in DAYS}
    lost = {days: (draw < truth[days]).astype(float) for days in DAYS}
    return X, lost, truth, pd.Series([f"s{at}" for at in range(rows)], dtype="str")


@pytest.fixture(scope="module")
def curve() -> ChurnCurve:
    X, lost, _, ids = world(6000, 1)
    lost[180][::2] = np.nan  # not over yet for half of the rows
    return fit_curve(X, lost, ids, TRAINING, 90)


def test_risks_rise_with_the_days_and_hold_that_of_the_horizon(curve: ChurnCurve) -> None:
    X = world(500, 2)[0]
    risk = np.random.default_rng(3).random(500)
    found = curve.predict(X, risk, 1)
    assert list(found) == list(DAYS)
    np.testing.assert_array_equal(found[90], risk)
    rising = np.diff(np.column_stack(list(found.values())), axis=1)
    assert (rising >= 0).all()
    assert ((found[30] > 0) & (found[180] < 1)).all()


def test_the_curve_is_near_the_truth_given_the_truth_at_the_horizon(curve: ChurnCurve) -> None:
    """In 10 draws the correlations with the truth were at least 0.93, 0.98, 0.98 and means within 0.01 of it."""
    X, _, truth, _ = world(5000, 4)
    found = curve.predict(X, truth[90], 1)
    for days in (30, 60, 180):
        assert np.corrcoef(found[days], truth[days])[0, 1] > 0.9
        assert abs(found[days].mean() - truth[days].mean()) < 0.015
    share = np.corrcoef(found[30] / found[90], truth[30] / truth[90])[0, 1]
    assert share > 0.6, "who leaves early must be told from who leaves late"


def test_outcomes_that_are_not_over_have_no_say() -> None:
    """What stands in rows that are not over cannot matter: it is no number. Before, they are nobody's survivors."""
    X, lost, _, ids = world(3000, 5)
    lost[180][1000:] = np.nan
    whole = fit_curve(X, lost, ids, TRAINING, 90)
    part = {days: each[:1000] for days, each in lost.items()}
    some = fit_curve(X[:1000], part, ids[:1000], TRAINING, 90)
    assert whole.steps[180].as_files() == some.steps[180].as_files()
    assert whole.steps[60].as_files() != some.steps[60].as_files()


def test_files_give_the_same_curve(curve: ChurnCurve) -> None:
    files = {k: v if isinstance(v, str) else json.loads(json.dumps(v)) for k, v in curve.as_files().items()}
    X, risk = world(50, 6)[0], np.full(50, 0.2)
    again = ChurnCurve.from_files(files).predict(X, risk, 1)
    for days, each in curve.predict(X, risk, 1).items():
        np.testing.assert_array_equal(again[days], each)


def test_without_other_days_the_curve_is_the_risk() -> None:
    X, lost, _, ids = world(100, 7)
    curve = fit_curve(X, {90: lost[90]}, ids, TRAINING, 90)
    assert list(curve.predict(X, np.full(100, 0.3), 1)) == [90]
    assert neighbours([90], 90) == []


def test_nobody_lost_gives_small_constants() -> None:
    X, _, _, ids = world(100, 8)
    none = {days: np.zeros(100) for days in DAYS}
    found = fit_curve(X, none, ids, TRAINING, 90).predict(X, np.full(100, 0.01), 1)
    assert found[180].max() < 0.02
    assert np.ptp(found[30]) == 0
