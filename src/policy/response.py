"""The exact best response to prices: for each stakeholder the arm with the highest gain after what the prices charge.

Ties go to the control, then to the arm that stands first; within a household to the member whose key is smallest.
"""

from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from .prepared import Prepared
from .problem import Block, Floats, Integers, Tally

Arms = NDArray[np.int8]


@dataclass(frozen=True)
class Response:
    """Best arms at prices.

    Attributes:
        arm: shape (r,).
        best: gain after charges, at least 0 (the control), shape (r,); 0 for members of a household who get nothing.
        margin: by how much the best option beats the next one of the row or household, shape (r,).
    """

    arm: Arms
    best: Floats
    margin: Floats


def respond(prepared: Prepared, block: Block, price: Floats) -> Response:
    """Return the best response of a block's rows to prices, shape (limits,), inner units."""
    flat, of_cost = prepared.penalty(price)
    best, arm = np.zeros(len(block)), np.zeros(len(block), dtype=np.int8)
    second = np.full(len(block), -np.inf)
    for at in range(1, prepared.arms):
        score = _score(block, at, flat, of_cost)
        better = score > best  # never true of NaN
        second = np.where(better, best, np.fmax(second, score))
        best = np.fmax(best, score)
        arm[better] = at
    if block.joined:
        return _one_per_household(block, arm, best, second)
    return Response(arm, best, best - second)


def best_arms(prepared: Prepared, block: Block, price: Floats) -> Arms:
    """Return `respond(...).arm`, in less time."""
    if block.joined:
        return respond(prepared, block, price).arm
    flat, of_cost = prepared.penalty(price)
    best, arm = np.zeros(len(block)), np.zeros(len(block), dtype=np.int8)
    for at in range(1, prepared.arms):
        score = _score(block, at, flat, of_cost)
        arm[score > best] = at
        np.fmax(best, score, out=best)
    return arm


def answered(prepared: Prepared, block: Block, price: Floats) -> tuple[Arms, Tally]:
    """Return the best arms of a block in memory at prices, and their sums."""

    def part(piece: Block) -> tuple[Arms, Tally]:
        arm = best_arms(prepared, piece, price)
        return arm, prepared.tally(piece, arm)

    arms, tallies = zip(*prepared.over_pieces(block, part), strict=True)
    return np.concatenate(arms), reduce(add, tallies)


def _score(block: Block, at: int, flat: Floats, of_cost: Floats) -> Floats:
    score: Floats = block.gain[at] - _charge(block, at, flat, of_cost)
    return score


def _charge(block: Block, at: int, flat: Floats, of_cost: Floats) -> Floats | float:
    charge: Floats | float = 0.0
    if flat[at].any():
        charge = flat[at, 0] if flat.shape[1] == 1 else flat[at][block.cell]
    if of_cost[at].any():
        charge = charge + (of_cost[at, 0] if flat.shape[1] == 1 else of_cost[at][block.cell]) * block.cost[at]
    return charge


def _one_per_household(block: Block, arm: Arms, best: Floats, second: Floats) -> Response:
    joined, unit = block.joined, block.unit
    assert unit is not None
    house, top_of_row = unit[:joined], best[:joined]
    starts = np.flatnonzero(np.concatenate([[True], house[1:] != house[:-1]]))
    place = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, joined)))
    top = np.maximum.reduceat(top_of_row, starts)
    candidates = np.flatnonzero((top_of_row == top[place]) & (top_of_row > 0))
    first = np.concatenate([[True], place[candidates][1:] != place[candidates][:-1]]) if len(candidates) else candidates
    winners = candidates[first]
    chosen = np.zeros(joined, dtype=bool)
    chosen[winners] = True
    alternative = np.where(chosen | (top == 0)[place], second[:joined], top_of_row)
    arm[:joined][~chosen] = 0
    margin = best - second
    margin[:joined] = (top - np.maximum.reduceat(alternative, starts))[place]
    best[:joined][~chosen] = 0.0
    return Response(arm, best, margin)


def everyone(prepared: Prepared, price: Floats, chunk: int) -> tuple[Arms, Tally]:
    """Return the best response of all rows, so many at a time, and its sums."""
    arm, total = np.zeros(prepared.n, dtype=np.int8), nothing(prepared)
    shared = np.zeros(prepared.n, dtype=bool)
    shared[prepared.joined] = True

    def part(block: Block) -> Tally:
        mine = best_arms(prepared, block, price)
        mine[shared[block.rows]] = 0
        arm[block.rows] = mine
        return prepared.tally(block, mine)

    for tally in prepared.over_chunks(part, chunk):
        total += tally
    if len(prepared.joined):
        houses = prepared.block(prepared.joined)
        arm[houses.rows] = best_arms(prepared, houses, price)
        total += prepared.tally(houses, arm[houses.rows])
    return arm, total


def nothing(prepared: Prepared) -> Tally:
    """Return the sums over no rows."""
    return Tally(*np.zeros((3, prepared.cells * prepared.arms)))


def undecided(prepared: Prepared, price: Floats, radius: Floats, chunk: int) -> tuple[Integers, Tally]:
    """Return the rows whose best response may change while each price moves by at most its radius.

    Members of households of several are always among them.

    Args:
        prepared: the problem.
        price, radius: shape (limits,).
        chunk: rows at a time.

    Returns:
        positions, ascending, and the sums over all other rows.
    """
    shared = np.zeros(prepared.n, dtype=bool)
    shared[prepared.joined] = True
    if not np.isfinite(radius).all():
        some = prepared.over_chunks(lambda block: block.rows[~np.isnan(block.gain[1:]).all(axis=0)], chunk)
        return np.concatenate([np.zeros(0, dtype=np.int64), *some]), nothing(prepared)
    charges, reach = prepared.penalty(price), _reach(prepared, radius)
    found, rest = [np.zeros(0, dtype=np.int64)], nothing(prepared)

    def part(block: Block) -> tuple[Integers, Tally]:
        arm, changes = _may_change(prepared, block, charges, reach)
        changes |= shared[block.rows]
        at = np.flatnonzero(changes)
        mine = Block(block.gain[:, at], block.cost[:, at], block.cell[at], block.rows[at])
        return mine.rows, prepared.tally(block, arm) - prepared.tally(mine, arm[at])

    for rows, decided in prepared.over_chunks(part, chunk):
        found.append(rows)
        rest += decided
    return np.concatenate(found), rest


def _may_change(prepared: Prepared, block: Block, charges: tuple[Floats, Floats],
                reach: tuple[Floats, Floats]) -> tuple[Arms, NDArray[np.bool_]]:  # fmt: skip
    arm, best, low = np.zeros(len(block), dtype=np.int8), np.zeros(len(block)), np.zeros(len(block))
    ceilings = []
    for at in range(1, prepared.arms):
        score, width = _score(block, at, *charges), _charge(block, at, *reach)
        arm[score > best] = at
        np.fmax(best, score, out=best)
        np.fmax(low, score - width, out=low)
        ceilings.append(score + width)
    options = (low <= 0).astype(np.int8)
    possible = np.zeros(len(block), dtype=bool)
    for ceiling in ceilings:
        options += ceiling >= low
        possible |= ~np.isnan(ceiling)
    return arm, (options > 1) & possible


def _reach(prepared: Prepared, radius: Floats) -> tuple[Floats, Floats]:
    """Return how far the charges can move while the prices stay within the radius, shape (arms, cells) each."""
    shape = (prepared.cells, prepared.arms)
    flat, of_cost = radius @ abs(prepared.count_weight), radius @ abs(prepared.cost_weight)
    return np.ascontiguousarray(flat.reshape(shape).T), np.ascontiguousarray(of_cost.reshape(shape).T)
