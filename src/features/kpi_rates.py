"""Means, shares and scores of a group with standard errors and 95 % intervals.

An undefined number is NaN with n = 0 behind it. Each stakeholder counts once, except in the answers of a CSAT, whose
interval allows for stakeholders who answer alike.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ..contracts.normal import Z95

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rate:
    """A number of a group with its standard error, its 95 % interval, and how many it is of; NaN where undefined."""

    value: float = np.nan
    se: float = np.nan
    low: float = np.nan
    high: float = np.nan
    n: int = 0


def wilson(share: float, n: float) -> tuple[float, float]:
    """Return the 95 % interval of a share of n (Wilson 1927, J. Am. Stat. Assoc. 22); (0, 1) where n is 0.

    >>> [round(end, 4) for end in wilson(0.8, 10)]
    [0.4902, 0.9433]
    """
    if n <= 0:
        return 0.0, 1.0
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def share_of(yes: Floats) -> Rate:
    """Return the share of 1 among 0 and 1, shape (n,), with Wilson's interval."""
    n = len(yes)
    if n == 0:
        return Rate()
    share = float(yes.mean())
    return Rate(share, float(np.sqrt(share * (1 - share) / n)), *wilson(share, n), n)


def share_of_answers(top: Floats, answers: Floats) -> Rate:
    """Return Σ top ÷ Σ answers with an interval that allows for stakeholders whose answers are alike.

    Wilson's interval at the effective number of answers p(1 − p)/se², at most n, with the clustered standard error
    se² = G/(G − 1) Σ (top_g − p·answers_g)² / n² (Korn & Graubard 1998, Survey Methodology 24).

    Args:
        top: answers counted, by stakeholder, shape (G,).
        answers: all answers, shape (G,), each ≥ 1.
    """
    n, stakeholders = int(answers.sum()), len(answers)
    if n == 0:
        return Rate()
    share = float(top.sum()) / n
    binomial = share * (1 - share) / n
    clustered = ((top - share * answers) ** 2).sum() / n**2 * stakeholders / max(stakeholders - 1, 1)
    # Unanimous answers have no spread to tell the clusters by: each stakeholder then counts once.
    effective = n * binomial / max(clustered, binomial) if binomial > 0 else stakeholders
    return Rate(share, float(np.sqrt(max(clustered, binomial))), *wilson(share, effective), n)


def net_promoter_score(answers: Floats) -> Rate:
    """Return 100 × (share of 9 and more − share of 6 and less), shape (n,) of answers on the scale 0 to 10.

    se = 100 √((p + q − (p − q)²)/n); the interval recovers the variances from Wilson's limits of both shares, whose
    estimates correlate by −√(pq/((1 − p)(1 − q))) (MOVER: Zou & Donner 2008, Statistics in Medicine 27), so that it
    keeps its width when all answers are alike.

    >>> rate = net_promoter_score(np.array([10.0, 9.0, 8.0, 3.0]))
    >>> rate.value, rate.n
    (25.0, 4)
    """
    n = len(answers)
    if n == 0:
        return Rate()
    p, q = float((answers >= 9).mean()), float((answers <= 6).mean())
    score, (p_low, p_high), (q_low, q_high) = p - q, wilson(p, n), wilson(q, n)
    others = (1 - p) * (1 - q)
    correlation = -np.sqrt(p * q / others) if others > 0 else 0.0
    low = score - _norm(p - p_low, q_high - q, correlation)
    high = score + _norm(p_high - p, q - q_low, correlation)
    se = 100 * float(np.sqrt(max(p + q - score**2, 0.0) / n))
    return Rate(100 * score, se, max(-100.0, 100 * low), min(100.0, 100 * high), n)


def mean_of(values: Floats) -> Rate:
    """Return the mean of what is known, shape (n,), with Student's interval; a single value has none."""
    known = values[~np.isnan(values)]
    n = len(known)
    if n < 2:
        return Rate(float(known[0]), n=1) if n else Rate()
    mean, se = float(known.mean()), float(known.std(ddof=1) / np.sqrt(n))
    half = float(stdtrit(n - 1, 0.975)) * se
    return Rate(mean, se, mean - half, mean + half, n)


def _norm(one: float, other: float, correlation: float) -> float:
    return float(np.sqrt(max(one**2 + other**2 - 2 * correlation * one * other, 0.0)))
