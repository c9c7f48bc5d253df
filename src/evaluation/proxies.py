"""Whether features stand in for audited attributes, which are no features by schema (`features.audit_only`)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import clusters, folds_by_id
from ..models.boosting import Training, fit_booster
from ..models.bundle import Bundle
from .other_people import scored_by_others
from .ranking import auc


def proxies(bundle: Bundle, decisions: pd.DataFrame, audited: pd.DataFrame,
            replicates: int) -> dict[str, list[dict[str, Any]]]:  # fmt: skip
    """Return for each audited attribute what `proxies_of` finds.

    Args:
        bundle: its features and how its trees are grown.
        decisions: feature table, n rows.
        audited: groups of the same rows, a column for each attribute.
        replicates: of the bootstrap.
    """
    if audited.columns.empty:
        return {}
    X, ids = bundle.encoding.matrix(decisions), clusters(decisions, bundle.params.decision.one_per)
    return {
        str(name): proxies_of(X, bundle.encoding.names, audited[name].to_numpy(dtype=object), ids, bundle.training,
                              replicates)
        for name in audited
    }  # fmt: skip


def proxies_of(X: NDArray[np.float32], names: Sequence[str], group: NDArray[Any], ids: pd.Series, training: Training,
               replicates: int) -> list[dict[str, Any]]:  # fmt: skip
    """Return how well the features tell each group of an audited attribute from the rest, and which feature does most.

    An AUC of 0.5 says that they cannot; near 1, leaving the attribute out hides it from nobody.

    Args:
        X: features, shape (n, p).
        names: of the features.
        group: of each row, shape (n,).
        ids: stakeholders or households, shape (n,), by which folds and resamples go.
        training: how trees are grown.
        replicates: of the bootstrap.

    Returns:
        group, auc with its interval, and the feature whose splits gained most; two groups are told once.
    """
    every = np.unique(group)
    fold, everyone = folds_by_id(ids, training.learner.folds, training.seed), np.ones(len(X), dtype=bool)
    found = []
    for each in every[:1] if len(every) == 2 else every if len(every) > 2 else []:
        member = np.asarray(group == each)
        score = scored_by_others(X, member, everyone, everyone, fold, training)
        whole = fit_booster(X, member, training, "binary")
        gain = whole.feature_importance("gain")
        found.append({
            "group": str(each),
            "auc": auc(member, score, ids.to_numpy(dtype=object), training.seed, replicates).as_dict(),
            "feature": names[int(np.argmax(gain))] if gain.sum() > 0 else "",
        })  # fmt: skip
    return found
