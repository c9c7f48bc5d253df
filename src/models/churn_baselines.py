"""Simple baselines beside the churn model, learned from the same rows: one feature alone, and a logistic regression.

The regression is meant to be hard to beat: numbers as percentiles of the training rows, so that skew and outliers do no
harm, a flag for what is missing, every category a column, and an L2 penalty.
"""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from .boosting import Training
from .single_feature import best_rule

SINGLE_FEATURE = "best_single_feature"
LOGISTIC_REGRESSION = "logistic_regression"
BASELINES = (SINGLE_FEATURE, LOGISTIC_REGRESSION)
RULE = "best_single_feature_rule"  # text: which feature it was, and how it ranks
NO_RULE = "no feature ranks"

_MOST_LEARNT = 100_000  # rows the regression learns from: a few hundred coefficients need no more
_BLOCK = 50_000  # rows predicted at a time, to bound memory
_C = 0.1  # inverse strength of the L2 penalty
_DECIMALS = 6  # of its probabilities: the last bits of linear algebra differ between machines

Matrix = NDArray[np.float32]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


def baseline_columns(
    X: Matrix, churned: Flags, held_out: Matrix, names: Sequence[str], training: Training
) -> dict[str, NDArray[np.float64] | NDArray[np.object_]]:
    """Return each baseline's scores of the held-out rows, higher means likelier to leave, and the rule's text.

    Args:
        X: rows to learn from, shape (n, p).
        churned: their outcome, shape (n,).
        held_out: rows to score, shape (m, p).
        names: of the p columns.
        training: category columns, seed and threads.

    Returns:
        `BASELINES` and `RULE`, shape (m,) each; constants where the outcome has one class or no feature ranks.
    """
    rule = best_rule(X, churned, names, training.category_indexes)
    return {
        SINGLE_FEATURE: np.full(len(held_out), 0.5) if rule is None else rule.score(held_out),
        RULE: np.full(len(held_out), NO_RULE if rule is None else rule.text, dtype=object),
        LOGISTIC_REGRESSION: _regress(X, churned, held_out, training),
    }


def _regress(X: Matrix, churned: Flags, held_out: Matrix, training: Training) -> Floats:
    if len(X) > _MOST_LEARNT:
        kept = np.sort(np.random.default_rng(training.seed).choice(len(X), _MOST_LEARNT, replace=False))
        X, churned = X[kept], churned[kept]
    if churned.all() or not churned.any() or np.isnan(X).all():
        return np.full(len(held_out), (churned.sum() + 0.5) / (len(churned) + 1.0))
    with threadpool_limits(training.threads):
        model = _pipeline(X, training.category_indexes, training.seed).fit(_finite(X), churned)
        blocks = [held_out[start : start + _BLOCK] for start in range(0, len(held_out), _BLOCK)]
        risk = [model.predict_proba(_finite(block))[:, 1] for block in blocks]
    return np.round(np.concatenate([np.empty(0), *risk]), _DECIMALS)


def _pipeline(X: Matrix, categories: Collection[int], seed: int) -> Pipeline:
    """Return the unfitted regression; columns never observed in X are left out."""
    observed = np.flatnonzero(~np.isnan(X).all(axis=0))
    numbers = make_pipeline(
        QuantileTransformer(n_quantiles=min(100, len(X)), random_state=seed),
        SimpleImputer(strategy="median", add_indicator=True),
        StandardScaler(),
    )
    columns = ColumnTransformer([
        ("numbers", numbers, [at for at in observed if at not in categories]),
        ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(categories)),
    ], sparse_threshold=0.0)  # fmt: skip
    return make_pipeline(columns, LogisticRegression(C=_C, solver="newton-cholesky", max_iter=100))


def _finite(X: Matrix) -> Floats:
    """Return float64 with infinities cut to the largest float32; missing stays missing."""
    most = float(np.finfo(np.float32).max)
    finite: Floats = np.clip(X.astype(np.float64), -most, most)
    return finite
