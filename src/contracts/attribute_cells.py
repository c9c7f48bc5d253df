"""Attributes of stakeholders as they arrive: all cells of one together tell whether it is numbers, flags or text."""

import numpy as np
import pandas as pd

from .cells import NUMBER, Origin, as_number, as_text, per_distinct, refuse, shown

_LABEL = r"[+-]?0\d.*"  # 007 is a label, not the number 7
_INFINITE = r"[+-]?(?i:inf(?:inity)?)"
_BOUND = 3.4e38  # beyond it a number is infinite in the float32 matrix of the learners


def as_attribute(raw: pd.Series, origin: Origin) -> pd.Series:
    """Return an attribute as float64, bool or str, whichever all its cells are.

    CSV and Parquet give the same: text that is numbers throughout is a number, except with leading zeros (007 is
    a label); true/false throughout is bool; with blanks among them it is text, for a blank is neither. A column of
    blanks is numbers, all missing.

    Raises:
        InputError: cells are dates, lists or other things, or infinite, also as text among numbers.
    """
    raw = raw.reset_index(drop=True)
    kind = pd.api.types.infer_dtype(raw.astype(object), skipna=True)
    numeric = ("integer", "floating", "decimal", "mixed-integer-float", "empty")
    plain = (*numeric, "string", "boolean", "mixed-integer")
    fix = "give a number or text instead (a date as days, say), or leave the column out"
    refuse(raw.notna() & (kind not in plain), raw, origin, "numbers, true/false or text", fix)
    if kind in numeric:
        return _finite(as_number(raw, origin), raw, origin)
    text = as_text(raw)
    if text.isna().all():
        return pd.Series(np.nan, index=text.index, name=raw.name, dtype="float64")
    known = text.dropna()
    if _numeric(known):
        return _finite(text.astype("float64"), raw, origin)
    lower = per_distinct(text, lambda cells: cells.str.lower())
    if lower.dropna().isin(["true", "false"]).all():
        return lower if lower.isna().any() else lower == "true"
    return text


def _numeric(known: pd.Series) -> bool:
    """Tell whether text is numbers throughout, infinite ones included unless all are: on its own, "inf" is a word."""
    digits = known.str.fullmatch(NUMBER)
    if not digits.any() or known.str.fullmatch(_LABEL).any():
        return False
    return bool(digits.all() or known[~digits].str.fullmatch(_INFINITE).all())


def _finite(numbers: pd.Series, raw: pd.Series, origin: Origin) -> pd.Series:
    beyond = numbers.abs() > _BOUND
    refuse(beyond, raw, origin, "a finite number, below 3.4e38", "correct the cell, or leave it blank")
    return numbers


def words_among_numbers(text: pd.Series, origin: Origin) -> str | None:
    """Return what to tell people of text that would be numbers but for a few cells; None where most are no numbers.

    Args:
        text: an attribute that is text, in the order of the table.
        origin: of the table.

    >>> print(words_among_numbers(pd.Series(["1", "n/a", "3"], name="seats", dtype="str"), Origin("people.csv")))
    people.csv, column seats, row 2: 'n/a' is no number; by 1 of 3 such cells the whole column is categories: \
to make it numbers, correct the cells or leave them blank
    """
    counts = text.value_counts()
    digits = counts.index.str.fullmatch(NUMBER)
    words, known = int(counts[~digits].sum()), int(counts.sum())
    if not 0 < words < known / 2 or counts.index.str.fullmatch(_LABEL).any():
        return None
    first = int((text.notna() & ~text.isin(counts.index[digits])).to_numpy().argmax())
    place, cell = origin.cell(str(text.name), first), shown(text.iloc[first])
    fix = "to make it numbers, correct the cells or leave them blank"
    return f"{place}: {cell} is no number; by {words:,} of {known:,} such cells the whole column is categories: {fix}"
