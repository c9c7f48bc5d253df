"""The regression that fits in JSON: normal scores, flags, categories, and the same numbers after a round trip."""

import json
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit, ndtri

from rapport.contracts.params import Learner
from rapport.models import linear_risk
from rapport.models.boosting import Training
from rapport.models.linear_risk import (
    LEAST_CATEGORY,
    PENALTIES,
    LinearRisk,
    _normal_score,
    _percentile,
    _share_below,
    fit_control_risks,
    fit_linear_risk,
)

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


def test_scores_of_numbers_by_hand() -> None:
    """Knots 0, 10, 10, 20: a value of 10 lies between the first and the last knot that equals it."""
    share = _share_below(np.array([-5, 0, 5, 10, 15, 20, 99, NAN], dtype=np.float32), [0.0, 10.0, 10.0, 20.0])
    by_hand = np.array([0, 0, 1 / 6, 1 / 2, 5 / 6, 1, 1, 1 / 2])
    np.testing.assert_allclose(share, by_hand, atol=1e-12)
    np.testing.assert_allclose(_percentile(share), (by_hand - 0.5) * 12**0.5, atol=1e-12)
    end = 1 / 66  # half of what lies between 33 knots
    np.testing.assert_allclose(_normal_score(share), ndtri(np.clip(by_hand, end, 1 - end)), atol=1e-12)


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


def test_rows_of_other_arms_teach_the_risk_under_the_control() -> None:
    """Arms 1 and 2 move everyone's log-odds by −1 and 0.5; in 20 draws both were found within 0.2, seed fixed."""
    X, arm, odds, y = trial()
    (model,), moved = fit_control_risks(X, y, arm, PLAIN, PENALTIES[:1])
    assert [float(moved[arm == code].mean()) for code in range(3)] == pytest.approx([0.0, -1.0, 0.5], abs=0.2)
    assert all(np.ptp(moved[arm == code]) == 0 for code in range(3))
    assert abs(expit(model.log_odds(X)).mean() - expit(odds).mean()) < 0.015
    (alone,), nothing = fit_control_risks(X[arm == 0], y[arm == 0], arm[arm == 0], PLAIN, PENALTIES[:1])
    assert alone == fit_linear_risk(X[arm == 0], y[arm == 0], PLAIN)
    assert (nothing == 0).all()


@pytest.mark.parametrize("few", [9, 10])
def test_an_arm_of_too_few_rows_counts_as_the_control(few: int) -> None:
    X, _, _, y = trial()
    arm = np.zeros(len(y), dtype=np.int64)
    arm[np.flatnonzero(y == 1)[:few]] = 2
    (model,), moved = fit_control_risks(X, y, arm, PLAIN, PENALTIES[:1])
    assert (model == fit_linear_risk(X, y, PLAIN)) == (few < LEAST_CATEGORY)
    assert (moved[arm == 2] > 0.1).all() == (few >= LEAST_CATEGORY)
    assert (moved[arm == 0] == 0).all()


def test_of_very_many_rows_a_part_teaches_with_some_of_each_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 12,000 rows 3,000; arms stay with their rows. In 20 draws both moves were within 0.35, seed fixed."""
    monkeypatch.setattr(linear_risk, "_MOST_LEARNT", 3000)
    X, arm, _, y = trial()
    _, moved = fit_control_risks(X, y, arm, PLAIN, PENALTIES[:1])
    assert [float(moved[arm == code].mean()) for code in range(3)] == pytest.approx([0.0, -1.0, 0.5], abs=0.35)
    for leavers in (1, 5):
        rare = np.zeros(len(y))
        rare[-leavers:] = 1.0
        share = float(expit(fit_linear_risk(X, rare, PLAIN).log_odds(X)).mean())
        assert share == pytest.approx(leavers / 3000, rel=0.5)


def test_a_stronger_penalty_holds_the_features_not_the_arms() -> None:
    """Each penalty finds what it finds alone, and the level under the control stays, whatever it does to features."""
    X, arm, odds, y = trial()
    risks, moved = fit_control_risks(X, y, arm, PLAIN, PENALTIES)
    sizes = [float(np.linalg.norm(risk.coefficients)) for risk in risks]
    assert all(before > after + 0.01 for before, after in pairwise(sizes))
    for risk, penalty in zip(risks, PENALTIES, strict=True):
        assert abs(expit(risk.log_odds(X)).mean() - expit(odds).mean()) < 0.02
        (first, again), same = fit_control_risks(X, y, arm, PLAIN, (PENALTIES[0], penalty))
        assert first == risks[0]
        np.testing.assert_allclose(again.coefficients, risk.coefficients, atol=1e-4)
        np.testing.assert_array_equal(same, moved)


PLAIN = Training(Learner(), 1, 1, ())


def trial() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return X, arm, log-odds under the control and outcome of 12,000 rows."""
    rng = np.random.default_rng(7)
    X, arm = rng.normal(size=(12_000, 2)).astype(np.float32), rng.integers(0, 3, 12_000)
    odds = 1.5 * X[:, 0] - 1.0
    y = (rng.random(len(X)) < expit(odds + np.array([0.0, -1.0, 0.5])[arm])).astype(float)
    return X, arm, odds, y
