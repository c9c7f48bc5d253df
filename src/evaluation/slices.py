"""The policy group by group: who is treated how often, what it gains for whom, and whether the promise holds for all.

Groups are kinds, segments and audited attributes. Audited attributes are never features (`features.audit_only` keeps
them out by schema); `proxies` tells whether other columns stand in for them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..models.scores import FloatArray
from .estimate import Estimate, cluster_codes, clustered_mean
from .log import LoggedDecisions
from .policy_value import doubly_robust
from .uplift_ranking import gained_by

LEAST_ROWS = 30  # of a group of its own
OTHERS, UNKNOWN = "others", "unknown"


@dataclass(frozen=True)
class Slice:
    """One group of decisions; money per decision, shares per arm.

    Attributes:
        group: its name.
        decisions, stakeholders: how many.
        value: of our policy, net of cost.
        gain: of our policy over nobody.
        surplus: gain less predicted gain; 0 is right, below: too much was promised.
        treated: share that gets each arm, by name, the control included.
    """

    group: str
    decisions: int
    stakeholders: int
    value: Estimate
    gain: Estimate
    surplus: Estimate
    treated: Mapping[str, Estimate]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain Python numbers, ready for JSON."""
        return asdict(self)


def groups(attribute: pd.Series) -> pd.Series:
    """Return each row's group as text: values of text, bands of numbers of more than ten values; rare ones together.

    The bands part the numbers at their quartiles; equal numbers are never parted.

    >>> groups(pd.Series(["a"] * 30 + ["b"] * 30 + ["c", None])).value_counts().to_dict()
    {'a': 30, 'b': 30, 'others': 2}
    """
    if pd.api.types.is_numeric_dtype(attribute) and attribute.nunique() > 10:
        numbers = attribute.to_numpy(dtype=float, na_value=np.nan)
        borders = np.unique(np.nanquantile(numbers, [0.25, 0.5, 0.75]))
        named = pd.Series(bands(numbers, borders, ""), attribute.index).where(attribute.notna(), UNKNOWN)
    else:
        named = attribute.astype("object").map(lambda value: UNKNOWN if pd.isna(value) else str(value))
    rows = named.value_counts()
    return named.where(named.map(rows) >= LEAST_ROWS, OTHERS)


def bands(numbers: np.ndarray, borders: Any, unit: str) -> np.ndarray:
    """Return the band of each number as text, `missing` without one."""
    edges = [f"{each:g}" for each in borders]
    names = [f"below {edges[0]}", *(f"{a} to {b}" for a, b in pairwise(edges)), f"{edges[-1]} on"]
    names = [f"{name} {unit}".strip() for name in names]
    at = np.searchsorted(np.asarray(borders, dtype=float), numbers, side="right")
    return np.where(np.isnan(numbers), "missing", np.array(names, dtype=object)[at])


def slices(log: LoggedDecisions, policy: FloatArray, predicted: FloatArray, group: NDArray[Any],
           names: tuple[str, ...]) -> list[Slice]:  # fmt: skip
    """Return the groups in the order of their names.

    Args:
        log: n decisions.
        policy: ours, shape (n, k).
        predicted: out-of-fold gain of what it gives, money, shape (n,).
        group: of each row, shape (n,).
        names: of the arms.
    """
    return [_slice(str(each), log, policy, predicted, np.asarray(group == each), names) for each in np.unique(group)]


def _slice(name: str, log: LoggedDecisions, policy: FloatArray, predicted: FloatArray, rows: NDArray[np.bool_],
           names: tuple[str, ...]) -> Slice:  # fmt: skip
    part, mine = log.take(rows), policy[rows]
    gained, codes = gained_by(part, mine), cluster_codes(part.cluster, len(mine))
    treated = {arm: clustered_mean(mine[:, at], codes) for at, arm in enumerate(names)}
    return Slice(name, len(mine), int(codes.max()) + 1, doubly_robust(part, mine),
                 clustered_mean(gained, codes), clustered_mean(gained - predicted[rows], codes), treated)  # fmt: skip
