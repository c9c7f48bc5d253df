"""The arm of each stakeholder that maximises total gain under a budget and capacities.

Without a binding limit it is the best arm of each. Otherwise the linear relaxation is solved with HiGHS
(scipy.optimize.linprog): a vertex has at most as many fractional rows as limits, these are rounded to what still fits,
and what is left of the limits is filled up greedily. Ties go to the arm that stands first, the control before all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

Floats = NDArray[np.float64]
_WHOLE = 1.0 - 1e-6


@dataclass(frozen=True)
class Limits:
    """What may be spent: budget in money, and how often each arm may be given (index 0, the control, has no limit)."""

    budget: float | None
    capacity: Sequence[int | None]

    def scaled(self, share: float) -> "Limits":
        """Return the limits of a part of the population, capacities rounded down."""
        budget = None if self.budget is None else self.budget * share
        return Limits(budget, [None if room is None else int(room * share) for room in self.capacity])


@dataclass(frozen=True)
class Choice:
    """The chosen arms, and what one more unit of each limit would be worth.

    Attributes:
        arm: shape (n,), 0 = control.
        budget_price: gain per unit of money, 0 where the budget does not bind.
        capacity_prices: gain per assignment, shape (arms,).
    """

    arm: NDArray[np.int64]
    budget_price: float
    capacity_prices: Floats


def choose(gain: Floats, cost: Floats, limits: Limits) -> Choice:
    """Return the choice that maximises the total gain.

    Args:
        gain: money net of cost against the control, shape (n, arms); column 0 is 0; NaN: may not be assigned.
        cost: money, shape (n, arms); what is below 0 is income, which does not widen the budget.
        limits: budget and capacities.
    """
    cost = np.maximum(cost, 0.0)
    attainable = np.where(np.isnan(gain), -np.inf, gain)
    best = attainable.argmax(axis=1)
    if _fits(best, cost, limits):
        return Choice(best, 0.0, np.zeros(gain.shape[1]))
    return _under_limits(np.maximum(attainable, -1.0), cost, limits)


def _fits(arm: NDArray[np.int64], cost: Floats, limits: Limits) -> bool:
    counts = np.bincount(arm, minlength=cost.shape[1])
    if any(room is not None and counts[at] > room for at, room in enumerate(limits.capacity)):
        return False
    return limits.budget is None or cost[np.arange(len(arm)), arm].sum() <= limits.budget


def _under_limits(gain: Floats, cost: Floats, limits: Limits) -> Choice:
    rows, arms = np.nonzero(gain > 0)  # never the control: its gain is 0
    pairs, n, k = np.arange(len(rows)), *gain.shape
    once = csr_array((np.ones(len(rows)), (rows, pairs)), shape=(n, len(rows)))
    given = csr_array((np.ones(len(rows)), (arms, pairs)), shape=(k, len(rows)))
    spent = csr_array(cost[rows, arms][None, :])
    room = [np.inf if each is None else float(each) for each in limits.capacity]
    budget = np.inf if limits.budget is None else limits.budget
    used = vstack([once, given, spent])
    bound = np.concatenate([np.ones(n), room, [budget]])
    finite = np.isfinite(bound)
    solved = linprog(-gain[rows, arms], A_ub=used.tocsr()[finite], b_ub=bound[finite], bounds=(0, 1), method="highs")
    if solved.status != 0:
        raise RuntimeError(f"the linear programme of the assignment was not solved: {solved.message}")
    prices = np.zeros(len(bound))
    prices[finite] = -solved.ineqlin.marginals
    arm = np.zeros(n, dtype=np.int64)
    whole = solved.x > _WHOLE
    arm[rows[whole]] = arms[whole]
    return Choice(_fill_up(arm, gain, cost, limits), float(prices[-1]), prices[n:-1])


def _fill_up(arm: NDArray[np.int64], gain: Floats, cost: Floats, limits: Limits) -> NDArray[np.int64]:
    """Give what is left of the limits to those still without an arm, highest gain first."""
    arm = arm.copy()
    counts = np.bincount(arm, minlength=gain.shape[1])
    budget = np.inf if limits.budget is None else limits.budget
    left = budget - cost[np.arange(len(arm)), arm].sum()
    room = np.array([np.inf if each is None else each for each in limits.capacity]) - counts
    rows, arms = np.nonzero((gain > 0) & (arm == 0)[:, None] & (cost <= left) & (room > 0))
    for at in np.lexsort((arms, rows, -gain[rows, arms])):
        row, candidate = rows[at], arms[at]
        if arm[row] == 0 and room[candidate] >= 1 and cost[row, candidate] <= left:
            arm[row] = candidate
            left -= cost[row, candidate]
            room[candidate] -= 1
    return arm
