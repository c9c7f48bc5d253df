"""What is counted of the visible events, once per row and event type: all features are arithmetic on these numbers.

Everything counted is int64, so both engines and any order of adding give the same numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
from ibis.expr.types import Column, Table

from ..contracts.time import MICROS_PER_DAY
from .history import AMOUNT_UNITS

WEEKS = 52  # of the calendar of active weeks; its bits, and one for all before, fit a float64
AGES = ("youngest", "oldest")
CALENDAR = "weeks"
LAST = "last"


# Both engines know these by these names; Ibis' own forms are slow on DuckDB or unknown to it for Spark.
@ibis.udf.agg.builtin(name="max_by")
def latest_of(amount: int, position: int) -> int:  # type: ignore[empty-body]
    """Return the amount of the largest position."""


@ibis.udf.agg.builtin(name="bit_or")
def any_bit(bits: int) -> int:  # type: ignore[empty-body]
    """Return the bits that any row has set."""


@ibis.udf.agg.builtin(name="count_if")
def _how_often(true: bool) -> int:  # type: ignore[empty-body]
    """Return how many rows have it true; cheaper than a filter before a count."""


@ibis.udf.scalar.builtin(name="div")
def _whole(dividend: int, divisor: int) -> int:  # type: ignore[empty-body]
    """Return how often the divisor goes into a number ≥ 0; Ibis' own form divides floating numbers on DuckDB."""


@ibis.udf.scalar.builtin(name="bit_count")
def count_bits(bits: int) -> int:  # type: ignore[empty-body]
    """Return how many bits are set."""


@dataclass(frozen=True)
class Windows:
    """Windows that end at the as-of instant, in days, ascending; the longest stands last.

    In those of `counted` events are counted only, for the rules of deciding.
    """

    days: Sequence[int]
    counted: Sequence[int] = ()

    @property
    def shortest(self) -> int:
        """Return the shortest window."""
        return self.days[0]

    @property
    def longest(self) -> int:
        """Return the longest window."""
        return self.days[-1]


def per_type(seen: Table, windows: Windows, channels: Mapping[str, int], valued: bool, partly: bool) -> Table:
    """Return one row per spine row and event type with its measures.

    Args:
        seen: events paired with rows, as visible() gives them.
        windows: of counts and sums.
        channels: name -> code, of the channels to count.
        valued: whether any event carries a value.
        partly: whether some types have events with a value and others without.

    Returns:
        row, type; `n`: events; `n_<days>`: events in the window; `youngest`, `oldest`: ages in microseconds; `weeks`:
        bit k set for an event in the week that ended k weeks before the instant; `on_<channel>`: events in the longest
        window; if valued `sum_<days>`: sum of the values in the window, and `last`: the value of the latest event that
        has one, of the last recorded among ties; if partly `valued_<days>`: number of the values in the window.
    """
    columns: dict[str, Any] = {
        "n": seen.row.count(),
        "youngest": seen.age.min(),
        "oldest": seen.age.max(),
        CALENDAR: any_bit(bit_of(seen.age, 7 * MICROS_PER_DAY)),
    }
    for days in windows.days:
        recent = seen.age <= days * MICROS_PER_DAY
        columns[f"n_{days}"] = how_often(recent)
        if valued:
            columns[f"sum_{days}"] = total_of(seen.amount, recent)
        if partly:
            columns[f"valued_{days}"] = seen.amount.count(where=recent)
    for days in windows.counted:
        columns[f"n_{days}"] = seen.row.count(where=seen.age <= days * MICROS_PER_DAY)
    if valued:
        columns[LAST] = latest_of(seen.amount, seen.position, where=seen.amount.notnull())
    channel = (seen.age <= windows.longest * MICROS_PER_DAY).ifelse(seen.channel, ibis.null())
    for name, code in channels.items():
        columns[f"on_{name}"] = how_often(channel == code)
    return seen.group_by("row", "type").aggregate(**columns)


def bit_of(age: Any, period: int) -> Any:
    """Return an int64 with one bit, the k-th for an age in the k-th period before the instant (microseconds).

    What is older than 52 periods shares the bit behind the last. One microsecond less, since an event exactly one
    period old lies in the latest, as it does in a window of that length.
    """
    back = ibis.least(_whole(age - 1, period).cast("int32"), ibis.literal(WEEKS, "int32"))
    return ibis.literal(1, "int8").cast("int64") << back


def how_often(true: Any) -> Any:
    """Return the int64 number of rows for which a condition holds. DuckDB would count up to 128 bits."""
    return _how_often(true).cast("!int64").cast("int64")


def total_of(amount: Any, where: Any) -> Any:
    """Return the int64 sum of the amounts for which a condition holds, missing where it holds for none.

    DuckDB adds int64 up to 128 bits and rounds those beyond 2⁵³ in a way of its own. Ibis takes the sum for int64 and
    leaves out a cast to that, but not one by way of an int64 that is never missing.
    """
    return where.ifelse(amount, ibis.null("int64")).sum().cast("!int64").cast("int64")


def days(micros: Any) -> Any:
    """Return microseconds as days. The numerator is cast first: Spark would read a literal divisor as DECIMAL."""
    return micros.cast("float64") / float(MICROS_PER_DAY)


def value(amount: Any) -> Any:
    """Return an amount as the value people know."""
    return amount.cast("float64") / float(AMOUNT_UNITS)


def ratio(numerator: Any, denominator: Any) -> Column:
    """Return a quotient in float64, missing where the denominator is 0."""
    return numerator.cast("float64") / denominator.cast("float64").nullif(0.0)
