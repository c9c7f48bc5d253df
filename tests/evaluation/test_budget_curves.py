"""What budgets buy: by hand, beside the assignment itself, and beside the truth."""

import json

import numpy as np
import pytest

from rapport.evaluation.budget_curves import NOTHING, budget_grid, value_per_budget
from rapport.evaluation.held import chosen
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
    free, nothing = (chosen(gain, COST, NOTHING)[0] for gain in (GAIN, np.minimum(GAIN, 0.0)))
    assert budget_grid(free, COST, 4) == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert budget_grid(nothing, COST, 2) == [0.0, 0.0]
