"""The features: each declared once with its meaning, unit and missing rule, beside the expression that computes it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ibis.expr.types import Column, Table

from ..contracts.time import MICROS_PER_DAY
from .history import AMOUNT_UNITS
from .visible import visible


@dataclass(frozen=True)
class Feature:
    """One column of the matrix.

    Attributes:
        name: the column.
        meaning: one line for people.
        unit: events, value, days, or category.
        missing: what absence becomes: `zero`, or `missing` (the learner sees a missing value).
    """

    name: str
    meaning: str
    unit: str
    missing: str

    def as_dict(self) -> dict[str, str]:
        """Return the declaration as plain text fields."""
        return asdict(self)


@dataclass(frozen=True)
class EventFeatures:
    """What the history of some event types yields over some windows.

    Attributes:
        types: slugs of the event types, sorted.
        valued: those whose events carry a value.
        windows_days: lengths of the windows that end at the as-of instant.
    """

    types: Sequence[str]
    valued: frozenset[str]
    windows_days: Sequence[int]

    def declarations(self) -> list[Feature]:
        """Return the features in column order."""
        return [feature for feature, _ in self._pairs(None)]

    def expression(self, events: Table, spine: Table) -> Table:
        """Return one row per spine row: `row` and every feature.

        Args:
            events: unbound, as in visible.EVENTS.
            spine: unbound, as in visible.SPINE.
        """
        seen = visible(events, spine)
        columns = {feature.name: column for feature, column in self._pairs(seen)}
        found = seen.group_by("row").aggregate(**columns)
        zeros = {f.name: 0 for f in self.declarations() if f.missing == "zero"}
        joined = spine.select("row").left_join(found, "row").drop("row_right")
        return joined.fill_null(zeros) if zeros else joined

    def _pairs(self, seen: Table | None) -> list[tuple[Feature, Any]]:
        pairs: list[tuple[Feature, Any]] = []
        for name in self.types:
            mine = None if seen is None else seen.event_type == name
            pairs += [_count(name, days, seen, mine) for days in self.windows_days]
            if name in self.valued:
                pairs += [_sum(name, days, seen, mine) for days in self.windows_days]
                pairs.append(_last(name, seen, mine))
            pairs.append(_days_since(name, seen, mine))
        return pairs


def _in_window(seen: Table, mine: Column, days: int) -> Any:
    return mine & (seen.age <= days * MICROS_PER_DAY)


def _count(name: str, days: int, seen: Table | None, mine: Any) -> tuple[Feature, Any]:
    feature = Feature(f"{name}_count_{days}d", f"{name} events in the last {days} days", "events", "zero")
    if seen is None:
        return feature, None
    return feature, seen.row.count(where=_in_window(seen, mine, days)).cast("float64")


def _sum(name: str, days: int, seen: Table | None, mine: Any) -> tuple[Feature, Any]:
    feature = Feature(f"{name}_sum_{days}d", f"sum of {name} values in the last {days} days", "value", "zero")
    if seen is None:
        return feature, None
    return feature, _in_units(seen.amount.sum(where=_in_window(seen, mine, days)))


def _last(name: str, seen: Table | None, mine: Any) -> tuple[Feature, Any]:
    feature = Feature(f"{name}_last", f"value of the latest {name}", "value", "missing")
    if seen is None:
        return feature, None
    return feature, _in_units(seen.amount.argmax(seen.position, where=mine & seen.amount.notnull()))


def _days_since(name: str, seen: Table | None, mine: Any) -> tuple[Feature, Any]:
    feature = Feature(f"{name}_days_since", f"days since the latest {name}", "days", "missing")
    if seen is None:
        return feature, None
    # The numerator is cast first: Spark would read a literal divisor as DECIMAL and round.
    return feature, seen.age.min(where=mine).cast("float64") / float(MICROS_PER_DAY)


def _in_units(amount: Any) -> Any:
    return amount.cast("float64") / float(AMOUNT_UNITS)
