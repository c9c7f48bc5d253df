"""A problem of assignment, and the pieces the solver cuts it into.

A *cell* is a combination of groups, so that what an assignment uses depends on cell, arm and cost alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..contracts.errors import InputError
from .limits import Limit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_EXACT = 2.0**52  # whole numbers up to here add without rounding
CHUNK = 32_768
_MOST_ARMS = 127  # an arm is a byte


@dataclass(frozen=True)
class Problem:
    """Who could get what, and the limits.

    Attributes:
        gain: money net of cost, shape (n, arms), may be mapped from a file; NaN: may not be assigned; the
            control, column 0, always gains 0.
        cost: money, shape (n, arms) or (arms,).
        limits: what must hold.
        groups: codes 0 … of every grouping the limits name, shape (n,) each.
        key: decides ties between stakeholders, distinct numbers in [0, 1), shape (n,); None: by position.
        household: stakeholders with the same code ≥ 0 get at most one arm between them, shape (n,); −1: alone.
    """

    gain: Floats
    cost: Floats
    limits: Sequence[Limit]
    groups: Mapping[str, Integers] = field(default_factory=dict)
    key: Floats | None = None
    household: Integers | None = None


@dataclass(frozen=True)
class Block:
    """Some of the rows, in memory, one array per arm.

    Attributes:
        gain, cost: shape (arms, r).
        cell: shape (r,).
        rows: positions in the problem, shape (r,).
        weight: how many stakeholders each row stands for, shape (r,); None: one.
        unit: rows of one household, which stand together at the front, share a number, shape (r,).
        joined: how many rows at the front belong to households.
    """

    gain: Floats
    cost: Floats
    cell: NDArray[np.int64]
    rows: Integers
    weight: Floats | None = None
    unit: Integers | None = None
    joined: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def slice(self, start: int, stop: int) -> "Block":
        """Return rows next to one another, none of which shares a household."""
        part = slice(start, stop)
        weight = None if self.weight is None else self.weight[part]
        return Block(self.gain[:, part], self.cost[:, part], self.cell[part], self.rows[part], weight)

    def take(self, at: Integers, weight: Floats | None = None) -> "Block":
        """Return some of the rows, households whole and in the order they have here."""
        joined = int((at < self.joined).sum())
        unit = None if self.unit is None else np.unique(self.unit[at], return_inverse=True)[1].reshape(-1)
        return Block(np.ascontiguousarray(self.gain[:, at]), np.ascontiguousarray(self.cost[:, at]), self.cell[at],
                     self.rows[at], weight, unit, joined)  # fmt: skip


@dataclass(frozen=True)
class Tally:
    """Sums over stakeholders by cell and arm, shape (cells · arms,) each: how many, their cost, their gain.

    Cost and gain are in whole units of `Prepared`.
    """

    count: Floats
    spent: Floats
    value: Floats

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.count + other.count, self.spent + other.spent, self.value + other.value)

    def __sub__(self, other: "Tally") -> "Tally":
        return Tally(self.count - other.count, self.spent - other.spent, self.value - other.value)


class Cells:
    """Codes of each grouping by cell."""

    def __init__(self, codes: Mapping[str, Integers], cells: int) -> None:
        self._codes, self._cells = codes, cells

    def __len__(self) -> int:
        return self._cells

    def __getitem__(self, group: str | None) -> Integers:
        return np.zeros(self._cells, dtype=np.int64) if group is None else self._codes[group]


def cells_of(problem: Problem) -> tuple[Integers, Cells]:
    """Return the cell of each row, shape (n,), and what the cells are, in an order of their own."""
    names = sorted({limit.group for limit in problem.limits if limit.group is not None})
    n, joint, total = len(problem.gain), np.zeros(len(problem.gain), dtype=np.int64), 1
    sizes = [int(problem.groups[name].max(initial=0)) + 1 for name in names]
    for name, size in zip(names, sizes, strict=True):
        joint, total = joint * size + problem.groups[name], total * size
    if total <= max(100_000, n):
        present = np.flatnonzero(np.bincount(joint, minlength=total)) if n else np.zeros(1, dtype=np.int64)
        place = np.zeros(total, dtype=np.int64)
        place[present] = np.arange(len(present))
        cell = place[joint]
    else:
        present, cell = np.unique(joint, return_inverse=True)
    codes, rest = {}, present
    for name, size in zip(reversed(names), reversed(sizes), strict=True):
        codes[name], rest = rest % size, rest // size
    return cell.reshape(-1), Cells(codes, len(present))


def largest(problem: Problem) -> tuple[float, float, float]:
    """Return the largest gain and cost, and a typical cost."""
    gain = cost = total = count = 0.0
    for start in range(0, len(problem.gain), CHUNK):
        part = np.abs(problem.gain[start : start + CHUNK, 1:])
        gain = max(gain, float(np.fmax.reduce(part, axis=None, initial=0.0)))
        paid = problem.cost[start : start + CHUNK, 1:] if problem.cost.ndim == 2 else problem.cost[None, 1:]
        if paid.min(initial=0.0) < 0 or not np.isfinite(paid).all():
            raise ValueError("costs must be finite and not below 0")
        cost, total, count = max(cost, float(paid.max(initial=0.0))), total + float(paid.sum()), count + paid.size
    # rounded to one digit, for the sum may depend on the order of rows in its last bits
    typical = total / count if count and total > 0 else 1.0
    return gain, cost, float(f"{typical:.0e}")


def check(problem: Problem) -> None:
    """Refuse shapes that do not go together and bounds that are no numbers.

    Raises:
        ValueError: groups or weights have the wrong shape.
        InputError: a limit is not finite.
    """
    n, arms = problem.gain.shape
    if arms > _MOST_ARMS:
        raise ValueError(f"at most {_MOST_ARMS} arms, the control included; got {arms}")
    for limit in problem.limits:
        groups = 1
        if limit.group is not None:
            codes = problem.groups[limit.group]
            if codes.shape != (n,) or codes.min(initial=0) < 0:
                raise ValueError(f"the codes of {limit.group} must be at least 0, one for each of {n} rows")
            groups = int(codes.max(initial=0)) + 1
        if limit.weight.shape[1] != arms or limit.weight.shape[0] < groups:
            raise ValueError(f"the weight of {limit.name!r} must have {groups} rows and {arms} columns")
        if not (np.isfinite(limit.bound) and np.isfinite(limit.weight).all()):
            raise InputError(f"the limit {limit.name!r}", "finite numbers", "an infinite or missing one", "correct it")
