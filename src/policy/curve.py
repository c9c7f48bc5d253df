"""What every budget would gain, when the budget is the only limit: the whole path at once.

Of each stakeholder's arms only those on the upper hull of (cost, gain) are ever bought, and one moves along it by steps
of falling gain per money. All steps in the order of gain per money are the optimal path of the relaxed multiple-choice
knapsack (Sinha & Zoltners 1979); between two steps the value is linear.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """A budget's relaxed value, money, and the gain per further unit of money."""

    value: float
    price: float


@dataclass(frozen=True)
class Curve:
    """Spend and value after each step of the path, ascending, and the gain per money of the step, descending.

    Attributes:
        spend, value: money, shape (steps + 1,), the first before any step: what costs nothing is given at once.
        price: shape (steps,).
    """

    spend: Floats
    value: Floats
    price: Floats

    def at(self, budget: float) -> Point:
        """Return value and price at a budget, money."""
        step = int(np.searchsorted(self.spend[1:], budget, side="right"))
        price = float(self.price[step]) if step < len(self.price) else 0.0
        return Point(float(np.interp(budget, self.spend, self.value)), price)


def budget_curve(gain: Floats, cost: Floats, chunk: int = 65_536) -> Curve:
    """Return the path of all budgets.

    Args:
        gain: money net of cost against the control, shape (n, arms); column 0 is the control; NaN: may not be assigned.
        cost: money, at least 0, shape (n, arms).
        chunk: rows at a time.

    >>> curve = budget_curve(np.array([[0.0, 4.0], [0.0, 9.0]]), np.array([[0.0, 2.0], [0.0, 3.0]]))
    >>> curve.spend.tolist(), curve.value.tolist(), curve.price.tolist()
    ([0.0, 3.0, 5.0], [0.0, 9.0, 13.0], [3.0, 2.0])
    """
    start, costs, gains = 0.0, [np.zeros(0)], [np.zeros(0)]
    for first in range(0, len(gain), chunk):
        free, steps_cost, steps_gain = _steps(gain[first : first + chunk], cost[first : first + chunk])
        start += free
        costs.append(steps_cost)
        gains.append(steps_gain)
    paid, gained = np.concatenate(costs), np.concatenate(gains)
    price = gained / paid
    order = np.argsort(-price, kind="stable")
    spend = np.concatenate([[0.0], np.cumsum(paid[order])])
    return Curve(spend, start + np.concatenate([[0.0], np.cumsum(gained[order])]), price[order])


def _steps(gain: Floats, cost: Floats) -> tuple[float, Floats, Floats]:
    """Return what is gained for nothing, and cost and gain of the steps along the hulls of some rows."""
    n, arms = gain.shape
    gain = np.where(np.isnan(gain), -np.inf, gain)
    gain[:, 0] = 0.0
    here_gain = np.where(cost <= 0, gain, 0.0).max(axis=1)
    here_cost = np.zeros(n)
    free, costs, gains = float(here_gain.sum()), [], []
    rows = np.arange(n)
    for _ in range(arms - 1):
        more, better = cost[rows] - here_cost[rows, None], gain[rows] - here_gain[rows, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where((more > 0) & (better > 0), better / more, 0.0)
        steepest = slope.max(axis=1)
        # of equally steep arms the farthest, so that the next step starts beyond them
        best = np.where(slope == steepest[:, None], more, -np.inf).argmax(axis=1)
        moving = np.flatnonzero(steepest > 0)
        rows, best = rows[moving], best[moving]
        costs.append(more[moving, best])
        gains.append(better[moving, best])
        here_cost[rows], here_gain[rows] = cost[rows, best], gain[rows, best]
    return free, np.concatenate(costs or [np.zeros(0)]), np.concatenate(gains or [np.zeros(0)])
