"""Ridge lines per arm on the basis columns, out of fold and whole, with their posterior covariance.

One Newton step from the scores so far: slopes = (H + Λ)⁻¹ g, H = Σ w z zᵀ and g = Σ z ∂ℓ/∂score over the arm's rows,
z the basis columns and a 1. Leaving a fold out subtracts its sums. Λ is one penalty for all columns, or one for each
feature, so that few features may matter much and all others hardly (models.relevance); which, is chosen out of fold.
The posterior covariance, penalties integrated out (`_doubts`), gives intervals whose coverage is right on average over
rows (Wahba 1983, JRSS B 45; Nychka 1988, JASA 83).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Study
from .basis import Basis
from .logged import Floats
from .relevance import own_penalties, penalised, ridge

PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0)
STRICTER = (1.0, 3.0, 10.0, 30.0)  # times the features' own penalties
_FIRST_PENALTY = 100.0  # of every feature, before its own is found
_CHOICE = 1.0  # log-likelihood that each penalty found costs
_CHUNK = 65_536
_BLOCK = 256
Small = NDArray[np.float32]


@dataclass(frozen=True)
class Lines:
    """Slopes of the basis columns and the constant, shape (k, q + 1), and their covariance, (k, q + 1, q + 1)."""

    slopes: Small
    covariance: Small

    def variance(self, wide: Small) -> Small:
        """Return each line's posterior variance, shape (n, k); `wide` is of `widened`."""
        found = np.empty((len(wide), len(self.slopes)), dtype=np.float32)
        for arm, matrix in enumerate(self.covariance):
            found[:, arm] = np.einsum("nq,nq->n", rowwise(wide, matrix), wide)
        return np.maximum(found, 0.0)

    def as_dict(self) -> dict[str, Any]:
        """Return the lines as a JSON-ready mapping; of the covariance the lower triangle."""
        lower = np.tril_indices(self.slopes.shape[1])
        return {"slopes": _short(self.slopes), "covariance": _short(self.covariance[:, *lower])}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Lines":
        """Return the lines that `as_dict` described."""
        slopes = np.array(document["slopes"], dtype=np.float32)
        lower = np.tril_indices(slopes.shape[1])
        covariance = np.zeros((len(slopes), slopes.shape[1], slopes.shape[1]), dtype=np.float32)
        covariance[:, *lower] = document["covariance"]
        covariance[:, *lower[::-1]] = covariance[:, *lower]
        return cls(slopes, covariance)


def _short(array: Small) -> list[list[float]]:
    """Return rows of numbers as the shortest decimals that give the same float32 again."""
    return [[float(str(number)) for number in row] for row in array]


def widened(basis: Basis, X: NDArray[np.float32]) -> Small:
    """Return the basis columns and a column of ones, shape (n, q + 1)."""
    wide = np.ones((len(X), len(basis) + 1), dtype=np.float32)
    wide[:, :-1] = basis.columns(X)
    return wide


def rowwise(left: Small, right: Small) -> Small:
    """Return left @ right, to the last bit the same for a row whatever stands around it and whoever multiplies.

    Libraries of linear algebra sum in an order that depends on where in a matrix a row stands, on the processor and on
    its threads; this sums in order, in blocks of one size, at some ten times the time.
    """
    product = np.empty((len(left), right.shape[1]), dtype=np.float32)
    for first in range(0, len(left), _BLOCK):
        block = left[first : first + _BLOCK]
        if len(block) < _BLOCK:
            block = np.vstack([block, np.zeros((_BLOCK - len(block), left.shape[1]), dtype=np.float32)])
        product[first : first + _BLOCK] = np.einsum("nq,qk->nk", block, right)[: len(left) - first]
    return product


def fit_lines(study: Study, start: Floats, basis: Basis) -> tuple[Lines, Small]:
    """Return the lines, and every row's line under each arm out of fold, shape (n, k).

    Args:
        study: n rows.
        start: score of each row under its own arm so far, shape (n,).
        basis: q columns.
    """
    hessian, gradient = _sums(study, start, basis)
    all_hessian, all_gradient = hessian.sum(axis=1), gradient.sum(axis=1)
    _, feature = np.unique([*basis.sources, -1], return_inverse=True)  # the constant is a feature by itself
    others = all_hessian[:, None] - hessian, all_gradient[:, None] - gradient
    left_out = _slopes(*others, _own(*others, feature)).astype(np.float32)
    best = _best_penalty(study, start, basis, left_out)
    each = np.arange(study.arms)
    lines = np.empty((len(start), study.arms), dtype=np.float32)
    for part, wide in _chunks(study, basis):
        for k in range(study.folds):
            rows = study.fold[part] == k
            lines[part][rows] = wide[rows] @ left_out[best, each, k].T
    own = _own(all_hessian, all_gradient, feature)
    slopes = _slopes(all_hessian, all_gradient, own)[best, each]
    found = (feature.max() + 1) * study.arms
    doubts = _doubts(all_hessian, all_gradient, slopes, own, found)
    return Lines(slopes.astype(np.float32), doubts.astype(np.float32)), lines


def _sums(study: Study, start: Floats, basis: Basis) -> tuple[Floats, Floats]:
    """Return H, shape (arms, folds, q + 1, q + 1), and g, (arms, folds, q + 1)."""
    q = len(basis) + 1
    hessian, gradient = np.zeros((study.arms, study.folds, q, q)), np.zeros((study.arms, study.folds, q))
    counts = study.seen & study.apt
    for part, wide in _chunks(study, basis):
        slope, curve = (array.astype(np.float32) for array in study.link.working(start[part], study.y[part]))
        for arm in range(study.arms):
            for k in range(study.folds):
                rows = counts[part] & (study.arm[part] == arm) & (study.fold[part] == k)
                hessian[arm, k] += wide[rows].T @ (wide[rows] * curve[rows, None])
                gradient[arm, k] += wide[rows].T @ slope[rows]
    return hessian, gradient


def _best_penalty(study: Study, start: Floats, basis: Basis, left_out: Small) -> NDArray[np.int64]:
    """Return the index of each arm's slopes with the largest likelihood out of fold, shape (arms,)."""
    gains = np.zeros((len(left_out), study.arms))
    counts = study.seen & study.apt
    for part, wide in _chunks(study, basis):
        arm, rows = study.arm[part], counts[part]
        for at, slopes in enumerate(left_out):
            line = np.einsum("nq,nq->n", wide, slopes[arm, study.fold[part]])
            gain = study.link.log_likelihood(start[part] + line, study.y[part])
            gains[at] += np.bincount(arm[rows], gain[rows], study.arms)
    return np.asarray(gains.argmax(axis=0))


def _chunks(study: Study, basis: Basis) -> Iterator[tuple[slice, Small]]:
    for first in range(0, len(study.X), _CHUNK):
        part = slice(first, first + _CHUNK)
        yield part, widened(basis, study.X[part])


def _slopes(hessian: Floats, gradient: Floats, own: Floats) -> Floats:
    """Return the slopes under each of PENALTIES, then those of STRICTER, shape (penalties, …, q + 1).

    Args:
        hessian, gradient: H, shape (…, q + 1, q + 1), and g, shape (…, q + 1).
        own: penalties of `own_penalties`, shape (…, q + 1).
    """
    penalties = [np.full_like(gradient, penalty) for penalty in PENALTIES] + [stricter * own for stricter in STRICTER]
    return np.stack([ridge(hessian, gradient, each) for each in penalties])


def _own(hessian: Floats, gradient: Floats, feature: NDArray[np.int64]) -> Floats:
    return own_penalties(hessian, gradient, feature, np.full_like(gradient, _FIRST_PENALTY))


def _doubts(hessian: Floats, gradient: Floats, slopes: Floats, own: Floats, found: int) -> Floats:
    """Return how far the truth lies around each arm's slopes and constant, E[(β − b)(β − b)ᵀ], (k, q + 1, q + 1).

    The arms have unknown penalties Λ: one of PENALTIES for all of them, or each feature its own in every arm (`own`, of
    which `found` were found), with posterior weights w(Λ) by the marginal likelihood of all arms, less _CHOICE for each
    penalty found (Akaike 1974): Σ w [(H + Λ)⁻¹ + (m − b)(m − b)ᵀ], m = (H + Λ)⁻¹ g and b the slopes in use. One Λ per
    arm, the likeliest, would call an arm's slopes certain to be nil where its own rows are too few to show any. Where Λ
    is one for all, the constant keeps the least penalty.
    """
    alike = [np.full_like(gradient, penalty) for penalty in PENALTIES]
    likelihood = np.array([_log_likelihood(hessian, gradient, penalty).sum() for penalty in [*alike, own]])
    likelihood[-1] -= _CHOICE * found
    weight = np.exp(likelihood - likelihood.max())
    weight /= weight.sum()
    doubts = np.zeros_like(hessian)
    for penalty in alike:
        penalty[:, -1] = PENALTIES[0]
    for share, penalty in zip(weight, [*alike, own], strict=True):
        covariance = np.linalg.inv(penalised(hessian, penalty))
        away = (covariance @ gradient[..., None])[..., 0] - slopes
        doubts += share * (covariance + away[:, :, None] * away[:, None, :])
    return np.asarray(np.tril(doubts) + np.tril(doubts, -1).swapaxes(1, 2))


def _log_likelihood(hessian: Floats, gradient: Floats, penalty: Floats) -> Floats:
    """Return the logarithm of each arm's marginal likelihood, shape (k,), up to a constant."""
    fitted = np.einsum("kq,kq->k", gradient, ridge(hessian, gradient, penalty))
    return np.asarray(0.5 * (fitted + np.log(penalty).sum(axis=1) - np.linalg.slogdet(penalised(hessian, penalty))[1]))
