"""Whole numbers near a vertex of the relaxation.

A vertex splits at most as many households (or single stakeholders) as there are limits. These, with some that are
nearly indifferent, are decided afresh while everyone else keeps the arm of the vertex.
"""

import numpy as np
from numpy.typing import NDArray

from .exact import Options, Relaxed, integers
from .problem import Floats, Integers

_WHOLE = 1.0 - 1e-6
_NEIGHBOURS = 16  # units decided afresh besides the split ones
_MOST_PASSES = 5


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
    if found is None:
        down = relaxed.share > _WHOLE
        found = down if (options.used @ down <= bound + 1e-9 * np.maximum(1.0, np.abs(bound))).all() else None
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
    it leaves. Partial assignments are extended unit by unit; of those that can still keep the limits, some thousands
    that give up least are kept.
    """
    states = max(200, min(4000, 40_000 // max(len(bound), 1)))
    free = (near < size)[options.unit]
    kept = (relaxed.share > _WHOLE) & ~free
    reduced = options.gain - options.used.T @ relaxed.price
    used, missed, ceiling = (options.used @ kept)[None, :], np.zeros(1), bound + 1e-9 * np.maximum(1.0, np.abs(bound))
    pairs = np.flatnonzero(free)
    pairs = pairs[np.argsort(near[options.unit[pairs]], kind="stable")]
    groups = np.split(pairs, np.flatnonzero(np.diff(options.unit[pairs])) + 1)
    uses = [np.vstack([options.used[:, group].toarray().T, np.zeros(len(bound))]) for group in groups]
    later = np.cumsum([each.min(axis=0) for each in uses[::-1]], axis=0)[::-1]  # the least that is still to come
    trail: list[tuple[Integers, Integers]] = []
    for at, (group, each) in enumerate(zip(groups, uses, strict=True)):
        gives_up = np.append(reduced[group], 0.0)
        gives_up = gives_up.max() - gives_up
        total = (missed[:, None] + gives_up[None, :]).ravel()
        parent, option = np.divmod(np.argsort(total, kind="stable")[: 3 * states], len(gives_up))
        now = used[parent] + each[option]
        hopeful = np.flatnonzero((now + (later[at + 1] if at + 1 < len(groups) else 0.0) <= ceiling).all(axis=1))[
            :states
        ]
        used, parent, option = now[hopeful], parent[hopeful], option[hopeful]
        missed = missed[parent] + gives_up[option]
        trail.append((parent, np.append(group, -1)[option]))
    fits = np.flatnonzero((used <= ceiling).all(axis=1))
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
    tolerance = 1e-9 * np.maximum(1.0, np.abs(bound))
    for _ in range(_MOST_PASSES):
        now = current[options.unit]
        gains = options.gain - np.where(now >= 0, options.gain[now], 0.0)
        better = np.flatnonzero(gains > 1e-12)
        needs = used[:, better].toarray() - np.where(now[better] >= 0, used[:, now[better]].toarray(), 0.0)
        room = bound + tolerance - used @ kept
        fitting = np.flatnonzero((needs <= room[:, None]).all(axis=0))
        if len(fitting) == 0:
            break
        changed = np.zeros(options.units, dtype=bool)
        for at in fitting[np.argsort(-gains[better[fitting]], kind="stable")]:
            pair, unit = better[at], options.unit[better[at]]
            if not changed[unit] and (needs[:, at] <= room).all():
                if current[unit] >= 0:
                    kept[current[unit]] = False
                kept[pair], current[unit], changed[unit] = True, pair, True
                room = room - needs[:, at]
    return kept


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
