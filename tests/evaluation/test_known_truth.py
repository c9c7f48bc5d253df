"""True gains of assignments where the truth is known: four stakeholders by hand."""

import numpy as np
import pandas as pd
import pytest

from rapport.evaluation.known_truth import true_gains

NAMES = ("none", "call", "mail")
TRUTH = pd.DataFrame({
    "value_none": [10.0, 10.0, 10.0, 10.0],
    "value_call": [18.0, 12.0, np.nan, 9.0],
    "value_mail": [11.0, 14.0, 13.0, 9.0],
})  # fmt: skip
COST = np.tile([0.0, 5.0, 1.0], (4, 1))
ALL = np.ones(4, dtype=bool)


def test_by_hand():
    # gains: call 3, −3, ·, −6; mail 0, 3, 2, −2
    found = true_gains(TRUTH, np.array([1, 1, 2, 0]), COST, NAMES, ALL)
    assert found["assigned"] == pytest.approx((3 - 3 + 2 + 0) / 4)
    assert found["chosen"] == found["assigned"]
    assert found["ceiling"] == pytest.approx((3 + 3 + 2 + 0) / 4)
    assert found["share_of_ceiling"] == pytest.approx(2 / 8)
    # call for all who may: −6 / 4; mail: 3 / 4
    assert found["best_single_arm"] == pytest.approx(3 / 4)


def test_only_the_free_are_compared_with_the_ceiling():
    free = np.array([True, False, False, True])
    found = true_gains(TRUTH, np.array([1, 1, 2, 1]), COST, NAMES, free)
    assert found["assigned"] == pytest.approx((3 - 3 + 2 - 6) / 4)
    assert found["chosen"] == pytest.approx((3 - 6) / 2)
    assert found["ceiling"] == pytest.approx(3 / 2)
    assert found["share_of_ceiling"] == pytest.approx(-1.0)


def test_where_nothing_can_be_gained_nothing_is_missed():
    found = true_gains(TRUTH, np.zeros(4, dtype=int), np.tile([0.0, 55.0, 51.0], (4, 1)), NAMES, ALL)
    assert (found["ceiling"], found["share_of_ceiling"], found["best_single_arm"]) == (0.0, 1.0, 0.0)
