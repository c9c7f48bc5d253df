"""Columns for a regression that fits in JSON: numbers as normal scores of their ranks, categories a column each.

Ranks make skew and outliers harmless, their normal scores (van der Waerden 1952) leave the tails their weight, up to
±2.17 at the ends; what is missing stands in the middle and has a flag of its own.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]
Scored = Callable[[Floats], Floats]

LEAST_CATEGORY = 10  # training rows below which a category has no column
_KNOTS = 33  # percentiles kept of each number
_MOST = np.finfo(np.float32).max  # infinite values count as this
_UNIT_VARIANCE = 12**0.5  # of a uniform share
_TAIL = 0.5 / _KNOTS  # share at which the lowest value stands, and the highest: half of what lies between knots


def normal_score(share: Floats) -> Floats:
    """Return the standard normal quantile."""
    return np.asarray(ndtri(np.clip(share, _TAIL, 1.0 - _TAIL)))


def percentile(share: Floats) -> Floats:
    """Return the share itself, centred and scaled to unit variance."""
    return (share - 0.5) * _UNIT_VARIANCE


@dataclass(frozen=True)
class RankedColumns:
    """What becomes of the columns of a matrix.

    Attributes:
        knots: percentiles of each column of numbers seen in training, by column.
        flagged: columns of numbers with missing values in training.
        levels: codes of each column of categories that have a column, by column.
    """

    knots: Mapping[int, list[float]]
    flagged: tuple[int, ...]
    levels: Mapping[int, list[int]]

    @classmethod
    def of(cls, X: Matrix, categories: tuple[int, ...]) -> "RankedColumns":
        """Return the columns that a matrix of shape (n, p) offers; those that do not vary are left out.

        Args:
            X: NaN is missing.
            categories: columns of X that hold codes.
        """
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
        return cls(knots, tuple(flagged), levels)

    @property
    def sources(self) -> list[int]:
        """The matrix column that each of the columns is made of, in their order."""
        return [*self.knots, *self.flagged, *(at for at, codes in self.levels.items() for _ in codes)]

    def columns(self, X: Matrix, scored: Scored = normal_score) -> Iterator[Floats]:
        """Yield the columns of a matrix, shape (n,) each: numbers, flags and categories."""
        for at, knots in self.knots.items():
            yield scored(_share_below(X[:, at], knots))
        for at in self.flagged:
            yield np.isnan(X[:, at]).astype(np.float64)
        for at, codes in self.levels.items():
            for code in codes:
                yield (X[:, at] == code).astype(np.float64)

    def design(self, X: Matrix, scored: Scored = normal_score) -> Floats:
        """Return all of the columns, shape (n, q)."""
        return np.column_stack([np.zeros((len(X), 0)), *self.columns(X, scored)])

    def as_dict(self) -> dict[str, object]:
        """Return the columns JSON-ready."""
        return {
            "knots": {str(at): knots for at, knots in self.knots.items()},
            "flagged": list(self.flagged),
            "levels": {str(at): codes for at, codes in self.levels.items()},
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "RankedColumns":
        """Return the columns that `as_dict` wrote."""
        knots = {int(at): [float(each) for each in knots] for at, knots in document["knots"].items()}
        levels = {int(at): [int(each) for each in codes] for at, codes in document["levels"].items()}
        return cls(knots, tuple(document["flagged"]), levels)


def _share_below(column: NDArray[np.float32], knots: list[float]) -> Floats:
    """Return the share of training rows below each value, ties in the middle, as is what is missing."""
    values, shares = np.clip(column, -_MOST, _MOST).astype(np.float64), np.linspace(0.0, 1.0, len(knots))
    not_above = np.interp(values, knots, shares)
    below = 1.0 - np.interp(-values, [-each for each in reversed(knots)], shares)
    return np.asarray(np.where(np.isnan(values), 0.5, (below + not_above) / 2))
