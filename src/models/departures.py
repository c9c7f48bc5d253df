"""How the outcome under each arm departs from the outcome whichever arm is given, on the score's scale.

score_a(x) = base(x) + c_a + w_t · trees_a(x) + w_l · line_a(x): a constant, small boosted trees and a ridge line per arm,
each learned from the arm's own rows with all before it as offset, so that arms differ only where their rows say so.
Constants are shrunk by their spread over arms, the lines' penalty and the trees' number are chosen out of fold, and so
are the weights w ≥ 0, which are shrunk by max(0, 1 − q / 2ΔL), ΔL the log-likelihood gained by q weights (positive-part
James-Stein): where arms do not differ, the departures vanish.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from .basis import Basis
from .boosting import Training, grow, raw_scores
from .links import Link
from .logged import Floats

LEAVES = 4
ROUNDS_SHARE = 2 / 3  # of the learner's rounds
STOPS = (0.25, 0.5, 1.0)  # of the trees' rounds
PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
_CHUNK = 65_536
_TINY = 1e-12
Small = NDArray[np.float32]


@dataclass(frozen=True)
class Departures:
    """One part's departures for k arms.

    Attributes:
        constants: shape (k,).
        trees: by fold, then arm; None where an arm had too few rows.
        rounds: trees used of each booster.
        slopes: of the basis columns, the intercept last, shape (k, q + 1).
        weights: of trees and line.
    """

    constants: Floats
    trees: tuple[tuple[lgb.Booster | None, ...], ...]
    rounds: tuple[int, ...]
    slopes: Floats
    weights: Floats

    def predict(self, X: NDArray[np.float32], columns: Small, threads: int) -> Floats:
        """Return what is added to the base score under each arm, shape (n, k); `columns` are the basis' of X."""
        added = np.tile(self.constants, (len(X), 1))
        if self.weights[:, 1].any():
            added += self.weights[:, 1] * _line(columns, self.slopes)
        if self.weights[:, 0].any():
            for boosters in self.trees:
                added += self.weights[:, 0] / len(self.trees) * _tree_scores(boosters, X, threads, [0]*len(boosters), self.rounds)
        return added


@dataclass(frozen=True)
class Study:
    """What departures are learned from: n rows of one part.

    Attributes:
        link: with the base's dispersion.
        base: score whichever arm is given, out of fold, shape (n,).
        y: outcome, shape (n,).
        arm: shape (n,); arms: how many, the control included.
        fold: shape (n,); folds: how many.
        seen: rows that have an outcome, shape (n,): the size of a payment is known of payers only.
        X, data: the matrix and its bins.
        basis: of the lines.
    """

    link: Link
    base: Floats
    y: Floats
    arm: NDArray[np.int64]
    arms: int
    fold: NDArray[np.int64]
    folds: int
    seen: NDArray[np.bool_]
    X: NDArray[np.float32]
    data: lgb.Dataset
    basis: Basis


def fit_departures(study: Study, training: Training) -> tuple[Departures, Floats]:
    """Return the departures and every row's score under each arm, out of fold but for a few shared numbers, (n, k)."""
    constants = _constants(study)
    start = study.base + constants[study.arm]
    slopes, lines = _lines(study, start)
    trees, rounds, grown = _trees(study, start, training)
    rows = np.arange(len(study.arm))
    parts = np.column_stack([grown[rows, study.arm], lines[rows, study.arm]]).astype(np.float64)
    seen = study.seen
    weights = np.array(_weights(study.link, start[seen], parts[seen], study.y[seen]))
    weights = _multipliers(study, start, parts @ weights)[:, None] * weights
    score = study.base[:, None] + constants + weights[:, 0] * grown + weights[:, 1] * lines
    return Departures(constants, trees, rounds, slopes, weights), score


def _constants(study: Study) -> Floats:
    """Return each arm's constant: Newton steps, then empirical Bayes towards the constant of all rows."""
    every = _constant(study, study.seen, 0.0)[0]
    found = [_constant(study, study.seen & (study.arm == arm), every) for arm in range(study.arms)]
    away = np.array([constant for constant, _ in found]) - every
    variance = np.array([variance for _, variance in found])
    known = np.isfinite(variance)
    spread = max(float(np.mean(away[known] ** 2 - variance[known])), 0.0) if known.any() else 0.0
    return np.asarray(every + away * spread / (spread + np.where(known, variance, 1.0) + _TINY))


def _constant(study: Study, rows: NDArray[np.bool_], start: float) -> tuple[float, float]:
    """Return the constant that fits the rows, and its variance by the sandwich formula; infinite where nothing tells."""
    constant = start
    if not rows.any() or np.ptp(study.y[rows]) == 0:
        return constant, np.inf
    for _ in range(6):
        slope, curve = study.link.working(study.base[rows] + constant, study.y[rows])
        constant = float(np.clip(constant + np.clip(slope.sum() / max(curve.sum(), _TINY), -1.0, 1.0), -5.0, 5.0))
    return constant, float((slope**2).sum() / max(curve.sum(), _TINY) ** 2)


def _trees(study: Study, start: Floats, training: Training) -> tuple[tuple[tuple[lgb.Booster | None, ...], ...], tuple[int, ...], Small]:
    """Return boosters by fold and arm, how many of their trees to use, and every row's scores out of fold, (n, k)."""
    learner = training.learner
    rounds = max(1, round(learner.rounds * ROUNDS_SHARE))
    small = replace(training, learner=learner.model_copy(update={"rounds": rounds, "leaves": min(LEAVES, learner.leaves)}))
    folds = tuple(
        tuple(
            _tree(study, study.seen & (study.fold != k) & (study.arm == arm), start, small) for arm in range(study.arms)
        )
        for k in range(study.folds)
    )  # fmt: skip
    stops = sorted({max(1, round(rounds * stop)) for stop in STOPS})
    at, best = np.zeros((2, len(start), study.arms), dtype=np.float32)
    chosen, most = np.zeros(study.arms, dtype=np.int64), np.zeros(study.arms)
    rows, before = np.arange(len(start)), 0
    none = study.link.log_likelihood(start, study.y)
    for stop in stops:
        for k, boosters in enumerate(folds):
            inside = study.fold == k
            at[inside] += _tree_scores(boosters, study.X[inside], training.threads, [before]*study.arms, [stop]*study.arms)
        before = stop
        gain = study.link.log_likelihood(start + at[rows, study.arm], study.y) - none
        gains = np.bincount(study.arm[study.seen], gain[study.seen], study.arms)
        better = gains > most
        most[better], chosen[better], best[:, better] = gains[better], stop, at[:, better]
    return folds, tuple(chosen.tolist()), best


def _tree(study: Study, rows: NDArray[np.bool_], start: Floats, training: Training) -> lgb.Booster | None:
    if rows.sum() < 2 * training.learner.min_leaf_rows or np.ptp(study.y[rows]) == 0:
        return None
    return grow(study.data, rows, study.y / study.link.unit, training, study.link.objective, start)


def _tree_scores(boosters: tuple[lgb.Booster | None, ...], X: NDArray[np.float32], threads: int, first, last) -> Small:
    scores = np.zeros((len(X), len(boosters)), dtype=np.float32)
    for arm, booster in enumerate(boosters):
        if booster is not None:
            scores[:, arm] = raw_scores(booster, X, threads, first[arm], last[arm])
    return scores


def _line(columns: Small, slopes: Floats) -> Small:
    return np.asarray(np.einsum("nq,aq->na", columns, slopes[:, :-1].astype(np.float32)) + slopes[:, -1].astype(np.float32))


def _lines(study: Study, start: Floats) -> tuple[Floats, Small]:
    """Return each arm's ridge slopes, shape (k, q + 1), and every row's line under each arm, out of fold, (n, k).

    One Newton step from `start`: (H + λI)⁻¹ g, H and g summed over the arm's rows; leaving a fold out subtracts its sums.
    """
    q = len(study.basis) + 1
    hessian, gradient = np.zeros((study.arms, study.folds, q, q)), np.zeros((study.arms, study.folds, q))
    slope, curve = study.link.working(start, study.y)
    for part, columns in _chunks(study):
        wide = np.hstack([columns, np.ones((len(columns), 1), dtype=np.float32)])
        for arm in range(study.arms):
            for k in range(study.folds):
                rows = study.seen[part] & (study.arm[part] == arm) & (study.fold[part] == k)
                block = wide[rows]
                hessian[arm, k] += block.T @ (block * curve[part][rows, None].astype(np.float32))
                gradient[arm, k] += block.T @ slope[part][rows].astype(np.float32)
    others = lambda sums: sums.sum(axis=1, keepdims=True) - sums  # noqa: E731
    left_out = [_ridge(others(hessian), others(gradient), penalty) for penalty in PENALTIES]
    gains = np.zeros((len(PENALTIES), study.arms))
    for part, columns in _chunks(study):
        arm, seen = study.arm[part], study.seen[part]
        for at, slopes in enumerate(left_out):
            own = slopes[arm, study.fold[part]].astype(np.float32)
            line = np.einsum("nq,nq->n", columns, own[:, :-1]) + own[:, -1]
            gain = study.link.log_likelihood(start[part] + line, study.y[part])
            gains[at] += np.bincount(arm[seen], gain[seen], study.arms)
    best = gains.argmax(axis=0)
    each = np.arange(study.arms)
    kept = np.stack(left_out)[best, each]
    lines = np.empty((len(start), study.arms), dtype=np.float32)
    for part, columns in _chunks(study):
        for k in range(study.folds):
            rows = study.fold[part] == k
            lines[part][rows] = _line(columns[rows], kept[:, k])
    whole = np.stack([_ridge(hessian.sum(axis=1), gradient.sum(axis=1), penalty) for penalty in PENALTIES])
    return whole[best, each], lines


def _chunks(study: Study) -> Iterator[tuple[slice, Small]]:
    for first in range(0, len(study.X), _CHUNK):
        part = slice(first, first + _CHUNK)
        yield part, study.basis.columns(study.X[part])


def _ridge(hessian: Floats, gradient: Floats, penalty: float) -> Floats:
    eye = penalty * np.eye(hessian.shape[-1])
    return np.asarray(np.linalg.solve(hessian + eye, gradient[..., None])[..., 0])


def _weights(link: Link, start: Floats, parts: Floats, y: Floats) -> tuple[float, float]:
    """Return non-negative weights of the parts, shape (n, 2), by Newton's method on the likelihood, shrunk."""
    best, gained = np.zeros(2), 0.0
    none = float(link.log_likelihood(start, y).sum())
    for used in ([0, 1], [0], [1]):
        weights = np.zeros(2)
        for _ in range(8):
            slope, curve = link.working(start + parts @ weights, y)
            columns = parts[:, used]
            hessian = columns.T @ (curve[:, None] * columns) + 1e-9 * np.eye(len(used))
            weights[used] = np.clip(weights[used] + np.linalg.solve(hessian, columns.T @ slope), -0.5, 2.0)
        gain = float(link.log_likelihood(start + parts @ weights, y).sum()) - none
        if weights.min() >= 0 and gain - len(used) / 2 > gained - np.count_nonzero(best) / 2:
            best, gained = weights, gain
    shrinkage = max(0.0, 1.0 - np.count_nonzero(best) / (2.0 * gained)) if gained > 0 else 0.0
    return float(shrinkage * best[0]), float(shrinkage * best[1])


def _multipliers(study: Study, start: Floats, departure: Floats) -> Floats:
    found, variance = np.ones(study.arms), np.full(study.arms, np.inf)
    if not departure.any():
        return found
    for arm in range(study.arms):
        rows = study.seen & (study.arm == arm)
        d = departure[rows]
        if rows.sum() < 2 or np.ptp(d) == 0:
            continue
        m = 1.0
        for _ in range(6):
            slope, curve = study.link.working(start[rows] + m * d, study.y[rows])
            h = max((curve * d * d).sum(), 1e-9)
            m = float(np.clip(m + (slope * d).sum() / h, -3, 3))
        found[arm], variance[arm] = m, ((slope * d) ** 2).sum() / h**2
    known = np.isfinite(variance)
    if not known.any(): return found
    spread = max(float(np.mean((found[known] - 1) ** 2 - variance[known])), 0.0)
    m = 1 + (found - 1) * spread / (spread + np.where(known, variance, 1.0) + 1e-12)
    return np.clip(m, 0, 2)
