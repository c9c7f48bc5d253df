"""Calibration of gains: by hand, beside a general solver, known distortions found at the stated rate."""

import json

import numpy as np
import pytest
from scipy import stats

from rapport.evaluation.estimate import Estimate
from rapport.evaluation.gain_calibration import (
    Promise,
    expected_gain_error,
    gain_line,
    gain_noise,
    gain_table,
    promises,
)

GAINED = np.array([1.0, 3.0, 2.0, 6.0])
PREDICTED = np.array([0.0, 2.0, 4.0, 6.0])
FOUR = np.arange(4)


def draw(rng, slope=1.0, offset=0.0, people=200):
    """Two near-copies per stakeholder of a noisy gain that follows its prediction by a line."""
    predicted = np.repeat(rng.normal(3, 2, people), 2)
    gained = offset + 3 + slope * (predicted - 3) + np.repeat(rng.normal(0, 4, people), 2)
    return gained, predicted, np.repeat(np.arange(people), 2)


def test_line_by_hand():
    # predictions −3 −1 1 3 about 3; Σ ahead·gained = −3 −3 +2 +18 = 14; Σ ahead² = 20
    offset, slope = gain_line(GAINED, PREDICTED, FOUR)
    assert offset.value == 0.0
    assert slope.value == pytest.approx(0.7)
    # residuals 3 − 0.7·…: 1 − 0.9, 3 − 2.3, 2 − 3.7, 6 − 5.1 = 0.1, 0.7, −1.7, 0.9; times ahead / 5
    influence = np.array([-0.3, -0.7, -1.7, 2.7]) / 5
    assert slope.se == pytest.approx(np.sqrt(4 / 3 * ((influence - influence.mean()) ** 2).sum()) / 4)
    assert offset.se == pytest.approx((GAINED - PREDICTED).std(ddof=1) / 2)


def test_line_agrees_with_least_squares():
    gained, predicted, cluster = draw(np.random.default_rng(81), slope=0.4, offset=1.0)
    offset, slope = gain_line(gained, predicted, cluster)
    assert slope.value == pytest.approx(np.polyfit(predicted, gained, 1)[0])
    assert offset.value == pytest.approx(gained.mean() - predicted.mean())
    assert slope.high < 1


def test_intervals_hold_the_truth_at_the_stated_rate():
    # 99.9 % band of Binomial(200, 0.95)
    rng, hits, naive = np.random.default_rng(82), np.zeros(2), 0
    for _ in range(200):
        gained, predicted, cluster = draw(rng, slope=0.6, offset=0.5)
        offset, slope = gain_line(gained, predicted, cluster)
        # the offset's truth depends on the predictions drawn: mean of 0.5 − 0.4·(predicted − 3)
        target = 0.5 - 0.4 * (predicted.mean() - 3)
        hits += [offset.low <= target <= offset.high, slope.low <= 0.6 <= slope.high]
        rows = gain_line(gained, predicted, np.arange(len(gained)))[1]
        naive += rows.low <= 0.6 <= rows.high
    low, high = stats.binom.ppf([0.0005, 0.9995], 200, 0.95)
    assert (hits >= low).all(), hits
    assert hits[1] <= high
    assert naive < low


def test_equal_predictions_have_no_slope():
    offset, slope = gain_line(GAINED, np.full(4, 2.0), FOUR)
    assert (offset.value, slope) == (1.0, Estimate.undefined(4))


def test_table_by_hand():
    table = gain_table(GAINED, PREDICTED, FOUR, bins=2)
    assert [each.mean_predicted for each in table] == [1.0, 5.0]
    assert [each.gained.value for each in table] == [2.0, 4.0]
    assert [each.gained.se for each in table] == pytest.approx([1.0, 2.0])
    assert [each.held for each in table] == [True, True]
    assert expected_gain_error(table) == 1.0
    assert json.loads(json.dumps(table[0].as_dict()))["gained"]["n"] == 2
    far = gain_table(GAINED, PREDICTED + 30, FOUR, bins=2)  # of two rows an interval reaches 12.7 standard errors
    assert [each.held for each in far] == [False, False]
    assert expected_gain_error(far) == 30.0


def test_unequal_bins_weigh_by_rows_and_equal_predictions_share_one():
    table = gain_table(np.array([0.0, 0, 0, 4]), np.array([1.0, 1, 1, 2]), FOUR, bins=2)
    assert [each.gained.n for each in table] == [3, 1]
    assert expected_gain_error(table) == pytest.approx((3 * 1 + 1 * 2) / 4)
    assert [each.held for each in table] == [False, False]  # one row has no interval; three equal ones a narrow one


def test_promises_by_hand():
    iteration = np.array([2, 1, 2, 1])
    first, second = promises(GAINED, PREDICTED, FOUR, iteration)
    assert (first.iteration, first.predicted, first.realised.value) == (1, 8.0, 9.0)
    assert (second.iteration, second.predicted, second.realised.value) == (2, 4.0, 3.0)
    assert first.ratio == {"value": pytest.approx(8 / 9), "low": None, "high": None}  # the realised may be below 0
    # rows 3 and 6: mean 4.5, se 1.5, one degree of freedom, t = 12.706; twice that
    assert (first.realised.se, first.realised.n) == (pytest.approx(3.0), 2)
    assert first.realised.high == pytest.approx(9 + 12.706205 * 3)
    assert first.realised.low == pytest.approx(9 - 12.706205 * 3)
    assert json.loads(json.dumps(first.as_dict()))["ratio"]["value"] == pytest.approx(8 / 9)
    assert promises(-GAINED, PREDICTED, FOUR, iteration)[0].ratio["value"] is None


def test_the_ratio_of_a_promise_reaches_as_far_as_what_was_realised():
    found = Promise(1, 900.0, Estimate(1000.0, 750.0, 1250.0, 125.0, 50))
    assert found.ratio == {"value": 0.9, "low": 0.72, "high": 1.2}
    lost = Promise(1, -900.0, found.realised)
    assert lost.ratio == {"value": -0.9, "low": -1.2, "high": -0.72}


def test_the_error_of_right_predictions_stays_below_its_noise_in_19_of_20_draws():
    """Of 200 draws 10 exceed it on average; 1 or fewer, or 20 or more, in less than 0.4 % of runs (binomial)."""
    rng, above = np.random.default_rng(3), 0
    for _ in range(200):
        predicted = rng.normal(2, 3, 1000)
        table = gain_table(predicted + rng.normal(0, 20, 1000), predicted, np.arange(1000))
        above += expected_gain_error(table) > gain_noise(table)
    assert 2 <= above <= 19
    assert gain_noise(gain_table(GAINED, PREDICTED, FOUR, bins=4)) is None  # bins of one


def test_rows_of_one_stakeholder_are_one_cluster():
    alone = promises(GAINED, PREDICTED, np.zeros(4), np.ones(4, dtype=int))[0]
    assert (alone.realised.value, alone.realised.low) == (12.0, None)


def test_what_does_not_fit_is_refused():
    assert len(gain_table(GAINED, PREDICTED, FOUR, bins=1)) == 1
    with pytest.raises(ValueError, match="bins: expected at least 1; got 0"):
        gain_table(GAINED, PREDICTED, FOUR, bins=0)
    with pytest.raises(ValueError, match=r"predicted: expected shape \(4,\); got \(3,\)"):
        gain_line(GAINED, PREDICTED[:3], FOUR)
    with pytest.raises(ValueError, match="gained: expected finite numbers; got nan"):
        gain_line(GAINED * np.nan, PREDICTED, FOUR)
