"""How well a score ranks leavers above stayers, with an interval by resampling stakeholders."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.scores import FloatArray, IntArray, checked_array
from .calibration import checked_label
from .estimate import Estimate, cluster_codes
from .resample import percentile_interval, resamples


def auc(label: NDArray[Any], score: FloatArray, cluster: NDArray[Any], seed: int, replicates: int = 200) -> Estimate:
    """Return the area under the ROC curve with a cluster bootstrap percentile interval.

    AUC = P(score of a random positive > score of a random negative) + ½ P(equal) (Hanley & McNeil 1982,
    Radiology 143). A replicate without both classes is left out.

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
    return _interval(value, draws, len(label))


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
    return _interval(value - other_value, draws - other_draws, len(label))


def _ranked(
    label: NDArray[Any], score: FloatArray, cluster: NDArray[Any], seed: int, replicates: int
) -> tuple[float, FloatArray]:
    """AUC and that of each cluster resample, NaN without both classes; the resamples depend on seed and clusters only.

    One cluster alone has no resamples.
    """
    label = checked_label(label)
    n = len(label)
    score, codes = checked_array("score", score, (n,)), cluster_codes(cluster, n)
    order = np.argsort(score, kind="stable")
    label, score, by_score = label[order], score[order], codes[order]
    starts = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])
    draws = [
        _weighted_auc(label, times[by_score].astype(float), starts) for times in resamples(codes, seed, replicates)
    ]
    return _weighted_auc(label, np.ones(n), starts), np.array(draws)


def _interval(value: float, draws: FloatArray, n: int) -> Estimate:
    return Estimate.undefined(n) if np.isnan(value) else percentile_interval(value, draws, n)


def _weighted_auc(label: FloatArray, weight: FloatArray, starts: IntArray) -> float:
    """AUC of rows sorted by score, `starts` the first of each run of equal scores; NaN with one class."""
    positive = np.add.reduceat(weight * label, starts)
    negative = np.add.reduceat(weight * (1 - label), starts)
    pairs = positive.sum() * negative.sum()
    won = positive @ (np.cumsum(negative) - 0.5 * negative)
    return float(won / pairs) if pairs > 0 else float("nan")
