"""Churn risk under the control: boosted trees and a logistic regression, blended and calibrated out of fold.

Trees find what interacts, the regression is steadier where rows are few; how far to trust which, and how their blend is
calibrated, is chosen on their out-of-fold log-odds (models.calibrators), and before that how many trees. Rows of other
arms teach too (models.control_trees); what is chosen is chosen on the control's rows alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from ..contracts.draws import folds_by_id
from .boosting import Training, booster_from_text, booster_text, raw_scores
from .calibrators import Calibrator, choose_calibrator, log_loss_of
from .control_trees import TaughtRows, of_rounds, stops_of
from .linear_risk import LEAST_CATEGORY, LinearRisk


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
    rows = TaughtRows.of(X, y, arms, training)
    found = _out_of_fold(rows, fold, training)
    if found is None:
        return constant
    odds, rounds = found
    calibrator = choose_calibrator(odds[control], y[control], _later(as_of, fold, control))
    by_trees, by_linear = (weight > 0 for weight in calibrator.weights)
    if not (by_trees or by_linear):
        return constant
    everyone = np.ones(len(y), dtype=bool)
    linear, moved = rows.regression(everyone, training) if by_linear or arms.any() else (None, np.zeros(len(y)))
    trees = rows.trees(everyone, moved, of_rounds(training, rounds)) if by_trees else None
    return ChurnModel(trees, linear if by_linear else None, calibrator)


def _later(as_of: pd.Series | None, fold: NDArray[np.int64], control: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return on which rows of the control calibrators are judged, in their order."""
    if as_of is None or as_of[control].nunique() < 2:
        return np.asarray(fold[control] == 0)
    return np.asarray(as_of[control] == as_of[control].max(), dtype=bool)


def _out_of_fold(rows: TaughtRows, fold: NDArray[np.int64],
                 training: Training) -> tuple[NDArray[np.float64], int] | None:  # fmt: skip
    """Return the log-odds of trees and regression, shape (n, 2), NaN beside the control, and the rounds of lowest
    log-loss; None where the control's rows that teach a fold are too few or of one class."""
    control, stops, of_arms = rows.arm == 0, stops_of(training), []
    of_trees, of_line = np.full((len(rows.y), len(stops)), np.nan), np.full(len(rows.y), np.nan)
    for k in range(training.learner.folds):
        inside, outside = (fold == k) & control, fold != k
        taught = rows.y[outside & control]
        if len(taught) < LEAST_CATEGORY or not 0 < taught.sum() < len(taught):
            return None
        linear, moved = rows.regression(outside, training)
        new = rows.X[inside]
        of_trees[inside], of_line[inside] = rows.staged(outside, moved, training, new), linear.log_odds(new)
        of_arms.append(moved)
    loss = [log_loss_of(expit(each), rows.y[control]).mean() for each in of_trees[control].T]
    best = int(np.argmin(loss))
    odds = np.column_stack([of_trees[:, best], of_line])
    if rows.arm.any():  # those that predict have learned once more
        for k, moved in enumerate(of_arms):
            trees = rows.trees(fold != k, moved, of_rounds(training, stops[best]))
            inside = (fold == k) & control
            odds[inside, 0] = raw_scores(trees, rows.X[inside], training.threads)
    return odds, stops[best]
