"""Which rows of the feature tables each model learned from, for drift: whom its answers come from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import clusters
from ..contracts.params import Params
from ..models.churn_rows import decided_arms
from .drift import independent_rows


@dataclass(frozen=True)
class Learned:
    """Rows of a table that a model learned from, mask of shape (n,), and how many independent ones they are worth."""

    rows: NDArray[np.bool_]
    independent: float


def learned_by_churn(snapshots: pd.DataFrame, decisions: pd.DataFrame, params: Params) -> Learned:
    """Return the snapshots under one arm each, whichever it is (decision 0031).

    Args:
        snapshots: stakeholder_id, as_of, contacts and the column of `decision.one_per`, n rows.
        decisions: stakeholder_id, as_of and arm.
        params: catalogue and households.
    """
    return _learned(snapshots, decided_arms(snapshots, decisions, params.interventions.names) >= 0, params)


def learned_by_uplift(decisions: pd.DataFrame, params: Params) -> Learned:
    """Return all decisions; columns stakeholder_id and that of `decision.one_per`, n ≥ 1 rows."""
    return _learned(decisions, np.ones(len(decisions), dtype=bool), params)


def _learned(table: pd.DataFrame, rows: NDArray[np.bool_], params: Params) -> Learned:
    return Learned(rows, independent_rows(clusters(table[rows], params.decision.one_per)))
