"""What budgets buy: by hand, beside the assignment itself, and beside the truth."""

import json

import numpy as np
import pytest

from rapport.evaluation.budget_curves import area_under_cost_curve, budget_grid, cost_curve, value_per_budget
from rapport.evaluation.log import LoggedDecisions

GAIN = np.array([[0.0, 4.0, 1.0], [0.0, 2.0, 5.0], [0.0, 3.0, np.nan], [0.0, -1.0, -1.0]])
COST = np.tile([0.0, 1.0, 2.0], (4, 1))


def log(mu):
    """A log whose model is exact, so that the doubly robust value of a policy is that of its arms."""
    return LoggedDecisions(mu[:, 0], np.zeros(4, dtype=int), np.full((4, 3), 1 / 3), COST, mu, np.arange(4))


MU = np.nan_to_num(GAIN) + COST + 10.0


def test_by_hand():
    points = value_per_budget(log(MU), GAIN, [0.0, 0.25, 0.5, 1.0, 5.0])
    # row 0 gains 4 for 1; then row 2 3 for 1, then row 1 5 for 2
    assert [point.spend * 4 for point in points] == [0, 1, 2, 4, 4]
    assert [point.gain.value * 4 for point in points] == pytest.approx([0, 4, 7, 12, 12])
    assert [point.treated * 4 for point in points] == [0, 1, 2, 3, 3]
    assert points[1].budget == 0.25
    assert points[3].gain.low < points[3].gain.value < points[3].gain.high
    assert json.loads(json.dumps(points[3].as_dict()))["gain"]["n"] == 4


def test_the_grid_reaches_what_no_budget_spends():
    assert budget_grid(GAIN, COST, 4) == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert budget_grid(np.minimum(GAIN, 0.0), COST, 2) == [0.0, 0.0]


def test_cost_curve_by_hand():
    gained, cost = np.array([6.0, 3.0, 1.0]), np.array([1.0, 1.0, 2.0])
    spent, won = cost_curve(gained, cost, gained / cost)
    assert spent == pytest.approx([0, 0.25, 0.5, 1.0])
    assert won == pytest.approx([0, 0.6, 0.9, 1.0])
    # ¼·0.3 + ¼·0.75 + ½·0.95
    assert area_under_cost_curve(gained, cost, gained / cost) == pytest.approx(0.7375)


def test_equal_priorities_are_as_good_as_random_in_any_order():
    gained, cost = np.array([6.0, 3.0, 1.0]), np.array([1.0, 1.0, 2.0])
    assert area_under_cost_curve(gained, cost, np.zeros(3)) == 0.5
    tied = np.array([1.0, 1.0, 0.0])
    assert cost_curve(gained[[1, 0, 2]], cost[[1, 0, 2]], tied)[1] == pytest.approx(cost_curve(gained, cost, tied)[1])


def test_what_does_not_fit_is_refused():
    ones = np.ones(3)
    assert area_under_cost_curve(ones / 9, ones / 9, ones) == 0.5
    for gained, cost in ((-ones, ones), (ones, 0 * ones), (0 * ones, ones)):
        with pytest.raises(ValueError, match="gained, cost: expected sums above 0; got"):
            cost_curve(gained, cost, ones)
    with pytest.raises(ValueError, match=r"cost: expected shape \(3,\); got \(2,\)"):
        cost_curve(ones, ones[:2], ones)
    with pytest.raises(ValueError, match=r"priority: expected shape \(3,\); got \(2,\)"):
        cost_curve(ones, ones, ones[:2])
