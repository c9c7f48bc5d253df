"""Baselines within the limits that hold for our policy, so that none is praised for what nobody could carry out.

A policy is an (n, k) matrix of probabilities, the control at 0; it keeps the upper limits (budgets and capacities) in
expectation, and gives one member of a household an arm at most. Quotas and bounds on rates are not asked of baselines,
which leaves them freer than ours.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..policy.limits import Constraints

Floats = NDArray[np.float64]


def one_per_household(within: NDArray[np.bool_], priority: Floats, constraints: Constraints) -> NDArray[np.bool_]:
    """Return who may receive what if of each household only one member may: the first by priority who may anything.

    Args:
        within: who may receive what, shape (n, k).
        priority: the higher the earlier, shape (n,); the earlier row among equals.
        constraints: of these rows.
    """
    if constraints.household is None:
        return within
    order = np.lexsort((-priority, ~within[:, 1:].any(axis=1)))
    _, first = np.unique(constraints.household[order], return_index=True)
    speaks = constraints.household < 0
    speaks[order[first]] = True
    kept: NDArray[np.bool_] = within & (speaks[:, None] | (np.arange(within.shape[1]) == 0))
    return kept


def thinned_to_limits(policy: Floats, cost: Floats, constraints: Constraints) -> Floats:
    """Return the policy with each arm given to a random part of those it chooses, as far as the limits reach.

    Args:
        policy: shape (n, k).
        cost: money, shape (n, k); below 0 counts as 0.
        constraints: of these rows; capacities first, then budgets over all their arms alike.
    """
    given = policy.copy()
    for of_cost in (False, True):
        for use, bound in _upper(constraints, cost, of_cost):
            used = float((given * use).sum())
            if used > bound:
                given = np.where(use > 0, given * (bound / used), given)
    given[:, 0] = 1.0 - given[:, 1:].sum(axis=1)
    return given


def cut_to_limits(ranked: Callable[[int], Floats], treated: int, cost: Floats, constraints: Constraints) -> Floats:
    """Return the ranking policy that treats the most, up to `treated`, without breaking an upper limit.

    Args:
        ranked: from a number of rows to the policy that treats so many, the first of a ranking; a larger number treats
            the same rows and more.
        treated: rows to treat at most.
        cost: money, shape (n, k); below 0 counts as 0.
        constraints: of these rows.
    """
    if _keeps(ranked(treated), cost, constraints):
        return ranked(treated)
    low, high = 0, treated - 1
    while low < high:
        middle = (low + high + 1) // 2
        if _keeps(ranked(middle), cost, constraints):
            low = middle
        else:
            high = middle - 1
    return ranked(low)


def _keeps(policy: Floats, cost: Floats, constraints: Constraints) -> bool:
    return all((policy * use).sum() <= bound for of in (False, True) for use, bound in _upper(constraints, cost, of))


def _upper(constraints: Constraints, cost: Floats, of_cost: bool) -> Iterator[tuple[Floats, float]]:
    """Yield what each pair uses of the upper limits of cost or of contacts, (n or 1, k), and their bounds."""
    for limit in constraints.limits:
        if limit.upper and limit.of_cost is of_cost:
            weight = constraints.weights(limit)
            yield (weight * np.maximum(cost, 0.0) if of_cost else weight), limit.bound
