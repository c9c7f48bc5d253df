"""What drives churn risk and effects, feature by feature: exact parts that add up to the number they explain.

Scores are sums, so a feature's part of a score is its trees' Shapley values plus its terms of the lines, both against
the average training row. Churn risk is explained on its log-odds. An effect is money: the value under an arm is
worth × m(r) + m(p) × m(z), with r, p, z the scores of retention, payment and its size and m their means. On the
straight line from the average row's scores u⁰ to the row's u (Aumann & Shapley 1974, "Values of non-atomic games"),
m(u) − m(u⁰) falls to the features as their parts of u − u⁰; the change of a product falls to its two factors, half at
the old and half at the new level of the other (Shapley 1953). The effect's parts are those under the arm minus those
under the control: a feature that only moves the outcome whichever arm is given counts as far as the arm thereby has
more, or less, to change.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contracts.errors import InputError
from .boosting import contributions
from .churn import ChurnModel
from .departures import Departures
from .lines import widened
from .links import Link
from .logged import Floats, Worth
from .outcomes import PARTS, OutcomeModel, Part
from .uplift import UpliftModel

Matrix = NDArray[np.float32]
_FLAT = 1e-5  # scores so close that the link between them is taken as straight


@dataclass(frozen=True)
class Contributions:
    """A number of n rows as a sum: baseline + Σ of_features.

    Attributes:
        baseline: what the average training row has, were it worth as much as this one if retained; shape (n,).
        of_features: what each column of the matrix adds, shape (n, p).
    """

    baseline: Floats
    of_features: Floats


def churn_contributions(churn: ChurnModel, X: Matrix, threads: int) -> Contributions:
    """Return what each feature adds to the log-odds of the churn risk, before an isotonic calibration if it has one."""
    (trees, linear), baseline, found = churn.calibrator.weights, churn.calibrator.intercept, np.zeros(X.shape)
    if churn.booster is not None:
        of_trees = trees * contributions(churn.booster, X, threads)
        baseline, found = baseline + _mean_score(of_trees), found + of_trees[:, :-1]
    if churn.linear is not None:
        average, of_columns = churn.linear.contributions(X)
        baseline, found = baseline + linear * average, found + linear * of_columns
    return Contributions(np.full(len(X), baseline), found)


def effect_contributions(uplift: UpliftModel, X: Matrix, arm: str, worth: Worth, threads: int) -> Contributions:
    """Return what each feature adds to an arm's effect, money, costs aside.

    Args:
        uplift: effects.
        X: matrix, shape (n, p).
        arm: other than the control.
        worth: money credited for being retained, one for all or shape (n,).
        threads: of the boosters.

    Raises:
        InputError: no effect of the arm was learned; the control has none.
    """
    line = uplift.effect_of(arm)
    if line is None or uplift.outcomes is None:
        known = [name for name in uplift.arms if uplift.effect_of(name) is not None]
        fix = "name one of them, or log decisions of this arm"
        raise InputError("drivers of an effect", f"one of the arms {', '.join(known) or '(none)'}", repr(arm), fix)
    average, under = _value(uplift.outcomes, X, (0, uplift.arms.index(arm)), worth, threads)
    baseline = line.effect(average[:, 1] - average[:, 0])
    return Contributions(baseline, line.slope * (under[..., 1] - under[..., 0]))


@dataclass(frozen=True)
class _Means:
    """Expectations of one part under two arms.

    Attributes:
        average: of the average row, shape (2,).
        here: of each row, shape (n, 2).
        parts: what each feature adds, here − average in all, shape (n, p, 2).
    """

    average: Floats
    here: Floats
    parts: Floats


def _value(outcomes: OutcomeModel, X: Matrix, arms: tuple[int, int], worth: Worth,
           threads: int) -> tuple[Floats, Floats]:  # fmt: skip
    """Return the average row's value under two arms, shape (n, 2), and what each feature adds, shape (n, p, 2)."""
    means: Mapping[str, _Means] = {name: _means(getattr(outcomes, name), outcomes, X, arms, threads) for name in PARTS}
    retention, pays, size = means["retention"], means["pays"], means["size"]
    each_worth = np.broadcast_to(worth, len(X))[:, None]
    average = each_worth * retention.average + pays.average * size.average
    of_pays = pays.parts * ((size.average + size.here) / 2)[:, None, :]
    of_size = size.parts * ((pays.average + pays.here) / 2)[:, None, :]
    return average, each_worth[:, :, None] * retention.parts + of_pays + of_size


def _means(part: Part, outcomes: OutcomeModel, X: Matrix, arms: tuple[int, int], threads: int) -> _Means:
    if part.base is None or part.departures is None:
        return _Means(np.full(2, part.constant), np.full((len(X), 2), part.constant), np.zeros((*X.shape, 2)))
    wide = widened(outcomes.basis, X)
    kept = list(arms)
    score = part.base.predict(X, threads)[:, None] + part.departures.predict(X, wide, threads)[:, kept]
    of_base = np.zeros((len(X), X.shape[1] + 1))
    for booster in part.base.boosters:
        if booster is not None:
            of_base += contributions(booster, X, threads, part.base.rounds)
    of_base *= part.base.slope / len(part.base.boosters)
    scores = np.repeat(of_base[:, :, None], 2, axis=2)
    for at, arm in enumerate(kept):
        scores[:, :, at] += _departure(part.departures, outcomes.basis.sources, X, wide, arm, threads)
    average = part.base.intercept + np.array([_mean_score(scores[:, :, at]) for at in (0, 1)])
    return _on_means(part.link, average, score, _summing_to(scores[:, :-1], score - average))


def _departure(departures: Departures, sources: NDArray[np.int64], X: Matrix, wide: Matrix, arm: int,
               threads: int) -> Floats:  # fmt: skip
    """Return what each feature, and in the last column the average row, adds to the departure of an arm, (n, p + 1)."""
    found = np.zeros((len(X), X.shape[1] + 1))
    for boosters in departures.trees:
        booster = boosters[arm]
        if booster is not None:
            found += contributions(booster, X, threads, departures.rounds[arm])
    found *= departures.weights[0] / max(len(departures.trees), 1)
    terms = wide.astype(np.float64) * departures.slopes[arm]
    np.add.at(found.T, np.append(sources, X.shape[1]), terms.T)
    found[:, -1] += departures.constants[arm]
    return found


def _on_means(link: Link, average: Floats, score: Floats, parts: Floats) -> _Means:
    """Return the parts of scores, shape (n, p, 2), as parts of their means."""
    here, there = link.mean(score), link.mean(average)
    away = score - average
    flat = np.abs(away) < _FLAT
    steepness = np.where(flat, link.slope((score + average) / 2), (here - there) / np.where(flat, 1.0, away))
    return _Means(there, here, parts * steepness[:, None, :])


def _summing_to(parts: Floats, total: Floats) -> Floats:
    """Return parts, shape (n, p, 2), that sum to the total, shape (n, 2): the scores were added up in float32, and
    what that rounded off is spread in proportion to the parts' sizes."""
    size = np.abs(parts)
    share = size / np.maximum(size.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    return np.asarray(parts + (total - parts.sum(axis=1))[:, None, :] * share)


def _mean_score(found: Floats) -> float:
    """Return the mean score, the same in every row of the last column; 0 without rows."""
    return float(found[0, -1]) if len(found) else 0.0
