"""A logistic regression that fits in JSON: numbers as normal scores of their ranks, categories a column each.

Ranks make skew and outliers harmless, their normal scores (van der Waerden 1952) leave the tails their weight; what is
missing stands in the middle and has a flag of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from .boosting import Training

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]

_MOST_LEARNT = 100_000  # rows that it learns from: a few hundred coefficients need no more
_AT_ONCE = 50_000  # rows whose columns are held together
_KNOTS = 33  # percentiles kept of each number
LEAST_CATEGORY = 10  # training rows below which a category has no column
STRENGTHS = (0.1, 0.02, 0.004)  # inverse strengths of the L2 penalty to choose from, LogisticRegression's C, falling
_DECIMALS = 9  # of coefficients: the last bits of linear algebra differ between machines
_MOST = np.finfo(np.float32).max  # infinite values count as this
_TAIL = 0.5 / _KNOTS  # share of the training rows that the lowest value stands for, and the highest


@dataclass(frozen=True)
class LinearRisk:
    """Log-odds as a sum over columns.

    Attributes:
        knots: percentiles of each column of numbers seen in training, by column.
        levels: codes of each column of categories that have a column, by column.
        flagged: columns of numbers with missing values in training.
        coefficients: of numbers, flags and categories, in that order.
        means: of those columns in training, in the same order.
        intercept: of the log-odds.
    """

    knots: Mapping[int, list[float]]
    levels: Mapping[int, list[int]]
    flagged: tuple[int, ...]
    coefficients: tuple[float, ...]
    means: tuple[float, ...]
    intercept: float

    def log_odds(self, X: Matrix) -> Floats:
        """Return the log-odds of rows, shape (n,), one column at a time: memory does not grow with the columns."""
        odds = np.full(len(X), self.intercept)
        coefficient = iter(self.coefficients)
        for column in self._columns(X):
            odds += next(coefficient) * column
        return odds

    def contributions(self, X: Matrix) -> tuple[float, Floats]:
        """Return the average training row's log-odds, and what each column of X adds to them, shape (n, p)."""
        sources = [*self.knots, *self.flagged, *(at for at, codes in self.levels.items() for _ in codes)]
        found, average = np.zeros(X.shape), self.intercept
        terms = zip(sources, self.coefficients, self.means, self._columns(X), strict=True)
        for at, coefficient, mean, column in terms:
            found[:, at] += coefficient * (column - mean)
            average += coefficient * mean
        return average, found

    def _columns(self, X: Matrix) -> Iterator[Floats]:
        """Yield the columns of the design, shape (n,) each."""
        for at, knots in self.knots.items():
            yield _normal_score(X[:, at], knots)
        for at in self.flagged:
            yield np.isnan(X[:, at]).astype(np.float64)
        for at, codes in self.levels.items():
            for code in codes:
                yield (X[:, at] == code).astype(np.float64)

    def design(self, X: Matrix) -> Floats:
        """Return all columns, shape (n, coefficients)."""
        return np.column_stack([np.zeros((len(X), 0)), *self._columns(X)])

    def as_dict(self) -> dict[str, object]:
        """Return the model JSON-ready."""
        return {
            "knots": {str(at): knots for at, knots in self.knots.items()},
            "levels": {str(at): codes for at, codes in self.levels.items()},
            "flagged": list(self.flagged),
            "coefficients": list(self.coefficients),
            "means": list(self.means),
            "intercept": self.intercept,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "LinearRisk":
        """Return the model that `as_dict` wrote."""
        knots = {int(at): [float(each) for each in knots] for at, knots in document["knots"].items()}
        levels = {int(at): [int(each) for each in codes] for at, codes in document["levels"].items()}
        coefficients, means = (tuple(float(each) for each in document[key]) for key in ("coefficients", "means"))
        return cls(knots, levels, tuple(document["flagged"]), coefficients, means, float(document["intercept"]))


def fit_linear_risk(X: Matrix, y: Floats, training: Training) -> LinearRisk:
    """Return the regression of a two-class outcome under the weakest penalty; arguments as of `fit_control_risks`."""
    return fit_control_risks(X, y, np.zeros(len(y), dtype=np.int64), training, STRENGTHS[:1])[0][0]


def log_probabilities(X: Matrix, y: NDArray[np.int64], new: Matrix, training: Training) -> Floats:
    """Return each class's log-probability for other rows, shape (m, k), by multinomial regression on the same columns.

    Args:
        X: rows to learn from, shape (n, p); NaN is missing.
        y: their class, 0 … k − 1, all present, k ≥ 2, shape (n,).
        new: shape (m, p).
        training: category columns, seed and threads.
    """
    X, y = _enough(training, X, y)
    blank = _described(X, training.category_indexes)
    design = blank.design(X)
    if design.shape[1] == 0:
        return np.tile(np.log(np.bincount(y) / len(y)), (len(new), 1))
    with threadpool_limits(training.threads):
        model = LogisticRegression(C=STRENGTHS[0], max_iter=300).fit(design, y)
        parts = (new[at : at + _AT_ONCE] for at in range(0, len(new), _AT_ONCE))
        return np.concatenate([model.predict_log_proba(blank.design(part)) for part in parts])


def fit_control_risks(
    X: Matrix, y: Floats, arm: NDArray[np.int64], training: Training, strengths: Sequence[float]
) -> tuple[tuple[LinearRisk, ...], Floats]:
    """Return the regression under the control for each penalty, and by how much each row's arm moves its log-odds.

    An arm moves everyone's log-odds by as much, so that rows of other arms teach the rest.

    Args:
        X: shape (n, p); NaN is missing.
        y: 0 or 1, both present, shape (n,).
        arm: index of each row's arm, the control 0, shape (n,).
        training: category columns of X, seed and threads.
        strengths: some of `STRENGTHS`. What arms move is penalised, and told, as by the first.
    """
    everyone = arm
    X, y, arm = _enough(training, X, y, arm)
    blank = _described(X, training.category_indexes)
    arms = np.flatnonzero(np.bincount(arm)[1:] >= LEAST_CATEGORY) + 1
    design = np.column_stack([blank.design(X), arm[:, None] == arms])
    if design.shape[1] == 0:
        share = float(y.mean())
        return (replace(blank, intercept=float(np.log(share / (1 - share)))),) * len(strengths), np.zeros(len(everyone))
    columns, moves = design.shape[1] - len(arms), np.zeros(int(everyone.max()) + 1)
    means = tuple(np.round(design[:, :columns].mean(axis=0), _DECIMALS).tolist())
    risks: list[LinearRisk] = []
    model = LogisticRegression(solver="newton-cholesky", max_iter=100, warm_start=True)
    for strength in strengths:
        wider = (strengths[0] / strength) ** 0.5  # a column so much wider needs a coefficient so much smaller
        design[:, columns:] = wider * (arm[:, None] == arms)
        with threadpool_limits(training.threads):
            model.set_params(C=strength).fit(design, y)
        coefficients = tuple(np.round(model.coef_[0, :columns], _DECIMALS).tolist())
        intercept = round(float(model.intercept_[0]), _DECIMALS)
        if not risks:
            moves[arms] = np.round(model.coef_[0, columns:], _DECIMALS)
        risks.append(replace(blank, coefficients=coefficients, means=means, intercept=intercept))
    return tuple(risks), moves[everyone]


def _enough(training: Training, *rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the rows to learn from of each array: all, or a random part of very many."""
    n, every = len(rows[0]), slice(None)
    few = n <= _MOST_LEARNT
    kept = every if few else np.sort(np.random.default_rng(training.seed).choice(n, _MOST_LEARNT, replace=False))
    return (each[kept] for each in rows)


def _described(X: Matrix, categories: tuple[int, ...]) -> LinearRisk:
    """Return the columns that the data offer, without coefficients; those that do not vary are left out."""
    knots: dict[int, list[float]] = {}
    levels: dict[int, list[int]] = {}
    flagged = []
    for at in range(X.shape[1]):
        seen = np.clip(X[~np.isnan(X[:, at]), at], -_MOST, _MOST)
        if at in categories:
            codes, counts = np.unique(seen.astype(np.int64), return_counts=True)
            levels[at] = codes[counts >= LEAST_CATEGORY].tolist()
            continue
        if len(seen) and seen.min() < seen.max():
            quantiles = np.quantile(seen, np.linspace(0, 1, _KNOTS), method="lower")
            knots[at] = quantiles.astype(np.float64).tolist()
        if 0 < len(seen) < len(X):
            flagged.append(at)
    return LinearRisk(knots, levels, tuple(flagged), (), (), 0.0)


def _normal_score(column: NDArray[np.float32], knots: list[float]) -> Floats:
    """Return the standard normal quantile of the share of training rows below each value, ties in the middle."""
    values, shares = np.clip(column, -_MOST, _MOST).astype(np.float64), np.linspace(0.0, 1.0, len(knots))
    below = np.interp(values, knots, shares)
    not_above = 1.0 - np.interp(-values, [-each for each in reversed(knots)], shares)
    share = np.clip((below + not_above) / 2, _TAIL, 1.0 - _TAIL)
    return np.asarray(ndtri(np.where(np.isnan(values), 0.5, share)))
