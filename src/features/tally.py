"""The measures of some rows, counted by NumPy straight to where features read them (docs/decisions/0032).

`measures.per_type` defines what is counted. Here every row and type has a place of its own instead of a group in a hash
table. Numbers are added up batch by batch, in any order, so that the events of the rows are never held together.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..contracts.errors import InputError
from ..contracts.time import MICROS_PER_DAY
from .history import AMOUNT_UNITS
from .measures import AGES, CALENDAR, LAST, WEEKS, Measures
from .pairs import Columns, Pairs
from .side_by_side import Ints, Places, laid

_BITS = 64  # of a calendar
_INTEGERS = np.iinfo(np.int64)
_AROUND = 2.0**64  # by which an int64 sum is wrong once it has gone around
Number = TypeVar("Number", np.int64, np.float64)


class Tally:
    """What has been counted so far, by place: the rows of each type after each other, as `laid` takes them.

    Behind them stand those of any other type.

    Events of a window are kept apart from those of the next longer one alone, and added in the end.
    """

    def __init__(self, measures: Measures, rows: int) -> None:
        """Begin without an event.

        Args:
            measures: to count.
            rows: the number of spine rows.
        """
        self._measures, self._n, self._kinds = measures, rows, np.unique([*measures.types.values()])
        self._places = (len(self._kinds) + 1) * (self._n + 1)
        last = len(self._kinds) * (self._n + 1)
        self._type = Places(self._kinds, np.arange(0, last, self._n + 1), last)
        self._ends = np.unique([*measures.windows.days, *measures.windows.counted]) * MICROS_PER_DAY
        self._counts = np.zeros((len(self._ends) + 1, self._places), dtype=np.int64)
        self._youngest = np.full(self._places, _INTEGERS.max)
        self._oldest = np.zeros(self._places, dtype=np.int64)
        self._weeks = np.zeros((self._places, _BITS), dtype=np.bool_)
        self._channels = np.array(sorted({*measures.channels.values()}), dtype=np.int64)
        number = len(self._channels)
        self._channel = Places(self._channels, np.arange(number) * self._places, number * self._places)
        self._on = np.zeros((number + 1, self._places), dtype=np.int64)
        self._amounts = _Amounts(self._counts.shape, measures.partly) if measures.valued else None

    def add(self, seen: Pairs) -> None:
        """Count some of the pairs."""
        age, events = seen.age, seen.events
        place = self._type.of(events["type"]) + seen.row
        # An event as old as a window is long lies inside.
        part = np.searchsorted(self._ends, age) * self._places + place
        np.add.at(self._counts.reshape(-1), part, 1)
        np.minimum.at(self._youngest, place, age)
        np.maximum.at(self._oldest, place, age)
        week = np.minimum((age - 1) // (7 * MICROS_PER_DAY), WEEKS)
        self._weeks.reshape(-1)[place * _BITS + week] = True
        if self._measures.channels:
            recent = np.flatnonzero(age <= self._measures.windows.longest * MICROS_PER_DAY)
            channel = self._channel.of(events["channel"].take(recent))
            np.add.at(self._on.reshape(-1), channel + place.take(recent), 1)
        if self._amounts is not None:
            self._amounts.add(events, place, part)

    def table(self) -> pa.Table:
        """Return what was counted, as `laid`; once, at the end: numbers are added up and handed out where they stand.

        Raises:
            InputError: a sum of values that features read is no int64.
        """
        counts, days = _added_up(self._counts), self._measures.windows.days
        numbers = {"n": counts[-1], "youngest": self._youngest, "oldest": self._oldest,
                   CALENDAR: np.packbits(self._weeks, bitorder="little").view(np.int64)}  # fmt: skip
        there = dict.fromkeys(AGES, counts[-1] > 0)
        numbers |= self._of_windows("n", counts, [*days, *self._measures.windows.counted])
        on = np.searchsorted(self._channels, [*self._measures.channels.values()])
        numbers |= {f"on_{name}": self._on[at] for name, at in zip(self._measures.channels, on, strict=True)}
        if self._amounts is not None:
            sums, valued, rough = self._amounts.totals()
            if rough is not None:
                self._refuse_astray(sums, rough)
            numbers |= self._of_windows("sum", sums, days)
            numbers |= self._of_windows("valued", valued, days) if valued is not None else {}
            numbers[LAST], there[LAST] = self._amounts.last()
        return laid(numbers, there, self._kinds, self._n)

    def _of_windows(self, measure: str, within: Ints, days: Sequence[int]) -> dict[str, Ints]:
        """Return the numbers of each window by the name of the measure."""
        return {f"{measure}_{each}": within[self._part(each)] for each in days}

    def _part(self, days: int) -> int:
        """Return the part that ends with a window."""
        return int(np.searchsorted(self._ends, days * MICROS_PER_DAY))

    def _refuse_astray(self, sums: Ints, rough: NDArray[np.float64]) -> None:
        """Refuse sums that have gone around, of windows, types and rows that are asked for.

        Raises:
            InputError: there is one.
        """
        for days in self._measures.windows.days:
            about = rough[self._part(days)]
            astray = np.abs(about - sums[self._part(days)]) > _AROUND / 2
            found = np.argwhere(astray.reshape(-1, self._n + 1)[:-1, :-1])
            if len(found):
                kind, row = found[0]
                name = {code: name for name, code in self._measures.types.items()}[self._kinds[kind]]
                total = about[kind * (self._n + 1) + row] / AMOUNT_UNITS
                most = f"sums of one type and window within {_INTEGERS.max // AMOUNT_UNITS:,} either way"
                got = f"about {total:.2e} of {name!r} within {days} days"
                raise InputError("events, column value", most, got, "correct the values")


class _Amounts:
    """The amounts among the events counted: their sums and numbers, and the latest recorded."""

    def __init__(self, shape: tuple[int, int], counted: bool) -> None:
        self._sums = np.zeros(shape, dtype=np.int64)
        self._counts = np.zeros(shape, dtype=np.int64) if counted else None
        self._last, self._recorded = np.zeros(shape[1], dtype=np.int64), np.full(shape[1], _INTEGERS.min)
        self._rough: NDArray[np.float64] | None = None
        self._bound = 0  # of what any sum may have come to

    def add(self, events: Columns, place: NDArray[np.intp], part: NDArray[np.intp]) -> None:
        """Add the amounts of events at these places, and at these of all parts."""
        there = np.flatnonzero(events["valued"])
        value, position = events["amount"].take(there), events["position"].take(there)
        place, part = place.take(there), part.take(there)
        self._watch(value)
        np.add.at(self._sums.reshape(-1), part, value)
        if self._rough is not None:
            np.add.at(self._rough.reshape(-1), part, value.astype(np.float64))
        if self._counts is not None:
            np.add.at(self._counts.reshape(-1), part, 1)
        np.maximum.at(self._recorded, place, position)
        latest = np.flatnonzero(position == self._recorded.take(place))
        self._last[place.take(latest)] = value.take(latest)

    def _watch(self, value: Ints) -> None:
        """Keep floating-point sums beside as soon as one of int64 could have gone around."""
        if len(value):
            self._bound += len(value) * max(abs(int(value.min())), abs(int(value.max())))
        if self._rough is None and self._bound > _INTEGERS.max:
            self._rough = self._sums.astype(np.float64)

    def last(self) -> tuple[Ints, NDArray[np.bool_]]:
        """Return the amount recorded last at each place, and where there is one."""
        return self._last, self._recorded > _INTEGERS.min

    def totals(self) -> tuple[Ints, Ints | None, NDArray[np.float64] | None]:
        """Return up to the end of each part the sums, the numbers of amounts and roughly the sums.

        The numbers are None where they are not counted, rough sums where none of the others can have gone around.
        """
        counts = None if self._counts is None else _added_up(self._counts)
        return _added_up(self._sums), counts, None if self._rough is None else _added_up(self._rough)


def _added_up(parts: NDArray[Number]) -> NDArray[Number]:
    """Add each part to the next longer one, where it stands."""
    for shorter, longer in pairwise(parts):
        longer += shorter
    return parts
