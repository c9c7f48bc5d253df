"""What another limit would bring: the decision taken again at each value of one key of params, before it is assigned.

A key is written as in params.yaml, such as `decision.budget` or `interventions.arms.call.capacity`. A limit that is not
there yet can be asked about under a name of its own: `decision.limits.contacts.at_most`. Each step is exactly what the
assign stage would write at that value, holdout and exploration included.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import floor, log10
from typing import Any

import numpy as np
import pandas as pd

from ..contracts.errors import InputError, ParamsError
from ..contracts.normal import Z95
from ..contracts.params import Params, parse_params
from ..contracts.rules import Bounds
from ..models.bundle import Bundle, Predictions
from .account import exploration_of
from .constraints import constraints_of
from .decide import Decided, Floats, deliberate, in_order
from .limits import Limit, LimitUse

CONTACTS = "decision.limits.contacts.at_most"  # the number of all assignments together
STEPS = 8
_NO_LIMIT = 10**9


@dataclass(frozen=True)
class Step:
    """The decision at one value of the key.

    Attributes:
        value: of the key.
        now: whether it is the value in params.
        gain: expected, of all assignments together, money; arms of unknown gain, which are only explored, left out.
            None where no gain is known.
        error: what its standard error is at most, whichever way the errors of stakeholders go together; money.
        spend: expected cost, money.
        given: stakeholders by arm, the control included.
        price: money of gain per further unit that is planned with; None where the key is no limit, or no gain is known.
        binding: the other limits that bind, with their prices.
        exploration: as in the account of the rules (`exploration_of`); empty where nothing can be decided.
        conflict: why nothing can be decided, as where limits contradict each other; numbers are then 0.
    """

    value: float
    now: bool
    gain: float | None = 0.0
    error: float = 0.0
    spend: float = 0.0
    given: Mapping[str, int] = field(default_factory=dict)
    price: float | None = None
    binding: Mapping[str, float] = field(default_factory=dict)
    exploration: Mapping[str, float | int] = field(default_factory=dict)
    conflict: str = ""

    @property
    def treated(self) -> int:
        """Stakeholders who get another arm than the control."""
        return sum(list(self.given.values())[1:])

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the gain, at its widest; None where that is not known."""
        if self.gain is None:
            return None
        return self.gain - Z95 * self.error, self.gain + Z95 * self.error

    def as_dict(self) -> dict[str, Any]:
        """Return the step JSON-ready."""
        return asdict(self)


def usual_key(params: Params) -> str:
    """Return the limit that is asked about when none is named: the budget, or the contacts where nothing costs."""
    costly = any(isinstance(arm.cost, str) or arm.cost > 0 for arm in params.interventions.arms.values())
    return "decision.budget" if costly else _contacts_key(params.decision.limits)


def sweep(bundle: Bundle, table: pd.DataFrame, key: str, values: Sequence[float] = ()) -> Iterator[Step]:
    """Yield the decision at each value of a key, ascending.

    Args:
        bundle: models and rules.
        table: a population's feature table, as `deliberate` takes it.
        key: of params.yaml, in `decision` or `interventions`.
        values: of the key; none: from 0 to all that would be used without the limit, and the value in params.

    Raises:
        ParamsError: there is no such key, it cannot have such a value, or it needs `values`.
        InputError: no value lets anything be decided.
    """
    table = in_order(table)
    predictions, now = bundle.predict(table), value_of(bundle.params, key)
    grid = sorted({float(value) for value in values})
    if not grid:
        grid = sorted({*_grid(bundle, table, predictions, key), *([] if now is None else [now])})
    faults = list[InputError]()
    for value in grid:
        mine = _with(bundle, key, value)
        try:
            yield _step(deliberate(mine, table, predictions), mine.params, key, value, value == now)
        except InputError as fault:
            faults.append(fault)
            yield Step(value, value == now, conflict=f"expected {fault.expected}; got {fault.got}")
    if len(faults) == len(grid):
        raise faults[0]


def value_of(params: Params, key: str) -> float | None:
    """Return the number that params have under a key, None where they have none."""
    place: Any = params.model_dump(mode="json")
    for part in key.split("."):
        place = _inside(place, part)
    return float(place) if isinstance(place, int | float) else None


def with_value(params: Params, key: str, value: float) -> Params:
    """Return params with another value under a key.

    Raises:
        ParamsError: there is no such key, or it cannot have this value.
    """
    *sections, last = key.split(".")
    document = params.model_dump(mode="json")
    if sections[:1] not in (["decision"], ["interventions"]):
        raise ParamsError(f"--limit {key}", "a key of decision or interventions", repr(key), "see params.yaml")
    place = document
    for depth, section in enumerate(sections):
        if depth == 2 and sections[:2] == ["interventions", "arms"] and section not in place:
            raise ParamsError(f"--limit {key}", f"one of the arms {', '.join(place)}", repr(section), "correct the arm")
        if isinstance(place, dict) and not isinstance(place.get(section), dict | list):
            place[section] = {}
        place = _inside(place, section)
    if not isinstance(place, dict):
        expected = "a number, or one of an entry that there is, the first of a list being 0"
        raise ParamsError(f"--limit {key}", expected, repr(key), "see params.yaml")
    place[last] = int(value) if float(value).is_integer() else value  # a count is no floating-point number
    return parse_params(document, f"--limit {key}")


def _inside(place: Any, part: str) -> Any:
    """Return what stands under a part of a key, in lists a position; None where nothing does."""
    if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
        return place[int(part)]
    return place.get(part) if isinstance(place, dict) else None


def even_grid(used: float, steps: int, *, whole: bool) -> list[float]:
    """Return evenly spaced numbers from 0 to the first that is at least `used`, round ones of two digits.

    >>> grid = even_grid(87_400.0, 10, whole=False)
    >>> grid[:3], grid[-1], even_grid(3.0, 10, whole=True)
    ([0.0, 8800.0, 17600.0], 88000.0, [0.0, 1.0, 2.0, 3.0])
    """
    if used <= 0:
        return [0.0]
    unit = 10.0 ** (floor(log10(used / steps)) - 1)
    width = max(np.ceil(used / steps / unit - 1e-9) * unit, 1.0 if whole else 0.0)
    width = float(np.ceil(width - 1e-9)) if whole else float(width)
    return [round(width * at, 6) for at in range(int(np.ceil(used / width - 1e-9)) + 1)]


def _contacts_key(limits: Mapping[str, Bounds]) -> str:
    """Return CONTACTS, under a longer name where params use it for a limit on something else."""
    name, of_everything = "contacts", Bounds(at_most=0).model_dump(exclude={"at_most"})
    while name in limits and limits[name].model_dump(exclude={"at_most"}) != of_everything:
        name = f"all_{name}"
    return f"decision.limits.{name}.at_most"


def _with(bundle: Bundle, key: str, value: float) -> Bundle:
    return replace(bundle, params=with_value(bundle.params, key, value))


def _grid(bundle: Bundle, table: pd.DataFrame, predictions: Predictions, key: str) -> list[float]:
    """Return values of an upper limit from 0 to where it no longer holds the plan or its exploration back."""
    free = _with(bundle, key, _NO_LIMIT)
    limits = constraints_of(table, free.params).limits
    at = next((at for at, limit in enumerate(limits) if limit.name == key and limit.upper), None)
    if at is None:
        raise ParamsError("--values", f"the values of {key} to try, since it is no upper limit", "none", "give some")
    decided = deliberate(free, table, predictions)
    explored, share = float(decided.exploration.use[at]), bundle.params.decision.exploration
    enough = max(decided.plan.uses[at].used + explored, explored / share if share else 0.0)
    return even_grid(enough, STEPS, whole=not limits[at].of_cost)


def _step(decided: Decided, params: Params, key: str, value: float, now: bool) -> Step:
    rows = np.arange(len(decided.arm))
    gain, error = (np.nan_to_num(matrix[rows, decided.arm]) for matrix in (decided.offer.gain, decided.offer.error))
    names, known = params.interventions.names, decided.offer.known
    counts = np.bincount(decided.arm, minlength=len(names))
    return Step(
        value=value,
        now=now,
        gain=float(gain.sum()) if known else None,
        error=float(error.sum()),
        spend=float(decided.offer.cost[rows, decided.arm].sum()),
        given={name: int(count) for name, count in zip(names, counts, strict=True)},
        price=_price(decided, key) if known else None,
        binding={use.name: _of_one_more(use) for use in decided.plan.uses if use.price > 0 and use.name != key},
        exploration=exploration_of(decided, params.decision.exploration),
    )


def _of_one_more(use: LimitUse) -> float:
    """Return what one unit more of a bound would gain: a price to pay where it asks for more, as a quota does."""
    return use.price if use.kind == "le" else -use.price


def _price(decided: Decided, key: str) -> float | None:
    """Return what one unit more of a limit would gain, None where there is none of that name.

    Where a limit allows nothing, any higher price is as right as the lowest; it is held to the most that one unit more
    would gain at the other limits' prices.
    """
    uses = {use.name: use.price for use in decided.plan.uses}
    limit = next((limit for limit in decided.planned.limits if limit.name == key), None)
    if limit is None or not limit.upper:
        return next((_of_one_more(use) for use in decided.plan.uses if use.name == key), None)
    net = np.where(decided.offer.today, decided.offer.worth, np.nan)
    for other in decided.planned.limits:
        if other is not limit and uses[other.name]:
            net = net - uses[other.name] * _units(decided, other) * (1.0 if other.kind == "le" else -1.0)
    unit = np.broadcast_to(_units(decided, limit), net.shape)
    instead = np.nanmax(np.where(unit > 0, np.nan, net), axis=1, initial=0.0)[:, None]
    most = np.nan_to_num(np.divide(net - instead, unit, out=np.zeros(net.shape), where=unit > 0))
    return min(uses[key], float(most.max(initial=0.0)))


def _units(decided: Decided, limit: Limit) -> Floats:
    """Return what each pair uses of a limit, shape (n or 1, arms)."""
    weight = decided.planned.weights(limit)
    return np.asarray(weight * np.maximum(decided.offer.cost, 0.0) if limit.of_cost else weight)
