"""What money buys: gain and spend of a policy along its ranking, and under every budget, with several costly arms.

Conventions as in `log`. Gains are over nobody, so that the control costs and gains nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..models.scores import FloatArray, checked_array
from ..policy.choose import choose
from ..policy.limits import Constraints, at_most
from .baselines import nobody
from .estimate import Estimate
from .log import LoggedDecisions
from .policy_value import difference


@dataclass(frozen=True)
class BudgetPoint:
    """A budget: what is spent of it and gained by it, money per decision; `gain` is net of the spend."""

    budget: float
    spend: float
    treated: float
    gain: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain Python numbers, ready for JSON."""
        return asdict(self)


def value_per_budget(log: LoggedDecisions, gain: FloatArray, budgets: Sequence[float]) -> list[BudgetPoint]:
    """Return what the best assignment by `gain` under each budget would have gained, by the doubly robust estimator.

    Args:
        log: n decisions.
        gain: predicted net of cost, out of fold, shape (n, k); NaN: may not be assigned; column 0 is 0.
        budgets: money per decision.
    """
    n, arms = gain.shape
    points = []
    for budget in budgets:
        limit = at_most("budget", budget * n, np.arange(arms) > 0, of_cost=True)
        policy = np.eye(arms)[choose(gain, log.cost, Constraints((limit,))).arm]
        spend, treated = float((policy * log.cost).sum() / n), float(policy[:, 1:].sum() / n)
        points.append(BudgetPoint(budget, spend, treated, difference(log, policy, nobody(n, arms))))
    return points


def budget_grid(gain: FloatArray, cost: FloatArray, points: int = 10) -> list[float]:
    """Return budgets in equal steps up to what the assignment without a budget spends, money per decision."""
    n = len(gain)
    free = choose(gain, cost, Constraints()).arm
    most = float(cost[np.arange(n), free].sum() / n)
    return [most * step / points for step in range(1, points + 1)]


def cost_curve(gained: FloatArray, cost: FloatArray, priority: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return shares of all cost and of all gain after each group of rows of equal priority, both from 0 to 1.

    Args:
        gained: unbiased score of each row's gain before cost under the arm it would get, money, shape (n,).
        cost: of that arm, money, shape (n,), above 0 in sum.
        priority: the higher the earlier, such as gain per cost, shape (n,). Rows of one priority enter together.

    Raises:
        ValueError: shapes disagree, or cost or gain of all is not above 0, so that there are no shares.

    >>> [part.tolist() for part in cost_curve(np.array([3.0, 1.0]), np.array([1.0, 1.0]), np.array([2.0, 1.0]))]
    [[0.0, 0.5, 1.0], [0.0, 0.75, 1.0]]
    """
    gained = checked_array("gained", gained, (len(gained),))
    cost, priority = checked_array("cost", cost, gained.shape), checked_array("priority", priority, gained.shape)
    if not (gained.sum() > 0 and cost.sum() > 0):
        raise ValueError(f"gained, cost: expected sums above 0; got {gained.sum():.6g} and {cost.sum():.6g}")
    order = np.argsort(-priority, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(priority[order]) != 0, True])
    spent, won = (np.r_[0.0, np.cumsum(part[order])[last] / part.sum()] for part in (cost, gained))
    return spent, won


def area_under_cost_curve(gained: FloatArray, cost: FloatArray, priority: FloatArray) -> float:
    """Return the area under the cost curve by trapezoids: ½ is random, 1 the most (Du, Lee & Ghaffarizadeh 2019).

    Arguments and errors as in `cost_curve`.

    >>> area_under_cost_curve(np.array([3.0, 1.0]), np.array([1.0, 1.0]), np.array([2.0, 1.0]))
    0.625
    """
    spent, won = cost_curve(gained, cost, priority)
    return float(np.trapezoid(won, spent))
