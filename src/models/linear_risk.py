"""A logistic regression that fits in JSON, as baseline of the churn risk, as part of it, and of propensities.

The part knows arms and whom they move more than others, so that rows of other arms teach it too. Each feature has a
penalty of its own (models.relevance), and so has each pair of arm and feature; how strict, is chosen out of fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from .boosting import Training
from .ranked import LEAST_CATEGORY, RankedColumns, percentile
from .relevance import FIXED, own_penalties, ridge

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]

PENALTY = 10.0  # on half the sum of squared coefficients (L2), where features have none of their own
STRICTER = (1.0, 3.0, 10.0)  # times the features' own penalties, to choose from
_FIRST_PENALTY = 250.0  # of every feature, before its own is found
_MOST_MOVED = 24  # features by which arms may move some more than others
_ALIKE = 1.0  # columns that speak for features to be alike: of few rows the features' own say little
_MOST_LEARNT = 100_000  # rows that it learns from: a few hundred coefficients need no more
_AT_ONCE = 50_000  # rows whose columns are held together
_DECIMALS = 9  # of coefficients: the last bits of linear algebra differ between machines


@dataclass(frozen=True)
class LinearRisk:
    """Log-odds as a sum over columns.

    Attributes:
        columns: what becomes of the features.
        coefficients: of the columns.
        means: of the columns in training.
        intercept: of the log-odds.
    """

    columns: RankedColumns
    coefficients: tuple[float, ...]
    means: tuple[float, ...]
    intercept: float

    def log_odds(self, X: Matrix) -> Floats:
        """Return the log-odds of rows, shape (n,)."""
        return log_odds_of([self], X)[:, 0]

    def contributions(self, X: Matrix) -> tuple[float, Floats]:
        """Return the average training row's log-odds, and what each column of X adds to them, shape (n, p)."""
        found, average = np.zeros(X.shape), self.intercept
        terms = zip(self.columns.sources, self.coefficients, self.means, self.columns.columns(X), strict=True)
        for at, coefficient, mean, column in terms:
            found[:, at] += coefficient * (column - mean)
            average += coefficient * mean
        return average, found

    def as_dict(self) -> dict[str, object]:
        """Return the model JSON-ready."""
        of_columns = {"coefficients": list(self.coefficients), "means": list(self.means)}
        return {**self.columns.as_dict(), **of_columns, "intercept": self.intercept}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "LinearRisk":
        """Return the model that `as_dict` wrote."""
        coefficients, means = (tuple(float(each) for each in document[key]) for key in ("coefficients", "means"))
        return cls(RankedColumns.from_dict(document), coefficients, means, float(document["intercept"]))


def log_odds_of(risks: Sequence[LinearRisk], X: Matrix) -> Floats:
    """Return the log-odds of rows by regressions on the same columns, shape (n, len(risks)).

    One column at a time: memory does not grow with the columns.
    """
    odds = np.tile([risk.intercept for risk in risks], (len(X), 1))
    coefficients = zip(*(risk.coefficients for risk in risks), strict=True)
    for column, each in zip(risks[0].columns.columns(X), coefficients, strict=True):
        odds += column[:, None] * np.array(each)
    return odds


def fit_linear_risk(X: Matrix, y: Floats, training: Training) -> LinearRisk:
    """Return the regression of a two-class outcome under one penalty.

    Args:
        X: shape (n, p); NaN is missing.
        y: 0 or 1, both present, shape (n,).
        training: category columns of X, seed and threads.
    """
    X, y = _enough(training, X, y)
    columns = RankedColumns.of(X, training.category_indexes)
    features = columns.design(X)
    penalty = np.append(np.full(features.shape[1], PENALTY), 0.0)
    with threadpool_limits(training.threads):
        slopes = _under_penalties(np.column_stack([features, np.ones(len(y))]), y, penalty)
    return _risk(columns, features, slopes)


def fit_control_risks(
    X: Matrix, y: Floats, arm: NDArray[np.int64], training: Training
) -> tuple[tuple[LinearRisk, ...], Floats]:
    """Return the regressions under the control, each feature with its own penalty times each of STRICTER, and by how
    much each row's arm moves its log-odds.

    An arm moves everyone's log-odds, some more than others where its rows show it, so that rows of other arms teach the
    rest. The stricter regressions are a Newton step away from the one under the own penalties.

    Args:
        X: shape (n, p); NaN is missing.
        y: 0 or 1, both present, shape (n,).
        arm: index of each row's arm, the control 0, shape (n,).
        training: category columns of X, seed and threads.

    Returns:
        Regressions on the same columns; the moves beside the first of them, of the average row, shape (n,), 0 for arms
        of fewer than `LEAST_CATEGORY` rows.
    """
    everyone = arm
    X, y, arm = _enough(training, X, y, arm)
    columns = RankedColumns.of(X, training.category_indexes)
    arms = np.flatnonzero(np.bincount(arm)[1:] >= LEAST_CATEGORY) + 1
    features, of_arms = columns.design(X), (arm[:, None] == arms).astype(np.float64)
    with threadpool_limits(training.threads):
        found = _by_strictness(features, of_arms, y, columns.sources)
    q, moved = features.shape[1], np.zeros(int(everyone.max()) + 1)
    moved[arms] = np.round(found[0][-1 - len(arms) : -1], _DECIMALS)
    return tuple(_risk(columns, features, np.append(each[:q], each[-1])) for each in found), moved[everyone]


def _by_strictness(features: Floats, of_arms: Floats, y: Floats, sources: Sequence[int]) -> list[Floats]:
    """Return for each of STRICTER the slopes of the q columns of features, of the m by which arms move some more than
    others, of the arms, and the constant, shape (q + m + arms + 1,).

    Args:
        features: shape (n, q).
        of_arms: 1 where a row is under an arm other than the control, shape (n, arms).
        y: 0 or 1, shape (n,).
        sources: which feature each column is of, shape (q,).
    """
    q, arms, one = features.shape[1], of_arms.shape[1], np.ones((len(y), 1))
    rest = np.append(np.full(arms, PENALTY), 0.0)
    alike = np.append(np.full(q, _FIRST_PENALTY), rest)
    slopes = _under_penalties(np.column_stack([features, of_arms, one]), y, alike)
    more, feature = _interactions(features, of_arms, slopes[:q], sources)
    design, m = np.column_stack([features, more, of_arms, one]), more.shape[1]
    alike = np.append(np.full(q + m, _FIRST_PENALTY), rest)
    feature = np.append(feature, np.full(arms + 1, FIXED))
    near = _quadratic(design, y, np.insert(slopes, q, np.zeros(m)))
    own = own_penalties(*near, feature, alike, _ALIKE)
    near = _quadratic(design, y, _under_penalties(design, y, own))
    return [ridge(*near, np.where(feature == FIXED, own, stricter * own)) for stricter in STRICTER]


def _interactions(
    features: Floats, of_arms: Floats, slopes: Floats, sources: Sequence[int]
) -> tuple[Floats, NDArray[np.int64]]:
    """Return the columns by which an arm moves some more than others, shape (n, m), and, of the q columns of features
    and these m, whose penalty each has: a feature's, or a pair's of arm and feature.

    The features are those that count most under the given slopes.
    """
    _, source = np.unique(sources, return_inverse=True)
    counts = np.bincount(source, slopes**2 * features.var(axis=0))
    kept = np.flatnonzero(np.isin(source, np.argsort(-counts, kind="stable")[:_MOST_MOVED]))
    away = features[:, kept] - features[:, kept].mean(axis=0)
    more = [of_arm[:, None] * away for of_arm in of_arms.T]
    pairs = [(1 + arm) * len(counts) + source[kept] for arm in range(len(more))]
    _, feature = np.unique(np.concatenate([source, *pairs]), return_inverse=True)
    return np.column_stack([np.zeros((len(features), 0)), *more]), feature


def _quadratic(design: Floats, y: Floats, slopes: Floats) -> tuple[Floats, Floats]:
    """Return Hessian and gradient at 0 of the log-likelihood as a quadratic that touches it at the slopes."""
    risk = expit(design @ slopes)
    hessian = design.T @ ((risk * (1.0 - risk))[:, None] * design)
    return hessian, hessian @ slopes + design.T @ (y - risk)


def _under_penalties(design: Floats, y: Floats, penalty: Floats) -> Floats:
    """Return the slopes of a two-class outcome under penalties; the last column is the constant, which has none."""
    if design.shape[1] == 1:
        share = float(y.mean())
        return np.array([np.log(share / (1.0 - share))])
    narrower = penalty[:-1] ** -0.5  # a column so much narrower needs a coefficient so much larger
    model = LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=100).fit(design[:, :-1] * narrower, y)
    return np.append(model.coef_[0] * narrower, model.intercept_)


def _risk(columns: RankedColumns, features: Floats, slopes: Floats) -> LinearRisk:
    each, means = (tuple(np.round(numbers, _DECIMALS).tolist()) for numbers in (slopes[:-1], features.mean(axis=0)))
    return LinearRisk(columns, each, means, round(float(slopes[-1]), _DECIMALS))


def log_probabilities(X: Matrix, y: NDArray[np.int64], new: Matrix, training: Training) -> Floats:
    """Return each class's log-probability for other rows, shape (m, k), by multinomial regression.

    Numbers are percentiles: propensities want no extremes, and their normal scores made intervals wider than need be.

    Args:
        X: rows to learn from, shape (n, p); NaN is missing.
        y: their class, 0 … k − 1, all present, k ≥ 2, shape (n,).
        new: shape (m, p).
        training: category columns, seed and threads.
    """
    X, y = _enough(training, X, y)
    columns = RankedColumns.of(X, training.category_indexes)
    design = columns.design(X, percentile)
    if design.shape[1] == 0:
        return np.tile(np.log(np.bincount(y) / len(y)), (len(new), 1))
    with threadpool_limits(training.threads):
        model = LogisticRegression(C=1.0 / PENALTY, max_iter=300).fit(design, y)
        parts = (new[at : at + _AT_ONCE] for at in range(0, len(new), _AT_ONCE))
        return np.concatenate([model.predict_log_proba(columns.design(part, percentile)) for part in parts])


def _enough(training: Training, X: Matrix, y: NDArray[Any], *others: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the rows to learn from of each array: all, or a random part of very many, some of each class of y."""
    if len(X) <= _MOST_LEARNT:
        return [X, y, *others]
    kept = np.zeros(len(X), dtype=bool)
    kept[np.random.default_rng(training.seed).choice(len(X), _MOST_LEARNT, replace=False)] = True
    for each in np.unique(y):
        kept[np.flatnonzero(y == each)[:LEAST_CATEGORY]] = True
    return [each[kept] for each in (X, y, *others)]
