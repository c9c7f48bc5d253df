"""Churn risk under the control: boosted trees, then Platt scaling fitted on out-of-fold scores.

Platt (1999), "Probabilistic outputs for support vector machines": p = 1 / (1 + exp(-(a·logit + b))).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from ..contracts.draws import folds_by_id
from .boosting import Training, booster_from_text, booster_text, fit_booster, predict

_EDGE = 1e-6  # scores are kept this far from 0 and 1, where the logit is finite


@dataclass(frozen=True)
class ChurnModel:
    """A calibrated risk model; `booster` is None where the data show nothing to rank by and the risk is a constant."""

    booster: lgb.Booster | None
    slope: float
    intercept: float

    def predict(self, X: NDArray[np.float32], threads: int) -> NDArray[np.float64]:
        """Return calibrated churn probabilities, shape (n,)."""
        if self.booster is None:
            return np.full(len(X), expit(self.intercept))
        return _platt(predict(self.booster, X, threads), self.slope, self.intercept)

    def as_files(self) -> dict[str, object]:
        """Return the model as text and JSON-ready parts by file name."""
        parts: dict[str, object] = {"churn.json": {"slope": self.slope, "intercept": self.intercept}}
        if self.booster is not None:
            parts["churn.txt"] = booster_text(self.booster)
        return parts

    @classmethod
    def from_files(cls, files: Mapping[str, object]) -> "ChurnModel":
        """Return the model that `as_files` described; the texts' checksums have been verified."""
        platt = files["churn.json"]
        assert isinstance(platt, dict)
        booster = booster_from_text(str(files["churn.txt"]), "churn.txt") if "churn.txt" in files else None
        return cls(booster, float(platt["slope"]), float(platt["intercept"]))


def fit_churn(X: NDArray[np.float32], churned: NDArray[np.bool_], ids: pd.Series, training: Training) -> ChurnModel:
    """Return a calibrated churn model; a constant one from too few rows of a class, or without out-of-fold skill.

    Args:
        X: matrix, shape (n, p), rows under the control.
        churned: outcome, shape (n,).
        ids: stakeholder of each row; folds are by stakeholder.
        training: how trees are grown; `learner.folds` folds for the calibration.
    """
    y = churned.astype(np.float64)
    constant = ChurnModel(None, 0.0, float(logit((y.sum() + 0.5) / (len(y) + 1.0))))
    if min(y.sum(), len(y) - y.sum()) < 2 * training.learner.folds:
        return constant
    fold = folds_by_id(ids, training.learner.folds, training.seed + 1)
    if (fold == fold[0]).all():
        return constant
    scores = np.empty(len(y))
    for k in range(training.learner.folds):
        inside, outside = fold == k, fold != k
        scores[inside] = predict(fit_booster(X[outside], y[outside], training, "binary"), X[inside], training.threads)
    slope, intercept = _fit_platt(scores, y)
    if slope <= 0:  # out of fold the trees rank no better than chance: scaling would turn their ranking round
        return constant
    return ChurnModel(fit_booster(X, y, training, "binary"), slope, intercept)


def _fit_platt(scores: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    regression = LogisticRegression(C=1e6, max_iter=1000).fit(_logit(scores)[:, None], y)
    return float(regression.coef_[0, 0]), float(regression.intercept_[0])


def _platt(scores: NDArray[np.float64], slope: float, intercept: float) -> NDArray[np.float64]:
    risk: NDArray[np.float64] = expit(slope * _logit(scores) + intercept)
    return risk


def _logit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    log_odds: NDArray[np.float64] = logit(np.clip(scores, _EDGE, 1 - _EDGE))
    return log_odds
