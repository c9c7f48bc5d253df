"""Smooth columns of a feature matrix for linear terms: normal scores and a hinge of each number, a flag for missing,
one column for each category; standardised.

A number enters by its rank in training, so no outlier and no unit of measurement can matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

KNOTS = 33
_LEAST_SHARE = 0.005  # a category or a missing cell rarer than this has no column of its own
_SAMPLE = 100_000  # rows behind the knots


@dataclass(frozen=True)
class Basis:
    """The columns.

    Attributes:
        numbers: for each number used: its matrix column, the knots, their normal scores, and whether it has a hinge.
        missing: matrix columns with a flag.
        categories: (matrix column, code) pairs.
        centre, scale: of every column as training had it, shape (q,).
    """

    numbers: tuple[tuple[int, tuple[float, ...], tuple[float, ...], bool], ...]
    missing: tuple[int, ...]
    categories: tuple[tuple[int, float], ...]
    centre: NDArray[np.float32]
    scale: NDArray[np.float32]

    @classmethod
    def fit(cls, X: NDArray[np.float32], used: Sequence[int], category_indexes: Sequence[int]) -> "Basis":
        """Return the basis of the matrix columns `used` of X, shape (n, p)."""
        sample = X[:: max(1, len(X) // _SAMPLE)]
        numbers, missing, categories = [], [], []
        for at in used:
            column = sample[:, at]
            known = column[~np.isnan(column)]
            if 1.0 - len(known) / len(column) >= _LEAST_SHARE and len(known):
                missing.append(at)
            if at in category_indexes:
                codes, counts = np.unique(known, return_counts=True)
                categories += [(at, float(code)) for code in codes[counts >= _LEAST_SHARE * len(column)]]
            elif len(known) and known.min() < known.max():
                numbers.append(_knots(at, known))
        q = len(numbers) + sum(hinge for *_, hinge in numbers) + len(missing) + len(categories)
        raw = cls(tuple(numbers), tuple(missing), tuple(categories), np.zeros(q, np.float32), np.ones(q, np.float32))
        columns = raw.columns(sample).astype(np.float64)
        scale = columns.std(axis=0)
        return cls(raw.numbers, raw.missing, raw.categories, columns.mean(axis=0).astype(np.float32),
                   np.where(scale > 1e-6, scale, 1.0).astype(np.float32))  # fmt: skip

    def __len__(self) -> int:
        return len(self.centre)

    @property
    def sources(self) -> NDArray[np.int64]:
        """The matrix column that each of the columns is made of, shape (q,)."""
        numbers = [at for at, _, _, hinge in self.numbers for _ in range(2 if hinge else 1)]
        return np.array([*numbers, *self.missing, *(at for at, _ in self.categories)], dtype=np.int64)

    def columns(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the columns of a matrix, shape (n, q); each row's depend on that row alone."""
        made = np.empty((len(X), len(self)), dtype=np.float32)
        at = 0
        for column, knots, scores, hinge in self.numbers:
            values = X[:, column]
            score = np.nan_to_num(np.interp(values, knots, scores), nan=0.0)
            made[:, at] = score
            at += 1
            if hinge:
                made[:, at] = np.where(np.isnan(values), 0.4, np.maximum(score, 0.0))  # 0.4 = E[max(z, 0)]
                at += 1
        for column in self.missing:
            made[:, at] = np.isnan(X[:, column])
            at += 1
        for column, code in self.categories:
            made[:, at] = X[:, column] == code
            at += 1
        made -= self.centre
        made /= self.scale
        return made

    def as_dict(self) -> dict[str, Any]:
        """Return the basis as a JSON-ready mapping."""
        return {
            "numbers": [[at, list(knots), list(scores), hinge] for at, knots, scores, hinge in self.numbers],
            "missing": list(self.missing),
            "categories": [list(pair) for pair in self.categories],
            "centre": self.centre.tolist(),
            "scale": self.scale.tolist(),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Basis":
        """Return the basis that `as_dict` described."""
        return cls(
            tuple((int(a), tuple(knots), tuple(scores), bool(more)) for a, knots, scores, more in document["numbers"]),
            tuple(document["missing"]),
            tuple((int(at), float(code)) for at, code in document["categories"]),
            np.array(document["centre"], dtype=np.float32),
            np.array(document["scale"], dtype=np.float32),
        )  # fmt: skip


def _knots(at: int, known: NDArray[np.float32]) -> tuple[int, tuple[float, ...], tuple[float, ...], bool]:
    """Return quantiles as knots and their mid-ranks as normal scores; ties share the middle of their ranks."""
    ordered = np.sort(known)
    knots = np.unique(ordered[np.linspace(0, len(ordered) - 1, KNOTS).astype(int)])
    rank = (np.searchsorted(ordered, knots, "left") + np.searchsorted(ordered, knots, "right")) / 2.0
    scores = norm.ppf((rank + 0.5) / (len(ordered) + 1.0))
    return at, tuple(knots.astype(float).tolist()), tuple(scores.tolist()), len(knots) > 2
