"""Resamples of clusters: every one is drawn as often as its draws say, and one alone is not drawn."""

import numpy as np
import pytest

from rapport.evaluation.estimate import Estimate
from rapport.evaluation.resample import percentile_interval, resamples


def test_as_many_clusters_are_drawn_as_there_are_by_the_seed_alone():
    found = list(resamples(np.array([0, 2, 1, 2]), seed=4, replicates=30))
    assert len(found) == 30
    assert all(times.sum() == 3 and len(times) == 3 for times in found)
    assert np.mean(found, axis=0) == pytest.approx(1.0, abs=0.6)  # a standard error is 0.15
    rng = np.random.default_rng(4)
    for times in found:
        picked = rng.integers(3, size=3)
        assert times.tolist() == [int((picked == cluster).sum()) for cluster in range(3)]


def test_one_cluster_alone_is_not_drawn_and_one_replicate_is_refused():
    assert list(resamples(np.zeros(4, dtype=np.int64), seed=4, replicates=30)) == []
    assert len(list(resamples(np.array([0, 1]), seed=4, replicates=2))) == 2
    with pytest.raises(ValueError, match="replicates: expected at least 2; got 1"):
        resamples(np.array([0, 1]), seed=4, replicates=1)


def test_an_interval_by_hand():
    # (39 + 1)·0.025 = 1: the first and the last of 39
    draws = np.arange(39.0)
    found = percentile_interval(7.0, draws[::-1].copy(), 5)
    assert (found.value, found.low, found.high, found.n) == (7.0, 0.0, 38.0, 5)
    assert found.se == pytest.approx(draws.std(ddof=1))
    assert percentile_interval(7.0, np.r_[draws, np.nan], 5) == percentile_interval(7.0, draws, 5)
    assert percentile_interval(7.0, np.array([1.0, np.nan]), 5) == Estimate(7.0, None, None, None, 5)
