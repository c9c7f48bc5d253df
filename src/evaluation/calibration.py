"""Whether predicted probabilities can be taken at their word: losses, recalibration, calibration table.

Conventions: labels are 0 or 1, probabilities in [0, 1]; losses are means over rows, natural logarithm;
lower is better, and no interval of theirs goes below 0. Only the recalibration needs both classes; all else is
defined for any label.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts.normal import Z95
from ..models.scores import FloatArray, IntArray, checked_arm, checked_array, logged_propensity
from .estimate import Estimate, cluster_codes, clustered_mean, distance_by_chance, nonnegative_mean

_TINY = 1e-15  # a probability of 0 for what happened costs 34.5, not infinity


@dataclass(frozen=True)
class Recalibration:
    """Intercept (0 is right) and slope (1 is right; below 1: too extreme) of a logistic recalibration."""

    intercept: Estimate
    slope: Estimate


@dataclass(frozen=True)
class CalibrationBin:
    """One point of the calibration plot: predicted and observed share, Wilson interval, rows."""

    mean_predicted: float
    observed: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float | int]:
        """Return the fields as plain Python numbers, ready for JSON."""
        return asdict(self)


def log_loss(label: NDArray[Any], probability: FloatArray, cluster: NDArray[Any]) -> Estimate:
    """Return the mean of −label log p − (1 − label) log(1 − p), clustered by stakeholder.

    Args:
        label: 0 or 1 (or bool), shape (n,).
        probability: predicted probability of 1, shape (n,).
        cluster: stakeholder ids, shape (n,).

    Raises:
        ValueError: a shape disagrees, a label is not 0 or 1, or a probability is outside [0, 1].

    >>> round(log_loss(np.array([0, 1]), np.array([0.5, 0.5]), np.array([1, 2])).value, 6)
    0.693147
    """
    label, probability = _checked(label, probability)
    happened = np.where(label == 1, probability, 1 - probability)
    return nonnegative_mean(-np.log(np.maximum(happened, _TINY)), cluster_codes(cluster, len(label)))


def base_rate_log_loss(label: NDArray[Any], cluster: NDArray[Any]) -> Estimate:
    """Return the log-loss of predicting everyone the observed share of 1, the yardstick of `log_loss`.

    Estimating the share adds nothing to the interval: it is the minimum of the loss. Arguments as in
    `log_loss`.
    """
    label = checked_label(label)
    return log_loss(label, np.full(len(label), label.mean()), cluster)


def brier(label: NDArray[Any], probability: FloatArray, cluster: NDArray[Any]) -> Estimate:
    """Return the mean of (p − label)² (Brier 1950, Monthly Weather Review 78); arguments as in `log_loss`.

    >>> brier(np.array([0, 1]), np.array([0.5, 0.5]), np.array([1, 2])).value
    0.25
    """
    label, probability = _checked(label, probability)
    return nonnegative_mean((probability - label) ** 2, cluster_codes(cluster, len(label)))


def propensity_log_loss(arm: IntArray, propensity: FloatArray, cluster: NDArray[Any]) -> Estimate:
    """Return the mean of −log propensity[i, arm_i]: how well propensities explain the arms that were logged.

    Compare with the same of the arms' shares repeated over rows. Log-loss because, unlike accuracy, it is
    least at the true probabilities.

    Args:
        arm: index of the logged arm, shape (n,).
        propensity: estimated probability of each arm, shape (n, k), or of the logged arm, shape (n,); in [0, 1].
        cluster: stakeholder ids, shape (n,).

    Raises:
        ValueError: a shape or range is wrong.

    >>> round(propensity_log_loss(np.array([0, 1]), np.full((2, 4), 0.25), np.array([1, 2])).value, 6)
    1.386294
    """
    shape = np.shape(propensity)
    if len(shape) not in (1, 2):
        raise ValueError(f"propensity: expected shape (n, k) or (n,); got {shape}")
    propensity = _checked_probability("propensity", propensity, shape)
    arm = checked_arm(arm, shape[0], shape[1] if len(shape) == 2 else None)
    loss = -np.log(np.maximum(logged_propensity(arm, propensity), _TINY))
    return nonnegative_mean(loss, cluster_codes(cluster, len(loss)))


def recalibration(label: NDArray[Any], probability: FloatArray, cluster: NDArray[Any]) -> Recalibration:
    """Return intercept a and slope b of logit P(label = 1) = a + b logit p, by maximum likelihood.

    Cox 1958, Biometrika 45. Standard errors are clustered by stakeholder (sandwich, G/(G−1)). Both are
    undefined when all labels or all predictions are equal, or when predictions separate the labels.
    Arguments as in `log_loss`.
    """
    label, probability = _checked(label, probability)
    codes = cluster_codes(cluster, len(label))
    capped = np.clip(probability, _TINY, 1 - _TINY)
    design = np.column_stack([np.ones(len(label)), np.log(capped / (1 - capped))])
    beta = _logistic_fit(design, label) if 0 < label.mean() < 1 and np.ptp(capped) > 0 else None
    if beta is None:
        return Recalibration(Estimate.undefined(len(label)), Estimate.undefined(len(label)))
    score, information = _logistic_terms(design, label, beta)
    influence = len(label) * np.linalg.solve(information, score.T).T
    return Recalibration(*(clustered_mean(beta[j] + influence[:, j], codes) for j in (0, 1)))


def expected_calibration_error(label: NDArray[Any], probability: FloatArray, bins: int = 10) -> float:
    """Return Σ_b n_b/n |mean predicted − observed| over the bins of `calibration_table`.

    Naeini, Cooper & Hauskrecht 2015 (AAAI), with equal-mass bins (Nguyen & O'Connor 2015, EMNLP). It is
    above 0 by chance alone, the more so with few rows per bin: `calibration_noise` says by how much.

    >>> expected_calibration_error(np.array([0, 1, 1, 1]), np.array([0.25, 0.25, 0.75, 0.75]), bins=2)
    0.25
    """
    table = calibration_table(label, probability, bins)
    total = sum(each.n for each in table)
    return float(sum(each.n * abs(each.mean_predicted - each.observed) for each in table) / total)


def calibration_noise(table: list[CalibrationBin]) -> float:
    """Return what the expected calibration error stays below in 95 of 100 samples where every risk is right.

    >>> round(calibration_noise([CalibrationBin(0.5, 0.5, 0.4, 0.6, 100)]), 2)
    0.1
    """
    rows = np.array([each.n for each in table], dtype=np.float64)
    risk = np.array([each.mean_predicted for each in table])
    return distance_by_chance(rows, np.sqrt(risk * (1 - risk) / rows))


def calibration_table(label: NDArray[Any], probability: FloatArray, bins: int = 10) -> list[CalibrationBin]:
    """Return predicted and observed shares in bins of equal mass (deciles), by increasing prediction.

    Equal predictions share a bin (that of their middle rank), so the order of rows does not matter; a bin
    left empty is omitted. The interval of the observed share is Wilson's (1927, JASA 22), which takes rows
    as independent: with several rows per stakeholder it is somewhat narrow.

    Args:
        label: 0 or 1 (or bool), shape (n,).
        probability: shape (n,).
        bins: at least 1.

    Raises:
        ValueError: as in `log_loss`, or `bins` is below 1.
    """
    label, probability = _checked(label, probability)
    if bins < 1:
        raise ValueError(f"bins: expected at least 1; got {bins}")
    _, inverse, counts = np.unique(probability, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2  # of n; strictly between 0 and n
    bin_of_row = np.floor(bins * middle / len(label)).astype(np.int64)[inverse]
    return [_calibration_bin(label[bin_of_row == b], probability[bin_of_row == b]) for b in np.unique(bin_of_row)]


def wilson_interval(successes: float, n: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share, `successes` of `n` > 0 independent rows, or what rows are worth.

    >>> [round(end, 4) for end in wilson_interval(0, 10)]
    [0.0, 0.2775]
    """
    share, z2 = successes / n, Z95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * float(np.sqrt(share * (1 - share) / n + z2 / (4 * n**2)))
    return max(0.0, centre - half), min(1.0, centre + half)


def checked_label(label: NDArray[Any]) -> FloatArray:
    """Return labels, shape (n,), as 0.0 and 1.0; ValueError when there are none, or others."""
    array = np.asarray(label)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"label: expected shape (n,), n at least 1; got {array.shape}")
    numbers = checked_array("label", array, array.shape)
    strange = np.flatnonzero((numbers != 0) & (numbers != 1))
    if len(strange):
        raise ValueError(f"label: expected 0 or 1; got {numbers[strange[0]]} in row {strange[0]}")
    return numbers


def _checked(label: NDArray[Any], probability: FloatArray) -> tuple[FloatArray, FloatArray]:
    label = checked_label(label)
    return label, _checked_probability("probability", probability, label.shape)


def _checked_probability(name: str, probability: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    numbers = checked_array(name, probability, shape)
    if numbers.size and (numbers.min() < 0 or numbers.max() > 1):
        raise ValueError(f"{name}: expected numbers from 0 to 1; got {numbers.min():.6g} to {numbers.max():.6g}")
    return numbers


def _calibration_bin(label: FloatArray, probability: FloatArray) -> CalibrationBin:
    low, high = wilson_interval(float(label.sum()), len(label))
    return CalibrationBin(float(probability.mean()), float(label.mean()), low, high, len(label))


def _logistic_terms(design: FloatArray, label: FloatArray, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Score of each row, shape (n, 2), and the information matrix, shape (2, 2)."""
    fitted = 0.5 * (1 + np.tanh(0.5 * (design @ beta)))  # logistic function without overflow
    return design * (label - fitted)[:, None], design.T @ (design * (fitted * (1 - fitted))[:, None])


def _logistic_fit(design: FloatArray, label: FloatArray) -> FloatArray | None:
    """Newton's method, steps halved while the likelihood falls; None when it does not converge."""
    beta = np.zeros(design.shape[1])
    likelihood = _log_likelihood(design, label, beta)
    for _ in range(60):
        score, information = _logistic_terms(design, label, beta)
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, score.sum(axis=0))
        while (reached := _log_likelihood(design, label, beta + step)) < likelihood - 1e-9 * abs(likelihood):
            step = step / 2
        beta, likelihood = beta + step, reached
        if np.abs(step).max() < 1e-9:
            return beta
    return None


def _log_likelihood(design: FloatArray, label: FloatArray, beta: FloatArray) -> float:
    linear = design @ beta
    return float((label * linear - np.logaddexp(0, linear)).sum())
