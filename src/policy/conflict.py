"""Limits that contradict one another, named as a smallest set (deletion filter).

What the limits ask for is checked on an aggregate: stakeholders of the same cell, the same possible arms and about the
same cost are one kind, and each costs what the cheapest (for a quota of money: the dearest) of the kind does. If even
this optimistic population cannot keep the limits, nobody's can.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from .limits import InfeasibleError, Limit
from .prepared import Prepared
from .problem import Block, Floats, Integers

_COST_BANDS = 16
_MOST_ARMS = 32
_SLACK = 1e-7


def refuse_contradictions(prepared: Prepared, chunk: int) -> None:
    """Check what can be checked without looking at single stakeholders.

    Raises:
        InfeasibleError: the limits contradict one another.
    """
    if (prepared.bound >= 0).all():
        return  # the control for everyone keeps them
    if prepared.arms > _MOST_ARMS:
        return  # too many patterns to count; the prices will run away
    cell, pattern, size, low, high = _kinds(prepared, chunk)
    kind, arm = np.nonzero(pattern)
    at, arms = cell[kind] * prepared.arms + arm + 1, np.arange(len(kind))
    weight = prepared.cost_weight[:, at].toarray() if len(kind) else np.zeros((len(prepared.bound), 0))
    used = prepared.count_weight[:, at].toarray() + np.where(
        weight > 0, weight * low[kind, arm], weight * high[kind, arm]
    )
    once = csr_array((np.ones(len(kind)), (kind, arms)), shape=(len(size), len(kind)))

    def possible(kept: Integers) -> bool:
        if len(kind) == 0:
            return bool((prepared.bound[kept] >= 0).all())
        matrix = vstack([once, csr_array(used[kept])]).tocsr()
        room = np.concatenate([size, prepared.bound[kept] + _SLACK * np.maximum(1.0, np.abs(prepared.bound[kept]))])
        return bool(linprog(np.zeros(len(kind)), A_ub=matrix, b_ub=room, bounds=(0, None), method="highs").status != 2)

    if not possible(np.arange(len(prepared.bound))):
        raise contradiction(prepared, possible)


def contradiction(prepared: Prepared, possible: Callable[[Integers], bool]) -> InfeasibleError:
    """Return the error that names a smallest set of contradicting limits.

    Args:
        prepared: the problem.
        possible: whether the limits at some positions can be kept together; not so for all of them.
    """
    kept = np.arange(len(prepared.bound))
    for at in range(len(prepared.bound)):
        without = kept[kept != at]
        if not possible(without):
            kept = without
    limits = [prepared.problem.limits[int(at)] for at in kept]
    got = " together with ".join(map(_side, limits))
    return InfeasibleError([limit.name for limit in limits], f"{got}, which the population cannot meet")


def _side(limit: Limit) -> str:
    """Return what a limit asks for in the numbers of params, and the plan's where that differs."""
    side = f"{limit.name} {'at most' if limit.kind == 'le' else 'at least'} "
    if limit.stated is None or limit.stated == limit.bound:
        return f"{side}{limit.bound:g}"
    return f"{side}{limit.stated:g} ({limit.bound:g} in the plan, to leave room for holdout and exploration)"


def _kinds(prepared: Prepared, chunk: int) -> tuple[Integers, Floats, Floats, Floats, Floats]:
    """Return cell, possible arms, number, lowest and highest cost of each kind of stakeholder."""
    edges, treated = _bands(prepared), prepared.arms - 1
    powers, bands = 2 ** np.arange(treated), len(edges) + 1

    def part(block: Block) -> tuple[Integers, Floats, Floats, Floats]:
        finite = ~np.isnan(block.gain[1:])
        band = np.searchsorted(edges, np.where(finite, block.cost[1:], 0.0).max(axis=0, initial=0.0))
        code = (block.cell * 2**treated + powers @ finite) * bands + band
        return _merged(code, np.ones(len(code)), block.cost[1:], block.cost[1:])

    nobody = np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros((treated, 0)), np.zeros((treated, 0))
    parts = [nobody, *prepared.over_chunks(part, chunk)]
    code, size, low, high = _merged(*(np.concatenate(each, axis=-1) for each in zip(*parts, strict=True)))
    cell, pattern = np.divmod(code // bands, 2**treated)
    return cell, ((pattern[:, None] // powers) % 2).astype(np.float64), size, low.T, high.T


def _merged(code: Integers, size: Floats, low: Floats, high: Floats) -> tuple[Integers, Floats, Floats, Floats]:
    """Return distinct codes with their total size, and the lowest and highest cost of each arm, shape (arms, codes)."""
    kinds, place = np.unique(code, return_inverse=True)
    lowest, highest = np.full((len(low), len(kinds)), np.inf), np.zeros((len(high), len(kinds)))
    for at in range(len(low)):
        np.minimum.at(lowest[at], place, low[at])
        np.maximum.at(highest[at], place, high[at])
    return kinds, np.bincount(place, size, len(kinds)).astype(np.float64), lowest, highest


def _bands(prepared: Prepared) -> Floats:
    """Return the edges that part the stakeholders by their dearest arm, from those with the smallest keys."""
    if not prepared.cost_weight.nnz or prepared.n == 0:
        return np.zeros(0)
    some = np.flatnonzero(prepared.key <= min(20_000 / prepared.n, 1.0))
    dearest = prepared.cost[some, 1:].max(axis=1, initial=0.0)
    return np.unique(np.quantile(dearest, np.linspace(0, 1, _COST_BANDS + 1)[1:-1])) if len(some) else np.zeros(0)
