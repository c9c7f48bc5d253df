"""Churn risk under the control: boosted trees and a logistic regression, blended and calibrated out of fold.

Trees find what interacts, the regression is steadier where rows are few; how far to trust which, and how their blend is
calibrated, is chosen on their out-of-fold log-odds (models.calibrators).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from ..contracts.draws import folds_by_id
from .boosting import Training, binned, booster_from_text, booster_text, grow, raw_scores
from .calibrators import Calibrator, choose_calibrator
from .linear_risk import LinearRisk, fit_linear_risk

BINS = 63  # of a column: a third faster than LightGBM's 255 on ten thousand rows, its AUC within 0.002 either way


@dataclass(frozen=True)
class ChurnModel:
    """A calibrated risk model.

    Attributes:
        booster: trees; None where they add nothing.
        linear: regression; None where it adds nothing. Without both the risk is a constant.
        calibrator: of the log-odds of either; the weight of one that is None is 0.
    """

    booster: lgb.Booster | None
    linear: LinearRisk | None
    calibrator: Calibrator

    @classmethod
    def constant(cls, log_odds: float) -> "ChurnModel":
        """Return the same risk for everyone."""
        return cls(None, None, Calibrator.constant(log_odds))

    def predict(self, X: NDArray[np.float32], threads: int) -> NDArray[np.float64]:
        """Return calibrated churn probabilities, shape (n,)."""
        odds = np.zeros((len(X), 2))
        if self.booster is not None:
            odds[:, 0] = raw_scores(self.booster, X, threads)
        if self.linear is not None:
            odds[:, 1] = self.linear.log_odds(X)
        return self.calibrator.risk(odds)

    def as_files(self, name: str = "churn") -> dict[str, object]:
        """Return the model as text and JSON-ready parts by file name."""
        linear = None if self.linear is None else self.linear.as_dict()
        parts: dict[str, object] = {f"{name}.json": {"calibrator": self.calibrator.as_dict(), "linear": linear}}
        if self.booster is not None:
            parts[f"{name}.txt"] = booster_text(self.booster)
        return parts

    @classmethod
    def from_files(cls, files: Mapping[str, object], name: str = "churn") -> "ChurnModel":
        """Return the model that `as_files` described; the texts' checksums have been verified."""
        document: Any = files[f"{name}.json"]
        text = f"{name}.txt"
        booster = booster_from_text(str(files[text]), text) if text in files else None
        linear = None if document["linear"] is None else LinearRisk.from_dict(document["linear"])
        return cls(booster, linear, Calibrator.from_dict(document["calibrator"]))


def fit_churn(X: NDArray[np.float32], churned: NDArray[np.bool_], ids: pd.Series, training: Training,
              as_of: pd.Series | None = None) -> ChurnModel:  # fmt: skip
    """Return a calibrated churn model; a constant one from too few rows of a class, or without out-of-fold skill.

    Args:
        X: matrix, shape (n, p), rows under the control.
        churned: outcome, shape (n,).
        ids: stakeholder or household of each row; folds are by it.
        training: how trees are grown; `learner.folds` folds for blend and calibration.
        as_of: instant of each row; calibrators are judged on the latest. Without it, or with one instant only, on some
            of the stakeholders.
    """
    y = churned.astype(np.float64)
    constant = ChurnModel.constant(float(logit((y.sum() + 0.5) / (len(y) + 1.0))))
    if min(y.sum(), len(y) - y.sum()) < 2 * training.learner.folds:
        return constant
    fold = folds_by_id(ids, training.learner.folds, training.seed + 1)
    data = binned(X, training, BINS)
    odds = _out_of_fold(X, data, y, fold, training)
    if odds is None:
        return constant
    later = fold == 0 if as_of is None or as_of.nunique() < 2 else (as_of == as_of.max()).to_numpy(dtype=bool)
    calibrator = choose_calibrator(odds, y, later)
    everyone = np.ones(len(y), dtype=bool)
    trees = grow(data, everyone, y, training, "binary") if calibrator.weights[0] > 0 else None
    linear = fit_linear_risk(X, y, training) if calibrator.weights[1] > 0 else None
    return ChurnModel(trees, linear, calibrator) if trees or linear else constant


def _out_of_fold(X: NDArray[np.float32], data: lgb.Dataset, y: NDArray[np.float64], fold: NDArray[np.int64],
                 training: Training) -> NDArray[np.float64] | None:  # fmt: skip
    """Return the log-odds of trees and regression, shape (n, 2); None where a fold leaves rows of one class."""
    odds = np.empty((len(y), 2))
    for k in range(training.learner.folds):
        inside, outside = fold == k, fold != k
        if not 0 < y[outside].sum() < outside.sum():
            return None
        odds[inside, 0] = raw_scores(grow(data, outside, y, training, "binary"), X[inside], training.threads)
        odds[inside, 1] = fit_linear_risk(X[outside], y[outside], training).log_odds(X[inside])
    return odds
