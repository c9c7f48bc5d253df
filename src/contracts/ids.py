"""One normaliser for ids: `7`, `7.0` and `"7"` are the same stakeholder; `"007"` is another.

Ids are text. Numbers become their digits, so that a column that one table holds as text, another as whole numbers and
a third, which has blanks, as floating-point numbers means the same stakeholders everywhere.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_BLANKS = " \t\r\n\0\u00a0\u00ad\u200b\u200c\u200d\u2060\ufeff"


def normalise_ids(ids: pd.Series) -> pd.Series:
    """Return ids as text, surrounding blanks and a whole number's `.0` removed; blanks inside and leading zeros stay.

    Args:
        ids: any dtype, shape (n,).

    Returns:
        str, shape (n,), same index; null or blank ids stay null.

    >>> normalise_ids(pd.Series([7, "7.0", " 7 ", 7.0, "007", None], dtype=object)).tolist()
    ['7', '7', '7', '7', '007', nan]
    """
    text = _digits(ids).astype("str").str.strip()
    if text.str.contains(".", regex=False).any():
        text = text.str.replace(r"^(-?\d+)\.0+$", r"\1", regex=True)
    return text.mask(ids.isna() | (text == ""))


def positions(texts: pd.Series, among: Iterable[str]) -> NDArray[np.int64]:
    """Return where each text stands among distinct ones, shape (n,), −1 where it does not.

    >>> positions(pd.Series(["b", None, "x"], dtype="str"), ["a", "b"]).tolist()
    [1, -1, -1]
    """
    found = pc.index_in(pa.array(texts, pa.large_string(), from_pandas=True), pa.array(among, pa.large_string()),
                        skip_nulls=True)  # fmt: skip
    return np.asarray(found.fill_null(-1), dtype=np.int64)


def spelt_otherwise(unknown: pd.Series, known: pd.Series) -> dict[str, str]:
    """Return those of the unknown ids that but for zeros in front, or blanks around them, are known ones, each with it.

    Args:
        unknown: normalised, each any number of times.
        known: normalised, distinct.

    >>> spelt_otherwise(pd.Series(["007", "8", "0", "\u200bann"]), pd.Series(["7", "08", "10", "ann"]))
    {'007': '7', '8': '08', '\u200bann': 'ann'}
    """
    distinct = pd.Series(unknown.unique(), dtype="str")
    if distinct.empty:
        return {}
    places = np.asarray(pc.index_in(_bare(distinct), _bare(known)).fill_null(-1), dtype=np.int64)
    return {one: str(known.iloc[place]) for one, place in zip(distinct, places, strict=True) if place >= 0}


def _bare(ids: pd.Series) -> pa.Array:
    """Return ids without blanks around them, those of no width included, and without zeros in front."""
    seen = pc.utf8_trim(pa.array(ids, pa.large_string(), from_pandas=True), _BLANKS)
    bare = pc.utf8_ltrim(seen, "0")
    return pc.if_else(pc.equal(bare, ""), pc.utf8_slice_codeunits(seen, 0, 1), bare)


def inexact_ids(ids: pd.Series) -> NDArray[np.bool_]:
    """Tell which ids are floating-point numbers so large that two different ids may have become one, shape (n,).

    >>> inexact_ids(pd.Series([7.0, 2.0**53, None])).tolist(), inexact_ids(pd.Series([2**53])).tolist()
    ([False, True, False], [False])
    """
    if pd.api.types.is_float_dtype(ids.dtype):
        narrow = "32" in str(ids.dtype) or str(ids.dtype).startswith("float[")
        numbers = ids.to_numpy(dtype="float64", na_value=np.nan)
        inexact: NDArray[np.bool_] = np.abs(numbers) >= (2.0**24 if narrow else 2.0**53)
        return inexact
    if _holds_floats(ids):
        numbers = np.array([float(each) if isinstance(each, float | np.floating) else 0.0 for each in ids])
        return np.asarray(np.abs(numbers) >= 2.0**53)
    return np.zeros(len(ids), dtype=np.bool_)


def _digits(ids: pd.Series) -> pd.Series:
    """Return floating-point numbers that are whole as integers: their text would be 1e+16 from 10¹⁶ on."""
    if pd.api.types.is_float_dtype(ids.dtype) or _holds_floats(ids):
        whole = [int(each) if isinstance(each, float | np.floating) and each == each // 1 else each for each in ids]
        return pd.Series(whole, index=ids.index, dtype=object)
    return ids


def _holds_floats(ids: pd.Series) -> bool:
    return ids.dtype == object and pd.api.types.infer_dtype(ids, skipna=True) != "string"
