"""The measures of each row's event types laid side by side, one row per spine row (docs/decisions/0025).

No engine does this: it is copying, which NumPy does in a fraction of the time of aggregates that choose by type. Counts
and sums are 0 where a type has no event; ages and the latest value are missing there.
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


def lay(found: pa.Table, keys: Ints, codes: Sequence[int]) -> pa.Table:
    """Return the table that `Measured` computes with.

    Args:
        found: row, type and measures, as `per_type` returns them, in any order; a row that is no key goes nowhere.
        keys: the found `row` of each spine row, ascending, shape (n,).
        codes: of the types.

    Returns:
        row (0 … n − 1) and each measure of each type, int64.
    """
    row, kind = _Positions(keys), _Positions(np.unique(codes))
    rows, n = row.of(found["row"].to_numpy()), len(keys)
    mine = slice(None) if (rows >= 0).all() else rows >= 0
    places = (kind.of(found["type"].to_numpy()) * n + rows)[mine]
    columns = {"row": pa.array(np.arange(n))}
    for measure in found.column_names[2:]:
        values = found[measure].combine_chunks()
        numbers = _spread(values.fill_null(0).to_numpy()[mine], places, (len(kind.keys), n))
        known: Sequence[Any] = [None] * len(numbers)
        if measure in _MISSING:
            there = values.is_valid().to_numpy(zero_copy_only=False)[mine]
            known = [pa.py_buffer(np.packbits(each, bitorder="little"))
                     for each in _spread(there, places, numbers.shape)]  # fmt: skip
        for code, bits, each in zip(kind.keys.tolist(), known, numbers, strict=True):
            columns[_column(measure, code)] = pa.Array.from_buffers(pa.int64(), n, [bits, pa.py_buffer(each)])
    return pa.table(columns)


def _spread(values: NDArray[Any], places: Ints, shape: tuple[int, int]) -> NDArray[Any]:
    """Return zeros of a shape with each value at its place."""
    laid = np.zeros(shape, dtype=values.dtype)
    laid.reshape(-1)[places] = values
    return laid


class _Positions:
    """The positions of ascending integers, by a table over their range."""

    def __init__(self, keys: Ints) -> None:
        self.keys, self._low = keys, int(keys[0]) if len(keys) else 0
        self._table = np.full(int(keys[-1]) - self._low + 1 if len(keys) else 0, -1)
        self._table[keys - self._low] = np.arange(len(keys))

    def of(self, values: Ints) -> Ints:
        """Return the position of each value, −1 of one that lies between the keys."""
        return self._table[values - self._low]


def _column(measure: str, code: int) -> str:
    return f"{measure}_of_{code}"
