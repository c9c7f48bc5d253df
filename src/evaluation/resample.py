"""Resamples of clusters, and the interval that an estimator's replicates give.

Each replicate draws as many stakeholders (or households) as there are, with replacement, and all their rows (Field &
Welsh 2007, JRSS B 69).
"""

from collections.abc import Iterator

import numpy as np

from ..models.scores import FloatArray, IntArray
from .estimate import Estimate


def resamples(codes: IntArray, seed: int, replicates: int) -> Iterator[IntArray]:
    """Return how often each cluster is drawn, shape (clusters,), replicate by replicate; none of one cluster alone.

    Args:
        codes: cluster codes from 0 without gaps, shape (n,).
        seed: of the draws, which depend on it and the number of clusters only.
        replicates: at least 2.

    Raises:
        ValueError: `replicates` is below 2.
    """
    if replicates < 2:
        raise ValueError(f"replicates: expected at least 2; got {replicates}")
    rng, clusters = np.random.default_rng(seed), int(codes.max()) + 1
    rounds = range(replicates if clusters > 1 else 0)
    return (np.bincount(rng.integers(clusters, size=clusters), minlength=clusters) for _ in rounds)


def percentile_interval(value: float, draws: FloatArray, n: int) -> Estimate:
    """Return a value of n rows with the 95 % interval and the standard deviation of its replicates.

    Quantiles stand at (replicates + 1) p, without which a hundred replicates cover a point or two too little (Davison &
    Hinkley 1997, "Bootstrap methods", ch. 2). Replicates that are NaN are left out; of fewer than two there is none.

    >>> percentile_interval(2.0, np.array([1.0, 3.0, np.nan]), 5)
    Estimate(value=2.0, low=1.0, high=3.0, se=1.4142135623730951, n=5)
    """
    draws = draws[~np.isnan(draws)]
    if len(draws) < 2:
        return Estimate(value, None, None, None, n)
    low, high = np.quantile(draws, [0.025, 0.975], method="weibull")
    return Estimate(value, float(low), float(high), float(draws.std(ddof=1)), n)
