"""Curves by counting: six rows by hand, ties as the mean of their orders."""

from itertools import permutations

import numpy as np
import pytest

from counted_curves import area_over_random, qini_curve, uplift_curve

VALUE, TREATED = np.array([4.0, 1, 2, 0, 3, 1]), np.array([1, 0, 1, 1, 0, 0])
FALLING = np.array([6.0, 5, 4, 3, 2, 1])


def test_by_hand():
    # treated 4 2 0 come 1st, 3rd, 4th; controls 1 3 1 come 2nd, 5th, 6th
    reached, gain = uplift_curve(VALUE, TREATED, FALLING)
    assert reached.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert gain == pytest.approx([0, 4 * 1, (4 - 1) * 2, (3 - 1) * 3, (2 - 1) * 4, (2 - 2) * 5, (2 - 5 / 3) * 6])
    _, gain = qini_curve(VALUE, TREATED, FALLING)
    assert gain == pytest.approx([0, 4, 4 - 1, 6 - 2, 6 - 3, 6 - 4 * 1.5, 6 - 5])


def test_tied_rows_enter_together():
    reached, gain = uplift_curve(VALUE, TREATED, np.array([2.0, 2, 2, 1, 1, 1]))
    assert reached.tolist() == [0, 3, 6]
    assert gain == pytest.approx([0, 6, 2])
    for order in permutations(range(3)):
        rows = [*order, 3, 4, 5]
        again = uplift_curve(VALUE[rows], TREATED[rows], np.array([2.0, 2, 2, 1, 1, 1]))[1]
        assert again == pytest.approx(gain)


def test_area_by_hand():
    # trapezoids of 0, 4, 3, 4, 3, 0, 1: 14.5; the line to the end: 3; over 36
    assert area_over_random(*qini_curve(VALUE, TREATED, FALLING)) == pytest.approx((14.5 - 3) / 36)


def test_what_does_not_fit_is_refused():
    assert len(uplift_curve(VALUE, TREATED, FALLING)[0]) == 7
    with pytest.raises(ValueError, match=r"label: expected 0 or 1; got 2\.0 in row 0"):
        uplift_curve(VALUE, TREATED + 1, FALLING)
    with pytest.raises(ValueError, match=r"priority: expected shape \(6,\); got \(5,\)"):
        qini_curve(VALUE, TREATED, FALLING[:5])
    with pytest.raises(ValueError, match=r"value: expected shape \(6,\); got \(5,\)"):
        qini_curve(VALUE[:5], TREATED, FALLING)
