"""What relationship KPIs count of the visible events, once per row: the KPIs are arithmetic on these numbers.

All is counted in int64, and every window ends at the as-of instant and is half-open: [as_of − days, as_of).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ibis.expr.types import Table

from ..contracts.errors import ParamsError
from ..contracts.params import Params
from ..contracts.time import MICROS_PER_DAY
from .history import AMOUNT_UNITS, NO_CODE, Codes, contact_type, slug
from .labels import margins_by_slug
from .measures import any_bit, bit_of, latest_of
from .visible import HISTORY, SPINE, visible

YEAR = 365 * MICROS_PER_DAY
QUARTER = YEAR // 4
QUARTERS = 4
Value = TypeVar("Value")


@dataclass(frozen=True)
class Survey:
    """An event type whose value is an answer on a scale from `low` to `high`."""

    code: int
    low: float
    high: float

    @property
    def promoters(self) -> bool:
        """Tell whether the scale is that of a net promoter score, 0 to 10."""
        return (self.low, self.high) == (0.0, 10.0)


@dataclass(frozen=True)
class Ingredients:
    """Which events make the KPIs, by code; a type that never occurs has NO_CODE.

    Attributes:
        activity: types whose events are engagement, those that occur; none where nothing tells of it.
        surveys: by slug.
        priced: code and money per event, by slug.
        contacts: code by arm, in catalogue order.
        bought: code and margin of each purchase, by slug: types credited by the outcome with 0 or more.
        taken_back: the same of types credited with less than 0: what is given back, or paid out.
        alive: types whose absence is churn, where churn is silence.
    """

    activity: tuple[int, ...]
    surveys: Mapping[str, Survey]
    priced: Mapping[str, tuple[int, float]]
    contacts: Mapping[str, int]
    bought: Mapping[str, tuple[int, float]]
    taken_back: Mapping[str, tuple[int, float]]
    alive: tuple[int, ...]


def ingredients(codes: Codes, params: Params) -> Ingredients:
    """Resolve the event types that params name.

    Raises:
        ParamsError: two names of one list are one type.
    """
    kpis, churn = params.kpis, params.outcome.churn
    surveys = {slug(name): Survey(codes.type_code(name), *scale)
               for name, scale in _distinct("surveys", kpis.surveys).items()}  # fmt: skip
    contacts = {arm: codes.type_code(contact_type(arm)) for arm in params.interventions.arms}
    aside = {*contacts.values(), *(survey.code for survey in surveys.values())}
    aside |= {codes.type_code(churn.event)} if churn.event is not None else set()
    every = tuple(code for code in range(len(codes.types)) if code not in aside)
    margins = {name: (codes.type_code(name), margin) for name, margin in margins_by_slug(params).items()}
    return Ingredients(
        activity=tuple(code for code in _codes(kpis.engagement, codes) if code >= 0) if kpis.engagement else every,
        surveys=surveys,
        priced={slug(name): (codes.type_code(name), cost) for name, cost in _distinct("costs", kpis.costs).items()},
        contacts=contacts,
        bought={name: sold for name, sold in margins.items() if sold[1] >= 0},
        taken_back={name: sold for name, sold in margins.items() if sold[1] < 0},
        alive=_codes(churn.activity, codes),
    )


def absent_types(occurring: Iterable[str], params: Params) -> set[str]:
    """Return the event types that `kpis` names and no event has.

    Args:
        occurring: slugs of the types that some event has.
        params: kpis.
    """
    slugs, kpis = set(occurring), params.kpis
    return {name for name in (*kpis.engagement, *kpis.surveys, *kpis.costs) if slug(name) not in slugs}


def counts_expression(made: Ingredients, params: Params) -> Table:
    """Return what the KPIs need of each spine row that sees an event.

    Returns:
        row; `periods`, `quarters`: bit k set for activity in the k-th period or quarter before as_of; `priced_<slug>`
        and `contact_<arm>`: events in the window; `back_<slug>`: the sum of all amounts taken back; per survey
        `level_<slug>`: its latest answer of a year, `latest_<slug>`: of the window, `answers_<slug>`, `top_<slug>`:
        answers in the window and those in the top two of the scale, `astray_<slug>`: answers ever that are off the
        scale; and where churn is silence `alive`, `alive_before`: events that say who is there, at as_of and as known
        one horizon before.
    """
    seen = visible(HISTORY, SPINE)
    recent = seen.age <= params.kpis.window_days * MICROS_PER_DAY
    active = seen.type.isin(made.activity or [NO_CODE])
    columns: dict[str, Any] = {
        "periods": _calendar(seen, params.kpis.period_days * MICROS_PER_DAY, active),
        "quarters": _calendar(seen, QUARTER, active),
    }
    for name, (code, _) in made.priced.items():
        columns[f"priced_{name}"] = seen.type.count(where=recent & (seen.type == code))
    for arm, code in made.contacts.items():
        columns[f"contact_{arm}"] = seen.type.count(where=recent & (seen.type == code))
    columns |= _taken_back(seen, made)
    for name, survey in made.surveys.items():
        columns |= _answers(seen, name, survey, recent)
    if params.outcome.churn.inactive_days is not None:
        columns |= _signs_of_life(seen, made, params)
    return seen.group_by("row").aggregate(**columns)


def purchases_expression(made: Ingredients) -> Table:
    """Return the purchases of each spine row that sees one; purchases on one day (UTC) are one.

    Returns:
        row; `bought_days`: days with a purchase; `bought_year`: those of them in the last year; `first`, `last`: the
        first and last such day, in days since 1970; `all_<slug>`, `first_<slug>`: the sum of the amounts of all days
        and of the first.
    """
    seen = visible(HISTORY, SPINE)
    bought = seen.filter(seen.type.isin([code for code, _ in made.bought.values()] or [NO_CODE]))
    bought = bought.mutate(day=bought.at // MICROS_PER_DAY)
    amounts = {f"all_{name}": bought.amount.sum(where=bought.type == code).fill_null(0)
               for name, (code, _) in made.bought.items()}  # fmt: skip
    daily = bought.group_by("row", "day").aggregate(youngest=bought.age.min(), **amounts)
    columns: dict[str, Any] = {
        "bought_days": daily.day.count(),
        "bought_year": daily.day.count(where=daily.youngest <= YEAR),
        "first": daily.day.min(),
        "last": daily.day.max(),
    }
    for name in made.bought:
        columns[f"all_{name}"] = daily[f"all_{name}"].sum()
        columns[f"first_{name}"] = latest_of(daily[f"all_{name}"], -daily.day)
    return daily.group_by("row").aggregate(**columns)


def taken_back_expression(made: Ingredients) -> Table:
    """Return `back_<slug>` of `counts_expression` alone, for spine rows that see an event taken back."""
    seen = visible(HISTORY, SPINE)
    seen = seen.filter(seen.type.isin([code for code, _ in made.taken_back.values()] or [NO_CODE]))
    return seen.group_by("row").aggregate(events=seen.type.count(), **_taken_back(seen, made))


def _taken_back(seen: Table, made: Ingredients) -> dict[str, Any]:
    return {f"back_{name}": seen.amount.sum(where=seen.type == code) for name, (code, _) in made.taken_back.items()}


def _calendar(seen: Table, length: int, active: Any) -> Any:
    """Return bit k set for an active event in [as_of − (k + 1)·length, as_of − k·length)."""
    return any_bit(bit_of(seen.age, length), where=active)


def _answers(seen: Table, name: str, survey: Survey, recent: Any) -> dict[str, Any]:
    mine = (seen.type == survey.code) & seen.amount.notnull()
    on_scale = seen.amount.between(round(survey.low * AMOUNT_UNITS), round(survey.high * AMOUNT_UNITS))
    of_year, of_window = mine & on_scale & (seen.age <= YEAR), mine & on_scale & recent
    top = seen.amount >= round((survey.high - 1) * AMOUNT_UNITS)
    return {
        f"level_{name}": latest_of(seen.amount, seen.position, where=of_year),
        f"latest_{name}": latest_of(seen.amount, seen.position, where=of_window),
        f"answers_{name}": seen.type.count(where=of_window),
        f"top_{name}": seen.type.count(where=of_window & top),
        f"astray_{name}": seen.type.count(where=mine & ~on_scale),
    }


def _signs_of_life(seen: Table, made: Ingredients, params: Params) -> dict[str, Any]:
    horizon = params.clock.horizon_days * MICROS_PER_DAY
    silence = (params.outcome.churn.inactive_days or 0) * MICROS_PER_DAY
    sign = seen.type.isin(made.alive or [NO_CODE])
    then = (seen.age > horizon) & (seen.age <= horizon + silence) & (seen.known < seen.as_of - horizon)
    return {
        "alive": seen.type.count(where=sign & (seen.age <= silence)),
        "alive_before": seen.type.count(where=sign & then),
    }


def _codes(names: Iterable[str], codes: Codes) -> tuple[int, ...]:
    return tuple(codes.type_code(name) for name in names)


def _distinct(key: str, named: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return what was given, when no two names are one type.

    Raises:
        ParamsError: two are.
    """
    if len({slug(name) for name in named}) < len(named):
        raise ParamsError(f"params.yaml, kpis.{key}", "event types that differ in letters or digits",
                          ", ".join(map(repr, named)), "keep one of those that are alike")  # fmt: skip
    return named
