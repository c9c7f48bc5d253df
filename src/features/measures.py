"""What is counted of the visible events, once per row and event type: all features are arithmetic on these numbers.

Everything counted is int64, so both engines and any order of adding give the same numbers. `seen_by` and `per_type` say
what each measure is, and Spark runs them; beside the embedded engine pairs.py and tally.py count the same in NumPy
(docs/decisions/0032, 0036).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np
import pandas as pd
from ibis.expr.types import Column, Table
from numpy.typing import NDArray

from ..contracts.time import MICROS_PER_DAY
from .history import AMOUNT_UNITS
from .visible import HISTORY, SPINE, visible, visible_at

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


@dataclass(frozen=True)
class Measures:
    """What is to be counted.

    Attributes:
        types: codes of the event types, by slug.
        whole: whether the history holds no other types.
        windows: of counts and sums.
        channels: name -> code, of the channels to count.
        valued: whether any event carries a value.
        partly: whether some types have events with a value and others without.
    """

    types: Mapping[str, int]
    whole: bool
    windows: Windows
    channels: Mapping[str, int]
    valued: bool
    partly: bool

    @property
    def read(self) -> list[str]:
        """Return the columns of `seen_by` that are looked at."""
        of_values = ["amount", "position"] if self.valued else []
        return ["row", "type", "age", *(["channel"] if self.channels else []), *of_values]

    @property
    def stored(self) -> list[str]:
        """Return the columns of the history that these are made of."""
        return ["stakeholder", "at", "known", *(name for name in self.read if name not in ("row", "age"))]

    @property
    def names(self) -> list[str]:
        """Return the names of the measures, as `per_type` explains them."""
        days = self.windows.days
        names = ["n", *AGES, CALENDAR, *(f"n_{each}" for each in (*days, *self.windows.counted))]
        names += [f"sum_{each}" for each in days if self.valued] + [LAST] * self.valued
        names += [f"valued_{each}" for each in days if self.partly]
        return [*names, *(f"on_{name}" for name in self.channels)]


def seen_by(measures: Measures, instant: int | None = None) -> Table:
    """Return the visible events of these types, as far as they are read.

    Args:
        measures: to count.
        instant: as-of instant of every row (microseconds), where each stakeholder has one row: events need not be
            paired with rows then. None: any rows.

    Returns:
        row: of the spine, or the stakeholder's code where all rows have one instant; type; age (microseconds); channel;
        amount; position.
    """
    wanted = HISTORY if measures.whole else HISTORY.filter(HISTORY.type.isin([*measures.types.values()]))
    if instant is None:
        return visible(wanted, SPINE).select(*measures.read)
    seen = visible_at(wanted, instant)
    return seen.mutate(row=seen.stakeholder).select(*measures.read)


def row_keys(spine: pd.DataFrame, instant: int | None) -> NDArray[np.int64]:
    """Return the `row` by which `seen_by` names each row of a spine, ascending, shape (n,)."""
    keys: NDArray[np.int64] = spine["row" if instant is None else "stakeholder"].to_numpy()
    return keys


def only_instant(spine: pd.DataFrame) -> int | None:
    """Return the as-of instant of all rows of a spine, None where there are several, or more rows of one stakeholder.

    >>> only_instant(pd.DataFrame({"stakeholder": [1, 2], "as_of": [9, 9]})) == 9
    True
    >>> only_instant(pd.DataFrame({"stakeholder": [1, 1], "as_of": [8, 9]})) is None
    True
    """
    alone = spine["as_of"].nunique() == 1 and bool(spine["stakeholder"].is_unique)
    return int(spine["as_of"].iloc[0]) if alone else None


def per_type(seen: Table, measures: Measures) -> Table:
    """Return one row per spine row and event type with its measures.

    Args:
        seen: of `seen_by`.
        measures: to count.

    Returns:
        row, type; `n`: events; `n_<days>`: events in the window; `youngest`, `oldest`: ages in microseconds; `weeks`:
        bit k set for an event in the week that ended k weeks before the instant; `on_<channel>`: events in the longest
        window; if valued `sum_<days>`: sum of the values in the window, and `last`: the value of the latest event that
        has one, of the last recorded among ties; if partly `valued_<days>`: number of the values in the window.
    """
    windows = measures.windows
    columns: dict[str, Any] = {
        "n": seen.row.count(),
        "youngest": seen.age.min(),
        "oldest": seen.age.max(),
        CALENDAR: any_bit(bit_of(seen.age, 7 * MICROS_PER_DAY)),
    }
    for days in windows.days:
        recent = seen.age <= days * MICROS_PER_DAY
        columns[f"n_{days}"] = how_often(recent)
        if measures.valued:
            columns[f"sum_{days}"] = total_of(seen.amount, recent)
        if measures.partly:
            columns[f"valued_{days}"] = seen.amount.count(where=recent)
    for days in windows.counted:
        columns[f"n_{days}"] = seen.row.count(where=seen.age <= days * MICROS_PER_DAY)
    if measures.valued:
        columns[LAST] = latest_of(seen.amount, seen.position, where=seen.amount.notnull())
    if measures.channels:
        channel = (seen.age <= windows.longest * MICROS_PER_DAY).ifelse(seen.channel, ibis.null())
        columns |= {f"on_{name}": how_often(channel == code) for name, code in measures.channels.items()}
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
