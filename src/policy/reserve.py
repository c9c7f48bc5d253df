"""The limits of the plan: those of params less what holdout and exploration may take, so that every draw keeps them.

The plan is made before anyone is drawn. Upper limits leave room for all that exploration can use. Quotas are raised:
of m planned contacts each is drawn away with probability p at most, and fewer than q are left with probability
exp(−m · KL((q − 1)/m ‖ 1 − p)) at most (Chernoff; for draws without replacement Hoeffding 1963, section 6), which is
held below FAILURE. A rate is the mean probability of an arm over all randomness, so a bound on rates is a bound on
planned rates: rate = c + (1 − h) Σ (1 − e)·[planned], with h the holdout, e a person's probability of exploring and c
from exploration alone. So a plan counts with 1 − e, by groups of people with the same e, or nearly the same.
"""

from dataclasses import dataclass, replace
from math import ceil, log

import numpy as np

from ..contracts.errors import InputError
from .explore import Exploration, Floats
from .limits import Constraints, Integers, Limit, broken

FAILURE = 1e-9  # probability that a draw leaves a quota unmet
_MOST_BANDS = 16  # of probabilities of exploring that bounds on rates tell apart


def planned_constraints(constraints: Constraints, exploration: Exploration, holdout: float) -> Constraints:
    """Return the constraints under which everyone is planned for, as if nobody were held out or explored.

    Args:
        constraints: what every draw must keep.
        exploration: settled, its limits in the order of the constraints.
        holdout: share of stakeholders.
    """
    leaves = exploration.probability.sum(axis=1)
    lost = 1.0 - (1.0 - holdout) * (1.0 - float(leaves.max(initial=0.0)))
    bands, limits, groups = _bands_of(leaves), [], dict(constraints.groups)
    for limit, use in zip(constraints.limits, exploration.use, strict=True):
        if limit.upper:
            limits.append(replace(limit, bound=limit.bound - float(use), stated=limit.bound))
        elif limit.kind == "le":
            assert limit.group is not None
            explored = float((exploration.probability * constraints.weights(limit)).sum())
            limits.append(_rate_gap(limit, bands, explored, holdout))
            groups[_banded(limit.group)] = constraints.groups[limit.group] * len(bands.least) + bands.code
        else:
            limits.append(replace(limit, bound=float(raised_quota(limit.bound, lost)), stated=limit.bound))
    return replace(constraints, limits=tuple(limits), groups=groups)


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


@dataclass(frozen=True)
class _Bands:
    """People by their probability of exploring: the band of each, shape (n,), least and most in it, shape (bands,)."""

    code: Integers
    least: Floats
    most: Floats


def _bands_of(leaves: Floats) -> _Bands:
    """Return a band for each probability; where there are too many, neighbours share one, with about as many people."""
    values, code, size = np.unique(np.round(leaves, 12), return_inverse=True, return_counts=True)
    if len(values) > _MOST_BANDS:
        middle = (np.cumsum(size) - size / 2) / len(leaves)
        code = np.unique(np.floor(_MOST_BANDS * middle), return_inverse=True)[1][code]
    bands = int(code.max(initial=-1)) + 1
    least, most = np.ones(bands), np.zeros(bands)
    np.minimum.at(least, code, leaves)
    np.maximum.at(most, code, leaves)
    return _Bands(code.astype(np.int64), least, most)


def _banded(group: str) -> str:
    """Return the name of a grouping cut into bands."""
    return f"{group}, by probability of exploring"


def _rate_gap(limit: Limit, bands: _Bands, explored: float, holdout: float) -> Limit:
    """Return the bound on planned rates from which the bound on probabilities follows.

    Of the group whose rate must not be higher each member is taken to explore as rarely as anyone in the same band, of
    the other as often: exact where a band is a single probability.
    """
    assert limit.group is not None
    weight = limit.weight[:, None, :]
    stays = np.where(weight > 0, (1.0 - bands.least)[None, :, None], (1.0 - bands.most)[None, :, None])
    weight = ((1.0 - holdout) * stays * weight).reshape(-1, limit.weight.shape[1])
    bound = limit.bound - (1.0 - holdout) * explored
    return replace(limit, weight=weight, bound=bound, group=_banded(limit.group), stated=limit.bound)
