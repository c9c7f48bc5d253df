"""How far features have moved between the rows that models learned from and the people to be decided for.

Conventions: the population stability index (PSI) compares shares of bins. Numbers are binned by deciles of training,
categories by value, the rare ones together; missing is a bin of its own. A feature is absent in a row where it is
missing, or zero where its declaration makes absence zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from ..contracts.params import Evaluation
from ..models.scores import FloatArray, IntArray

BINS = 10  # of numbers, missing aside
CATEGORIES = 20  # the most frequent of training have bins of their own
_LEVEL = 0.95


@dataclass(frozen=True)
class Drift:
    """A feature in training, against today.

    Attributes:
        absent: share of the training rows in which the feature is absent.
        psi: population stability index.
        noise: what the index stays below in 95 of 100 samples without any drift.
    """

    absent: float
    psi: float
    noise: float


def feature_drift(
    features: Sequence[Mapping[str, Any]],
    training: Mapping[str, pd.DataFrame],
    now: pd.DataFrame,
    independent: Mapping[str, float],
) -> list[dict[str, Any]]:
    """Return for each feature its share of absence today, and its drift against each model's training rows.

    Args:
        features: declarations with name, unit (`category` marks text) and missing.
        training: rows by model, with the features as columns; a model without rows is left out.
        now: rows of today, with the features as columns.
        independent: how many independent rows the training rows of each model are worth (`independent_rows`).

    Returns:
        JSON-ready: name, absent (None where nobody is there today) and training, which maps models to Drift's fields.
    """
    return [_of_feature(each, training, now, independent) for each in features]


def drift_level(found: Mapping[str, float], levels: Evaluation) -> str:
    """Return `none`, `some` or `strong` for a PSI and its noise; what noise explains is none.

    The default levels are those of Siddiqi (2006, "Credit Risk Scorecards").

    >>> [drift_level({"psi": 0.3, "noise": noise}, Evaluation()) for noise in (0.01, 0.4)]
    ['strong', 'none']
    """
    if found["psi"] < levels.drift_some or found["psi"] <= found["noise"]:
        return "none"
    return "strong" if found["psi"] >= levels.drift_strong else "some"


def population_stability_index(before: IntArray, now: IntArray) -> float:
    """Return PSI = Σ (q − p) ln(q / p), p and q the shares of the bins before and now; 0 where they are the same.

    It is the symmetric divergence of Kullback and Leibler (1951, Annals of Mathematical Statistics 22). Half a row is
    added to every bin, so that an empty one leaves the index finite.

    Args:
        before: rows in each bin, shape (bins,).
        now: rows in each bin, shape (bins,).

    >>> round(population_stability_index(np.array([500, 500]), np.array([400, 600])), 4)
    0.0405
    """
    p, q = (before + 0.5) / (before + 0.5).sum(), (now + 0.5) / (now + 0.5).sum()
    return float(((q - p) * np.log(q / p)).sum())


def noise_limit(bins: int, before: float, now: float) -> float:
    """Return the 95 % quantile of the PSI of two independent samples of one population.

    Without drift PSI / (1/n + 1/m) follows a chi-squared law of bins − 1 degrees of freedom, so its expectation is
    (bins − 1)(1/n + 1/m) (Yurdakul & Naranjo 2020, J. Risk Model Validation 14(4)).

    Args:
        bins: that hold a row of either sample.
        before: independent rows of one sample, n.
        now: independent rows of the other, m.

    >>> noise_limit(1, 100, 100), round(noise_limit(2, 1000, 1000), 4)
    (0.0, 0.0077)
    """
    return float(chi2.ppf(_LEVEL, bins - 1) * (1 / before + 1 / now)) if bins > 1 else 0.0


def index_and_noise(before: IntArray, now: IntArray, independent: float, rows: int) -> tuple[float, float]:
    """Return the index over the bins that hold a row of either sample, and its noise.

    Args:
        before, now: rows in each bin, shape (bins,).
        independent: how many independent rows those before are worth.
        rows: of now.
    """
    held = (before + now) > 0
    psi = population_stability_index(before[held], now[held])
    return psi, noise_limit(int(held.sum()), independent, rows)


def independent_rows(cluster: pd.Series) -> float:
    """Return how many independent rows the rows are worth if those of one cluster, as in `clusters`, are all alike.

    (Σk)² / Σk², k the rows of each cluster (Kish 1965, "Survey Sampling"). Rows of one cluster differ a little and
    those of today are partly of the same people, so noise is rather less than this says.

    >>> independent_rows(pd.Series(["a", "a", "b", "b"]))
    2.0
    """
    rows = cluster.value_counts().to_numpy(dtype=np.float64)
    return float(rows.sum() ** 2 / (rows**2).sum())


def number_bins(before: FloatArray, now: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the rows in each bin, the last for missing; equal deciles of `before` make one bin.

    Bin k holds what lies above the (k − 1)th cut and up to the kth; the outer bins are open.

    Args:
        before: shape (n,), NaN where missing.
        now: shape (m,), NaN where missing.

    >>> number_bins(np.array([0.0, 0.0, 1.0, np.nan]), np.array([-1.0, 5.0]))[1].tolist()
    [1, 0, 1, 0]
    """
    known = np.sort(before[~np.isnan(before)])
    # The least value that at least a share k / BINS of the known does not exceed.
    places = -(-np.arange(1, BINS) * len(known) // BINS) - 1
    cuts = np.unique(known[places]) if len(known) else known
    return _counts(before, cuts), _counts(now, cuts)


def category_bins(before: pd.Series, now: pd.Series) -> tuple[IntArray, IntArray]:
    """Return the rows in each bin: missing, the most frequent values of `before` (ties by name), all others.

    Args:
        before: text, shape (n,).
        now: text, shape (m,).

    >>> [rows.tolist() for rows in category_bins(pd.Series(["a", "a", None]), pd.Series(["a", "c"]))]
    [[1, 2, 0], [0, 1, 1]]
    """
    codes, values = pd.factorize(pd.concat([before, now], ignore_index=True).astype("object"))
    rows = [np.bincount(part + 1, minlength=len(values) + 1) for part in (codes[: len(before)], codes[len(before) :])]
    told = [code for code in range(1, len(values) + 1) if rows[0][code]]
    kept = sorted(told, key=lambda code: (-rows[0][code], str(values[code - 1])))[:CATEGORIES]
    first, second = (np.array([each[0], *each[kept], each[1:].sum() - each[kept].sum()]) for each in rows)
    return first, second


def _counts(values: FloatArray, cuts: FloatArray) -> IntArray:
    """Return the rows of the bins that `cuts` make, and of the missing."""
    below = [np.count_nonzero(values <= cut) for cut in cuts]  # a pass for each is several times faster than sorting
    known = len(values) - np.count_nonzero(np.isnan(values))
    edges: IntArray = np.array([0, *below, known, len(values)], dtype=np.int64)
    return edges[1:] - edges[:-1]


def _of_feature(feature: Mapping[str, Any], training: Mapping[str, pd.DataFrame], now: pd.DataFrame,
                independent: Mapping[str, float]) -> dict[str, Any]:  # fmt: skip
    name, today = feature["name"], _values(now, feature)
    found: dict[str, Any] = {"name": name, "absent": _absent(today, feature) if len(now) else None, "training": {}}
    for model, rows in training.items():
        if len(rows) and len(now):
            before = _values(rows, feature)
            found["training"][model] = asdict(_drift(before, today, feature, independent[model]))
    return found


def _drift(before: pd.Series, now: pd.Series, feature: Mapping[str, Any], independent: float) -> Drift:
    if feature["unit"] == "category":
        p, q = category_bins(before, now)
    else:
        p, q = number_bins(before.to_numpy(), now.to_numpy())
    return Drift(_absent(before, feature), *index_and_noise(p, q, independent, len(now)))


def _values(rows: pd.DataFrame, feature: Mapping[str, Any]) -> pd.Series:
    """Return a feature's column: text as it is, anything else as float64 with NaN where missing."""
    column: pd.Series = rows[feature["name"]]
    if feature["unit"] == "category":
        return column
    return pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan), name=column.name)


def _absent(values: pd.Series, feature: Mapping[str, Any]) -> float:
    missing = values.isna()
    return float((missing | (values == 0)).mean() if feature["missing"] == "zero" else missing.mean())
