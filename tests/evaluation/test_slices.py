"""Slices are the estimators on the group's own rows."""

import json

import numpy as np
import pytest
from scipy import stats

from rapport.evaluation.calibration import wilson_interval
from rapport.evaluation.estimate import clustered_mean
from rapport.evaluation.gain_calibration import gain_line
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.policy_value import difference, doubly_robust
from rapport.evaluation.slices import clustered_share, slices
from rapport.evaluation.uplift_ranking import gained_by

NAMES = ("none", "call")


@pytest.fixture
def log():
    rng = np.random.default_rng(91)
    arm = rng.integers(2, size=200)
    gain = np.where(np.arange(200) < 100, 6.0, -2.0)
    value = 10 + gain * arm + rng.normal(0, 1, 200)
    cost = np.tile([0.0, 1.0], (200, 1))
    return LoggedDecisions(value, arm, np.full((200, 2), 0.5), cost, np.full((200, 2), 10.0), np.arange(200) // 2)


GROUP = np.repeat(["b", "a"], 100)
POLICY = np.eye(2)[(np.arange(200) % 4 != 0).astype(int)]


def test_slices_are_the_estimators_on_the_groups_rows(log):
    predicted = np.where(POLICY[:, 1] > 0, 5.0, 0.0)
    first, second = slices(log, POLICY, predicted, GROUP, NAMES)
    assert (first.group, second.group) == ("a", "b")
    rows = GROUP == "b"
    part, mine = log.take(rows), POLICY[rows]
    nobody = np.eye(2)[np.zeros(100, dtype=int)]
    assert second.value == doubly_robust(part, mine)
    assert second.gain.value == pytest.approx(difference(part, mine, nobody).value)
    assert second.gain.se == pytest.approx(difference(part, mine, nobody).se)
    assert second.surplus.value == pytest.approx(second.gain.value - 3.75)
    assert (second.surplus, second.slope) == gain_line(gained_by(part, mine), predicted[rows], part.cluster)
    assert (second.decisions, second.stakeholders) == (100, 50)
    assert second.treated["call"].value == pytest.approx(0.75)
    assert second.treated["none"].value == pytest.approx(0.25)
    assert second.treated["call"].low < 0.75 < second.treated["call"].high
    assert second.gain.low > 0 > first.gain.high
    assert json.loads(json.dumps(first.as_dict(), allow_nan=False))["group"] == "a"


def test_shares_stay_within_their_bounds_and_know_their_clusters():
    """Wilson's of independent rows; copies of them in their clusters add nothing; none of ten is not surely 0."""
    flags = np.array([1.0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    alone = clustered_share(flags, np.arange(10))
    # se² has G/(G−1), so ten rows are worth nine
    assert (alone.low, alone.high) == pytest.approx(wilson_interval(1.8, 9))
    copied = clustered_share(np.repeat(flags, 3), np.repeat(np.arange(10), 3))
    assert (copied.value, copied.low, copied.high) == pytest.approx((0.2, alone.low, alone.high))
    none = clustered_share(np.zeros(30), np.repeat(np.arange(10), 3))
    assert (none.low, none.high) == pytest.approx(wilson_interval(0, 10))
    assert clustered_share(np.ones(3), np.zeros(3, dtype=int)).low is None


def test_intervals_of_shares_hold_the_truth_at_the_stated_rate():
    """60 people of four decisions of one arm each, 8 % of them treated; 99.9 % band of Binomial(400, 0.95).

    With so few the interval of a normal mean holds it in fewer than nine of ten.
    """
    rng, hits, normal = np.random.default_rng(92), 0, 0
    for _ in range(400):
        flags, codes = np.repeat((rng.random(60) < 0.08).astype(float), 4), np.repeat(np.arange(60), 4)
        found, plain = clustered_share(flags, codes), clustered_mean(flags, codes)
        hits += found.low <= 0.08 <= found.high
        normal += abs(plain.value - 0.08) <= 1.959964 * plain.se
    low, high = stats.binom.ppf([0.0005, 0.9995], 400, 0.95)
    assert low <= hits <= high
    assert normal < low
