"""The outcome whichever arm is given, on the score's scale: boosted trees, cross-fitted, then calibrated out of fold.

Their number is chosen out of fold, and score = intercept + slope × trees: what the trees make too much of is shrunk.
"""

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from .boosting import Training, grow, raw_scores
from .links import Link
from .logged import Floats

STOPS = (0.2, 0.5, 1.0)  # of the learner's rounds


@dataclass(frozen=True)
class Base:
    """Boosters by fold (None where its rows had one outcome only), trees used of each, and the calibration."""

    boosters: tuple[lgb.Booster | None, ...]
    rounds: int
    intercept: float
    slope: float

    def predict(self, X: NDArray[np.float32], threads: int) -> Floats:
        """Return scores averaged over the folds, shape (n,)."""
        score = np.zeros(len(X))
        for booster in self.boosters:
            if booster is not None:
                score += raw_scores(booster, X, threads, 0, self.rounds) / len(self.boosters)
        return self.intercept + self.slope * score


def fit_base(X, data, y, seen, fold, folds, link, training) -> tuple[Base, Floats]:
    boosters = []
    for k in range(folds):
        rows = seen & (fold != k)
        enough = rows.sum() >= 2 * training.learner.min_leaf_rows and np.ptp(y[rows]) > 0
        boosters.append(grow(data, rows, y / link.unit, training, link.objective) if enough else None)
    rounds = training.learner.rounds
    stops = sorted({max(1, round(rounds * stop)) for stop in STOPS})
    score, before, gains, best = np.zeros(len(y)), 0, [], None
    for stop in stops:
        for k, b in enumerate(boosters):
            if b is not None:
                score[fold == k] += raw_scores(b, X[fold == k], training.threads, before, stop)
        before = stop
        a, s = _calibrate(link, score[seen], y[seen])
        gains.append(float(link.log_likelihood(a + s * score[seen], y[seen]).sum()))
        if gains[-1] == max(gains):
            best = (stop, a, s, a + s * score)
    stop, a, s, out = best
    return Base(tuple(boosters), stop, a, s), out


def _calibrate(link: Link, score: Floats, y: Floats) -> tuple[float, float]:
    """Return (intercept, slope) of the score by Newton's method, the slope held in [0, 1.5]."""
    at = np.array([link.score(float(y.mean())), 0.0])
    centre = score.mean()
    columns = np.column_stack([np.ones(len(score)), score - centre])
    if np.ptp(score) == 0:
        return float(at[0]), 0.0
    for _ in range(12):
        slope, curve = link.working(columns @ at, y)
        step = np.linalg.solve(columns.T @ (curve[:, None] * columns) + 1e-9 * np.eye(2), columns.T @ slope)
        at = at + np.clip(step, -1.0, 1.0)
        at[1] = np.clip(at[1], 0.0, 1.5)
    return float(at[0] - at[1] * centre), float(at[1])
