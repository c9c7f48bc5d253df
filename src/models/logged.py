"""The logged decisions as arrays: who got which arm with what probability, and what came of it.

Arms are indexes into `Interventions.names`; 0 is the control. Every array has one row per decision.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import clusters, folds_by_id
from ..contracts.errors import InputError
from ..contracts.params import Params
from .encoding import Encoding

Floats = NDArray[np.float64]
Worth = float | Floats  # money, one for all rows or one for each


@dataclass(frozen=True)
class Logged:
    """Decisions to learn from.

    Attributes:
        arms: names of the arms, the control first.
        X: features as of the decision, shape (n, p).
        arm: arm received, shape (n,), 0 = control.
        propensity: probability with which that arm was chosen, shape (n,), NaN where not logged.
        money: Σ margin × value over the horizon, shape (n,).
        retained: 1 where the relationship lasted, shape (n,).
        retention_value: money credited for being retained, one for all or shape (n,).
        ids: stakeholders, or the households that hold them, shape (n,).
        iteration: of the loop in which the decision was taken, shape (n,).
        eligible: whether the stakeholder's kind may receive each arm, shape (n, arms).
    """

    arms: tuple[str, ...]
    X: NDArray[np.float32]
    arm: NDArray[np.int64]
    propensity: Floats
    money: Floats
    retained: Floats
    retention_value: Worth
    ids: pd.Series
    iteration: NDArray[np.int64]
    eligible: NDArray[np.bool_]

    @property
    def value(self) -> Floats:
        """Return the value of each outcome in money, costs aside, shape (n,)."""
        return self.money + self.retention_value * self.retained

    def __len__(self) -> int:
        return len(self.arm)

    def take(self, rows: NDArray[np.bool_]) -> "Logged":
        """Return the rows of a mask."""
        return replace(
            self,
            X=self.X[rows],
            arm=self.arm[rows],
            propensity=self.propensity[rows],
            money=self.money[rows],
            retained=self.retained[rows],
            retention_value=worth_of(self.retention_value, rows),
            ids=self.ids[rows].reset_index(drop=True),
            iteration=self.iteration[rows],
            eligible=self.eligible[rows],
        )

    def splits(self, folds: int, seed: int) -> Iterator[tuple[NDArray[np.bool_], "Logged"]]:
        """Yield (mask of a fold, the rows of all other folds); folds are by `ids`."""
        fold = folds_by_id(self.ids, folds, seed)
        for k in range(folds):
            yield fold == k, self.take(fold != k)


def logged_decisions(table: pd.DataFrame, encoding: Encoding, eligible: NDArray[np.bool_], params: Params) -> Logged:
    """Return decisions as arrays.

    Args:
        table: feature table with keys and outcome, n rows.
        encoding: of the features.
        eligible: whether the stakeholder's kind may receive each arm, shape (n, arms).
        params: catalogue, outcome and clusters.

    Raises:
        InputError: a feature is absent, or a row's retention has no worth.
    """
    names = params.interventions.names
    return Logged(
        arms=names,
        X=encoding.matrix(table),
        arm=np.asarray(pd.Index(names).get_indexer(pd.Index(table["arm"])), dtype=np.int64),
        propensity=table["propensity"].to_numpy(dtype=np.float64),
        money=table["money"].to_numpy(dtype=np.float64),
        retained=1.0 - table["churned"].to_numpy(dtype=np.float64),
        retention_value=retention_values(table, params),
        ids=clusters(table, params.decision.one_per),
        iteration=table["iteration"].to_numpy(dtype=np.int64),
        eligible=eligible,
    )


def worth_of(worth: Worth, rows: NDArray[np.bool_]) -> Worth:
    """Return the worth of the rows of a mask."""
    return worth[rows] if isinstance(worth, np.ndarray) else worth


def retention_values(table: pd.DataFrame, params: Params) -> Worth:
    """Return what being retained is worth in a feature table: the number in params, or each row's lifetime value.

    Args:
        table: rows of the featurize stage.
        params: outcome.

    Raises:
        InputError: lifetime value is asked for, and a row has none.
    """
    if params.outcome.retention_value != "clv":
        return float(params.outcome.retention_value)
    where, fix = "feature table, column retention_value", "build the table with the featurize stage of this project"
    if "retention_value" not in table:
        raise InputError(where, "what retention is worth, as outcome.retention_value is clv", "no such column", fix)
    worth = table["retention_value"].to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isfinite(worth).all():
        raise InputError(where, "money in every row", f"none in {int((~np.isfinite(worth)).sum()):,} rows", fix)
    return worth
