"""What has changed beside the features: the scores that decide, and the outcomes.

Drift is the population stability index of `drift`, with the noise it stays below in 95 of 100 samples without any.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import clusters
from ..models.bundle import Bundle
from ..models.scores import FloatArray, IntArray
from ..policy.decide import make_offer
from .drift import independent_rows, index_and_noise, number_bins
from .estimate import cluster_codes, clustered_mean
from .gain_scorecard import best_arms
from .held import Held

SCORED = 20_000  # people of today whose scores are compared with those of training


def score_drift(bundle: Bundle, risks: pd.DataFrame, held: Held | None, population: pd.DataFrame) -> dict[str, Any]:
    """Return the drift of churn risk, and of the best arm's gain, between held-out rows and people of today.

    Args:
        bundle: that decides.
        risks: held out: churn_risk, and cluster as in `clusters`, n rows.
        held: out-of-fold decisions; None without any.
        population: feature table of today; those opted out do not count. Nobody left: nothing is told.
    """
    reachable = population[~population["opted_out"]]
    some = reachable.sample(min(len(reachable), SCORED), random_state=bundle.params.seed).sort_index()
    if some.empty:
        return {}
    predicted, churn_risk = bundle.predict(some), risks["churn_risk"].to_numpy(dtype=np.float64)
    scores = {"churn_risk": number_drift(churn_risk, predicted.churn_risk, independent_rows(risks["cluster"]))}
    if held is not None:
        offer, independent = make_offer(some, predicted, bundle.params), independent_rows(pd.Series(held.log.cluster))
        scores["best_gain"] = number_drift(best_arms(held.worth)[1], best_arms(offer.worth)[1], independent)
    return scores


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
