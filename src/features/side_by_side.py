"""The measures of each row's event types laid side by side, one row per spine row (docs/decisions/0025).

Counts and sums are 0 where a type has no event; ages and the latest value are missing there.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add, or_
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
from ibis.expr.types import Table
from numpy.typing import NDArray

from .measures import AGES, CALENDAR, LAST, count_bits

Ints = NDArray[np.int64]
_MISSING = (*AGES, LAST)  # where there is no event; other measures are 0


class Measured:
    """The measures side by side, as a table to compute with: every method returns one int64 number per row."""

    def __init__(self, measures: Sequence[str], codes: Mapping[str, int]) -> None:
        """Name the columns.

        Args:
            measures: that `per_type` returns.
            codes: of the types, by slug.
        """
        columns = [_column(measure, code) for measure in measures for code in codes.values()]
        self.table: Table = ibis.table({"row": "int64"} | dict.fromkeys(columns, "int64"), name="measures")
        self._codes = codes

    def of(self, name: str, measure: str) -> Any:
        """Return the measure of one type."""
        return self.table[_column(measure, self._codes[name])]

    def total(self, names: Sequence[str], measure: str) -> Any:
        """Return a count added over several types."""
        return reduce(add, (self.of(name, measure) for name in names), ibis.literal(0, "int64"))

    def least(self, names: Sequence[str], measure: str) -> Any:
        """Return the smallest measure over several types, missing where all are."""
        return reduce(ibis.least, (self.of(name, measure) for name in names), ibis.null("int64"))

    def greatest(self, names: Sequence[str], measure: str) -> Any:
        """Return the largest measure over several types, missing where all are."""
        return reduce(ibis.greatest, (self.of(name, measure) for name in names), ibis.null("int64"))

    def active_weeks(self, names: Sequence[str], weeks: int) -> Any:
        """Return in how many of the latest weeks any of several types had an event."""
        return count_bits(reduce(or_, (self.of(name, CALENDAR) for name in names)) & (2**weeks - 1))


class Places:
    """The places of ascending integers, by a table over their range; any other integer has one place for itself."""

    def __init__(self, keys: Ints, places: Ints, elsewhere: int) -> None:
        low = int(keys[0]) if len(keys) else 0
        self._before = low - 1
        self._table = np.full(int(keys[-1]) - low + 3 if len(keys) else 2, elsewhere, dtype=np.intp)
        self._table[keys - self._before] = places

    def of(self, values: NDArray[Any]) -> NDArray[np.intp]:
        """Return the place of each value."""
        return self._table.take(values - self._before, mode="clip")


def lay(found: pa.Table, keys: Ints, types: Sequence[int]) -> pa.Table:
    """Return the table that `Measured` computes with.

    Args:
        found: row, type and measures, as `per_type` returns them, in any order; a row that is no key or type goes
            nowhere.
        keys: the found `row` of each spine row, ascending, shape (n,).
        types: their codes.

    Returns:
        as `laid`.
    """
    n, kinds = len(keys), np.unique(types)
    rows = Places(keys, np.arange(n), n).of(found["row"].to_numpy())
    last = len(kinds) * (n + 1)
    places = Places(kinds, np.arange(0, last, n + 1), last).of(found["type"].to_numpy()) + rows
    numbers, there = {}, {}
    for measure in found.column_names[2:]:
        values = found[measure].cast(pa.int64()).combine_chunks()
        numbers[measure] = _spread(values.fill_null(0).to_numpy(), places, last + n + 1)
        if measure in _MISSING:
            valid = values.is_valid().to_numpy(zero_copy_only=False)
            there[measure] = _spread(valid, places, last + n + 1)
    return laid(numbers, there, kinds, n)


def _spread(values: NDArray[Any], places: NDArray[np.intp], size: int) -> NDArray[Any]:
    """Return zeros with each value at its place."""
    spread = np.zeros(size, dtype=values.dtype)
    spread[places] = values
    return spread


def laid(numbers: Mapping[str, Ints], there: Mapping[str, NDArray[np.bool_]], kinds: Ints, n: int) -> pa.Table:
    """Return measures by place as a table of one row per spine row.

    Args:
        numbers: of each measure by its name: the n rows of each type after each other and behind them one more, for
            what is of no row; behind all, as many for what is of no type, shape ((types + 1) × (n + 1),).
        there: where there is a number, of those measures that may be missing.
        kinds: codes of the types, shape (types,).
        n: the number of rows.

    Returns:
        row (0 … n − 1) and each measure of each type, int64.
    """
    columns = {"row": pa.array(np.arange(n))}
    for measure, every in numbers.items():
        for at, code in enumerate(kinds.tolist()):
            mine = slice(at * (n + 1), at * (n + 1) + n)
            bits = pa.py_buffer(np.packbits(there[measure][mine], bitorder="little")) if measure in there else None
            columns[_column(measure, code)] = pa.Array.from_buffers(pa.int64(), n, [bits, pa.py_buffer(every[mine])])
    return pa.table(columns)


def _column(measure: str, code: int) -> str:
    return f"{measure}_of_{code}"
