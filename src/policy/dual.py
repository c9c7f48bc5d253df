"""The prices at which best responses keep the limits: a trust-region bundle method on the dual.

The dual Σ_i max_a (gain − Σ_j price_j · used_j) + Σ_j price_j · bound_j is convex and piecewise linear; every best
response gives a supporting plane for each part of the population. The model of all planes is minimised in a box around
the best prices (Marsten, Hogan & Blankenship 1975, "The boxstep method"; box rules of Linderoth & Wright 2003). The
multipliers of the planes at the end mix the best responses into a fractional assignment that keeps the limits.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, hstack

from .prepared import Prepared
from .problem import Block, Floats, Integers
from .response import Arms, answered

_ACCEPT = 0.1  # of the predicted decrease, for a step to be taken
_MOST_STEPS = 150


@dataclass(frozen=True)
class Dual:
    """The end of the method.

    Attributes:
        price: inner units, shape (limits,).
        bound: of the total gain, money: the dual at the price.
        arm: of each row, drawn from the mixture by the row's place among the keys of its part, shape (r,).
        converged: the model leaves no more than the tolerance to be gained.
        unbounded: the dual is lower than any assignment's gain, so the limits contradict one another.
    """

    price: Floats
    bound: float
    arm: Arms
    converged: bool
    unbounded: bool


class Planes:
    """Supporting planes by part: value − used · price, in units of the scale."""

    def __init__(self, parts: int, limits: int, scale: float) -> None:
        self.parts, self.limits, self.scale = parts, limits, scale
        self.part: list[Integers] = []
        self.step: list[Integers] = []
        self.value: list[Floats] = []
        self.entries: list[tuple[Floats, Integers, Integers]] = []
        self.count = 0

    def add(self, step: int, value: Floats, used: Any, wanted: Integers) -> None:
        """Append the planes of some parts found in a step; `used` is sparse, shape (limits, parts)."""
        part = used.tocsc()[:, wanted].tocoo()
        self.entries.append((part.data / self.scale, part.coords[1] + self.count, part.coords[0]))
        self.part.append(wanted)
        self.step.append(np.full(len(wanted), step))
        self.value.append(value[wanted] / self.scale)
        self.count += len(wanted)

    def minimise(
        self, bound: Floats, center: Floats, low: Floats, high: Floats
    ) -> tuple[Floats, Floats, Floats] | None:
        """Return the model's minimiser in the box, its heights by part, and the planes' multipliers.

        The programme is stated in differences to the center over the width of the box, where the solver's absolute
        tolerances mean little money. None: HiGHS gives up on the numbers.
        """
        data, rows, columns = (np.concatenate(each) for each in zip(*self.entries, strict=True))
        part, count = np.concatenate(self.part), np.arange(self.count)
        used = coo_array((data, (rows, columns)), shape=(self.count, self.limits)).tocsr()
        height = np.concatenate(self.value) - used @ center
        top = np.full(self.parts, -np.inf)
        np.maximum.at(top, part, height)
        width = float(np.max(high - low, initial=1e-12))
        ones = coo_array((np.full(self.count, -1.0), (count, part)), shape=(self.count, self.parts))
        free = np.full(self.parts, np.inf)
        edges = np.column_stack([np.concatenate([(low - center) / width, -free]),
                                 np.concatenate([(high - center) / width, free])])  # fmt: skip
        solved = linprog(
            np.concatenate([bound, np.full(self.parts, self.scale)]) / self.scale,
            A_ub=hstack([-used, ones]).tocsr(),
            b_ub=(top[part] - height) / width,
            bounds=edges,
            method="highs-ds",
            options={"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9},
        )
        if solved.status != 0:
            return None
        price = np.clip(center + solved.x[: self.limits] * width, low, high)
        return price, top + solved.x[self.limits :] * width, -solved.ineqlin.marginals


@dataclass(frozen=True)
class Region:
    """Where prices are looked for.

    Attributes:
        start: prices to begin with, at least 0, shape (limits,).
        step: radius of the first box of the model, shape (limits,).
        radius: prices stay as near to the start as this, shape (limits,); may be infinite.
    """

    start: Floats
    step: Floats
    radius: Floats

    def touched(self, price: Floats) -> bool:
        """Return whether the prices lie on the edge, so that better ones may lie outside."""
        far = np.abs(price - self.start) >= self.radius * (1.0 - 1e-9)
        return bool((far & (price > 0)).any())


def minimise(prepared: Prepared, block: Block, bound: Floats, region: Region, tolerance: float) -> Dual:
    """Return prices that minimise the dual of a block's rows.

    Args:
        prepared: the problem.
        block: the rows.
        bound: what the limits leave to these rows, inner units, shape (limits,).
        region: where to look, money per inner unit.
        tolerance: of the dual, relative to its value.
    """
    search = _Search(prepared, block, bound, region, tolerance)
    for step in range(1, _MOST_STEPS):
        if search.done(step):
            break
    return search.result()


class _Search:
    def __init__(self, prepared: Prepared, block: Block, bound: Floats, region: Region, tolerance: float) -> None:
        self.prepared, self.block, self.bound, self.tolerance = prepared, block, bound, tolerance
        self.arms: list[Arms] = []
        mass = len(block) if block.weight is None else float(block.weight.sum())
        self.money = max(prepared.top_gain, 1e-300)
        self.floor = -2.0 * mass * prepared.top_gain
        self.planes = Planes(prepared.parts, len(bound), max(mass, 1.0))
        self.center, self.radius, self.reach = region.start / self.money, region.step / self.money, 1.0
        self.low = np.maximum((region.start - region.radius) / self.money, 0.0)
        self.high = (region.start + region.radius) / self.money
        value, used = self._respond(self.center)
        self.best = self._dual(value, used, self.center)
        self.planes.add(0, value, used, np.arange(prepared.parts))
        self.mixture = np.ones(prepared.parts)
        self.converged = self.unbounded = False

    def done(self, step: int) -> bool:
        """Make one step; return whether it was the last."""
        low = np.maximum(self.center - self.reach * self.radius, self.low)
        high = np.minimum(self.center + self.reach * self.radius, self.high)
        found = self.planes.minimise(self.bound, self.center, low, high)
        if found is None:
            return True  # what was found so far stands, with the bound it has
        price, height, self.mixture = found
        predicted = self.best - float(height.sum() + self.bound @ price / self.planes.scale)
        inside = (((price < high) | (high >= self.high)) & ((price > low) | (low <= self.low))).all()
        small = self.tolerance * max(abs(self.best), 1e-12)
        enough = predicted <= small
        if enough and inside:
            self.converged = True
            return True
        value, used = self._respond(price)
        dual = self._dual(value, used, price)
        here: Floats = (value - used.T @ price) / self.planes.scale
        higher = np.flatnonzero(here > height + 1e-3 * small / self.prepared.parts)
        self.planes.add(step, value, used, higher)
        if enough:
            self.reach *= 8.0
        elif self.best - dual >= _ACCEPT * predicted:
            if not inside and self.best - dual >= 0.5 * predicted:
                self.reach *= 2.0
        elif dual - self.best > 3.0 * predicted:
            self.reach /= min((dual - self.best) / predicted, 4.0)
        if dual < self.best and (enough or self.best - dual >= _ACCEPT * predicted):
            self.center, self.best = price, dual
        self.unbounded = self.best * self.planes.scale * self.money < self.floor
        return self.unbounded

    def result(self) -> Dual:
        """Return the best prices and the mixture's assignment."""
        bound = self.best * self.planes.scale * self.money
        return Dual(self.center * self.money, bound, self._mix(), self.converged, self.unbounded)

    def _respond(self, price: Floats) -> tuple[Floats, Any]:
        arm, tally = answered(self.prepared, self.block, price * self.money)
        self.arms.append(arm)
        value = self.prepared.value_by_part(tally) / self.money
        return value, self.prepared.used_by_part(tally)

    def _dual(self, value: Floats, used: Any, price: Floats) -> float:
        total = float(value.sum() - (used.T @ price).sum() + self.bound @ price)
        return total / self.planes.scale

    def _mix(self) -> Arms:
        """Give each row the response of one plane of its part, in proportion to the planes' multipliers.

        Rows (households whole) lie in the order of their keys; the r-th of a part draws the point (r + ½) / size in
        the manner of stratified sampling, so that the mixture's use of the limits is met as closely as rows allow.
        """
        weight = np.maximum(self.mixture, 0.0)
        home, step = np.concatenate(self.planes.part)[: len(weight)], np.concatenate(self.planes.step)[: len(weight)]
        arm = np.zeros(len(self.block), dtype=np.int8)
        part = self.prepared.part[self.block.cell]
        order = np.lexsort((step, home))
        order = order[weight[order] > 1e-9]
        point = _points(self.block)
        starts = np.searchsorted(home[order], np.arange(self.prepared.parts + 1))
        for at in range(self.prepared.parts):
            planes = order[starts[at] : starts[at + 1]]
            rows = np.flatnonzero(part == at)
            edges = np.cumsum(weight[planes])
            which = np.minimum(np.searchsorted(edges / edges[-1], point[rows], side="right"), len(planes) - 1)
            for slot, plane in enumerate(planes):
                mine = rows[which == slot]
                arm[mine] = self.arms[step[plane]][mine]
        return arm


def _points(block: Block) -> Floats:
    """Return a point of (0, 1) for each row, the same for all of a household, evenly spread in the order of keys."""
    unit = np.arange(len(block)) if block.unit is None else block.unit
    return np.asarray(np.mod((unit + 0.5) * 0.6180339887498949, 1.0))
