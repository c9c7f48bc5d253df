"""A logistic regression that fits in JSON: numbers as normal scores of their ranks, categories a column each.

Ranks make skew and outliers harmless, their normal scores (van der Waerden 1952) leave the tails their weight, up to
±2.17 at the ends; what is missing stands in the middle and has a flag of its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
Scored = Callable[[Floats], Floats]

_MOST_LEARNT = 100_000  # rows that it learns from: a few hundred coefficients need no more
_AT_ONCE = 50_000  # rows whose columns are held together
_KNOTS = 33  # percentiles kept of each number
LEAST_CATEGORY = 10  # training rows below which a category has no column
PENALTIES = (10.0, 50.0, 250.0)  # on half the sum of squared coefficients (L2), to choose from; the first as a rule
_DECIMALS = 9  # of coefficients: the last bits of linear algebra differ between machines
_MOST = np.finfo(np.float32).max  # infinite values count as this
_UNIT_VARIANCE = 12**0.5  # of a uniform share
_TAIL = 0.5 / _KNOTS  # share at which the lowest value stands, and the highest: half of what lies between knots


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
        """Return the log-odds of rows, shape (n,)."""
        return log_odds_of([self], X)[:, 0]

    def contributions(self, X: Matrix) -> tuple[float, Floats]:
        """Return the average training row's log-odds, and what each column of X adds to them, shape (n, p)."""
        sources = [*self.knots, *self.flagged, *(at for at, codes in self.levels.items() for _ in codes)]
        found, average = np.zeros(X.shape), self.intercept
        terms = zip(sources, self.coefficients, self.means, self.columns(X), strict=True)
        for at, coefficient, mean, column in terms:
            found[:, at] += coefficient * (column - mean)
            average += coefficient * mean
        return average, found

    def columns(self, X: Matrix, scored: Scored | None = None) -> Iterator[Floats]:
        """Yield the columns of the design, shape (n,) each; numbers as normal scores, or as `scored` makes them."""
        for at, knots in self.knots.items():
            yield (scored or _normal_score)(_share_below(X[:, at], knots))
        for at in self.flagged:
            yield np.isnan(X[:, at]).astype(np.float64)
        for at, codes in self.levels.items():
            for code in codes:
                yield (X[:, at] == code).astype(np.float64)

    def design(self, X: Matrix, scored: Scored | None = None) -> Floats:
        """Return all of the `columns`, shape (n, coefficients)."""
        return np.column_stack([np.zeros((len(X), 0)), *self.columns(X, scored)])

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


def log_odds_of(risks: Sequence[LinearRisk], X: Matrix) -> Floats:
    """Return the log-odds of rows by regressions on the same columns, shape (n, len(risks)).

    One column at a time: memory does not grow with the columns.
    """
    odds = np.tile([risk.intercept for risk in risks], (len(X), 1))
    coefficients = zip(*(risk.coefficients for risk in risks), strict=True)
    for column, each in zip(risks[0].columns(X), coefficients, strict=True):
        odds += column[:, None] * np.array(each)
    return odds


def fit_linear_risk(X: Matrix, y: Floats, training: Training) -> LinearRisk:
    """Return the regression of a two-class outcome under the first penalty; arguments as of `fit_control_risks`."""
    return fit_control_risks(X, y, np.zeros(len(y), dtype=np.int64), training, PENALTIES[:1])[0][0]


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
    blank = _described(X, training.category_indexes)
    design = blank.design(X, _percentile)
    if design.shape[1] == 0:
        return np.tile(np.log(np.bincount(y) / len(y)), (len(new), 1))
    with threadpool_limits(training.threads):
        model = LogisticRegression(C=1.0 / PENALTIES[0], max_iter=300).fit(design, y)
        parts = (new[at : at + _AT_ONCE] for at in range(0, len(new), _AT_ONCE))
        return np.concatenate([model.predict_log_proba(blank.design(part, _percentile)) for part in parts])


def fit_control_risks(
    X: Matrix, y: Floats, arm: NDArray[np.int64], training: Training, penalties: Sequence[float]
) -> tuple[tuple[LinearRisk, ...], Floats]:
    """Return the regression under the control for each penalty, and by how much each row's arm moves its log-odds.

    An arm moves everyone's log-odds by as much, so that rows of other arms teach the rest.

    Args:
        X: shape (n, p); NaN is missing.
        y: 0 or 1, both present, shape (n,).
        arm: index of each row's arm, the control 0, shape (n,).
        training: category columns of X, seed and threads.
        penalties: of the features' coefficients; those of arms are held by the first of `PENALTIES` whatever it is.

    Returns:
        len(penalties) regressions on the same columns; the moves beside the first of them, shape (n,), 0 for arms of
        fewer than `LEAST_CATEGORY` rows.
    """
    everyone = arm
    X, y, arm = _enough(training, X, y, arm)
    blank = _described(X, training.category_indexes)
    arms = np.flatnonzero(np.bincount(arm)[1:] >= LEAST_CATEGORY) + 1
    features, of_arms = blank.design(X), (arm[:, None] == arms).astype(np.float64)
    if features.shape[1] + len(arms) == 0:
        share = float(y.mean())
        return (replace(blank, intercept=float(np.log(share / (1 - share)))),) * len(penalties), np.zeros(len(everyone))
    blank = replace(blank, means=_rounded(features.mean(axis=0)))
    model = LogisticRegression(solver="newton-cholesky", max_iter=100, warm_start=True)
    with threadpool_limits(training.threads):
        risks, moves = zip(*(_fitted(model, blank, features, of_arms, y, each) for each in penalties), strict=True)
    moved = np.zeros(int(everyone.max()) + 1)
    moved[arms] = moves[0]
    return risks, moved[everyone]


def _fitted(
    model: LogisticRegression, blank: LinearRisk, features: Floats, of_arms: Floats, y: Floats, penalty: float
) -> tuple[LinearRisk, tuple[float, ...]]:
    """Return the regression under a penalty, and what each arm adds."""
    wider = (penalty / PENALTIES[0]) ** 0.5  # columns so much wider need coefficients so much smaller: arms are spared
    model.set_params(C=1.0 / penalty).fit(np.column_stack([features, wider * of_arms]), y)
    coefficients, moves = np.split(model.coef_[0], [features.shape[1]])
    intercept = round(float(model.intercept_[0]), _DECIMALS)
    return replace(blank, coefficients=_rounded(coefficients), intercept=intercept), _rounded(wider * moves)


def _rounded(numbers: Floats) -> tuple[float, ...]:
    return tuple(np.round(numbers, _DECIMALS).tolist())


def _enough(training: Training, X: Matrix, y: NDArray[Any], *others: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the rows to learn from of each array: all, or a random part of very many, some of each class of y."""
    if len(X) <= _MOST_LEARNT:
        return [X, y, *others]
    kept = np.zeros(len(X), dtype=bool)
    kept[np.random.default_rng(training.seed).choice(len(X), _MOST_LEARNT, replace=False)] = True
    for each in np.unique(y):
        kept[np.flatnonzero(y == each)[:LEAST_CATEGORY]] = True
    return [each[kept] for each in (X, y, *others)]


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


def _share_below(column: NDArray[np.float32], knots: list[float]) -> Floats:
    """Return the share of training rows below each value, ties in the middle, as is what is missing."""
    values, shares = np.clip(column, -_MOST, _MOST).astype(np.float64), np.linspace(0.0, 1.0, len(knots))
    not_above = np.interp(values, knots, shares)
    below = 1.0 - np.interp(-values, [-each for each in reversed(knots)], shares)
    return np.asarray(np.where(np.isnan(values), 0.5, (below + not_above) / 2))


def _normal_score(share: Floats) -> Floats:
    """Return the standard normal quantile."""
    return np.asarray(ndtri(np.clip(share, _TAIL, 1.0 - _TAIL)))


def _percentile(share: Floats) -> Floats:
    """Return the share itself, centred and scaled to unit variance."""
    return (share - 0.5) * _UNIT_VARIANCE
