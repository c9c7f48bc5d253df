"""What has changed beside the features: the scores that decide, the outcomes, and the worth of models as they age.

Drift is the population stability index of `drift`, with the noise it stays below in 95 of 100 samples without any.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import folds_by_id
from ..models.boosting import Training, fit_booster, predict
from ..models.scores import FloatArray, IntArray
from .drift import independent_rows, noise_limit, number_bins, population_stability_index
from .estimate import cluster_codes, clustered_mean
from .ranking import auc

MOST_ROWS = 20_000  # of one instant that a staleness curve learns from


def number_drift(before: FloatArray, now: FloatArray, independent: float) -> dict[str, float]:
    """Return PSI and noise of a number, binned by tenths of `before`.

    Args:
        before: rows that models learned from, or earlier ones, shape (n,), n ≥ 1.
        now: shape (m,), m ≥ 1.
        independent: how many independent rows `before` is worth.
    """
    return _drift(*number_bins(before, now), independent, len(now))


def share_drift(before: NDArray[np.bool_], now: NDArray[np.bool_], independent: float) -> dict[str, float]:
    """Return PSI and noise of a share, such as of those who left; arguments as in `number_drift`."""
    counts = [np.bincount(part.astype(np.int64), minlength=2) for part in (before, now)]
    return _drift(counts[0], counts[1], independent, len(now))


def outcome_change(rows: pd.DataFrame) -> dict[str, Any]:
    """Return outcomes by instant, and the drift of the latest ones against all earlier ones, if there are any.

    Args:
        rows: stakeholder_id, as_of, churned and value, one row per stakeholder and instant.

    Returns:
        by_instant: as_of, rows, churned (share) and value (mean, money) with intervals; drift: of churned and value.
    """
    latest = (rows["as_of"] == rows["as_of"].max()).to_numpy(dtype=bool)
    churned, value = rows["churned"].to_numpy(dtype=bool), rows["value"].to_numpy(dtype=np.float64)
    drift = {}
    if not latest.all():
        worth = independent_rows(rows.loc[~latest, "stakeholder_id"])
        drift = {"churned": share_drift(churned[~latest], churned[latest], worth),
                 "value": number_drift(value[~latest], value[latest], worth)}  # fmt: skip
    return {"by_instant": [_instant(at, part) for at, part in rows.groupby("as_of")], "drift": drift}


def staleness(X: NDArray[np.float32], rows: pd.DataFrame, training: Training, horizon_days: int,
              replicates: int) -> list[dict[str, Any]]:  # fmt: skip
    """Return how well risk learned at each earlier instant ranks those who leave after the latest one, oldest last.

    Each model is boosted trees of one instant's rows, of other stakeholders' folds than those it is tested on, and of
    instants whose horizon was over at the latest: what one would have had then, left unrenewed.

    Args:
        X: features, shape (n, p).
        rows: stakeholder_id, as_of and churned of the same n rows.
        training: how trees are grown.
        horizon_days: of an outcome.
        replicates: of the bootstrap behind the intervals.

    Returns:
        age_days, from the instant learned to the latest, and auc with its interval.
    """
    latest = rows["as_of"].max()
    over = rows["as_of"] + pd.Timedelta(days=horizon_days) <= latest
    tested = (rows["as_of"] == latest).to_numpy(dtype=bool)
    fold = folds_by_id(rows["stakeholder_id"], training.learner.folds, training.seed)
    churned, ids = rows["churned"].to_numpy(dtype=bool), rows["stakeholder_id"].to_numpy(dtype=object)
    found = []
    for instant in sorted(rows.loc[over, "as_of"].unique(), reverse=True):
        learnt = (rows["as_of"] == instant).to_numpy(dtype=bool)
        score = _held_out(X, churned, learnt, tested, fold, training)
        ranked = auc(churned[tested], score, ids[tested], training.seed, replicates)
        found.append({"age_days": int((latest - instant).days), "auc": ranked.as_dict()})
    return found


def proxies(X: NDArray[np.float32], names: Sequence[str], group: NDArray[Any], ids: pd.Series, training: Training,
            replicates: int) -> list[dict[str, Any]]:  # fmt: skip
    """Return how well the features tell each group of an audited attribute from the rest, and which feature does most.

    An AUC of 0.5 says that they cannot; near 1, leaving the attribute out hides it from nobody.

    Args:
        X: features, shape (n, p).
        names: of the features.
        group: of each row, shape (n,).
        ids: stakeholders, shape (n,); folds are by stakeholder.
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
        score = _held_out(X, member, everyone, everyone, fold, training)
        whole = fit_booster(X, member, training, "binary")
        gain = whole.feature_importance("gain")
        found.append({
            "group": str(each),
            "auc": auc(member, score, ids.to_numpy(dtype=object), training.seed, replicates).as_dict(),
            "feature": names[int(np.argmax(gain))] if gain.sum() > 0 else "",
        })  # fmt: skip
    return found


def _held_out(X: NDArray[np.float32], label: NDArray[np.bool_], learnt: NDArray[np.bool_], tested: NDArray[np.bool_],
              fold: IntArray, training: Training) -> FloatArray:  # fmt: skip
    """Score the tested rows by trees of the learnt rows of other folds; a single class scores alike."""
    score = np.zeros(len(X))
    for k in range(training.learner.folds):
        others, inside = np.flatnonzero(learnt & (fold != k))[:MOST_ROWS], tested & (fold == k)
        if len(others) and 0 < label[others].mean() < 1 and inside.any():
            booster = fit_booster(X[others], label[others].astype(np.float64), training, "binary")
            score[inside] = predict(booster, X[inside], training.threads)
    return score[tested]


def _instant(at: Any, part: pd.DataFrame) -> Mapping[str, Any]:
    codes = cluster_codes(part["stakeholder_id"].to_numpy(dtype=object), len(part))
    means = {name: clustered_mean(part[name].to_numpy(dtype=np.float64), codes) for name in ("churned", "value")}
    return {"as_of": f"{at:%Y-%m-%d}", "rows": len(part), **{name: each.as_dict() for name, each in means.items()}}


def _drift(before: IntArray, now: IntArray, independent: float, rows: int) -> dict[str, float]:
    held = (before + now) > 0
    psi = population_stability_index(before[held], now[held])
    return {"psi": psi, "noise": noise_limit(int(held.sum()), independent, rows)}
