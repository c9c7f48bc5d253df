"""A penalty for each feature, so that few may matter much and all others hardly.

EM: a feature's slopes have the prior variance that their squares are expected to have (automatic relevance
determination, Tipping 2001, JMLR 1; for groups of columns Wipf & Rao 2007, IEEE TSP 55).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FIXED = -1  # feature of columns whose penalty is given
_LARGEST_PENALTY = 1e6
_STEPS = 10  # more of them change little


def own_penalties(
    hessian: Floats, gradient: Floats, feature: NDArray[np.int64], penalty: Floats, alike: float = 0.0
) -> Floats:
    """Return each column's penalty, that of its feature, nearly the likeliest, shape (…, q).

    By the marginal likelihood of the features' variances, times their prior if they are held alike.

    Args:
        hessian, gradient: of the log-likelihood without any penalty, as a quadratic in the slopes, shapes (…, q, q) and
            (…, q).
        feature: of each column, 0 … f − 1 or FIXED, shape (q,).
        penalty: to begin with; what a column of FIXED keeps. Shape (…, q).
        alike: how many columns' worth of evidence holds each feature's variance near the common one, which is found
            too: their prior is scaled inverse χ² of so many degrees of freedom, its mode taken in the logarithm.
    """
    if (feature == FIXED).all():
        return penalty
    member = np.equal.outer(feature, np.arange(feature.max() + 1)).astype(np.float64)
    sizes, own = member.sum(axis=0), feature != FIXED
    common = 1.0 / penalty[..., own].mean(axis=-1, keepdims=True)
    for _ in range(_STEPS):
        covariance = np.linalg.inv(penalised(hessian, penalty))
        mean = (covariance @ gradient[..., None])[..., 0]
        square = (mean**2 + np.diagonal(covariance, axis1=-2, axis2=-1)) @ member
        variance = np.maximum((square + alike * common) / (sizes + alike), 1.0 / _LARGEST_PENALTY)
        common = 1.0 / (1.0 / variance).mean(axis=-1, keepdims=True)
        penalty = np.where(own, 1.0 / variance[..., feature], penalty)
    return penalty


def ridge(hessian: Floats, gradient: Floats, penalty: Floats) -> Floats:
    """Return the slopes under a penalty of each column, shape (…, q); arguments as of `own_penalties`."""
    return np.asarray(np.linalg.solve(penalised(hessian, penalty), gradient[..., None])[..., 0])


def penalised(hessian: Floats, penalty: Floats) -> Floats:
    """Return the Hessian with the penalties on its diagonal, shape (…, q, q)."""
    return np.asarray(hessian + penalty[..., None] * np.eye(hessian.shape[-1]))
