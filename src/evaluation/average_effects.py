"""The average effect of each arm from held-out decisions: doubly robust, not shrunk, and chosen by nothing."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..models.scores import FloatArray, IntArray, doubly_robust_scores
from ..models.uplift import LEAST_DECISIONS
from .estimate import Estimate, cluster_codes, clustered_mean
from .held import Held

_TINY = 1e-200  # of which inverses may still be added up


def average_effects(held: Held, iteration: IntArray, names: Sequence[str]) -> dict[str, Estimate]:
    """Return the average effect of each arm after the control on the value, its own cost not taken off, money.

    The mean of score[a] − score[0], scores of `doubly_robust_scores` with `mu` out of fold, over the decisions of those
    who may receive the arm today, where it and the control could both have been chosen. Iterations weigh by the
    inverse variance of these differences, so that one which explored little does not drown a pilot; the standard
    error is clustered. Iterations with fewer than LEAST_DECISIONS of the arm or of the control count only where none
    has more, as one. Undefined where all have fewer together; n is then the number of the arm's decisions.

    Args:
        held: n out-of-fold decisions.
        iteration: in which each was taken, shape (n,).
        names: of the arms, the control first.
    """
    log = held.log
    scores = doubly_robust_scores(log.value, log.arm, log.propensity, log.mu)
    return {
        name: _average(held, scores[:, arm] - scores[:, 0], iteration, arm) for arm, name in enumerate(names) if arm > 0
    }


def _average(held: Held, gained: FloatArray, iteration: IntArray, arm: int) -> Estimate:
    log, rows = held.log, held.eligible[:, arm]
    if log.supported is not None:
        rows = rows & log.supported[:, arm] & log.supported[:, 0]
    received, mine = rows & (log.arm == arm), rows & (log.arm == 0)
    if min(received.sum(), mine.sum()) < LEAST_DECISIONS:
        return Estimate.undefined(int(received.sum()))
    _, at = np.unique(iteration, return_inverse=True)
    told = np.minimum(np.bincount(at, received), np.bincount(at, mine)) >= LEAST_DECISIONS
    rows, at = (rows & told[at], at) if told.any() else (rows, np.zeros_like(at))
    return _pooled(gained[rows], at[rows], cluster_codes(log.cluster[rows], int(rows.sum())))


def _pooled(gained: FloatArray, iteration: NDArray[np.int64], codes: IntArray) -> Estimate:
    """Return the mean over rows that weigh by the inverse variance within their iteration, all arrays of shape (n,)."""
    _, at, rows = np.unique(iteration, return_inverse=True, return_counts=True)
    mean = np.bincount(at, gained) / rows
    square = np.bincount(at, (gained - mean[at]) ** 2) / rows
    weight = 1.0 / np.maximum(square, max(float(square.max()) * 1e-6, _TINY))[at]
    weight /= weight.mean()
    total = float((weight * gained).mean())
    return clustered_mean(total + weight * (gained - total), codes)
