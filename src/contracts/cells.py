"""Columns as they arrive, text from CSV or typed from Parquet, made canonical or refused by row.

Rows are counted from 1 and the header does not count. Blank text is a missing value; every other text must be
what the column holds ("NA" is not a number). All functions work on whole columns.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import InputError

_UTC = pd.DatetimeTZDtype("us", "UTC")
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_ISO_8601 = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
_FIRST_TIME, _LAST_TIME = pd.Timestamp("0001-01-01", tz="UTC"), pd.Timestamp("9999-12-31T23:59:59.999999", tz="UTC")
_FLAGS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


@dataclass(frozen=True)
class Origin:
    """The file, or folder of part files, that a table was read from; messages name rows by it.

    Attributes:
        name: of the file or folder.
        parts: (name, rows) of each part, in the order read; empty for a single file.
    """

    name: str
    parts: tuple[tuple[str, int], ...] = ()

    def row(self, position: int) -> str:
        """Return file and row of the row at `position` (from 0).

        >>> Origin("events", (("events/1.csv", 2), ("events/2.csv", 5))).row(3)
        'events/2.csv, row 2'
        """
        for name, rows in self.parts:
            if position < rows:
                return f"{name}, row {position + 1}"
            position -= rows
        return f"{self.name}, row {position + 1}"

    def cell(self, column: str, position: int) -> str:
        """Return file, column and row of a cell."""
        file, row = self.row(position).rsplit(", ", 1)
        return f"{file}, column {column}, {row}"


def refuse(bad: pd.Series | NDArray[np.bool_], raw: pd.Series, origin: Origin, expected: str, fix: str) -> None:
    """Name the first bad cell of a column; do nothing when there is none.

    Args:
        bad: bool, shape (n,).
        raw: the column as it arrived, shape (n,); its name is the column's.
        origin: of the table.
        expected: what every cell must be.
        fix: what to do.

    Raises:
        InputError: at least one cell is bad; the number of others is told.
    """
    positions = np.flatnonzero(np.asarray(bad, dtype=bool))
    if len(positions) == 0:
        return
    first, more = int(positions[0]), len(positions) - 1
    got = shown(raw.iloc[first])
    others = f" ({more} more row{'s' if more > 1 else ''} like it)" if more else ""
    raise InputError(origin.cell(str(raw.name), first), expected, got + others, fix)


def shown(value: object) -> str:
    """Return a cell as messages show it.

    >>> shown("7"), shown(np.float64(7.0)), shown(None)
    ("'7'", '7.0', 'a blank cell')
    """
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return "a blank cell"
    return (repr(value) if isinstance(value, str) else str(value))[:80]


def per_distinct(raw: pd.Series, change: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Apply an element-wise change to each distinct value once; columns of few values are long.

    Args:
        raw: any dtype, shape (n,).
        change: from a column of values to text, null or not, of the same length.

    Returns:
        str, shape (n,), index 0 … n − 1; null stays null.
    """
    codes, distinct = pd.factorize(raw)
    values = change(pd.Series(distinct)).astype("str").array
    return pd.Series(values.take(codes, allow_fill=True), name=raw.name, dtype="str")


def as_text(raw: pd.Series) -> pd.Series:
    """Return text without surrounding blanks; blank cells are null.

    >>> as_text(pd.Series([" a", "", None, 3], dtype=object)).tolist()
    ['a', nan, nan, '3']
    """
    text = raw.astype("str").str.strip()
    return text.mask(raw.isna() | (text == ""))


def as_number(raw: pd.Series, origin: Origin) -> pd.Series:
    """Return float64, shape (n,), null where the cell is blank.

    Raises:
        InputError: a cell is not a number.
    """
    if pd.api.types.is_numeric_dtype(raw.dtype) and not pd.api.types.is_bool_dtype(raw.dtype):
        return raw.astype("float64").reset_index(drop=True)
    text = as_text(raw).reset_index(drop=True)
    good = text.str.fullmatch(NUMBER, na=False)
    refuse(
        text.notna() & ~good,
        raw,
        origin,
        "a number",
        "correct the cell, or leave it blank where that is allowed",
    )
    return text.astype("float64")


def as_time(raw: pd.Series, origin: Origin) -> pd.Series:
    """Return datetime64[us, UTC], shape (n,); a time without a zone is UTC, anything below 1 µs is cut off.

    Zones are a matter of each cell: text may mix offsets, which are converted, and times without a zone.

    Raises:
        InputError: a cell is neither a timestamp nor ISO 8601 text, or lies outside the years 1 to 9999.
    """
    raw = raw.reset_index(drop=True)
    if pd.api.types.is_datetime64_any_dtype(raw.dtype):
        times = raw.dt.tz_localize("UTC") if raw.dt.tz is None else raw.dt.tz_convert("UTC")
    else:
        times = _parsed_times(raw, origin)
    outside = (times < _FIRST_TIME) | (times > _LAST_TIME)
    refuse(outside, raw, origin, "a time in the years 1 to 9999", "correct the cell")
    aware: pd.Series = times.astype(_UTC)
    return aware


def _parsed_times(raw: pd.Series, origin: Origin) -> pd.Series:
    text = as_text(raw)
    good = text.str.fullmatch(_ISO_8601, na=False)
    finer = text.str.contains(r"\.\d{7}", na=False)
    if finer.any():
        text = text.mask(finer, text.str.replace(r"(\.\d{6})\d+", r"\1", regex=True))
    times = pd.to_datetime(text.where(good), format="ISO8601", utc=True, errors="coerce")
    expected = "an ISO 8601 date or time such as 2025-03-31 or 2025-03-31T14:30:00Z"
    refuse(
        text.notna() & times.isna(),
        raw,
        origin,
        expected,
        "write every date of the column in this one format",
    )
    return times


def as_flag(raw: pd.Series, origin: Origin, default: bool) -> pd.Series:
    """Return bool, shape (n,); blank cells take the default.

    Raises:
        InputError: a cell is none of true, false, 1, 0.
    """
    text = per_distinct(raw, lambda cells: as_text(cells).str.lower())
    refuse(text.notna() & ~text.isin(list(_FLAGS)), raw, origin, "true or false", "correct the cell")
    return text.map(_FLAGS).astype(object).where(text.notna(), default).astype(bool)


def as_whole_number(raw: pd.Series, origin: Origin) -> pd.Series:
    """Return int64, shape (n,).

    Raises:
        InputError: a cell is blank, or not a whole number.
    """
    numbers = as_number(raw, origin)
    whole = numbers.notna() & (numbers == numbers.round()) & (numbers.abs() < 2.0**53)
    refuse(~whole, raw, origin, "a whole number", "correct the cell")
    return numbers.astype("int64")


def missing_column(columns: Iterable[object], needed: Iterable[str]) -> str | None:
    """Return the first needed column that is not there.

    >>> missing_column(["a"], ["a", "b"])
    'b'
    """
    there = set(columns)
    return next((name for name in needed if name not in there), None)
