"""Doubly robust scores: for every logged decision, an unbiased value of every arm.

Conventions: n decisions, k arms in catalogue order with the control at 0; values are money before costs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_ROUNDING = 1e-6


def doubly_robust_scores(value: FloatArray, arm: IntArray, propensity: FloatArray, mu: FloatArray) -> FloatArray:
    """Return each arm's score for each decision: `mu`, corrected by the residual of the logged arm.

    score[i, a] = mu[i, a] + 1{arm[i] = a} (value[i] − mu[i, a]) / p[i], p the propensity of the logged arm.
    Its mean over decisions estimates the mean value of arm a without bias when either `propensity` or `mu` is
    right (Robins, Rotnitzky & Zhao 1994, JASA 89; Dudík, Erhan, Langford & Li 2014, Statistical Science 29).
    An arm that was never logged keeps its `mu`.

    Args:
        value: money, shape (n,).
        arm: index of the logged arm, shape (n,).
        propensity: probability under the logging policy of each arm, shape (n, k), or of the logged arm, as
            the ledger has it, shape (n,).
        mu: out-of-fold prediction of `value` under each arm, money, shape (n, k).

    Returns:
        money, shape (n, k).

    Raises:
        ValueError: an argument has the wrong shape or range, or a logged arm has propensity 0.

    >>> half = np.full((2, 2), 0.5)
    >>> doubly_robust_scores(np.array([3.0, 4.0]), np.array([0, 1]), half, np.ones((2, 2))).tolist()
    [[5.0, 1.0], [1.0, 7.0]]
    """
    value, arm, propensity, mu = checked_log(value, arm, propensity, mu)
    rows = np.arange(len(value))
    scores = mu.copy()
    scores[rows, arm] += (value - mu[rows, arm]) / logged_propensity(arm, propensity)
    return scores


def logged_propensity(arm: IntArray, propensity: FloatArray) -> FloatArray:
    """Return the propensity of the logged arm, shape (n,), from that itself or from all arms', (n, k)."""
    return propensity if propensity.ndim == 1 else propensity[np.arange(len(arm)), arm]


def checked_log(
    value: NDArray[Any], arm: NDArray[Any], propensity: NDArray[Any], mu: NDArray[Any]
) -> tuple[FloatArray, IntArray, FloatArray, FloatArray]:
    """Return the four arrays of a log as float64 and int64 once they are seen to fit each other.

    Args:
        value: shape (n,), n ≥ 1.
        arm: integers in [0, k), shape (n,).
        propensity: above 0 for the logged arm, shape (n,); or shape (n, k), rows sum to at most 1.
        mu: shape (n, k).

    Raises:
        ValueError: names the argument, what was expected and what arrived.
    """
    if np.ndim(mu) != 2 or 0 in np.shape(mu):
        raise ValueError(f"mu: expected shape (n, k), n and k at least 1; got {np.shape(mu)}")
    n, k = np.shape(mu)
    value, mu, arm = (
        checked_array("value", value, (n,)),
        checked_array("mu", mu, (n, k)),
        checked_arm(arm, n, k),
    )
    propensity = checked_array("propensity", propensity, (n,) if np.ndim(propensity) == 1 else (n, k))
    total = propensity if propensity.ndim == 1 else propensity.sum(axis=1)
    if propensity.min() < 0 or total.max() > 1 + _ROUNDING:
        raise ValueError(
            f"propensity: expected numbers from 0 that sum to at most 1 in a row; "
            f"got a least entry of {propensity.min():.6g} and a largest sum of {total.max():.6g}"
        )
    impossible = np.flatnonzero(logged_propensity(arm, propensity) <= 0)
    if len(impossible):
        raise ValueError(
            f"propensity: expected above 0 for the logged arm; got 0 in {len(impossible)} rows, "
            f"the first is row {impossible[0]}"
        )
    return value, arm, propensity, mu


def checked_arm(arm: NDArray[Any], n: int, k: int | None) -> IntArray:
    """Return arm indices as int64, shape (n,); ValueError unless they are integers in [0, k), None: any k."""
    array = np.asarray(arm)
    if array.shape != (n,) or array.dtype.kind not in "iu":
        raise ValueError(f"arm: expected integers of shape {(n,)}; got {array.dtype} of shape {array.shape}")
    if n and (array.min() < 0 or (k is not None and array.max() >= k)):
        most = "" if k is None else f" to {k - 1}"
        raise ValueError(f"arm: expected indices from 0{most}; got {array.min()} to {array.max()}")
    return array.astype(np.int64)


def checked_array(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> FloatArray:
    """Return an array as float64; ValueError naming it unless it has `shape` and only finite numbers."""
    numbers = np.asarray(array, dtype=np.float64)
    if numbers.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}; got {numbers.shape}")
    finite = np.isfinite(numbers)
    if not finite.all():
        strange = np.argwhere(~finite)
        first = tuple(int(at) for at in strange[0])
        raise ValueError(f"{name}: expected finite numbers; got {numbers[first]} at {first}, {len(strange)} in all")
    return numbers
