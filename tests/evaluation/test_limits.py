"""Baselines keep the limits, and use them."""

import numpy as np
import pytest

from rapport.evaluation.limits import cut_to_limits, thinned_to_limits
from simple_limits import Limits

NONE = Limits(None, [None, None, None])
COST = np.tile([0.0, 2.0, 5.0], (10, 1))
TO_ALL = np.tile([0.0, 1.0, 0.0], (10, 1))


def first(count: int) -> np.ndarray:
    """Treat the first rows with arm 1."""
    return np.eye(3)[(np.arange(10) < count).astype(int)]


def test_without_limits_nothing_changes() -> None:
    np.testing.assert_array_equal(thinned_to_limits(TO_ALL, COST, NONE.constraints), TO_ALL)
    np.testing.assert_array_equal(cut_to_limits(first, 7, COST, NONE.constraints), first(7))


@pytest.mark.parametrize(
    ("limits", "treated"),
    [
        (Limits(8.0, [None] * 3), 4),
        (Limits(None, [None, 3, None]), 3),
        (Limits(0.0, [None] * 3), 0),
        (Limits(8.0, [None, 2, None]), 2),
    ],
)
def test_limits_are_used_up_and_kept(limits: Limits, treated: int) -> None:
    thinned = thinned_to_limits(TO_ALL, COST, limits.constraints)
    np.testing.assert_allclose(thinned.sum(axis=1), 1.0)
    assert thinned[:, 1].sum() == pytest.approx(treated)
    np.testing.assert_array_equal(cut_to_limits(first, 10, COST, limits.constraints), first(treated))


def test_free_arms_and_income_do_not_touch_the_budget() -> None:
    free = COST * np.array([1.0, 0.0, -1.0])
    np.testing.assert_array_equal(thinned_to_limits(TO_ALL, free, Limits(0.0, [None] * 3).constraints), TO_ALL)
    np.testing.assert_array_equal(cut_to_limits(first, 10, free, Limits(0.0, [None] * 3).constraints), first(10))
