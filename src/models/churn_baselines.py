"""Simple baselines beside the churn model, judged on the same rows: a rule of thumb, one feature alone, a regression.

The rule of thumb learns nothing: who has been silent longest leaves first. The single feature and its direction are
chosen on the training rows. The regression is meant to be hard to beat (models.linear_risk).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from .boosting import Training
from .linear_risk import fit_linear_risk
from .single_feature import best_rule

RECENCY = "recency"  # of sources with a history
SINGLE_FEATURE = "best_single_feature"
LOGISTIC_REGRESSION = "logistic_regression"
BASELINES = (RECENCY, SINGLE_FEATURE, LOGISTIC_REGRESSION)
RULE = "best_single_feature_rule"  # text: which feature it was, and how it ranks
NO_RULE = "no feature ranks"
SILENCE = "activity_days_since"  # the feature that recency ranks by

_DECIMALS = 6  # of probabilities: the last bits of linear algebra differ between machines

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
        `BASELINES` and `RULE`, shape (m,) each, without `RECENCY` where there is no history; constants where the
        outcome has one class or no feature ranks.
    """
    rule = best_rule(X, churned, names, training.category_indexes)
    recency = {RECENCY: _silence(held_out[:, list(names).index(SILENCE)])} if SILENCE in names else {}
    return {
        **recency,
        SINGLE_FEATURE: np.full(len(held_out), 0.5) if rule is None else rule.score(held_out),
        RULE: np.full(len(held_out), NO_RULE if rule is None else rule.text, dtype=object),
        LOGISTIC_REGRESSION: _regress(X, churned, held_out, training),
    }


def _silence(days: Matrix) -> Floats:
    """Return days as a score in [0, 1) that grows with them; 1 for who never did anything."""
    return np.asarray(np.where(np.isnan(days), 1.0, 1.0 - 1.0 / (1.0 + np.maximum(days.astype(np.float64), 0.0))))


def _regress(X: Matrix, churned: Flags, held_out: Matrix, training: Training) -> Floats:
    if churned.all() or not churned.any():
        return np.full(len(held_out), (churned.sum() + 0.5) / (len(churned) + 1.0))
    fitted = fit_linear_risk(X, churned.astype(np.float64), training)
    return np.asarray(np.round(expit(fitted.log_odds(held_out)), _DECIMALS))
