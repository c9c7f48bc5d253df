"""How well a score ranks leavers above stayers, with an interval by resampling stakeholders."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.scores import FloatArray, IntArray, checked_array
from .calibration import checked_label
from .estimate import Estimate, cluster_codes


def auc(label: NDArray[Any], score: FloatArray, cluster: NDArray[Any], seed: int, replicates: int = 200) -> Estimate:
    """Return the area under the ROC curve with a cluster bootstrap percentile interval.

    AUC = P(score of a random positive > score of a random negative) + ½ P(equal) (Hanley & McNeil 1982,
    Radiology 143). Each replicate draws as many stakeholders as there are, with replacement, and all their
    rows (Field & Welsh 2007, JRSS B 69); a replicate without both classes is left out. The se is the
    replicates' standard deviation.

    Args:
        label: 0 or 1 (or bool), shape (n,).
        score: higher means likelier 1, shape (n,).
        cluster: stakeholder ids, shape (n,).
        seed: of the bootstrap.
        replicates: bootstrap samples, at least 2.

    Returns:
        undefined (value None) when all labels are equal; one cluster gives a value without interval.

    Raises:
        ValueError: a shape disagrees, a label is not 0 or 1, or `replicates` is below 2.

    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8]), np.arange(4), seed=1).value
    0.875
    """
    value, draws = _ranked(label, score, cluster, seed, replicates)
    return _estimate(value, draws, len(label))


def auc_difference(label: NDArray[Any], score: FloatArray, other: FloatArray, cluster: NDArray[Any], seed: int,
                   replicates: int = 200) -> Estimate:  # fmt: skip
    """Return the AUC of `score` minus that of `other`, both of the same rows and of the same bootstrap samples.

    The rows are paired: what is hard for both scores cancels, so the interval is narrower than two apart. Arguments,
    interval, undefined cases and errors as in `auc`; `other` like `score`.

    >>> auc_difference(np.array([0, 0, 1, 1]), np.array([1.0, 2, 3, 4]), np.ones(4), np.arange(4), seed=1).value
    0.5
    """
    value, draws = _ranked(label, score, cluster, seed, replicates)
    other_value, other_draws = _ranked(label, other, cluster, seed, replicates)
    return _estimate(value - other_value, draws - other_draws, len(label))


def _estimate(value: float, draws: FloatArray, n: int) -> Estimate:
    """Return value, percentile interval and se of replicates; a replicate without both classes is NaN and left out."""
    if np.isnan(value):
        return Estimate.undefined(n)
    draws = draws[~np.isnan(draws)]
    if len(draws) < 2:
        return Estimate(value, None, None, None, n)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(value, float(low), float(high), float(draws.std(ddof=1)), n)


def _ranked(
    label: NDArray[Any], score: FloatArray, cluster: NDArray[Any], seed: int, replicates: int
) -> tuple[float, FloatArray]:
    """AUC and that of each cluster resample, NaN without both classes; the resamples depend on seed and clusters only.

    One cluster alone has no resamples.
    """
    label = checked_label(label)
    n = len(label)
    score, codes = checked_array("score", score, (n,)), cluster_codes(cluster, n)
    if replicates < 2:
        raise ValueError(f"replicates: expected at least 2; got {replicates}")
    order = np.argsort(score, kind="stable")
    label, score, codes = label[order], score[order], codes[order]
    starts = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])
    rng, clusters = np.random.default_rng(seed), int(codes.max()) + 1
    draws = np.empty(replicates if clusters > 1 else 0)
    for index in range(len(draws)):
        times = np.bincount(rng.integers(clusters, size=clusters), minlength=clusters).astype(np.float64)
        draws[index] = _weighted_auc(label, times[codes], starts)
    return _weighted_auc(label, np.ones(n), starts), draws


def _weighted_auc(label: FloatArray, weight: FloatArray, starts: IntArray) -> float:
    """AUC of rows sorted by score, `starts` the first of each run of equal scores; NaN with one class."""
    positive = np.add.reduceat(weight * label, starts)
    negative = np.add.reduceat(weight * (1 - label), starts)
    pairs = positive.sum() * negative.sum()
    won = positive @ (np.cumsum(negative) - 0.5 * negative)
    return float(won / pairs) if pairs > 0 else float("nan")
