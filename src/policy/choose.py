"""The arm of each stakeholder that maximises total gain under a budget, capacities and further limits.

Without a binding limit it is the best arm of each; otherwise see `solve`. Ties between arms go to the control, then to
the arm that stands first; ties between stakeholders to the smaller key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .limits import Limit, LimitUse, at_most
from .problem import Problem
from .solve import solve

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


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
class Further:
    """What else must hold, for the stakeholders at hand.

    Attributes:
        limits: by channel, team or group; quotas; bounds on differences of rates.
        groups: codes of the groupings the limits name, shape (n,) each.
        household: those with the same code ≥ 0 get at most one arm between them, shape (n,); −1: alone.
    """

    limits: tuple[Limit, ...] = ()
    groups: Mapping[str, Integers] = field(default_factory=dict)
    household: Integers | None = None


NOTHING_FURTHER = Further()


@dataclass(frozen=True)
class Choice:
    """The chosen arms, and what one more unit of each limit would be worth.

    Attributes:
        arm: shape (n,), 0 = control.
        budget_price: gain per unit of money, 0 where the budget does not bind.
        capacity_prices: gain per assignment, shape (arms,).
        value: total gain, money.
        bound: what no choice that keeps the limits can exceed, money.
        uses: of every limit, budget and capacities included.
    """

    arm: NDArray[np.int64]
    budget_price: float
    capacity_prices: Floats
    value: float = 0.0
    bound: float = 0.0
    uses: tuple[LimitUse, ...] = ()


def choose(gain: Floats, cost: Floats, limits: Limits, further: Further = NOTHING_FURTHER,
           key: Floats | None = None) -> Choice:  # fmt: skip
    """Return the choice that maximises the total gain.

    Args:
        gain: money net of cost against the control, shape (n, arms); column 0 is 0; NaN: may not be assigned.
        cost: money, shape (n, arms); what is below 0 is income, which does not widen the budget.
        limits: budget and capacities.
        further: whatever else must hold.
        key: decides ties between stakeholders, distinct numbers in [0, 1), shape (n,); None: by position.

    Raises:
        InfeasibleError: limits contradict one another.
    """
    arms = gain.shape[1]
    named: dict[int | None, Limit] = {}
    if limits.budget is not None:
        named[None] = at_most("budget", max(limits.budget, 0.0), np.arange(arms) > 0, of_cost=True)
    for at, room in enumerate(limits.capacity):
        if room is not None:
            named[at] = at_most(f"capacity of arm {at}", room, np.arange(arms) == at)
    every = [*named.values(), *further.limits]
    solution = solve(Problem(gain, np.maximum(cost, 0.0), every, further.groups, key, further.household))
    prices = {at: use.price for at, use in zip(named, solution.uses, strict=False)}
    capacity = np.array([prices.get(at, 0.0) for at in range(arms)])
    return Choice(solution.arm.astype(np.int64), prices.get(None, 0.0), capacity, solution.value, solution.bound,
                  solution.uses)  # fmt: skip
