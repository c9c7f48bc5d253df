"""Who is looked at apart: kinds, segments and audited attributes, each parting the rows into a few groups."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from ..contracts.params import Params

LEAST_ROWS = 30  # of a group of its own
MOST_GROUPS = 12  # of an attribute, that of the others aside; numbers of more values are parted in bands
OTHERS, UNKNOWN = "others", "unknown"


def attribute_groups(ids: pd.Series, people: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Return the groups by kind, by the segment of the KPIs and by the audited attributes, a row for each id.

    Args:
        ids: stakeholders, shape (n,).
        people: canonical stakeholders.
        params: `kpis.segment` and `features.audit_only`.
    """
    segment = [params.kpis.segment] if params.kpis.segment else []
    named = dict.fromkeys(["kind", *segment, *params.features.audit_only])
    known = people.set_index("stakeholder_id")[[name for name in named if name in people]]
    mine = known.loc[ids].reset_index(drop=True)
    return pd.DataFrame({name: groups(mine[name]) for name in mine})


def groups(attribute: pd.Series) -> pd.Series:
    """Return each row's group as text: a value of text, or a band of numbers; rare ones together, unknown its own.

    The bands part the numbers at the quartiles of the finite ones; equal numbers are never parted.

    >>> groups(pd.Series(["a"] * 30 + ["b"] * 30 + ["c", None])).value_counts().to_dict()
    {'a': 30, 'b': 30, 'others': 2}
    """
    if pd.api.types.is_numeric_dtype(attribute) and attribute.nunique() > MOST_GROUPS:
        numbers = attribute.to_numpy(dtype=float, na_value=np.nan)
        borders = np.unique(np.quantile(numbers[np.isfinite(numbers)], [0.25, 0.5, 0.75]))
        named = pd.Series(bands(numbers, borders, ""), attribute.index).where(attribute.notna(), UNKNOWN)
    else:
        named = attribute.astype("object").map(lambda value: UNKNOWN if pd.isna(value) else str(value))
    rows = named.value_counts()
    largest = sorted(rows.index, key=lambda name: (-rows[name], name))[:MOST_GROUPS]
    return named.where(named.isin([name for name in largest if rows[name] >= LEAST_ROWS]), OTHERS)


def bands(numbers: np.ndarray, borders: Any, unit: str) -> np.ndarray:
    """Return the band of each number as text, `missing` without one."""
    edges = [f"{each:g}" for each in borders]
    names = [f"below {edges[0]}", *(f"{a} to {b}" for a, b in pairwise(edges)), f"{edges[-1]} on"]
    names = [f"{name} {unit}".strip() for name in names]
    at = np.searchsorted(np.asarray(borders, dtype=float), numbers, side="right")
    return np.where(np.isnan(numbers), "missing", np.array(names, dtype=object)[at])
