"""The regression that fits in JSON: percentiles, flags, categories, and the same numbers after a round trip."""

import json

import numpy as np
import pytest
from scipy.special import expit

from rapport.contracts.params import Learner
from rapport.models.boosting import Training
from rapport.models.linear_risk import LinearRisk, _percentile, fit_control_risk, fit_linear_risk

NAN = np.nan
TRAINING = Training(Learner(), seed=3, threads=1, category_indexes=(2,))


def rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return X (a skewed number, one with gaps, a category, a constant, an empty column) and the outcome."""
    rng = np.random.default_rng(seed)
    number, gaps, category = rng.lognormal(0, 2, n), rng.normal(size=n), rng.integers(0, 3, n)
    odds = np.log(number) / 2 + np.where(rng.random(n) < 0.3, 1.0, 0.0) + (category == 1)
    gaps[odds > np.median(odds)] = np.where(rng.random((odds > np.median(odds)).sum()) < 0.5, NAN, 0.0)
    X = np.column_stack([number, gaps, category, np.ones(n), np.full(n, NAN)]).astype(np.float32)
    return X, (rng.random(n) < expit(odds - 1)).astype(float)


def test_a_percentile_by_hand() -> None:
    """Knots 0, 10, 10, 20: a value of 10 lies between the first and the last knot that equals it."""
    found = _percentile(np.array([-5, 0, 5, 10, 15, 20, 99, NAN], dtype=np.float32), [0.0, 10.0, 10.0, 20.0])
    by_hand = np.array([-0.5, -0.5, -0.5 + 1 / 6, 0.0, 0.5 - 1 / 6, 0.5, 0.5, 0.0]) * 12**0.5
    np.testing.assert_allclose(found, by_hand, atol=1e-12)


def test_columns_are_numbers_then_flags_then_categories() -> None:
    X, y = rows(3000, 1)
    model = fit_linear_risk(X, y, TRAINING)
    assert (list(model.knots), model.flagged, model.levels) == ([0, 1], (1,), {2: [0, 1, 2]})
    assert len(model.coefficients) == 2 + 1 + 3
    np.testing.assert_allclose(
        model.log_odds(X), model.design(X) @ np.array(model.coefficients) + model.intercept, atol=1e-9
    )
    assert model.coefficients[0] > 0
    assert model.coefficients[4] > max(model.coefficients[3], model.coefficients[5])


def test_it_predicts_new_rows_about_as_well_as_it_should() -> None:
    """Calibration in the large and in five parts, on 20,000 new rows: within 0.04 of the outcome's share."""
    model = fit_linear_risk(*rows(4000, 2), TRAINING)
    X, y = rows(20_000, 3)
    risk = expit(model.log_odds(X))
    parts = np.array_split(np.argsort(risk), 5)
    assert max(abs(risk[part].mean() - y[part].mean()) for part in parts) < 0.04


def test_json_gives_the_same_model_and_numbers() -> None:
    X, y = rows(1000, 4)
    model = fit_linear_risk(X, y, TRAINING)
    again = LinearRisk.from_dict(json.loads(json.dumps(model.as_dict())))
    assert again == model
    np.testing.assert_array_equal(again.log_odds(X), model.log_odds(X))
    assert fit_linear_risk(X, y, TRAINING) == model


def test_what_is_unknown_or_out_of_range_stays_finite() -> None:
    model = fit_linear_risk(*rows(1000, 5), TRAINING)
    strange = np.array([[1e30, -1e30, 77, 5, 1], [NAN] * 5, [np.inf, -np.inf, -1, 0, 0]], dtype=np.float32)
    assert np.isfinite(model.log_odds(strange)).all()


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_without_any_column_that_varies_it_is_the_base_rate(share: float) -> None:
    y = (np.arange(200) < 200 * share).astype(float)
    model = fit_linear_risk(np.ones((200, 3), dtype=np.float32), y, Training(Learner(), 1, 1, ()))
    assert expit(model.log_odds(np.zeros((1, 3), dtype=np.float32)))[0] == pytest.approx(share)


def test_a_column_of_categories_stands_apart() -> None:
    X, y = rows(3000, 6)
    whole = fit_linear_risk(X, y, TRAINING)
    rest, added = whole.apart(2)
    assert (rest.levels, list(added)) == ({}, [0, 1, 2])
    np.testing.assert_allclose(rest.log_odds(X) + np.array([added[code] for code in X[:, 2].astype(int)]),
                               whole.log_odds(X), atol=1e-12)  # fmt: skip


def test_rows_of_other_arms_teach_the_risk_under_the_control() -> None:
    """Arms 1 and 2 move everyone's log-odds by −1 and 0.5; in 20 draws both were found within 0.2, seed fixed."""
    rng = np.random.default_rng(7)
    X, arm = rng.normal(size=(12_000, 2)).astype(np.float32), rng.integers(0, 3, 12_000)
    odds = 1.5 * X[:, 0] - 1.0
    y = (rng.random(len(X)) < expit(odds + np.array([0.0, -1.0, 0.5])[arm])).astype(float)
    plain = Training(Learner(), 1, 1, ())
    model, moved = fit_control_risk(X, y, arm, plain)
    assert [float(moved[arm == code].mean()) for code in range(3)] == pytest.approx([0.0, -1.0, 0.5], abs=0.2)
    assert all(np.ptp(moved[arm == code]) == 0 for code in range(3))
    assert abs(expit(model.log_odds(X)).mean() - expit(odds).mean()) < 0.015
    alone, nothing = fit_control_risk(X[arm == 0], y[arm == 0], arm[arm == 0], plain)
    assert alone == fit_linear_risk(X[arm == 0], y[arm == 0], plain)
    assert (nothing == 0).all()
