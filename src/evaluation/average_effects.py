"""The average effect of each arm from held-out decisions: doubly robust, not shrunk, and chosen by nothing."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..models.scores import FloatArray, IntArray, doubly_robust_scores, logged_propensity
from ..models.uplift import LEAST_DECISIONS
from .estimate import Estimate, cluster_codes, clustered_mean
from .held import Held


def average_effects(held: Held, value: FloatArray, iteration: IntArray, names: Sequence[str]) -> dict[str, Estimate]:
    """Return the average effect of each arm after the control on the value, its own cost not taken off, money.

    The mean of score[a] − score[0], scores of `doubly_robust_scores` with `mu` out of fold, over the decisions of those
    who may receive the arm today, where it and the control could both have been chosen. Iterations weigh by the
    precision that their propensities give these differences, so that one which explored little does not drown a pilot;
    the standard error is clustered. Iterations with fewer than LEAST_DECISIONS of the arm or of the control count only
    where none has more, as one. Undefined where all have fewer together; n is then the lesser number.

    Args:
        held: n out-of-fold decisions.
        value: outcomes as they came, costs aside, money, shape (n,); the log's lack what costs due on success exceeded.
        iteration: in which each was taken, shape (n,).
        names: of the arms, the control first.
    """
    log = held.log
    scores = doubly_robust_scores(value, log.arm, log.propensity, log.mu)
    return {
        name: _average(held, scores[:, arm] - scores[:, 0], iteration, arm) for arm, name in enumerate(names) if arm > 0
    }


def _average(held: Held, gained: FloatArray, iteration: IntArray, arm: int) -> Estimate:
    log, rows = held.log, held.eligible[:, arm]
    if log.supported is not None:
        rows = rows & log.supported[:, arm] & log.supported[:, 0]
    treated, controls = rows & (log.arm == arm), rows & (log.arm == 0)
    if (fewest := int(min(treated.sum(), controls.sum()))) < LEAST_DECISIONS:
        return Estimate.undefined(fewest)
    _, at = np.unique(iteration, return_inverse=True)
    told = np.minimum(np.bincount(at, treated), np.bincount(at, controls)) >= LEAST_DECISIONS
    rows, at = (rows & told[at], at) if told.any() else (rows, np.zeros_like(at))
    weight = _by_propensities(at, (treated | controls) / logged_propensity(log.arm, log.propensity) ** 2, rows)
    total = float((weight * gained[rows]).mean())
    return clustered_mean(total + weight * (gained[rows] - total), cluster_codes(log.cluster[rows], len(weight)))


def _by_propensities(iteration: IntArray, inverse: FloatArray, rows: NDArray[np.bool_]) -> FloatArray:
    """Return the weights of the m chosen rows, mean 1, shape (m,): the inverse of what scores of their iteration vary.

    That is E[1/p_a + 1/p_0] times the outcome's variance; `inverse`, shape (n,), has the former as its expectation.
    What came of the decisions has no say, so that weights and scores do not err together.
    """
    at = iteration[rows]
    mean = np.bincount(at, inverse[rows]) / np.maximum(np.bincount(at), 1)
    weight: FloatArray = 1.0 / mean[at]
    weight /= weight.mean()
    return weight
