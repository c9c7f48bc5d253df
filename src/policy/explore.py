"""Randomisation whose probabilities are known exactly: a sticky holdout, and exploration of fixed size.

Exploration draws, among the people who may receive the same arms (a stratum), a fixed number for each of these arms,
without replacement, in the order of a keyed hash of the ids. The numbers are settled before anyone is drawn, so spend
and capacity never exceed their share of the limits, and a person's probability of exploring an arm is exactly that
arm's number over the size of the stratum. A stratum smaller than arms / share explores nothing.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import uniform_by_id
from .choose import Limits

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Exploration:
    """Who explores what.

    Attributes:
        arm: shape (n,), −1 = does not explore.
        probability: of exploring each arm, shape (n, arms).
        rest: the limits that remain for everyone else.
    """

    arm: NDArray[np.int64]
    probability: Floats
    rest: Limits


def in_holdout(ids: pd.Series, share: float, seed: int) -> NDArray[np.bool_]:
    """Return who belongs to the permanent holdout, shape (n,): the same people in every iteration."""
    return uniform_by_id(ids, f"holdout {seed}") < share


def explore(allowed: NDArray[np.bool_], ids: pd.Series, cost: Floats, limits: Limits, share: float,
            salt: str) -> Exploration:  # fmt: skip
    """Return who explores which arm.

    Args:
        allowed: arms each may receive today, shape (n, arms); a row without any takes no part.
        ids: stakeholders, shape (n,).
        cost: money, shape (n, arms).
        limits: of the whole assignment; exploration uses at most `share` of each.
        share: of the people who explore, all arms together.
        salt: key of the draw; another salt is another draw.
    """
    patterns, stratum = np.unique(allowed, axis=0, return_inverse=True)
    stratum = stratum.reshape(-1)
    dearest = np.stack([np.where(allowed, cost, 0.0)[stratum == s].max(axis=0, initial=0.0)
                        for s in range(len(patterns))]) if len(patterns) else np.zeros((0, cost.shape[1]))  # fmt: skip
    sizes = np.bincount(stratum, minlength=len(patterns))
    slots = _slots(patterns, sizes, dearest, limits, share)
    order = np.lexsort((ids.to_numpy(dtype=str), uniform_by_id(ids, salt)))
    arm = np.full(len(ids), -1, dtype=np.int64)
    for s in range(len(patterns)):
        members = order[stratum[order] == s]
        drawn = np.repeat(np.arange(slots.shape[1]), slots[s])
        arm[members[: len(drawn)]] = drawn
    probability = (slots / np.maximum(sizes, 1)[:, None])[stratum]
    return Exploration(arm, probability, _rest(limits, slots, dearest))


def _slots(patterns: NDArray[np.bool_], sizes: NDArray[np.int64], dearest: Floats, limits: Limits,
           share: float) -> NDArray[np.int64]:  # fmt: skip
    """Return how many of each stratum explore each arm, shape (strata, arms)."""
    arms = patterns.sum(axis=1)
    equal = np.floor(share * sizes / np.maximum(arms, 1))[:, None] * patterns
    total = np.maximum(equal.sum(axis=0), 1.0)
    room = np.array([np.inf if each is None else share * each for each in limits.capacity])
    fitted = np.floor(equal * np.minimum(1.0, room / total))
    spend = float((fitted * np.maximum(dearest, 0.0)).sum())
    if limits.budget is not None and spend > share * limits.budget:
        paid = dearest > 0
        fitted = np.where(paid, np.floor(fitted * share * limits.budget / spend), fitted)
    slots: NDArray[np.int64] = fitted.astype(np.int64)
    return slots


def _rest(limits: Limits, slots: NDArray[np.int64], dearest: Floats) -> Limits:
    budget = None if limits.budget is None else limits.budget - float((slots * np.maximum(dearest, 0.0)).sum())
    taken = slots.sum(axis=0)
    return Limits(budget, [None if room is None else room - int(taken[at]) for at, room in enumerate(limits.capacity)])
