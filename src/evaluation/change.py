"""What has changed beside the features: the scores that decide, and the outcomes.

Drift is the population stability index of `drift`, with the noise it stays below in 95 of 100 samples without any. One
model scores both sides, or its difference from another would pass for drift (decision 0038). Risk is scored by trees
that know nobody of either side, since churn's learn their rows by heart; gain by the bundle, whose effects are shrunk.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import clusters, folds_by_id
from ..models.bundle import Bundle
from ..models.churn_rows import under_control
from ..models.scores import FloatArray, IntArray
from ..policy.decide import make_offer
from .drift import independent_rows, index_and_noise, number_bins
from .estimate import cluster_codes, clustered_mean
from .gain_scorecard import best_arms
from .other_people import scored_by_others
from .views import View

SCORED = 20_000  # people of today whose scores are compared with those of earlier


def risk_drift(bundle: Bundle, snapshots: pd.DataFrame, population: pd.DataFrame) -> dict[str, float] | None:
    """Return the drift of churn risk from the latest snapshot to today, by trees of other stakeholders' snapshots.

    Args:
        bundle: that decides; its encoding, and how its trees were grown.
        snapshots: features and outcomes of everyone, whatever they received.
        population: feature table of today; those opted out do not count. None where nobody is left.
    """
    today = _reachable(population, bundle)
    if today.empty:
        return None
    latest = (snapshots["as_of"] == snapshots["as_of"].max()).to_numpy(dtype=bool)
    new, training = np.ones(len(today), dtype=bool), bundle.training
    X = np.vstack([bundle.encoding.matrix(each) for each in (snapshots, today)])
    churned = np.append(snapshots["churned"].to_numpy(dtype=bool), ~new)
    learnt = np.append(under_control(snapshots).to_numpy(dtype=bool), ~new)
    earlier, now = (clusters(each, bundle.params.decision.one_per) for each in (snapshots, today))
    fold = folds_by_id(pd.concat([earlier, now]), training.learner.folds, training.seed)
    score = scored_by_others(X, churned, learnt, np.append(latest, new), fold, training)
    split = int(latest.sum())
    return number_drift(score[:split], score[split:], independent_rows(earlier[latest]))


def gain_drift(bundle: Bundle, whole: View, cluster: IntArray, population: pd.DataFrame) -> dict[str, float] | None:
    """Return the drift of the best arm's gain from the logged decisions to today.

    Args:
        bundle: that decides.
        whole: what it expects of the decisions.
        cluster: of each decision, shape (n,).
        population: as in `risk_drift`.
    """
    today = _reachable(population, bundle)
    if today.empty:
        return None
    offer = make_offer(today, bundle.predict(today), bundle.params)
    before, now = (best_arms(each.worth)[1] for each in (whole, offer))
    return number_drift(before, now, independent_rows(pd.Series(cluster)))


def _reachable(population: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """Return those who may be contacted, no more than SCORED of them."""
    reachable = population[~population["opted_out"]]
    return reachable.sample(min(len(reachable), SCORED), random_state=bundle.params.seed).sort_index()


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


def outcome_change(rows: pd.DataFrame, one_per: str | None = None) -> dict[str, Any]:
    """Return outcomes by instant, and the drift of the latest ones against all earlier ones, if there are any.

    Args:
        rows: stakeholder_id, as_of, churned, value and the column `one_per`, one row per stakeholder and instant.
        one_per: as in `clusters`.

    Returns:
        by_instant: as_of, rows, churned (share) and value (mean, money) with intervals; drift: of churned and value.
    """
    latest = (rows["as_of"] == rows["as_of"].max()).to_numpy(dtype=bool)
    churned, value = rows["churned"].to_numpy(dtype=bool), rows["value"].to_numpy(dtype=np.float64)
    rows, drift = rows.assign(cluster=clusters(rows, one_per)), {}
    if not latest.all():
        worth = independent_rows(rows.loc[~latest, "cluster"])
        drift = {"churned": share_drift(churned[~latest], churned[latest], worth),
                 "value": number_drift(value[~latest], value[latest], worth)}  # fmt: skip
    return {"by_instant": [_instant(at, part) for at, part in rows.groupby("as_of")], "drift": drift}


def _instant(at: Any, part: pd.DataFrame) -> Mapping[str, Any]:
    codes = cluster_codes(part["cluster"].to_numpy(dtype=object), len(part))
    means = {name: clustered_mean(part[name].to_numpy(dtype=np.float64), codes) for name in ("churned", "value")}
    return {"as_of": f"{at:%Y-%m-%d}", "rows": len(part), **{name: each.as_dict() for name, each in means.items()}}


def _drift(before: IntArray, now: IntArray, independent: float, rows: int) -> dict[str, float]:
    psi, noise = index_and_noise(before, now, independent, rows)
    return {"psi": psi, "noise": noise}
