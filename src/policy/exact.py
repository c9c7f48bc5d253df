"""Small problems with HiGHS: the linear relaxation with its prices, and the assignment in whole numbers.

A vertex of the relaxation splits at most as many households (or single stakeholders) as there are limits. These, with
some that are nearly indifferent, are decided afresh while everyone else keeps the arm of the vertex.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, hstack, identity, vstack

from .problem import Block, Floats, Integers, Prepared

_WHOLE = 1.0 - 1e-6
_NEIGHBOURS = 16  # units decided afresh besides the split ones
_STATES = 4000
_MOST_CHANGES = 300
_SLACK = 1e-7  # what the solver may break a limit by, in inner units


@dataclass(frozen=True)
class Options:
    """Pairs of row and arm, one variable each.

    Attributes:
        row, arm: shape (p,).
        unit: of the row: a household or a single stakeholder, shape (p,).
        units: how many.
        gain: money, times the weight of the row, shape (p,).
        used: of every limit, sparse, shape (limits, p).
        split: the row is one of several of its unit, so the unit needs no more than the household's own constraint.
    """

    row: Integers
    arm: Integers
    unit: Integers
    units: int
    gain: Floats
    used: Any

    def only(self, keep: NDArray[np.bool_]) -> "Options":
        """Return some of the pairs."""
        at = np.flatnonzero(keep)
        return Options(self.row[at], self.arm[at], self.unit[at], self.units, self.gain[at], self.used[:, at])


def options_of(prepared: Prepared, block: Block) -> Options:
    """Return all pairs that may be assigned, the control aside."""
    finite = ~np.isnan(block.gain)
    finite[0] = False
    row, arm = np.nonzero(finite.T)
    at = block.cell[row] * prepared.arms + arm
    weight = np.ones(len(block)) if block.weight is None else block.weight
    cost = np.ceil(block.cost[arm, row] * prepared.cost_unit - 1e-6) / prepared.cost_unit
    used = prepared.count_weight[:, at] + prepared.cost_weight[:, at].multiply(cost[None, :])
    used = csr_array(csr_array(used).multiply(weight[row][None, :])).tocsc()
    unit = np.arange(len(block)) if block.unit is None else block.unit
    units = int(unit.max(initial=-1)) + 1
    return Options(row, arm, unit[row], units, block.gain[arm, row] * weight[row], used)


@dataclass(frozen=True)
class Relaxed:
    """An optimal vertex of the relaxation: shares of the pairs, and the prices of the limits, at least 0."""

    share: Floats
    price: Floats


def relax(options: Options, bound: Floats, elastic: float | None = None) -> Relaxed | None:
    """Return the optimum of the linear relaxation, None when there is no feasible point.

    Args:
        options: p pairs.
        bound: of the limits, shape (limits,).
        elastic: no price may exceed this: a limit may be broken for so much per unit; None: it may not.
    """
    pairs, limits = len(options.row), len(bound)
    if pairs == 0:
        return Relaxed(np.zeros(0), np.zeros(limits)) if elastic is not None or (bound >= -_SLACK).all() else None
    scale = max(float(np.abs(options.gain).mean()), 1e-300)
    once = csr_array((np.ones(pairs), (options.unit, np.arange(pairs))), shape=(options.units, pairs))
    used, price_cap = options.used, np.zeros(0)
    if elastic is not None:
        used, price_cap = hstack([used, -identity(limits)]), np.full(limits, elastic / scale)
        once = hstack([once, csr_array((options.units, limits))])
    upper = np.concatenate([np.ones(pairs), np.full(len(price_cap), np.inf)])
    solved = linprog(
        np.concatenate([-options.gain / scale, price_cap]),
        A_ub=vstack([once, used]).tocsr(),
        b_ub=np.concatenate([np.ones(options.units), bound]),
        bounds=np.column_stack([np.zeros(len(upper)), upper]),
        method="highs",
    )
    if solved.status == 2:
        return None
    if solved.status != 0:
        raise RuntimeError(f"the linear programme of the assignment was not solved: {solved.message}")
    price = np.maximum(-solved.ineqlin.marginals[options.units :], 0.0) * scale
    return Relaxed(solved.x[:pairs], price)


def whole(options: Options, relaxed: Relaxed, bound: Floats, slack: float) -> NDArray[np.bool_] | None:
    """Return the pairs of an assignment in whole numbers near the vertex, None when none is found.

    Args:
        options: p pairs.
        relaxed: the vertex.
        bound: of the limits.
        slack: money by which the result may miss the best one, should an integer programme be needed.
    """
    near, split = _nearness(options, relaxed)
    found = _rounded(options, relaxed, bound, near, split + _NEIGHBOURS)
    if found is not None:
        return _improved(options, found, bound)
    for size in (150, 1500, options.units):
        free = (near < size)[options.unit]
        kept = (relaxed.share > _WHOLE) & ~free
        part = integers(options.only(free), bound - options.used @ kept, slack)
        if part is not None:
            kept[free] = part
            return _improved(options, kept, bound)
        if size >= options.units:
            break
    return None


def _rounded(options: Options, relaxed: Relaxed, bound: Floats, near: Integers, size: int) -> NDArray[np.bool_] | None:
    """Return the best way to decide the units nearest to indifference, among those that give up least at the prices.

    What an assignment loses against the relaxation is what its units give up at the prices and the worth of the room
    it leaves. Partial assignments are extended unit by unit; of these the `_STATES` that give up least are kept.
    """
    free = (near < size)[options.unit]
    kept = (relaxed.share > _WHOLE) & ~free
    reduced = options.gain - options.used.T @ relaxed.price
    used, missed = (options.used @ kept)[None, :], np.zeros(1)
    trail: list[tuple[Integers, Integers]] = []
    pairs = np.flatnonzero(free)
    pairs = pairs[np.argsort(near[options.unit[pairs]], kind="stable")]
    for group in np.split(pairs, np.flatnonzero(np.diff(options.unit[pairs])) + 1):
        gives_up = np.append(reduced[group], 0.0)
        gives_up = gives_up.max() - gives_up
        uses = np.vstack([options.used[:, group].toarray().T, np.zeros(len(bound))])
        total = (missed[:, None] + gives_up[None, :]).ravel()
        order = np.argsort(total, kind="stable")[:_STATES]
        parent, option = np.divmod(order, len(gives_up))
        used, missed = used[parent] + uses[option], total[order]
        trail.append((parent, np.append(group, -1)[option]))
    fits = np.flatnonzero((used <= bound + 1e-9 * np.maximum(1.0, np.abs(bound))).all(axis=1))
    if len(fits) == 0:
        return None
    state = fits[np.argmin(missed[fits] + (bound - used[fits]) @ relaxed.price)]
    for parent, pair in reversed(trail):
        if pair[state] >= 0:
            kept[pair[state]] = True
        state = parent[state]
    return kept


def _improved(options: Options, kept: NDArray[np.bool_], bound: Floats) -> NDArray[np.bool_]:
    """Change one unit's arm at a time, the change that gains most first, as long as the limits leave room."""
    used, kept = options.used.tocsc(), kept.copy()
    current = np.full(options.units, -1, dtype=np.int64)
    current[options.unit[kept]] = np.flatnonzero(kept)
    room, dense = bound - used @ kept, used.toarray()
    for _ in range(_MOST_CHANGES):
        now = current[options.unit]
        gains = options.gain - np.where(now >= 0, options.gain[now], 0.0)
        better = np.flatnonzero(gains > 1e-12)
        needs = dense[:, better] - np.where(now[better] >= 0, dense[:, now[better]], 0.0)
        fits = better[(needs <= (room + 1e-9 * np.maximum(1.0, np.abs(bound)))[:, None]).all(axis=0)]
        if len(fits) == 0:
            break
        best = fits[np.argmax(gains[fits])]
        if now[best] >= 0:
            kept[now[best]] = False
        kept[best], current[options.unit[best]] = True, best
        room = bound - used @ kept
    return kept


def integers(options: Options, bound: Floats, slack: float) -> NDArray[np.bool_] | None:
    """Return the pairs of the best assignment in whole numbers, None when there is none.

    Args:
        options: p pairs.
        bound: of the limits.
        slack: money by which the result may miss the best one.
    """
    pairs = len(options.row)
    if pairs == 0:
        return np.zeros(0, dtype=bool) if (bound >= -_SLACK).all() else None
    used_units, place = np.unique(options.unit, return_inverse=True)
    once = csr_array((np.ones(pairs), (place.reshape(-1), np.arange(pairs))), shape=(len(used_units), pairs))
    scale = max(float(np.abs(options.gain).max()), 1e-300)
    most = float(np.maximum(options.gain, 0.0).sum())
    for tightened in (0.0, 1e-6, 1e-5):
        room = bound - tightened * np.maximum(1.0, np.abs(bound))
        solved = milp(
            -options.gain / scale,
            integrality=np.ones(pairs),
            bounds=Bounds(0, 1),
            constraints=[LinearConstraint(once, -np.inf, 1), LinearConstraint(options.used.tocsr(), -np.inf, room)],
            options={"mip_rel_gap": min(slack / max(most, 1e-300), 0.01), "node_limit": 20_000},
        )
        if solved.x is None:
            return None
        chosen: NDArray[np.bool_] = solved.x > 0.5
        if (options.used @ chosen <= bound + 1e-9 * np.maximum(1.0, np.abs(bound))).all():
            return chosen
    return None


def _nearness(options: Options, relaxed: Relaxed) -> tuple[Integers, int]:
    """Return the rank of each unit by indifference, split ones first, shape (units,), and how many are split."""
    reduced = options.gain - options.used.T @ relaxed.price
    best = np.zeros(options.units)
    np.maximum.at(best, options.unit, reduced)
    missed = best[options.unit] - reduced
    chosen = relaxed.share > _WHOLE
    treated = np.bincount(options.unit, chosen, options.units) > 0
    margin = np.where(treated, best, np.inf)  # to the control, for those who get an arm
    np.minimum.at(margin, options.unit[~chosen], missed[~chosen])
    split = np.zeros(options.units, dtype=bool)
    split[options.unit[(relaxed.share > 1e-6) & ~chosen]] = True
    rank = np.empty(options.units, dtype=np.int64)
    rank[np.lexsort((np.arange(options.units), margin, ~split))] = np.arange(options.units)
    return rank, int(split.sum())
