"""Uplift and Qini curves by counting, as published figures have them: two arms, randomised, outcomes as they came.

Of the rows of highest priority, n_t got the arm and n_c the control, with sums of value y_t and y_c. These curves weigh
nothing, so they are right only where everybody was treated with the same probability; `uplift_ranking` needs no such
luck. They are here to compare with other libraries, whose areas under them are normalised in many ways.

Ties: a point stands after each group of equal priority, and lines join the points, as if the group entered in random
order. While only one of the two arms has been seen, its missing mean counts as 0.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.evaluation.calibration import checked_label
from rapport.models.scores import FloatArray, checked_array


def uplift_curve(value: FloatArray, treated: NDArray[Any], priority: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return rows reached, and (y_t / n_t − y_c / n_c)·(n_t + n_c) there; both start at 0.

    Args:
        value: money, shape (n,).
        treated: 1 where the arm was given, 0 the control, shape (n,).
        priority: the higher the earlier, shape (n,).

    >>> rows, gain = uplift_curve(np.array([1.0, 0, 1, 0]), np.array([1, 0, 1, 0]), np.array([2.0, 2, 1, 1]))
    >>> rows.tolist(), gain.tolist()
    ([0.0, 2.0, 4.0], [0.0, 2.0, 4.0])
    """
    reached, n_t, n_c, y_t, y_c = _counts(value, treated, priority)
    return reached, (_ratio(y_t, n_t) - _ratio(y_c, n_c)) * reached


def qini_curve(value: FloatArray, treated: NDArray[Any], priority: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return rows reached, and y_t − y_c·n_t / n_c there (Radcliffe 2007); arguments as in `uplift_curve`."""
    reached, n_t, n_c, y_t, y_c = _counts(value, treated, priority)
    return reached, y_t - y_c * _ratio(n_t, n_c)


def area_over_random(reached: FloatArray, gain: FloatArray) -> float:
    """Return the area between a curve and the straight line to its end, by trapezoids, per row squared.

    >>> area_over_random(np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 2.0]))
    0.25
    """
    n = reached[-1]
    return float((np.trapezoid(gain, reached) - gain[-1] * n / 2) / n**2)


def _counts(value: FloatArray, treated: NDArray[Any], priority: FloatArray) -> tuple[FloatArray, ...]:
    """Rows, treated, controls and the sums of their values after each group of equal priority, each from 0 on."""
    arm = checked_label(treated)
    value, priority = checked_array("value", value, arm.shape), checked_array("priority", priority, arm.shape)
    order = np.argsort(-priority, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(priority[order]) != 0, True])
    parts = (np.ones(len(arm)), arm, 1 - arm, arm * value, (1 - arm) * value)
    return tuple(np.r_[0.0, np.cumsum(part[order])[last]] for part in parts)


def _ratio(top: FloatArray, bottom: FloatArray) -> FloatArray:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
