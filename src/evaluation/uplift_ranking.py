"""How well a priority ranks people by what an arm gains them: areas under curves of gain, and uplift at k.

Conventions: n rows; `gained` is an unbiased score of each row's effect, such as the difference of two arms' doubly
robust scores or, for several costly arms, that of the arm a policy would give and the control, less its cost
(`gained_by`), so that any propensities and any number of arms will do. Rows are treated by falling priority.

Ties: rows of one priority stand in random order, and every figure is its expectation over that order: each counts with
the mean of its group. So the order of rows in the table means nothing, and a constant priority ranks nobody.

With S_k the sum of the first k of these, m = S_n / n the average effect and t_k = S_k / k − m:

    AUUC      (1/n²) Σ_k (S_{k−1} + S_k) / 2     area under gain per row against the share treated (trapezoids)
    Qini      AUUC − m / 2                       what ranking adds to treating at random (Radcliffe 2007, DMAJ 1)
    AUTOC     (1/n) Σ_k t_k                      stresses the top (Yadlowsky et al. 2025, JASA 120)
    uplift@k  S_{⌊kn⌋} / ⌊kn⌋                    mean effect of the first share k

All are money per row. docs/benchmarks/ranking.md tells where other libraries' figures of these names differ.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.scores import FloatArray, checked_array, doubly_robust_scores
from .estimate import Estimate, cluster_codes
from .log import LoggedDecisions, checked_policy
from .resample import percentile_interval, resamples


def gained_by(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    """Return each row's unbiased score of what a policy gains over the control, net of cost, money, shape (n,).

    Args:
        log: the decisions.
        policy: what each row would receive if it were treated at all, shape (n, k), rows sum to 1.
    """
    policy = checked_policy("policy", policy, log.mu.shape)
    scores = doubly_robust_scores(log.value, log.arm, log.propensity, log.mu)
    gained: FloatArray = (policy * (scores - scores[:, :1] - log.cost)).sum(axis=1)
    return gained


def auuc(gained: FloatArray, priority: FloatArray) -> float:
    """Return the area under the uplift curve, money per row.

    Args:
        gained: score of each row's effect, money, shape (n,).
        priority: the higher the earlier, shape (n,).

    Raises:
        ValueError: shapes disagree, there is no row, or a number is not finite.

    >>> auuc(np.array([1.0, 3.0]), np.array([0.0, 1.0]))  # 3 first: trapezoids of heights 1.5 and 3.5, n² = 4
    1.25
    """
    return _auuc(_ordered(gained, priority))


def qini(gained: FloatArray, priority: FloatArray) -> float:
    """Return the Qini coefficient, money per row: 0 for a ranking at random; arguments as in `auuc`.

    >>> qini(np.array([1.0, 3.0]), np.array([0.0, 1.0])), qini(np.array([1.0, 3.0]), np.array([0.0, 0.0]))
    (0.25, 0.0)
    """
    return _qini(_ordered(gained, priority))


def autoc(gained: FloatArray, priority: FloatArray) -> float:
    """Return the area under the targeting operator characteristic, money per row; arguments as in `auuc`.

    >>> autoc(np.array([1.0, 3.0]), np.array([0.0, 1.0]))  # (3 − 2 + 2 − 2) / 2
    0.5
    """
    return _autoc(_ordered(gained, priority))


def uplift_at(share: float, gained: FloatArray, priority: FloatArray) -> float:
    """Return the mean effect of the first `share` of rows, rounded down but at least one; arguments as in `auuc`.

    >>> uplift_at(0.5, np.array([1.0, 3.0]), np.array([0.0, 1.0]))
    3.0
    """
    if not 0 < share <= 1:
        raise ValueError(f"share: expected above 0 and up to 1; got {share}")
    return _uplift_at(share, _ordered(gained, priority))


def ranking_figures(gained: FloatArray, priority: FloatArray, cluster: NDArray[Any], seed: int,
                    replicates: int = 200) -> dict[str, Estimate]:  # fmt: skip
    """Return every figure of a ranking with its cluster bootstrap percentile interval.

    Copies of a row in a replicate are ties. One cluster alone has no interval.

    Args:
        gained, priority: as in `auuc`.
        cluster: stakeholder ids, shape (n,).
        seed: of the bootstrap.
        replicates: at least 2.

    Returns:
        auuc, qini, autoc, uplift_at_10 and uplift_at_30 (percent of the rows).
    """
    codes, value = cluster_codes(cluster, len(gained)), _figures(_ordered(gained, priority))
    draws = np.full((replicates, len(_FIGURES)), np.nan)
    for at, times in enumerate(resamples(codes, seed, replicates)):
        copies = times[codes]
        draws[at] = _figures(_ordered(np.repeat(gained, copies), np.repeat(priority, copies)))
    return {name: percentile_interval(value[at], draws[:, at], len(codes)) for at, name in enumerate(_FIGURES)}


def _ordered(gained: FloatArray, priority: FloatArray) -> FloatArray:
    """Return the effects by falling priority, each the mean of its ties, shape (n,)."""
    gained = checked_array("gained", gained, (len(gained),))
    priority = checked_array("priority", priority, gained.shape)
    if len(gained) == 0:
        raise ValueError("gained: expected at least one row; got none")
    _, group, rows = np.unique(-priority, return_inverse=True, return_counts=True)
    mean: FloatArray = np.bincount(group, weights=gained) / rows
    return np.repeat(mean, rows)


def _auuc(ordered: FloatArray) -> float:
    sums = np.cumsum(ordered)
    return float((sums - ordered / 2).sum() / len(ordered) ** 2)


def _qini(ordered: FloatArray) -> float:
    return _auuc(ordered) - float(ordered.mean()) / 2


def _autoc(ordered: FloatArray) -> float:
    return float((np.cumsum(ordered) / np.arange(1, len(ordered) + 1)).mean() - ordered.mean())


def _uplift_at(share: float, ordered: FloatArray) -> float:
    return float(ordered[: max(1, int(share * len(ordered) + 1e-9))].mean())


_FIGURES: dict[str, Callable[[FloatArray], float]] = {
    "auuc": _auuc, "qini": _qini, "autoc": _autoc, "uplift_at_10": partial(_uplift_at, 0.1),
    "uplift_at_30": partial(_uplift_at, 0.3),
}  # fmt: skip


def _figures(ordered: FloatArray) -> list[float]:
    return [figure(ordered) for figure in _FIGURES.values()]
