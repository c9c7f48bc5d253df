"""One normaliser for ids: `7`, `7.0` and `"7"` are the same stakeholder."""

import pandas as pd


def normalise_ids(ids: pd.Series) -> pd.Series:
    """Return ids as text, surrounding blanks and a whole number's `.0` removed.

    Args:
        ids: any dtype, shape (n,).

    Returns:
        str, shape (n,), same index; null or blank ids stay null.

    >>> normalise_ids(pd.Series([7, "7.0", " 7 ", 7.0, "007", None], dtype=object)).tolist()
    ['7', '7', '7', '7', '007', nan]
    """
    text = ids.astype("str").str.strip()
    text = text.str.replace(r"^(-?\d+)\.0+$", r"\1", regex=True)
    return text.mask(ids.isna() | (text == ""))
