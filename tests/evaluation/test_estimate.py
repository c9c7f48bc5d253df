"""The interval of a clustered mean: Student's t by the clusters that carry the variance."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from rapport.evaluation.calibration import recalibration
from rapport.evaluation.estimate import clustered_mean, degrees_of_freedom, nonnegative_mean
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.policy_value import doubly_robust


def half_in_se(found):
    return (found.high - found.low) / 2 / found.se


def test_the_interval_by_hand():
    # clusters {3, −1}, {7}, {0}: mean 2.25, sums about it −2.5, 4.75, −2.25, squares 33.875, fourth powers 573.76, so
    # κ = 3 · 573.76 / 33.875² = 1.5 and 6 / (1.5 − 0) = 4 degrees of freedom, at most 2: t = 4.303
    found = clustered_mean(np.array([3.0, -1.0, 7.0, 0.0]), np.array([0, 0, 1, 2]))
    assert found.se == pytest.approx(np.sqrt(1.5 * 33.875) / 4)
    assert (found.low, found.high) == pytest.approx((2.25 - 4.302653 * found.se, 2.25 + 4.302653 * found.se))


@pytest.mark.parametrize("groups", [3, 6, 12])
def test_few_stakeholders_are_covered_as_stated(groups):
    # 2,000 draws of a normal mood per stakeholder and three rows each; 99.9 % lower end of Binomial(2000, 0.95), which
    # 1.96 standard errors miss: of 12 stakeholders they cover 92 %.
    rng, draws = np.random.default_rng(81), 2000
    codes = np.repeat(np.arange(groups), 3)
    hits = normal = 0
    for _ in range(draws):
        found = clustered_mean(rng.normal(0, 1, groups)[codes] + rng.normal(0, 0.5, len(codes)), codes)
        hits += found.low <= 0.0 <= found.high
        normal += abs(found.value) <= 1.959964 * found.se
    least = stats.binom.ppf(0.001, draws, 0.95)
    assert hits >= least
    assert normal < least


def test_a_few_stakeholders_who_carry_the_variance_count_as_few():
    rng = np.random.default_rng(82)
    rows = rng.normal(0, 1, 1000)
    assert half_in_se(clustered_mean(rows, np.arange(1000))) == pytest.approx(1.962, abs=0.002)
    rows[:3] *= 100
    assert half_in_se(clustered_mean(rows, np.arange(1000))) > 2.3


def test_of_many_stakeholders_the_third_digit_moves_at_most():
    # payments of skewness 4, 2,000 stakeholders: kurtosis about 25
    rows = np.random.default_rng(83).gamma(0.25, 40.0, 2000)
    assert 1.0 < half_in_se(clustered_mean(rows, np.arange(2000))) / 1.959964 < 1.01


def test_value_and_slope_have_the_same_interval():
    rng = np.random.default_rng(84)
    stakeholder = np.repeat(np.arange(8), 25)
    propensity, mu = np.full((200, 2), 0.5), np.zeros((200, 2))
    log = LoggedDecisions(rng.gamma(1.0, 5.0, 200), rng.integers(2, size=200), propensity, mu, mu, stakeholder)
    value = doubly_robust(log, np.eye(2)[np.ones(200, dtype=int)])
    probability = rng.uniform(0.1, 0.9, 200)
    slope = recalibration(rng.random(200) < probability, probability, stakeholder).slope
    for found in (value, slope):
        assert stats.t.ppf(0.975, 7) - 1e-9 <= half_in_se(found) <= stats.t.ppf(0.975, 2)


def test_rows_alike_leave_nothing_open():
    found = clustered_mean(np.ones(4), np.arange(4))
    assert (found.low, found.high, degrees_of_freedom(np.ones(4), np.arange(4))) == (1.0, 1.0, 3.0)


def test_a_mean_that_cannot_be_negative_is_covered_from_nothing_upwards():
    rows = np.array([0.0, 0.0, 3.0])
    plain, found = clustered_mean(rows, np.arange(3)), nonnegative_mean(rows, np.arange(3))
    assert plain.low < 0
    assert found == replace(plain, low=0.0)
    apart = rows + 10
    assert nonnegative_mean(apart, np.arange(3)) == clustered_mean(apart, np.arange(3))
    assert nonnegative_mean(rows, np.zeros(3, dtype=int)).low is None
