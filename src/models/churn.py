"""Churn risk under the control: boosted trees and a logistic regression, blended and calibrated out of fold.

Trees find what interacts, the regression is steadier where rows are few; which to trust how far is itself a logistic
regression on their out-of-fold log-odds (stacking, Wolpert 1992, "Stacked generalization"), which also calibrates as
Platt's scaling does: p = 1 / (1 + exp(−(a·trees + b·linear + c))) with a, b ≥ 0.
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
from .boosting import Training, booster_from_text, booster_text, fit_booster, raw_scores
from .linear_risk import LinearRisk, fit_linear_risk


@dataclass(frozen=True)
class ChurnModel:
    """A calibrated risk model.

    Attributes:
        booster: trees; None where they add nothing.
        linear: regression; None where it adds nothing. Without both the risk is a constant.
        weights: of the log-odds of either; 0 where it is None.
        intercept: of the blended log-odds.
    """

    booster: lgb.Booster | None
    linear: LinearRisk | None
    weights: tuple[float, float]
    intercept: float

    def predict(self, X: NDArray[np.float32], threads: int) -> NDArray[np.float64]:
        """Return calibrated churn probabilities, shape (n,)."""
        odds = np.full(len(X), self.intercept)
        if self.booster is not None:
            odds += self.weights[0] * raw_scores(self.booster, X, threads)
        if self.linear is not None:
            odds += self.weights[1] * self.linear.log_odds(X)
        risk: NDArray[np.float64] = expit(odds)
        return risk

    def as_files(self) -> dict[str, object]:
        """Return the model as text and JSON-ready parts by file name."""
        linear = None if self.linear is None else self.linear.as_dict()
        parts: dict[str, object] = {
            "churn.json": {"weights": list(self.weights), "intercept": self.intercept, "linear": linear}
        }
        if self.booster is not None:
            parts["churn.txt"] = booster_text(self.booster)
        return parts

    @classmethod
    def from_files(cls, files: Mapping[str, object]) -> "ChurnModel":
        """Return the model that `as_files` described; the texts' checksums have been verified."""
        blend = files["churn.json"]
        assert isinstance(blend, dict)
        booster = booster_from_text(str(files["churn.txt"]), "churn.txt") if "churn.txt" in files else None
        linear = None if blend["linear"] is None else LinearRisk.from_dict(blend["linear"])
        trees, line = (float(each) for each in blend["weights"])
        return cls(booster, linear, (trees, line), float(blend["intercept"]))


def fit_churn(X: NDArray[np.float32], churned: NDArray[np.bool_], ids: pd.Series, training: Training) -> ChurnModel:
    """Return a calibrated churn model; a constant one from too few rows of a class, or without out-of-fold skill.

    Args:
        X: matrix, shape (n, p), rows under the control.
        churned: outcome, shape (n,).
        ids: stakeholder of each row; folds are by stakeholder.
        training: how trees are grown; `learner.folds` folds for blend and calibration.
    """
    y = churned.astype(np.float64)
    constant = ChurnModel(None, None, (0.0, 0.0), float(logit((y.sum() + 0.5) / (len(y) + 1.0))))
    if min(y.sum(), len(y) - y.sum()) < 2 * training.learner.folds:
        return constant
    fold = folds_by_id(ids, training.learner.folds, training.seed + 1)
    odds = np.empty((len(y), 2))
    for k in range(training.learner.folds):
        inside, outside = fold == k, fold != k
        if not 0 < y[outside].sum() < outside.sum():
            return constant
        booster = fit_booster(X[outside], y[outside], training, "binary")
        odds[inside, 0] = raw_scores(booster, X[inside], training.threads)
        odds[inside, 1] = fit_linear_risk(X[outside], y[outside], training).log_odds(X[inside])
    weights, intercept = _blend(odds, y)
    trees = fit_booster(X, y, training, "binary") if weights[0] > 0 else None
    linear = fit_linear_risk(X, y, training) if weights[1] > 0 else None
    return ChurnModel(trees, linear, weights, intercept) if trees or linear else constant


def _blend(odds: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[tuple[float, float], float]:
    """Return the weights of trees and regression, none below 0, and the intercept.

    A negative weight would turn a ranking round: that model is left out and the other fitted alone.
    """
    used = [0, 1]
    while used:
        regression = LogisticRegression(C=1e6, max_iter=1000).fit(odds[:, used], y)
        found = dict(zip(used, regression.coef_[0].tolist(), strict=True))
        worst = min(found, key=lambda at: found[at])
        if found[worst] > 0:
            return (found.get(0, 0.0), found.get(1, 0.0)), float(regression.intercept_[0])
        used.remove(worst)
    return (0.0, 0.0), 0.0
