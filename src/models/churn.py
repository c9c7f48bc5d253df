"""Churn risk under the control: boosted trees and a logistic regression, blended and calibrated out of fold.

Trees find what interacts, the regression is steadier where rows are few; how far to trust which, and how their blend is
calibrated, is chosen on their out-of-fold log-odds (models.calibrators), and before that how many trees, and how
strict a regression. Rows of other arms teach too (models.control_trees); what is chosen is chosen on the
control's rows alone, weighed so that they stand for all who were decided for (models.churn_rows).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from ..contracts.draws import folds_by_id
from .boosting import Training, booster_from_text, booster_text, raw_scores
from .calibrators import Calibrator, base_log_odds, choose_calibrator, fewest, log_loss_of
from .control_trees import TaughtRows, of_rounds, stops_of
from .linear_risk import STRICTER, LinearRisk, log_odds_of
from .ranked import LEAST_CATEGORY

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


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


@dataclass(frozen=True)
class Decided:
    """What was decided for each of n rows.

    Attributes:
        as_of: instant; calibrators are judged on the latest. Without it, or with one instant only, on some of the
            stakeholders. Shape (n,).
        arm: its index, the control 0; without it all rows are under the control. Shape (n,).
        weight: how much a row of the control counts where something is chosen or calibrated; without it 1. Shape (n,).
    """

    as_of: pd.Series | None = None
    arm: NDArray[np.int64] | None = None
    weight: Floats | None = None


def fit_churn(X: NDArray[np.float32], churned: NDArray[np.bool_], ids: pd.Series, training: Training,
              decided: Decided = Decided()) -> ChurnModel:  # fmt: skip
    """Return a calibrated churn model; a constant one from too few rows of a class, or without out-of-fold skill.

    Args:
        X: matrix, shape (n, p).
        churned: outcome, shape (n,).
        ids: stakeholder or household of each row; folds are by it.
        training: how trees are grown; `learner.folds` folds for blend and calibration.
        decided: instants, arms and weights of the rows.
    """
    arms = np.zeros(len(churned), dtype=np.int64) if decided.arm is None else decided.arm
    weight = np.ones(len(churned)) if decided.weight is None else decided.weight
    y, control = churned.astype(np.float64), arms == 0
    constant = ChurnModel.constant(base_log_odds(y[control], weight[control]))
    if fewest(y[control]) < 2 * training.learner.folds:
        return constant
    fold = folds_by_id(ids, training.learner.folds, training.seed + 1)
    rows = TaughtRows.of(X, y, arms, training)
    found = _out_of_fold(rows, weight, fold, training)
    if found is None:
        return constant
    later = _later(decided.as_of, fold, control)
    calibrator = choose_calibrator(found.odds[control], y[control], later, weight[control])
    by_trees, by_linear = (each > 0 for each in calibrator.weights)
    if not (by_trees or by_linear):
        return constant
    everyone, linear, moved = np.ones(len(y), dtype=bool), None, np.zeros(len(y))
    if by_linear or rows.several_arms:
        regressions, moved = rows.regressions(everyone, training)
        linear = regressions[found.strictness]
    trees = rows.trees(everyone, moved, of_rounds(training, found.rounds)) if by_trees else None
    return ChurnModel(trees, linear if by_linear else None, calibrator)


def _later(as_of: pd.Series | None, fold: NDArray[np.int64], control: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return on which rows of the control calibrators are judged, in their order."""
    if as_of is None or as_of[control].nunique() < 2:
        return np.asarray(fold[control] == 0)
    return np.asarray(as_of[control] == as_of[control].max(), dtype=bool)


@dataclass(frozen=True)
class _OutOfFold:
    """What is best out of fold, on the control's rows.

    Attributes:
        odds: log-odds of trees and regression, shape (n, 2), NaN beside the control.
        rounds: how many trees.
        strictness: which of STRICTER.
    """

    odds: Floats
    rounds: int
    strictness: int


def _out_of_fold(rows: TaughtRows, weight: Floats, fold: NDArray[np.int64], training: Training) -> _OutOfFold | None:
    """Return rounds and strictness of lowest weighted log-loss; None where the control's rows that teach a fold are too
    few or of one class."""
    control, stops, taught_by = rows.arm == 0, stops_of(training), []
    of_trees, of_lines = (np.full((len(rows.y), len(tried)), np.nan) for tried in (stops, STRICTER))
    for k in range(training.learner.folds):
        inside, outside = (fold == k) & control, fold != k
        taught = rows.y[outside & control]
        if len(taught) < LEAST_CATEGORY or not 0 < taught.sum() < len(taught):
            return None
        risks, moved = rows.regressions(outside, training)
        trees, of_trees[inside] = rows.staged(outside, moved, training, rows.X[inside])
        of_lines[inside] = log_odds_of(risks, rows.X[inside])
        taught_by.append(trees)
    best_trees, best_line = (_best(tried[control], rows.y[control], weight[control]) for tried in (of_trees, of_lines))
    odds = np.column_stack([of_trees[:, best_trees], of_lines[:, best_line]])
    if rows.several_arms:  # those that predict have learned once more
        for k, trees in enumerate(taught_by):
            again = rows.learned_again(fold != k, trees, of_rounds(training, stops[best_trees]))
            inside = (fold == k) & control
            odds[inside, 0] = raw_scores(again, rows.X[inside], training.threads)
    return _OutOfFold(odds, stops[best_trees], best_line)


def _best(tried: Floats, y: Floats, weight: Floats) -> int:
    """Return the column of log-odds, shape (n, k), with the lowest weighted log-loss."""
    return int((weight[:, None] * log_loss_of(expit(tried), y[:, None])).mean(axis=0).argmin())
