"""Randomisation whose probabilities are known exactly: a sticky holdout, and exploration of fixed size.

Exploration draws, among those of the same candidate arms and the same groups of upper limits (a stratum), a fixed
number for each of these arms, without replacement, in the order of a keyed hash of the ids. The numbers are settled
before anyone is drawn, so what exploration can use of each limit is known, and a person's probability of exploring an
arm is exactly that arm's number over the size of the stratum. What does not divide by the arms goes to them in turn,
and a stratum smaller than 1 / share explores nothing. Of a household one member, the same whatever is drawn, explores
for all: the others get the control when it is drawn.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import uniform_by_id
from .limits import Constraints, Integers

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
HOLDOUT_SALT = "holdout 1"  # never the params' seed: another seed must not hold out other people
_PACKED = 30  # flags that go into one whole number


@dataclass(frozen=True)
class Exploration:
    """Who explores what.

    Attributes:
        arm: shape (n,), −1 = does not explore.
        probability: of exploring each arm, shape (n, arms).
        use: what all draws together can use of each limit at most, shape (limits,); 0 for quotas and rates.
        open: who had something to draw, shape (n,).
        too_few: who of them stands in a stratum too small for the share to make a whole person of, shape (n,).
        no_room: draws that limits left no room for.
    """

    arm: NDArray[np.int64]
    probability: Floats
    use: Floats
    open: Flags
    too_few: Flags
    no_room: int

    @property
    def share(self) -> float:
        """The share that explores of those who had something to draw."""
        return float((self.arm >= 0).sum() / max(int(self.open.sum()), 1))

    def account(self, asked: float) -> dict[str, float | int]:
        """Return the share asked for and found, of how many people, and what takes off it, JSON-ready."""
        return {"asked": asked, "found": self.share, "open": int(self.open.sum()), "too_few": int(self.too_few.sum()),
                "no_room": self.no_room}  # fmt: skip


def in_holdout(ids: pd.Series, share: float) -> Flags:
    """Return who belongs to the permanent holdout, shape (n,): the same people for every iteration and seed."""
    return uniform_by_id(ids, HOLDOUT_SALT) < share


def nearly_best(gain: Floats, error: Floats, allowed: Flags, within: float | None) -> Flags:
    """Return the arms worth exploring, shape (n, arms): those not clearly behind the best allowed one.

    Arm a is behind the best arm b by gain_b − gain_a, of standard error √(error_a² + error_b²) at most.

    Args:
        gain: money, NaN: unknown, always worth exploring; shape (n, arms).
        error: its standard error, same shape.
        allowed: same shape.
        within: standard errors an arm may be behind; None: any number.
    """
    if within is None:
        return allowed
    known = np.where(allowed & ~np.isnan(gain), gain, -np.inf)
    rows, best = np.arange(len(gain)), known.argmax(axis=1)
    behind = known[rows, best][:, None] - gain
    spread = np.sqrt(error**2 + np.nan_to_num(error[rows, best])[:, None] ** 2)
    near: Flags = allowed & ~(behind > within * spread)
    return near


def explore(allowed: Flags, ids: pd.Series, cost: Floats, constraints: Constraints, share: float,
            salt: str) -> Exploration:  # fmt: skip
    """Return who explores which arm.

    Args:
        allowed: arms that each may draw, shape (n, arms); a row with fewer than two has nothing to draw.
        ids: stakeholders, shape (n,).
        cost: money, shape (n, arms).
        constraints: of the whole assignment; exploration uses at most `share` of what each limit allows.
        share: of the people who explore, all arms together.
        salt: key of the draw; another salt is another draw.
    """
    drawable = allowed.sum(axis=1) >= 2
    speaker = _speakers(drawable, ids, constraints.household)
    members = np.flatnonzero(speaker == np.arange(len(ids)))
    groups = sorted({limit.group for limit in constraints.limits if limit.upper and limit.group is not None})
    first, stratum = _strata(allowed[members], [constraints.groups[name][members] for name in groups])
    sizes = np.bincount(stratum, minlength=len(first))
    total = np.floor(share * sizes + 1e-9).astype(np.int64)
    wanted, dearest = _dealt(total, allowed[members[first]]), np.zeros((len(first), allowed.shape[1]))
    np.maximum.at(dearest, stratum, np.where(allowed[members], np.maximum(cost[members], 0.0), 0.0))
    slots, use = _slots(wanted, dearest, members[first], constraints, share)
    order = np.lexsort((ids.to_numpy(dtype=str)[members], uniform_by_id(ids, salt)[members], stratum))
    rank = np.empty(len(members), dtype=np.int64)
    rank[order] = np.arange(len(members)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    ends = np.cumsum(slots, axis=1)[stratum]
    mine = (rank[:, None] >= ends).sum(axis=1)
    arm, probability = np.full(len(ids), -1, dtype=np.int64), np.zeros(allowed.shape)
    too_few = np.zeros(len(ids), dtype=bool)
    arm[members] = np.where(mine < allowed.shape[1], mine, -1)
    probability[members] = slots[stratum] / np.maximum(sizes, 1)[stratum][:, None]
    too_few[members] = total[stratum] == 0
    silent = np.flatnonzero((speaker >= 0) & (speaker != np.arange(len(ids))))
    arm[silent] = np.where(arm[speaker[silent]] >= 0, 0, -1)
    probability[silent, 0] = probability[speaker[silent]].sum(axis=1)
    too_few[silent] = too_few[speaker[silent]]
    return Exploration(arm, probability, use, speaker >= 0, too_few, int(wanted.sum()) - int(slots.sum()))


def _speakers(drawable: Flags, ids: pd.Series, household: Integers | None) -> Integers:
    """Return the position of the one who draws for each row, shape (n,); −1 where there is nothing to draw."""
    own = np.where(drawable, np.arange(len(drawable)), -1)
    if household is None or not (household >= 0).any():
        return own
    hashed = uniform_by_id(ids, "speaks for the household")
    order = np.lexsort((ids.to_numpy(dtype=str), hashed))
    order = order[drawable[order] & (household[order] >= 0)]
    houses, first = np.unique(household[order], return_index=True)
    speaks = np.full(int(household.max()) + 1, -1, dtype=np.int64)
    speaks[houses] = order[first]
    return np.where(household >= 0, speaks[np.maximum(household, 0)], own)


def _strata(allowed: Flags, groups: list[Integers]) -> tuple[Integers, Integers]:
    """Return the first row of each stratum and each row's stratum, numbered in an order of their own."""
    parts = [allowed[:, at : at + _PACKED] @ (1 << np.arange(min(_PACKED, allowed.shape[1] - at)))
             for at in range(0, allowed.shape[1], _PACKED)]  # fmt: skip
    first, stratum = np.zeros(0, dtype=np.int64), np.zeros(len(allowed), dtype=np.int64)
    for part in (*parts, *groups):
        joint = stratum * (int(part.max(initial=0)) + 1) + part
        _, first, stratum = np.unique(joint, return_index=True, return_inverse=True)
        stratum = stratum.reshape(-1)
    return first, stratum


def _dealt(total: Integers, pattern: Flags) -> Floats:
    """Return each stratum's total dealt out to its arms, shape (strata, arms); what is over goes on from arm to arm."""
    arms = np.maximum(pattern.sum(axis=1), 1)
    each, over = np.divmod(total, arms)
    start = (np.cumsum(over) - over) % arms
    turn = (np.cumsum(pattern, axis=1) - 1 - start[:, None]) % arms[:, None]
    dealt: Floats = ((each[:, None] + (turn < over[:, None])) * pattern).astype(np.float64)
    return dealt


def _thinned(slots: Floats, need: Floats, room: float) -> Floats:
    """Return as many of the slots as there is room for, evenly from all strata and arms that need any."""
    if (slots * need).sum() <= room:
        return slots
    cell = np.repeat(np.arange(slots.size), slots.ravel().astype(np.int64))
    needing = cell[need.ravel()[cell] > 0]
    spread = np.argsort(np.mod((np.arange(len(needing)) + 1) * 0.6180339887498949, 1.0), kind="stable")
    fits = needing[spread][np.cumsum(need.ravel()[needing[spread]]) <= room * (1.0 + 1e-12)]
    thinned: Floats = np.where(need > 0, np.bincount(fits, minlength=slots.size).reshape(slots.shape), slots)
    return thinned


def _slots(wanted: Floats, dearest: Floats, first: Integers, constraints: Constraints,
           share: float) -> tuple[NDArray[np.int64], Floats]:  # fmt: skip
    """Return how many of each stratum explore each arm, shape (strata, arms), and the limits' use.

    Args:
        wanted: how many would without limits, shape (strata, arms).
        dearest: the highest cost of each arm among those who may draw it, money, same shape.
        first: a row of each stratum, as a position among all rows, shape (strata,).
        constraints: of all rows.
        share: of each limit.
    """
    slots, needs = wanted, []
    for limit in constraints.limits:
        weight = limit.weight if limit.group is None else limit.weight[constraints.groups[limit.group][first]]
        needs.append(np.maximum(weight, 0.0) * (dearest if limit.of_cost else np.ones(wanted.shape)))
    for limit, need in zip(constraints.limits, needs, strict=True):
        if limit.upper:
            slots = _thinned(slots, need, share * limit.bound)
    use = [float((slots * need).sum()) * each.upper for each, need in zip(constraints.limits, needs, strict=True)]
    return slots.astype(np.int64), np.array(use)
