"""How the outcome under each arm departs from the outcome whichever arm is given, on the score's scale.

score_a(x) = base(x) + c_a + w · line(x) + w_t · trees_a(x) + w_l · line_a(x): a constant per arm, a ridge line of all
arms, and small boosted trees and a ridge line per arm, each learned from its rows with what came before as offset. The
line of all arms is what trees miss of the base where outcomes are rare; without it every arm would find it anew, each a
little differently, and chance would pass for effects. Constants are shrunk by their spread over arms; the trees' number
and the lines' penalties are chosen out of fold, and so are the weights, shrunk (`shrunk_weights`): where arms do not
differ, the departures vanish.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from .base import Study
from .basis import Basis
from .boosting import Training, append_text, raw_scores
from .lines import Lines, Small, fit_lines, rowwise
from .links import Link
from .logged import Floats
from .weights import shrunk_weights

LEAVES = 4
ROUNDS_SHARE = 1 / 3  # of the learner's rounds
STOPS = (0.25, 0.5, 1.0)  # of the trees' rounds
_TINY = 1e-12
_SAMPLE = 4_000  # rows from which the steadiness of the average is told
Boosters = tuple[tuple[lgb.Booster | None, ...], ...]  # by fold, then arm


@dataclass(frozen=True)
class Departures:
    """One part's departures for k arms.

    Attributes:
        constants: shape (k,).
        shared: slopes of the line of all arms, and its constant, shape (q + 1,).
        trees: by fold, then arm; None where an arm had too few rows.
        rounds: trees used of each arm's boosters, shape (k,).
        lines: of the arms.
        weights: of trees and lines.
    """

    constants: Floats
    shared: Small
    trees: Boosters
    rounds: tuple[int, ...]
    lines: Lines
    weights: tuple[float, float]

    def predict(self, X: NDArray[np.float32], wide: Small, threads: int) -> Floats:
        """Return what is added to the base score under each arm, shape (n, k); `wide` is `widened` of X."""
        added = self.constants + rowwise(wide, np.ascontiguousarray(self.slopes.T)).astype(np.float64)
        if self.weights[0]:
            none = (0,) * len(self.rounds)
            for boosters in self.trees:
                added += self.weights[0] / len(self.trees) * _tree_scores(boosters, X, threads, none, self.rounds)
        return added

    @property
    def slopes(self) -> Small:
        """Slopes of each arm's own line and that of all arms, as they count, shape (k, q + 1)."""
        return (self.shared + self.weights[1] * self.lines.slopes).astype(np.float32)

    def as_dict(self, texts: list[str]) -> dict[str, Any]:
        """Return the departures as a JSON-ready mapping; the boosters' texts are appended to `texts`."""
        places = [[append_text(texts, *pair) for pair in zip(arms, self.rounds, strict=True)] for arms in self.trees]
        return {
            "constants": self.constants.tolist(),
            "shared": self.shared.tolist(),
            "trees": places,
            "rounds": list(self.rounds),
            "lines": self.lines.as_dict(),
            "weights": list(self.weights),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], boosters: Sequence[lgb.Booster]) -> "Departures":
        """Return the departures that `as_dict` described, given all boosters of their part."""
        trees = tuple(tuple(None if at is None else boosters[at] for at in arms) for arms in document["trees"])
        weights = (document["weights"][0], document["weights"][1])
        lines = Lines.from_dict(document["lines"])
        none = np.zeros(lines.slopes.shape[1])  # bundles made before decision 0030 say nothing of it
        shared = np.array(document.get("shared", none), dtype=np.float32)
        return cls(np.array(document["constants"]), shared, trees, tuple(document["rounds"]), lines, weights)


@dataclass(frozen=True)
class Found:
    """Departures, what they say of the n rows they were learned from, and whether they say more than chance.

    Attributes:
        departures: of k arms.
        base: every row's score whichever arm is given, the line of all arms included, out of fold, shape (n,).
        scores: every row's score under each arm, out of fold but for a few shared numbers, shape (n, k).
        evidence: of `shrunk_weights` for trees and lines.
    """

    departures: Departures
    base: Floats
    scores: Floats
    evidence: float

    def kept(self, personal: bool) -> tuple[Departures, Floats]:
        """Return departures and scores; unless `personal`, with constants alone, alike for everybody."""
        if personal:
            return self.departures, self.scores
        arms = len(self.departures.constants)
        alike = replace(self.departures, trees=(), rounds=(0,) * arms, weights=(0.0, 0.0))
        return alike, self.base[:, None] + self.departures.constants


def fit_departures(study: Study, base: Floats, basis: Basis, training: Training) -> Found:
    """Return the departures and what they say of the study's rows.

    Args:
        study: n rows.
        base: score whichever arm is given, out of fold, shape (n,).
        basis: of the lines.
        training: of the trees; they are smaller and fewer than it says.
    """
    constants = _constants(study, base)
    shared, of_all = _shared_line(study, base + constants[study.arm], basis)
    base = base + of_all
    start = base + constants[study.arm]
    lines, of_lines = fit_lines(study, start, basis)
    trees, rounds, of_trees = _trees(study, start, training)
    (of_tree, of_line), evidence = shrunk_weights(study, start, of_trees, of_lines)
    scores = base[:, None] + constants + of_tree * of_trees + of_line * of_lines
    if not of_tree:
        trees, rounds = (), (0,) * study.arms
    else:
        of_tree *= _steadier(study, trees, rounds, training.threads)
    return Found(Departures(constants, shared, trees, rounds, lines, (of_tree, of_line)), base, scores, evidence)


def _shared_line(study: Study, start: Floats, basis: Basis) -> tuple[Small, Floats]:
    """Return the slopes of one line for all arms, as they count, and every row's value of it out of fold, (n,)."""
    everyone = replace(study, arm=np.zeros_like(study.arm), arms=1)
    lines, found = fit_lines(everyone, start, basis)
    (weight,), _ = shrunk_weights(everyone, start, found)
    return (weight * lines.slopes[0]).astype(np.float32), weight * found[:, 0].astype(np.float64)


def _constants(study: Study, base: Floats) -> Floats:
    """Return each arm's constant: Newton steps, then empirical Bayes towards the constant of all rows."""
    counts = study.seen & study.apt
    every = _constant(study.link, base[counts], study.y[counts], 0.0)[0]
    found = [
        _constant(study.link, base[rows], study.y[rows], every)
        for rows in (counts & (study.arm == arm) for arm in range(study.arms))
    ]
    away = np.array([constant for constant, _ in found]) - every
    variance = np.array([variance for _, variance in found])
    known = np.isfinite(variance)
    spread = max(float(np.mean(away[known] ** 2 - variance[known])), 0.0) if known.any() else 0.0
    return np.asarray(every + away * spread / (spread + np.where(known, variance, 1.0) + _TINY))


def _constant(link: Link, base: Floats, y: Floats, start: float) -> tuple[float, float]:
    """Return the constant that fits the rows and its sandwich variance, infinite where nothing tells."""
    if len(y) == 0 or np.ptp(y) == 0:
        return start, np.inf
    constant = start
    for _ in range(8):
        slope, curve = link.working(base + constant, y)
        constant = float(constant + np.clip(slope.sum() / max(curve.sum(), _TINY), -1.0, 1.0))
    return constant, float((slope**2).sum() / max(curve.sum(), _TINY) ** 2)


def _trees(study: Study, start: Floats, training: Training) -> tuple[Boosters, tuple[int, ...], Small]:
    """Return boosters, how many of their trees serve each arm, and every row's scores out of fold, shape (n, k)."""
    learner = training.learner
    rounds = max(1, round(learner.rounds * ROUNDS_SHARE))
    small = learner.model_copy(update={"rounds": rounds, "leaves": min(LEAVES, learner.leaves)})
    settings = replace(training, learner=small)
    folds = tuple(
        tuple(
            study.tree(study.apt & (study.fold != k) & (study.arm == arm), settings, start) for arm in range(study.arms)
        )
        for k in range(study.folds)
    )
    counts, own = study.seen & study.apt, np.arange(len(start))
    at, best = np.zeros((2, len(start), study.arms), dtype=np.float32)
    chosen, most, before = np.zeros(study.arms, dtype=np.int64), np.zeros(study.arms), 0
    none = study.link.log_likelihood(start, study.y)
    for stop in sorted({max(1, round(rounds * stop)) for stop in STOPS}):
        for k, boosters in enumerate(folds):
            inside = study.fold == k
            span = ((before,) * study.arms, (stop,) * study.arms)
            at[inside] += _tree_scores(boosters, study.X[inside], training.threads, *span)
        before = stop
        gain = study.link.log_likelihood(start + at[own, study.arm], study.y) - none
        gains = np.bincount(study.arm[counts], gain[counts], study.arms)
        better = gains > most
        most[better], chosen[better], best[:, better] = gains[better], stop, at[:, better]
    return folds, tuple(chosen.tolist()), best


def _steadier(study: Study, trees: Boosters, rounds: tuple[int, ...], threads: int) -> float:
    """Return by how much more the average over folds may weigh than one fold's trees: Var(one) / Var(average).

    Both have the same covariance with the truth, and the best weight is that over the variance.
    """
    X = study.X[:: max(1, len(study.X) // _SAMPLE)]
    each = np.stack([_tree_scores(boosters, X, threads, (0,) * len(rounds), rounds) for boosters in trees])
    one, average = float(each.var(axis=1).mean(axis=0).sum()), float(each.mean(axis=0).var(axis=0).sum())
    return one / average if average > 0 else 1.0


def _tree_scores(boosters: Sequence[lgb.Booster | None], X: NDArray[np.float32], threads: int,
                 first: Sequence[int], last: Sequence[int]) -> Small:  # fmt: skip
    scores = np.zeros((len(X), len(boosters)), dtype=np.float32)
    for arm, booster in enumerate(boosters):
        if booster is not None:
            scores[:, arm] = raw_scores(booster, X, threads, first[arm], last[arm])
    return scores
