"""What one numeric or text feature on its own says of churn: the best single rule, and an alarm for those that say all.

A numeric feature ranks rows from the highest or from the lowest value; missing values are one group of equals, either
before or after all others. Ties count one half (Hanley & McNeil 1982, Radiology 143).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import folds_by_id
from ..contracts.errors import InputError

PERFECT_AUC = 0.99
LEAST_OF_EACH = 50  # leavers and stayers below which a feature may be perfect by chance

Matrix = NDArray[np.float32]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rule:
    """Rank by one feature alone.

    Attributes:
        name: of the feature.
        auc: among the rows it was chosen from.
        highest_first: whether a high value means a high risk.
        missing_first: whether a missing value means the highest risk, otherwise the lowest; None without missing ones.
        ranked: those rows' values oriented so that more is riskier, sorted; shape (n,).
        at: column of the feature in the matrix.
    """

    name: str
    auc: float
    highest_first: bool
    missing_first: bool | None
    ranked: Floats
    at: int

    def score(self, X: Matrix) -> Floats:
        """Return each row's place among the rows the rule was chosen from: share below plus half of the equal.

        Shares make rules by different features comparable, as those of different folds may be.
        """
        value = self._oriented(X[:, self.at])
        below, up_to = (np.searchsorted(self.ranked, value, side) for side in ("left", "right"))
        share: Floats = (below + up_to) / (2.0 * len(self.ranked))
        return share

    @property
    def text(self) -> str:
        """The rule for people: feature, direction, and where missing values go."""
        missing = {None: "", True: ", missing first", False: ", missing last"}[self.missing_first]
        return f"{self.name}, {'highest' if self.highest_first else 'lowest'} first{missing}"

    def _oriented(self, values: Matrix) -> Floats:
        oriented = values.astype(np.float64) * (1.0 if self.highest_first else -1.0)
        return np.where(np.isnan(oriented), np.inf if self.missing_first else -np.inf, oriented)


def best_rule(X: Matrix, churned: Flags, names: Sequence[str], categories: Collection[int]) -> Rule | None:
    """Return the numeric feature, direction and place of the missing that rank churn best; None where nothing ranks.

    Args:
        X: matrix, shape (n, p), NaN where missing.
        churned: outcome, shape (n,).
        names: of the columns.
        categories: columns that are no numbers.

    Ties go to the earlier column, then to the highest value first, then to missing last.

    >>> X = np.array([[1, 5], [1, 3], [0, 2], [1, 9]], dtype=np.float32)
    >>> rule = best_rule(X, np.array([False, True, True, False]), ["a", "b"], ())
    >>> rule.text, rule.auc, rule.score(X).tolist()
    ('b, lowest first', 1.0, [0.375, 0.625, 0.875, 0.125])
    """
    best, found = 0.5, None
    for at in range(X.shape[1]):
        if at in categories:
            continue
        for highest_first, missing_first, auc in _aucs(X[:, at], churned):
            if auc > best:
                best, found = auc, (at, highest_first, missing_first)
    if found is None:
        return None
    at, highest_first, missing_first = found
    rule = Rule(names[at], best, highest_first, missing_first if np.isnan(X[:, at]).any() else None, np.empty(0), at)
    return Rule(rule.name, best, highest_first, rule.missing_first, np.sort(rule._oriented(X[:, at])), at)


def refuse_telltale(X: Matrix, churned: Flags, ids: pd.Series, names: Sequence[str], categories: Collection[int],
                    allowed: Collection[str]) -> None:  # fmt: skip
    """Refuse a feature that alone tells who churns: it was made from the outcome, or after it.

    A numeric feature tells by the AUC of its best rule. A text feature tells by the AUC of its values' churn rates
    among the stakeholders of the other half, so that many rare values tell nothing by themselves.

    Args:
        X: matrix, shape (n, p), NaN where missing.
        churned: outcome, shape (n,); with fewer than LEAST_OF_EACH of a class nothing is refused.
        ids: stakeholder or household of each row.
        names: of the columns.
        categories: columns of category codes.
        allowed: names that are let through.

    Raises:
        InputError: a feature has an AUC of PERFECT_AUC or more.
    """
    if min(churned.sum(), len(churned) - churned.sum()) < LEAST_OF_EACH:
        return
    half = folds_by_id(ids, 2, 0)
    for at, name in enumerate(names):
        if name in allowed:
            continue
        if at in categories:
            auc = _aucs(_rates(X[:, at], churned, half), churned)[0][2]
        else:
            auc = max(found for _, _, found in _aucs(X[:, at], churned))
        if auc >= PERFECT_AUC:
            raise InputError(
                f"feature {name}", "features known before the outcome",
                f"one that alone tells who churned (AUC {auc:.3f} on {len(churned):,} snapshots)",
                f"name {name.removeprefix('attribute_')} in features.exclude of params.yaml, or leave its events out "
                f"of the source; if it was known before the outcome, name {name} in features.allow",
            )  # fmt: skip


def _aucs(values: NDArray[np.floating], churned: Flags) -> list[tuple[bool, bool, float]]:
    """Return (highest_first, missing_first, AUC) of the four rankings, 0.5 where there is one class only."""
    missing = np.isnan(values)
    value, left = values[~missing], churned[~missing]
    order = np.argsort(value, kind="stable")
    value, left = value[order], left[order].astype(np.float64)
    starts = np.flatnonzero(np.r_[len(value) > 0, value[1:] != value[:-1]])
    leavers = np.add.reduceat(left, starts) if len(starts) else np.zeros(0)
    stayers = np.diff(np.r_[starts, len(value)]) - leavers
    won = float(leavers @ (np.cumsum(stayers) - 0.5 * stayers))
    known_leavers, known_stayers = float(leavers.sum()), float(stayers.sum())
    lost_leavers = float(churned[missing].sum())
    lost_stayers = float(missing.sum()) - lost_leavers
    pairs = (known_leavers + lost_leavers) * (known_stayers + lost_stayers)
    if pairs == 0:
        return [(True, False, 0.5)]
    found = []
    for highest_first, above in ((True, won), (False, known_leavers * known_stayers - won)):
        for missing_first in (False, True):
            across = lost_leavers * known_stayers if missing_first else known_leavers * lost_stayers
            found.append((highest_first, missing_first, (above + across + 0.5 * lost_leavers * lost_stayers) / pairs))
    return found


def _rates(codes: NDArray[np.floating], churned: Flags, half: NDArray[np.int64]) -> Floats:
    """Return each row's churn rate of its category in the other half, that half's own rate where it has none there."""
    group = np.nan_to_num(codes, nan=-1.0).astype(np.int64) + 1
    rates = np.empty(len(group))
    for k in (0, 1):
        other = half != k
        rows = np.bincount(group[other], minlength=int(group.max()) + 1)
        left = np.bincount(group[other], weights=churned[other], minlength=len(rows))
        overall = churned[other].mean() if other.any() else 0.0
        rates[half == k] = np.where(rows > 0, left / np.maximum(rows, 1), overall)[group[half == k]]
    return rates
