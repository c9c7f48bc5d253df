"""A problem in the form the solver computes with: weights by cell, and sums that are exact.

Inside, every limit reads Σ weight ≤ bound, the control weighs nothing, and a weight is about 1. Sums over stakeholders
are taken of whole units (of money, a power of ten; of gain, a power of two) and so do not depend on the order of rows.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from .limits import Limit, LimitUse, broken
from .problem import Block, Cells, Floats, Integers, Problem, Tally, cells_of, check, largest

_EXACT = 2.0**52  # whole numbers up to here add without rounding
_THREADS = 2  # of passes over many rows; nothing but time depends on their number
_PIECE = 131_072  # rows of a block in memory that one thread takes at a time
T = TypeVar("T")


class Prepared:
    """A problem in the solver's form.

    Attributes:
        n, arms, cells: sizes.
        cell: shape (n,).
        joined: positions of the rows that share a household with others, ascending.
        part: of each cell, shape (cells,); no household has members in two parts.
        count_weight, cost_weight: of every limit, by cell and arm, sparse, shape (limits, cells · arms).
        bound: shape (limits,).
        unit: what one unit of the inner bound is in units of the limit's own, shape (limits,), below 0 for "ge".
        key: shape (n,).
    """

    def __init__(self, problem: Problem) -> None:
        check(problem)
        self.problem, self.gain = problem, problem.gain
        self.n, self.arms = problem.gain.shape
        self.cost = np.broadcast_to(problem.cost, problem.gain.shape)
        self.cell, groups_of_cell = cells_of(problem)
        self.cells = len(groups_of_cell)
        self.size = np.bincount(self.cell, minlength=self.cells).astype(np.float64)
        self.key = _spread(self.n) if problem.key is None else problem.key
        top_gain, top_cost, self.mean_cost = largest(problem)
        self.gain_unit = 2.0 ** np.floor(np.log2(_EXACT / max(self.n * top_gain, 1e-300))) if top_gain > 0 else 1.0
        self.cost_unit = 10.0 ** np.clip(np.floor(np.log10(_EXACT / max(self.n * top_cost, 1e-9))), -6, 9)
        self.top_gain = top_gain
        self.joined = _in_households(problem)
        self.parts, self.part = self._parts()
        self._weigh(problem.limits, groups_of_cell)

    def _weigh(self, limits: Sequence[Limit], groups_of_cell: "Cells") -> None:
        counts, costs, self.bound, self.unit = [], [], np.zeros(len(limits)), np.ones(len(limits))
        for at, limit in enumerate(limits):
            full = limit.weight[groups_of_cell[limit.group]]
            shifted = full - full[:, :1]
            constant = 0.0 if limit.of_cost else float(full[:, 0] @ self.size)
            scale = float(np.abs(shifted).max(initial=0.0)) or 1.0
            if limit.of_cost:
                scale *= self.mean_cost
            self.unit[at] = scale if limit.kind == "le" else -scale
            self.bound[at] = (limit.bound - constant) / self.unit[at]
            inner = (shifted / self.unit[at]).ravel()
            counts.append(np.zeros_like(inner) if limit.of_cost else inner)
            costs.append(inner if limit.of_cost else np.zeros_like(inner))
        shape = (len(limits), self.cells * self.arms)
        self.count_weight = csr_array(np.array(counts).reshape(shape))
        self.cost_weight = csr_array(np.array(costs).reshape(shape))

    def _parts(self) -> tuple[int, Integers]:
        """Return the cells that no household connects, as a number and a code for each cell."""
        if not len(self.joined):
            return self.cells, np.arange(self.cells)
        assert self.problem.household is not None
        house = np.unique(self.problem.household[self.joined], return_inverse=True)[1].reshape(-1)
        shape = (self.cells, int(house.max()) + 1)
        lives = csr_array((np.ones(len(house)), (self.cell[self.joined], house)), shape=shape)
        parts, part = connected_components(lives @ lives.T, directed=False)
        return int(parts), part.astype(np.int64)

    def penalty(self, price: Floats) -> tuple[Floats, Floats]:
        """Return what the prices charge per assignment and per money of cost, shape (arms, cells) each."""
        shape = (self.cells, self.arms)
        flat, of_cost = price @ self.count_weight, price @ self.cost_weight
        return np.ascontiguousarray(flat.reshape(shape).T), np.ascontiguousarray(of_cost.reshape(shape).T)

    def tally(self, block: Block, arm: NDArray[np.int8]) -> Tally:
        """Return the sums of an assignment of the block's rows."""
        taken, columns = arm.astype(np.int64), np.arange(len(arm))
        at, size = block.cell * self.arms + taken, self.cells * self.arms
        gain = np.rint(np.where(taken > 0, block.gain[taken, columns], 0.0) * self.gain_unit)
        cost = np.ceil(block.cost[taken, columns] * self.cost_unit - 1e-6)
        cost[taken == 0] = 0.0
        if block.weight is not None:
            gain, cost = gain * block.weight, cost * block.weight
        return Tally(
            np.bincount(at, block.weight, size).astype(np.float64),
            np.bincount(at, cost, size).astype(np.float64),
            np.bincount(at, gain, size).astype(np.float64),
        )

    def used(self, tally: Tally) -> Floats:
        """Return what an assignment uses of every limit, in inner units, shape (limits,)."""
        used: Floats = self.count_weight @ tally.count + self.cost_weight @ (tally.spent / self.cost_unit)
        return used

    def gain_of(self, tally: Tally) -> float:
        """Return the total gain, money."""
        return float(tally.value.sum()) / self.gain_unit

    def used_by_part(self, tally: Tally) -> Any:
        """Return what it uses of every limit in every part, sparse, shape (limits, parts)."""
        size = self.cells * self.arms
        part_of = csr_array((np.ones(size), np.repeat(self.part, self.arms), np.arange(size + 1)), (size, self.parts))
        used = self.count_weight.multiply(tally.count[None, :]) + self.cost_weight.multiply(
            tally.spent[None, :] / self.cost_unit
        )
        return csr_array(used) @ part_of

    def value_by_part(self, tally: Tally) -> Floats:
        """Return the gain in every part, shape (parts,)."""
        return np.bincount(np.repeat(self.part, self.arms), tally.value, self.parts) / self.gain_unit

    def keeps(self, tally: Tally) -> bool:
        """Return whether no limit is broken."""
        return not any(broken(used, limit) for used, limit in zip(self.own(tally), self.problem.limits, strict=True))

    def own(self, tally: Tally) -> Floats:
        """Return what an assignment uses of every limit in the limit's own units, the control's part included."""
        constant = np.array([each.bound for each in self.problem.limits]) - self.bound * self.unit
        own: Floats = self.used(tally) * self.unit + constant
        return own

    def uses(self, tally: Tally, price: Floats) -> tuple[LimitUse, ...]:
        """Return the report of every limit, prices in money per unit of its own."""
        report = []
        for limit, used, each, unit in zip(self.problem.limits, self.own(tally), price, self.unit, strict=True):
            own = float(each / abs(unit))
            binding = own > 0 or bool(abs(limit.bound - used) <= 1e-9 * max(1.0, abs(limit.bound)))
            report.append(LimitUse(limit.name, limit.kind, limit.bound, float(used), own, binding))
        return tuple(report)

    def over_chunks(self, work: Callable[[Block], T], chunk: int) -> Iterator[T]:
        """Yield what `work` makes of all rows, so many at a time, in their order; NumPy lets both cores work."""
        starts = range(0, self.n, chunk)

        def made(start: int) -> T:
            part = slice(start, min(start + chunk, self.n))
            return work(Block(self.gain[part].T, self.cost[part].T, self.cell[part], np.arange(part.start, part.stop)))

        yield from _in_threads(made, starts)

    def over_pieces(self, block: Block, work: Callable[[Block], T]) -> Iterator[T]:
        """Yield what `work` makes of a block, a large one without households in pieces, in their order."""
        size = len(block) if block.joined else _PIECE

        def made(start: int) -> T:
            return work(block if size >= len(block) else block.slice(start, start + size))

        yield from _in_threads(made, range(0, max(len(block), 1), max(size, 1)))

    def block(self, rows: Integers, weight: Floats | None = None) -> Block:
        """Return some rows in the order of their keys, households first and together."""
        order = np.argsort(self.key[rows], kind="stable")
        rows, weight = rows[order], None if weight is None else weight[order]
        joined, unit = 0, None
        if self.problem.household is not None:
            house = self.problem.household[rows]
            shared = np.bincount(house[house >= 0], minlength=1)
            member = (house >= 0) & (shared[np.maximum(house, 0)] > 1)
            first = np.full(len(shared), np.inf)
            np.minimum.at(
                first, house[member], self.key[rows][member]
            )  # a household stands where its first member does
            place = np.where(member, first[np.maximum(house, 0)], self.key[rows])
            order = np.lexsort((self.key[rows], place, ~member))
            rows, place, joined = rows[order], place[order], int(member.sum())
            weight = None if weight is None else weight[order]
            unit = np.cumsum(np.concatenate([[False], (place[1:] != place[:-1]) | (np.arange(1, len(rows)) >= joined)]))
        gain, cost = np.ascontiguousarray(self.gain[rows].T), np.ascontiguousarray(self.cost[rows].T)
        return Block(gain, cost, self.cell[rows], rows, weight, unit, joined)


def _in_threads(work: Callable[[int], T], starts: range) -> Iterator[T]:
    if len(starts) < _THREADS:
        yield from map(work, starts)
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(work, starts)


def _in_households(problem: Problem) -> Integers:
    house = problem.household
    if house is None or not (house >= 0).any():
        return np.zeros(0, dtype=np.int64)
    members = np.bincount(house[house >= 0])
    return np.flatnonzero((house >= 0) & (members[np.maximum(house, 0)] > 1))


def _spread(n: int) -> Floats:
    """Return distinct numbers in [0, 1) in the manner of a hash of the position (the golden-ratio sequence)."""
    spread: Floats = np.mod((np.arange(n) + 1) * 0.6180339887498949, 1.0)
    return spread
