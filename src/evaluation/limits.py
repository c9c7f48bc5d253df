"""Baselines within the limits that hold for our policy, so that none is praised for what nobody could carry out.

A policy is an (n, k) matrix of probabilities, the control at 0; it keeps the limits in expectation.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..policy.choose import Limits

Floats = NDArray[np.float64]


def thinned_to_limits(policy: Floats, cost: Floats, limits: Limits) -> Floats:
    """Return the policy with each arm given to a random part of those it chooses, as far as the limits reach.

    Args:
        policy: shape (n, k).
        cost: money, shape (n, k); below 0 counts as 0.
        limits: capacities first, then the budget over all arms alike.
    """
    room = np.array([np.inf if each is None else each for each in limits.capacity])
    given: Floats = policy * np.minimum(1.0, room / np.maximum(policy.sum(axis=0), 1e-12))
    spend = float((given * np.maximum(cost, 0.0)).sum())
    if limits.budget is not None and spend > limits.budget:
        given = np.where(cost > 0, given * (limits.budget / spend), given)
    given[:, 0] = 1.0 - given[:, 1:].sum(axis=1)
    return given


def cut_to_limits(ranked: Callable[[int], Floats], treated: int, cost: Floats, limits: Limits) -> Floats:
    """Return the ranking policy that treats the most, up to `treated`, without breaking a limit.

    Args:
        ranked: from a number of rows to the policy that treats so many, the first of a ranking; a larger number treats
            the same rows and more.
        treated: rows to treat at most.
        cost: money, shape (n, k); below 0 counts as 0.
        limits: budget and capacities.
    """
    low, high = 0, treated
    while low < high:
        middle = (low + high + 1) // 2
        if _keeps(ranked(middle), cost, limits):
            low = middle
        else:
            high = middle - 1
    return ranked(low)


def _keeps(policy: Floats, cost: Floats, limits: Limits) -> bool:
    counts = policy.sum(axis=0)
    if any(room is not None and counts[at] > room for at, room in enumerate(limits.capacity)):
        return False
    return limits.budget is None or float((policy * np.maximum(cost, 0.0)).sum()) <= limits.budget
