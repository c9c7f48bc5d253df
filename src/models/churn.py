"""Churn risk under the control: boosted trees and a logistic regression, blended and calibrated out of fold.

Trees find what interacts, the regression is steadier where rows are few; how far to trust which, and how their blend is
calibrated, is chosen on their out-of-fold log-odds (models.calibrators). Rows of other arms teach too, less what their
arm moves on average; blend and calibration ask the control's rows alone.
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
from .linear_risk import LinearRisk, fit_control_risk

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
              as_of: pd.Series | None = None, arm: NDArray[np.int64] | None = None) -> ChurnModel:  # fmt: skip
    """Return a calibrated churn model; a constant one from too few rows of a class, or without out-of-fold skill.

    Args:
        X: matrix, shape (n, p).
        churned: outcome, shape (n,).
        ids: stakeholder or household of each row; folds are by it.
        training: how trees are grown; `learner.folds` folds for blend and calibration.
        as_of: instant of each row; calibrators are judged on the latest. Without it, or with one instant only, on some
            of the stakeholders.
        arm: index of each row's arm, shape (n,), the control 0; without it all rows are under the control.
    """
    arms = np.zeros(len(churned), dtype=np.int64) if arm is None else arm
    y, control = churned.astype(np.float64), arms == 0
    left, stayed = float(y[control].sum()), float((1 - y[control]).sum())
    constant = ChurnModel.constant(float(logit((left + 0.5) / (left + stayed + 1.0))))
    if min(left, stayed) < 2 * training.learner.folds:
        return constant
    fold = folds_by_id(ids, training.learner.folds, training.seed + 1)
    rows = _Rows(X, y, arms, binned(X, training, BINS))
    odds = _out_of_fold(rows, fold, training)
    if odds is None:
        return constant
    calibrator = choose_calibrator(odds[control], y[control], _later(as_of, fold, control))
    by_trees, by_linear = (weight > 0 for weight in calibrator.weights)
    if not (by_trees or by_linear):
        return constant
    everyone = np.ones(len(y), dtype=bool)
    linear, moved = rows.regression(everyone, training) if by_linear or arms.any() else (None, np.zeros(len(y)))
    trees = rows.trees(everyone, moved, training) if by_trees else None
    return ChurnModel(trees, linear if by_linear else None, calibrator)


def _later(as_of: pd.Series | None, fold: NDArray[np.int64], control: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return on which rows of the control calibrators are judged, in their order."""
    if as_of is None or as_of[control].nunique() < 2:
        return np.asarray(fold[control] == 0)
    return np.asarray(as_of[control] == as_of[control].max(), dtype=bool)


@dataclass(frozen=True)
class _Rows:
    """Rows to learn from: matrix, outcome, arm and the matrix in bins."""

    X: NDArray[np.float32]
    y: NDArray[np.float64]
    arm: NDArray[np.int64]
    data: lgb.Dataset

    def regression(self, some: NDArray[np.bool_],
                   training: Training) -> tuple[LinearRisk, NDArray[np.float64]]:  # fmt: skip
        """Return the regression of some of the rows, mask of shape (n,), and by how much the arm of each moves it."""
        return fit_control_risk(self.X[some], self.y[some], self.arm[some], training)

    def trees(self, some: NDArray[np.bool_], moved: NDArray[np.float64], training: Training) -> lgb.Booster:
        """Return trees of some of the rows, which start from what the arm of each moves."""
        start = np.zeros(len(self.y))
        start[some] = moved
        return grow(self.data, some, self.y, training, "binary", start if self.arm.any() else None)


def _out_of_fold(rows: _Rows, fold: NDArray[np.int64], training: Training) -> NDArray[np.float64] | None:
    """Return the log-odds of trees and regression, shape (n, 2), NaN beside the control; None where a fold leaves rows
    of one class."""
    odds = np.full((len(rows.y), 2), np.nan)
    for k in range(training.learner.folds):
        inside, outside = (fold == k) & (rows.arm == 0), fold != k
        if not 0 < rows.y[outside].sum() < outside.sum():
            return None
        linear, moved = rows.regression(outside, training)
        trees = rows.trees(outside, moved, training)
        odds[inside, 0] = raw_scores(trees, rows.X[inside], training.threads)
        odds[inside, 1] = linear.log_odds(rows.X[inside])
    return odds
