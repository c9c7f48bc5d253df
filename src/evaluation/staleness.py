"""How well models do as they age: what was learned long ago, asked about now."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import clusters, folds_by_id
from ..contracts.params import Params
from ..models.boosting import Training
from .other_people import scored_by_others
from .ranking import auc


def staleness(X: NDArray[np.float32], rows: pd.DataFrame, training: Training, params: Params) -> list[dict[str, Any]]:
    """Return how well risk learned at each earlier instant ranks those who leave after the latest one, oldest last.

    Each model is boosted trees of one instant's rows, of other stakeholders' folds than those it is tested on, and of
    instants whose horizon was over at the latest: what one would have had then, left unrenewed.

    Args:
        X: features, shape (n, p).
        rows: stakeholder_id, as_of, churned and the column of `decision.one_per` of the same n rows.
        training: how trees are grown.
        params: of the training: horizon, clusters and bootstrap.

    Returns:
        age_days, from the instant learned to the latest, and auc with its interval.
    """
    latest = rows["as_of"].max()
    over = rows["as_of"] + pd.Timedelta(days=params.clock.horizon_days) <= latest
    tested = (rows["as_of"] == latest).to_numpy(dtype=bool)
    ids = clusters(rows, params.decision.one_per)
    fold = folds_by_id(ids, training.learner.folds, training.seed)
    churned, cluster = rows["churned"].to_numpy(dtype=bool), ids.to_numpy(dtype=object)
    found = []
    for instant in sorted(rows.loc[over, "as_of"].unique(), reverse=True):
        learnt = (rows["as_of"] == instant).to_numpy(dtype=bool)
        score = scored_by_others(X, churned, learnt, tested, fold, training)
        ranked = auc(churned[tested], score, cluster[tested], training.seed, params.evaluation.bootstrap)
        found.append({"age_days": int((latest - instant).days), "auc": ranked.as_dict()})
    return found
