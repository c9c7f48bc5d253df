"""The limits of the plan: those of params less what holdout and exploration may take, so that every draw keeps them.

The plan is made before anyone is drawn. Upper limits leave room for all that exploration can use. Quotas are raised:
of m planned contacts each is drawn away with probability p at most, and fewer than q are left with probability
exp(−m · KL((q − 1)/m ‖ 1 − p)) at most (Chernoff; for draws without replacement Hoeffding 1963, section 6), which is
held below FAILURE. A rate is the mean probability of an arm over all randomness, so a bound on rates is a bound on
planned rates: rate = c + (1 − h)(planned − explored of the planned), with h the holdout and c from exploration alone.
"""

from dataclasses import replace
from math import ceil, log

import numpy as np

from ..contracts.errors import InputError
from .explore import Exploration, Floats
from .limits import Constraints, Integers, Limit, broken

FAILURE = 1e-9  # probability that a draw leaves a quota unmet


def planned_constraints(constraints: Constraints, exploration: Exploration, holdout: float) -> Constraints:
    """Return the constraints under which everyone is planned for, as if nobody were held out or explored.

    Args:
        constraints: what every draw must keep.
        exploration: settled, its limits in the order of the constraints.
        holdout: share of stakeholders.
    """
    leaves = exploration.probability.sum(axis=1)
    lost = 1.0 - (1.0 - holdout) * (1.0 - float(leaves.max(initial=0.0)))
    limits = []
    for limit, use in zip(constraints.limits, exploration.use, strict=True):
        if limit.upper:
            limits.append(replace(limit, bound=limit.bound - float(use)))
        elif limit.kind == "le":
            limits.append(_rate_gap(limit, constraints, exploration, holdout))
        else:
            limits.append(replace(limit, bound=float(raised_quota(limit.bound, lost))))
    return replace(constraints, limits=tuple(limits))


def raised_quota(quota: float, lost: float) -> int:
    """Return how many to plan for, so that at least `quota` are left.

    Args:
        quota: contacts.
        lost: probability at most with which each is drawn away, below 1.

    >>> raised_quota(50, 0.0), raised_quota(50, 0.1), raised_quota(0, 0.1)
    (50, 79, 0)
    """
    least = ceil(quota - 1e-9)
    if least <= 0 or lost <= 0.0:
        return max(least, 0)
    low, high = least, least + 1
    while not _safe(high, least, lost):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _safe(middle, least, lost) else (middle, high)
    return high


def refuse_broken(constraints: Constraints, arm: Integers, cost: Floats) -> None:
    """Check what the draw has left against the limits; only a quota can fail, with probability FAILURE.

    Raises:
        InputError: a quota is not met.
    """
    for limit in constraints.limits:
        if limit.reason == "rate_gap" or not broken(constraints.used(limit, arm, cost), limit):
            continue
        if limit.kind == "le":
            raise RuntimeError(f"the assignment breaks {limit.name}")
        raise InputError(f"params.yaml, {limit.name}", f"at least {limit.bound:g} after holdout and exploration",
                         f"{constraints.used(limit, arm, cost):g}, by a rare draw",
                         "ask for a little less, so that there is slack")  # fmt: skip


def _safe(planned: int, least: int, lost: float) -> bool:
    kept, worst = 1.0 - lost, (least - 1) / planned
    if worst >= kept:
        return False
    divergence = (1.0 - worst) * log((1.0 - worst) / lost) + (worst * log(worst / kept) if worst > 0 else 0.0)
    return planned * divergence >= -log(FAILURE)


def _rate_gap(limit: Limit, constraints: Constraints, exploration: Exploration, holdout: float) -> Limit:
    """Return the bound on planned rates from which the bound on probabilities follows.

    Of the group whose rate must not be higher at most as many are explored away as its most explored member is likely
    to be, of the other at least as many as its least explored one.
    """
    assert limit.group is not None
    code, groups = constraints.groups[limit.group], len(limit.weight)
    leaves = exploration.probability.sum(axis=1)
    most, least = np.zeros(groups), np.ones(groups)
    np.maximum.at(most, code, leaves)
    np.minimum.at(least, code, np.where(exploration.open, leaves, 0.0))
    explored = float((exploration.probability * constraints.weights(limit)).sum())
    stays = np.where(limit.weight > 0, (1.0 - least)[:, None], (1.0 - most)[:, None])
    return replace(limit, weight=(1.0 - holdout) * stays * limit.weight, bound=limit.bound - (1.0 - holdout) * explored)
