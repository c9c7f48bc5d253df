"""What budgets buy: gain and spend of the best assignment under each, with several costly arms.

Conventions as in `log`. Gains are over nobody, so that the control costs and gains nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..models.scores import FloatArray
from ..policy.limits import Constraints, at_most
from .baselines import nobody
from .estimate import Estimate
from .held import chosen
from .log import LoggedDecisions
from .policy_value import difference

NOTHING = Constraints()  # that holds beside a budget


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


def value_per_budget(log: LoggedDecisions, gain: FloatArray, budgets: Sequence[float],
                     constraints: Constraints = NOTHING) -> list[BudgetPoint]:  # fmt: skip
    """Return what the best assignment by `gain` under each budget would have gained, by the doubly robust estimator.

    Args:
        log: n decisions.
        gain: predicted net of cost, out of fold, shape (n, k); NaN: may not be assigned; column 0 is 0.
        budgets: money per decision.
        constraints: that hold beside the budget.
    """
    n, arms = gain.shape
    points = []
    for budget in budgets:
        limit = at_most("budget", budget * n, np.arange(arms) > 0, of_cost=True)
        policy, _ = chosen(gain, log.cost, replace(constraints, limits=(*constraints.limits, limit)))
        spend, treated = float((policy * log.cost).sum() / n), float(policy[:, 1:].sum() / n)
        points.append(BudgetPoint(budget, spend, treated, difference(log, policy, nobody(n, arms))))
    return points


def budget_grid(policy: FloatArray, cost: FloatArray, points: int = 10) -> list[float]:
    """Return budgets in equal steps up to what a policy spends, money per decision; both of shape (n, k)."""
    most = float((policy * cost).sum() / len(policy))
    return [most * step / points for step in range(1, points + 1)]
