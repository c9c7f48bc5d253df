"""The outcome whichever arm is given, on the score's scale: boosted trees, cross-fitted, then calibrated out of fold.

The number of trees is chosen out of fold, and score = intercept + slope × trees: what the trees make too much of is
shrunk (Platt's scaling on the score's scale). Its rows and the departures' are one `Study`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from .boosting import Training, append_text, grow, raw_scores
from .links import Link
from .logged import Floats

STOPS = (0.2, 0.5, 1.0)  # of the learner's rounds
_STEEPEST = 1.5  # slope of the calibration


@dataclass(frozen=True)
class Study:
    """What one part is learned from: n rows.

    Attributes:
        link: of the part.
        y: outcome, shape (n,).
        seen: rows that have an outcome, shape (n,): the size of a payment is known of payers only.
        arm: shape (n,); arms: how many, the control included.
        apt: rows whose arm was meant for their kind, shape (n,); others say nothing of the arm.
        fold: shape (n,); folds: how many.
        X, data: the matrix and its bins.
    """

    link: Link
    y: Floats
    seen: NDArray[np.bool_]
    arm: NDArray[np.int64]
    arms: int
    apt: NDArray[np.bool_]
    fold: NDArray[np.int64]
    folds: int
    X: NDArray[np.float32]
    data: lgb.Dataset

    def tree(self, rows: NDArray[np.bool_], training: Training, start: Floats | None = None) -> lgb.Booster | None:
        """Return boosted trees of the `rows` that have an outcome; None where they are too few or all alike."""
        rows = rows & self.seen
        if rows.sum() < 2 * training.learner.min_leaf_rows or np.ptp(self.y[rows]) == 0:
            return None
        return grow(self.data, rows, self.y / self.link.unit, training, self.link.objective, start)


@dataclass(frozen=True)
class Base:
    """Boosters by fold (None where its rows had too little to tell), trees used of each, and the calibration."""

    boosters: tuple[lgb.Booster | None, ...]
    rounds: int
    intercept: float
    slope: float

    def predict(self, X: NDArray[np.float32], threads: int) -> Floats:
        """Return scores averaged over the folds, shape (n,)."""
        score = np.zeros(len(X))
        for booster in self.boosters:
            if booster is not None:
                score += raw_scores(booster, X, threads, 0, self.rounds)
        return self.intercept + self.slope * score / len(self.boosters)

    def as_dict(self, texts: list[str]) -> dict[str, Any]:
        """Return the base as a JSON-ready mapping; the boosters' texts are appended to `texts`."""
        return {
            "boosters": [append_text(texts, booster, self.rounds) for booster in self.boosters],
            "rounds": self.rounds,
            "intercept": self.intercept,
            "slope": self.slope,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], boosters: Sequence[lgb.Booster]) -> "Base":
        """Return the base that `as_dict` described, given all boosters of its part."""
        found = tuple(None if at is None else boosters[at] for at in document["boosters"])
        return cls(found, document["rounds"], document["intercept"], document["slope"])

    def importance(self, features: int) -> Floats:
        """Return each feature's share of the gain, shape (features,)."""
        gains = [booster.feature_importance("gain") for booster in self.boosters if booster is not None]
        total = np.sum(gains, axis=0) if gains else np.zeros(features)
        return np.asarray(total / max(float(total.sum()), 1e-12))


def fit_base(study: Study, training: Training) -> tuple[Base, Floats, Link]:
    """Return the base, every row's score out of fold, shape (n,), and the link with the dispersion left."""
    boosters = tuple(study.tree(study.apt & (study.fold != k), training) for k in range(study.folds))
    seen = study.seen & study.apt
    y = study.y[seen]
    score, before = np.zeros(len(study.y)), 0
    best, most, scores = Base(boosters, 0, 0.0, 0.0), -np.inf, score
    for stop in sorted({max(1, round(training.learner.rounds * stop)) for stop in STOPS}):
        for k, booster in enumerate(boosters):
            inside = study.fold == k
            if booster is not None:
                score[inside] += raw_scores(booster, study.X[inside], training.threads, before, stop)
        before = stop
        intercept, slope = _calibrate(study.link, score[seen], y)
        gain = float(study.link.log_likelihood(intercept + slope * score[seen], y).sum())
        if gain > most:
            best, most = replace(best, rounds=stop, intercept=intercept, slope=slope), gain
            scores = intercept + slope * score
    return best, scores, study.link.dispersed(scores[seen], y)


def _calibrate(link: Link, score: Floats, y: Floats) -> tuple[float, float]:
    """Return (intercept, slope) of the score by Newton's method, the slope held in [0, _STEEPEST]."""
    at = np.array([link.score(float(y.mean())), 0.0])
    if np.ptp(score) == 0:
        return float(at[0]), 0.0
    centre = float(score.mean())
    columns = np.column_stack([np.ones(len(score)), score - centre])
    for _ in range(12):
        slope, curve = link.working(columns @ at, y)
        at = at + np.clip(
            np.linalg.solve(columns.T @ (curve[:, None] * columns) + 1e-9 * np.eye(2), columns.T @ slope), -1, 1
        )
        at[1] = np.clip(at[1], 0.0, _STEEPEST)
    return float(at[0] - at[1] * centre), float(at[1])
