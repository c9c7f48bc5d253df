"""The assignment with the highest total gain under linear limits, with a bound that proves how good it is.

Prices from a small sample (HiGHS), better ones from a larger sample (bundle method), then the same on the few rows of
the population that are still undecided near these prices; the nearly indifferent ones are assigned exactly at the end.
The bound is the dual at the final prices, evaluated on everyone.
"""

from dataclasses import dataclass, replace

import numpy as np

from . import exact
from .conflict import contradiction, refuse_contradictions
from .dual import Dual, Region, minimise
from .limits import InfeasibleError, LimitUse
from .prepared import Prepared
from .problem import CHUNK, Block, Floats, Integers, Problem, Tally
from .response import Arms, everyone, respond, undecided
from .rounding import whole


@dataclass(frozen=True)
class Effort:
    """How much work goes into a solution.

    Attributes:
        direct: a problem of no more rows is solved by HiGHS at once; the last step of a larger one has as many rows.
        whole: a problem of no more rows is solved as an integer programme.
        sample: rows of the larger sample.
        gap: the relative gap below which the last step is not repeated with more rows.
        chunk: rows at a time in passes over everyone; changes nothing but time and memory.
    """

    direct: int = 4000
    whole: int = 60
    sample: int = 60_000
    gap: float = 3e-4
    chunk: int = CHUNK


@dataclass(frozen=True)
class Solution:
    """An assignment and its certificate.

    Attributes:
        arm: shape (n,), 0 = control.
        value: total gain, money.
        bound: what no assignment that keeps the limits can exceed, money.
        uses: of every limit: use, shadow price, whether it binds.
        price: inner units, shape (limits,).
    """

    arm: Arms
    value: float
    bound: float
    uses: tuple[LimitUse, ...]
    price: Floats

    @property
    def gap(self) -> float:
        """By what share of the bound the value may miss the best possible one."""
        return max(self.bound - self.value, 0.0) / max(abs(self.bound), 1e-12)


DEFAULT_EFFORT = Effort()
_NONE_WHOLE = "none found in whole numbers, though one in fractions; perhaps only some of these contradict one another"


def solve(problem: Problem, effort: Effort = DEFAULT_EFFORT) -> Solution:
    """Return the best assignment found, its bound, and what each limit is worth.

    Args:
        problem: gains, costs and limits.
        effort: sizes of samples and steps.

    Raises:
        InfeasibleError: no assignment keeps the limits; names those that contradict one another.
    """
    prepared = Prepared(problem)
    free = np.zeros(len(problem.limits))
    arm, tally = everyone(prepared, free, effort.chunk)
    if prepared.keeps(tally):
        return _solution(prepared, arm, tally, free, prepared.gain_of(tally))
    refuse_contradictions(prepared, effort.chunk)
    if prepared.n <= effort.direct:
        return _direct(prepared, effort)
    return _by_prices(prepared, effort)


def _direct(prepared: Prepared, effort: Effort) -> Solution:
    block = prepared.block(np.arange(prepared.n))
    options = exact.options_of(prepared, block)
    relaxed = exact.relax(options, prepared.bound)
    if relaxed is None:
        raise contradiction(prepared, lambda kept: exact.relax(_under(options, kept), prepared.bound[kept]) is not None)
    slack = 1e-9 * prepared.top_gain
    if prepared.n <= effort.whole:
        chosen = exact.integers(options, prepared.bound, slack)
        if chosen is None:
            raise contradiction(
                prepared, lambda kept: exact.integers(_under(options, kept), prepared.bound[kept], slack) is not None
            )
    else:
        chosen = whole(options, relaxed, prepared.bound, slack * prepared.n)
        if chosen is None:
            raise InfeasibleError([limit.name for limit in prepared.problem.limits], _NONE_WHOLE)
    arm = np.zeros(prepared.n, dtype=np.int8)
    arm[block.rows[options.row[chosen]]] = options.arm[chosen]
    return _certified(prepared, arm, prepared.tally(block, arm[block.rows]), relaxed.price, effort)


def _by_prices(prepared: Prepared, effort: Effort) -> Solution:
    region = _first_prices(prepared, effort)
    while True:
        rows, rest = undecided(prepared, region.start, region.radius, effort.chunk)
        block, room = prepared.block(rows), prepared.bound - prepared.used(rest)
        dual = minimise(prepared, block, room, region, 1e-7)
        if dual.unbounded:
            raise _contradiction_of_sample(prepared, dual.price, effort)
        if not region.touched(dual.price):
            break
        region = Region(dual.price, region.step, 4.0 * region.radius)
    arm, tally = everyone(prepared, dual.price, effort.chunk)
    bound = _bound(prepared, tally, dual.price)
    arm[block.rows], total = _whole(prepared, block, dual, rest, bound, effort)
    return _solution(prepared, arm, total, dual.price, bound)


def _whole(prepared: Prepared, block: Block, dual: Dual, rest: Tally, bound: float,
           effort: Effort) -> tuple[Arms, Tally]:  # fmt: skip
    """Return the arms of the undecided rows, in whole numbers and within the limits, and the sums over everyone."""
    size, enough = effort.direct, effort.gap * abs(bound)
    best: tuple[Arms, Tally] | None = None
    while size < 5 * effort.direct or best is None:
        mine = _polished(prepared, block, dual, rest, size, enough / 10)
        if mine is not None:
            total = rest + prepared.tally(block, mine)
            if prepared.keeps(total) and (best is None or prepared.gain_of(total) > prepared.gain_of(best[1])):
                best = mine, total
        if size >= len(block) or (best is not None and bound - prepared.gain_of(best[1]) <= enough):
            break
        size *= 4
    if best is None:
        raise InfeasibleError([limit.name for limit in prepared.problem.limits], _NONE_WHOLE)
    return best


def _polished(prepared: Prepared, block: Block, dual: Dual, rest: Tally, size: int, slack: float) -> Arms | None:
    """Return the mixture's arms with those of the least decided rows replaced by the best under what is left."""
    margin = respond(prepared, block, dual.price).margin
    unit = np.arange(len(block)) if block.unit is None else block.unit
    rank = np.lexsort((np.arange(len(block)), unit, margin))
    open_ = np.zeros(len(block), dtype=bool)
    open_[rank[:size]] = True
    if block.unit is not None:
        open_ = np.bincount(unit, open_)[unit] > 0
    at, decided = np.flatnonzero(open_), np.flatnonzero(~open_)
    fixed = block.take(decided)
    room = prepared.bound - prepared.used(rest + prepared.tally(fixed, dual.arm[decided]))
    part = block.take(at)
    options = exact.options_of(prepared, part)
    relaxed = exact.relax(options, room)
    chosen = None if relaxed is None else whole(options, relaxed, room, slack)
    if chosen is None:
        return None
    arm = dual.arm.copy()
    mine = np.zeros(len(at), dtype=np.int8)
    mine[options.row[chosen]] = options.arm[chosen]
    arm[at] = mine
    return arm


def _first_prices(prepared: Prepared, effort: Effort) -> Region:
    """Return where the prices are, by samples."""
    small = _sample(prepared, effort.direct)
    options = exact.options_of(prepared, small)
    relaxed = exact.relax(options, prepared.bound, elastic=100.0 * prepared.top_gain)
    assert relaxed is not None
    typical = float(np.abs(options.gain).mean() * len(small) / prepared.n)
    first = Region(relaxed.price, 0.1 * relaxed.price + 0.02 * typical, np.full(len(prepared.bound), np.inf))
    if prepared.n <= 2 * effort.sample:
        return first
    large = _sample(prepared, effort.sample)
    better = minimise(prepared, large, prepared.bound, first, 1e-6).price
    moved, level = np.abs(better - relaxed.price), better + relaxed.price + 0.1 * typical
    share = max(float(np.sqrt(np.mean((moved / level) ** 2))), 0.002)
    radius = 4.0 * np.sqrt(len(small) / len(large)) * np.maximum(moved, share * level)
    return Region(better, radius / 4.0, radius)


def _sample(prepared: Prepared, size: int) -> Block:
    """Return the rows with the smallest keys, from each cell its share but at least some, weighted to the whole."""
    least = max(size // (4 * prepared.cells), 8)
    wanted = np.maximum(size * prepared.size / prepared.n, least)
    rows = np.flatnonzero(prepared.key < np.minimum(wanted / np.maximum(prepared.size, 1.0), 1.0)[prepared.cell])
    if len(prepared.joined):  # households whole, or their members would not compete
        assert prepared.problem.household is not None
        house = prepared.problem.household
        rows = np.union1d(rows, prepared.joined[np.isin(house[prepared.joined], house[rows])])
    drawn = np.bincount(prepared.cell[rows], minlength=prepared.cells)
    weight = prepared.size / np.maximum(drawn, 1)
    return prepared.block(rows, weight[prepared.cell[rows]])


def _certified(prepared: Prepared, arm: Arms, total: Tally, price: Floats, effort: Effort) -> Solution:
    tally = everyone(prepared, price, effort.chunk)[1]
    return _solution(prepared, arm, total, price, _bound(prepared, tally, price))


def _bound(prepared: Prepared, tally: Tally, price: Floats) -> float:
    """Return the dual at the prices, given the sums of the best responses to them."""
    return prepared.gain_of(tally) + float((prepared.bound - prepared.used(tally)) @ price)


def _solution(prepared: Prepared, arm: Arms, total: Tally, price: Floats, bound: float) -> Solution:
    if not prepared.keeps(total):
        raise RuntimeError("the assignment breaks a limit")
    return Solution(arm, prepared.gain_of(total), bound, prepared.uses(total, price), price)


def _contradiction_of_sample(prepared: Prepared, price: Floats, effort: Effort) -> InfeasibleError:
    """Return the error of limits that only single stakeholders show to contradict one another.

    A smallest set is sought on the sample; if that shows none, the limits whose prices run away are named.
    """
    options = exact.options_of(prepared, _sample(prepared, effort.direct))

    def possible(kept: Integers) -> bool:
        return exact.relax(_under(options, kept), prepared.bound[kept]) is not None

    if possible(np.arange(len(prepared.bound))):
        return InfeasibleError(_priced(prepared, price), "limits that contradict one another")
    return contradiction(prepared, possible)


def _priced(prepared: Prepared, price: Floats) -> list[str]:
    """Return the limits whose prices run away."""
    return [limit.name for limit, each in zip(prepared.problem.limits, price, strict=True) if each > 0.01 * price.max()]


def _under(options: exact.Options, kept: Integers) -> exact.Options:
    return replace(options, used=options.used.tocsr()[kept].tocsc())
