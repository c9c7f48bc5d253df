"""The arm of each stakeholder that maximises the total gain under the constraints.

Without a binding limit it is the best arm of each; otherwise see `solve`. Ties between arms go to the control, then to
the arm that stands first, by name; ties between stakeholders to the smaller key.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .limits import Constraints, Limit, LimitUse
from .problem import Problem
from .solve import solve

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Choice:
    """The chosen arms, and what one more unit of each limit would be worth.

    Attributes:
        arm: shape (n,), 0 = control.
        value: total gain, money.
        bound: what no choice that keeps the constraints can exceed, money.
        uses: of every limit, in the order of the constraints.
    """

    arm: Integers
    value: float
    bound: float
    uses: tuple[LimitUse, ...]

    @property
    def prices(self) -> dict[str, float]:
        """Money of gain per unit by which a limit is relaxed, by its name."""
        return {use.name: use.price for use in self.uses}


def choose(gain: Floats, cost: Floats, constraints: Constraints, key: Floats | None = None) -> Choice:
    """Return the choice that maximises the total gain.

    Args:
        gain: money net of cost against the control, shape (n, arms); column 0 is 0; NaN: may not be assigned.
        cost: money, shape (n, arms); what is below 0 is income, which does not widen a budget.
        constraints: limits, groups and households.
        key: decides ties between stakeholders, distinct numbers in [0, 1), shape (n,); None: by position.

    Raises:
        InfeasibleError: limits contradict one another.
    """
    paid = np.maximum(cost, 0.0)
    solution = solve(Problem(gain, paid, constraints.limits, constraints.groups, key, constraints.household))
    return Choice(solution.arm.astype(np.int64), solution.value, solution.bound, solution.uses)


def charge(limit: Limit, price: float, code: Integers | None, arm: Integers, cost: Floats) -> Floats:
    """Return what a limit's price charges assignments, money, shape (r,); a quota pays, so its charge is below 0.

    Args:
        limit: at the price.
        price: money per unit of the limit.
        code: of its groups, shape (r,); None where it has none.
        arm: assigned, shape (r,).
        cost: of that arm, money, shape (r,).
    """
    weight = limit.weight[0, arm] if code is None else limit.weight[code, arm]
    used: Floats = weight * (np.maximum(cost, 0.0) if limit.of_cost else 1.0)
    return price * used if limit.kind == "le" else -price * used
