"""What another value of a limit would bring: tables for the terminal, and the same with a curve for the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from rich.console import RenderableType
from rich.text import Text

from ..policy.what_if import Step
from .figures import Point, curve
from .formats import NOTHING, money, number
from .rules import exploration_sentence, explorers
from .terminal import new_table


@dataclass(frozen=True)
class StepRow:
    """One step as text, and its counts by arm."""

    value: str
    now: bool
    gain: str
    interval: str
    spend: str
    treated: str
    explore: str
    price: str
    binding: str
    given: Mapping[str, str]


@dataclass(frozen=True)
class PlanPage:
    """What the report shows of a sweep.

    Attributes:
        key: the limit.
        rows: a row per value.
        sentence: what one more unit is worth now.
        figure: gain over the limit.
        arms: names of the arms, the control first.
    """

    key: str
    rows: Sequence[StepRow]
    sentence: str
    figure: Markup
    arms: Sequence[str]


def plan_page(document: Mapping[str, Any]) -> PlanPage:
    """Return a sweep as the page shows it; `document` is plan.json."""
    steps = [Step(**each) for each in document["steps"]]
    points = [
        Point(step.value, step.gain, *step.interval, f"{number(step.value)}: {money(step.gain)}", step.now)
        for step in steps
        if not step.conflict and step.gain is not None and step.interval is not None
    ]
    key = document["key"]
    figure = curve(points, key, "expected gain, money", f"Expected gain over {key}") if points else Markup()
    return PlanPage(key, [_row(step) for step in steps], worth(key, steps), figure, _arms(steps))


def plan_parts(key: str, steps: Sequence[Step], stakeholders: int) -> list[RenderableType]:
    """Return a sweep as text and tables."""
    rows, arms = [_row(step) for step in steps], _arms(steps)
    table = new_table(
        "value", "expected gain", "95 % at most within", "spend", "assigned", "explore", "one more is worth"
    )
    counts = new_table("stakeholders by arm", *(_valued(row).plain for row in rows), names=arms)
    for row in rows:
        cells = [row.gain, row.interval, row.spend, row.treated, row.explore, row.price]
        table.add_row(_valued(row), *cells, style="bold" if row.now else None)
    for arm in arms:
        counts.add_row(Text(arm), *(row.given.get(arm, NOTHING) for row in rows))
    marked = " (* as params have it)" if any(step.now for step in steps) else ""
    head = Text(f"What {key} would bring for {number(stakeholders)} stakeholders{marked}", style="bold")
    others = [explored(steps), *(f"At {row.value}: {row.binding}." for row in rows if row.binding)]
    return [head, Text(""), table, Text(worth(key, steps)), *(Text(each) for each in others if each), Text(""), counts]


def explored(steps: Sequence[Step]) -> str:
    """Return how many explore, and at which value where it is not the same at all: that in params, or the highest.

    >>> few, none = ({"asked": 0.1, "found": share, "open": 90, "too_few": 0, "no_room": 9} for share in (0.1, 0.0))
    >>> explored([Step(0.0, False, exploration=none), Step(9.0, False, exploration=few)])
    'At 9: Of the 90 with arms to draw from 9 explore (10.0 %); decision.exploration asks for 10.0 %.'
    >>> explored([Step(5.0, False, exploration=few), Step(9.0, False, exploration=few)])
    'Of the 90 with arms to draw from 9 explore (10.0 %); decision.exploration asks for 10.0 %.'
    """
    decided = [step for step in steps if step.exploration]
    if not decided:
        return ""
    shown = next((step for step in decided if step.now), decided[-1])
    told = exploration_sentence(shown.exploration)
    everywhere = all(step.exploration == shown.exploration for step in steps)
    return told if everywhere or not told else f"At {number(shown.value, _digits(shown.value))}: {told}"


def worth(key: str, steps: Sequence[Step]) -> str:
    """Return in a sentence what one more unit is worth at the value in params, or what the first units would be.

    >>> worth("decision.budget", [Step(0.0, False, price=2.5), Step(10.0, False, gain=20.0, price=0.0)])
    'The first unit of decision.budget would gain 2.50; beyond 10 more is worth nothing.'
    """
    if all(step.gain is None for step in steps if not step.conflict) and any(not step.conflict for step in steps):
        return f"No gain is known yet, so what {key} is worth is unknown."
    priced = [step for step in steps if step.price is not None]
    if not priced:
        return f"{key} is no limit, so it has no price."
    if min(step.price or 0.0 for step in priced) < 0:
        most = priced[-1]
        return f"{key} asks for more: at {number(most.value)} one more costs {money(-(most.price or 0.0))}."
    now = next((step for step in priced if step.now), None)
    start = (
        f"The first unit of {key} would gain {money(priced[0].price)}"
        if now is None
        else f"At {number(now.value)}, as params have it, one more unit of {key} is worth {money(now.price)}"
    )
    enough = next((step for step in priced if not step.price), None)
    return f"{start}; beyond {number(enough.value)} more is worth nothing." if enough else f"{start}."


def _row(step: Step) -> StepRow:
    if step.conflict:
        nothing = dict.fromkeys(("gain", "interval", "spend", "treated", "explore", "price"), NOTHING)
        return StepRow(number(step.value, _digits(step.value)), step.now, binding=step.conflict, given={}, **nothing)
    return StepRow(
        value=number(step.value, _digits(step.value)),
        now=step.now,
        gain=money(step.gain),
        interval=NOTHING if step.interval is None else " to ".join(number(end) for end in step.interval),
        spend=money(step.spend),
        treated=number(step.treated),
        explore=number(explorers(step.exploration)) if step.exploration else NOTHING,
        price=money(step.price),
        binding="; ".join(f"{name} binds, one more is worth {money(price)}" for name, price in step.binding.items()),
        given={arm: number(count) for arm, count in step.given.items()},
    )


def _digits(value: float) -> int:
    return 0 if value == int(value) else 2


def _valued(row: StepRow) -> Text:
    return Text(f"{row.value} *" if row.now else row.value)


def _arms(steps: Sequence[Step]) -> list[str]:
    return next((list(step.given) for step in steps if step.given), [])
