"""From the log-odds of trees and regression to a probability: how far to trust which, and how to calibrate the blend.

Two ways are tried. Platt: a logistic regression on both with weights of 0 or more (stacking, Wolpert 1992, "Stacked
generalization"; Platt 1999), p = 1 / (1 + exp(−(a·trees + b·linear + c))). Both say nearly the same, so that few rows
cannot tell which to trust: a and b have a normal prior about one half, which is the mean of both as it is. Isotonic:
the increasing step function of Platt's log-odds, made continuous (Zadrozny & Elkan 2002, KDD), tried where rows are
many. Both are fitted on earlier rows and judged by their log-loss on later ones; Platt stands unless steps are better
there by more than two standard errors of the difference. What is chosen is fitted again to all rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

Floats = NDArray[np.float64]
Kind = Literal["constant", "platt", "isotonic"]
_MEAN = np.array([0.5, 0.5, 0.0])  # of the prior of both weights and the intercept
_PRECISION = np.array([10.0, 10.0, 0.0])  # of it: a standard deviation of 0.3 for the weights, nothing of the intercept
_LEAST_STEPS = 1000  # leavers and stayers to fit a step function to, below which none is tried
_LEAST_JUDGED = 10  # and to judge it by
_PROOF = 2.0  # standard errors by which it must be better
_NEWTON_STEPS, _CLOSE = 50, 1e-9  # at most so many, until one moves nothing by more
_DECIMALS = 9  # of weights: the last bits of linear algebra differ between machines
_TINY = 1e-9


@dataclass(frozen=True)
class Calibrator:
    """The probability as a function of two log-odds.

    Attributes:
        kind: what was chosen.
        weights: of the log-odds of trees and regression, each 0 or more.
        intercept: of the blended log-odds.
        steps: (blended log-odds, probability) of the isotonic function, both increasing; empty without it.
    """

    kind: Kind
    weights: tuple[float, float]
    intercept: float
    steps: tuple[tuple[float, float], ...] = ()

    @classmethod
    def constant(cls, log_odds: float) -> "Calibrator":
        """Return the same probability for everyone."""
        return cls("constant", (0.0, 0.0), log_odds)

    def log_odds(self, odds: Floats) -> Floats:
        """Return the blend of both log-odds, shape (n, 2), before any isotonic function; shape (n,)."""
        return self.intercept + self.weights[0] * odds[:, 0] + self.weights[1] * odds[:, 1]

    def risk(self, odds: Floats) -> Floats:
        """Return probabilities, shape (n,)."""
        blended = self.log_odds(odds)
        if not self.steps:
            return np.asarray(expit(blended))
        at, risk = np.array(self.steps).T
        return np.asarray(np.interp(blended, at, risk))

    def as_dict(self) -> dict[str, object]:
        """Return the calibrator JSON-ready."""
        return {"kind": self.kind, "weights": list(self.weights), "intercept": self.intercept,
                "steps": [list(step) for step in self.steps]}  # fmt: skip

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Calibrator":
        """Return the calibrator that `as_dict` wrote."""
        trees, linear = document["weights"]
        steps = tuple((at, risk) for at, risk in document["steps"])
        return cls(document["kind"], (trees, linear), document["intercept"], steps)


def choose_calibrator(odds: Floats, y: Floats, later: NDArray[np.bool_], weight: Floats) -> Calibrator:
    """Return Platt's calibrator of all rows, or a step function where that is proven better on the later rows.

    It is a constant where the blend does not rank better than chance, out of fold.

    Args:
        odds: out-of-fold log-odds of trees and regression, shape (n, 2).
        y: 0 or 1, both present, shape (n,).
        later: rows to judge by, shape (n,).
        weight: how much each row counts, in fits and judgements alike, shape (n,).
    """
    platt = _platt(odds, y, weight)
    if platt.kind == "constant" or fewest(y[~later]) < _LEAST_STEPS or fewest(y[later]) < _LEAST_JUDGED:
        return platt
    earlier = _platt(odds[~later], y[~later], weight[~later])
    stepped = _stepped(earlier, odds[~later], y[~later], weight[~later])
    loss, loss_stepped = (log_loss_of(each.risk(odds[later]), y[later]) for each in (earlier, stepped))
    ahead = weight[later] * (loss - loss_stepped)
    proven = ahead.mean() > _PROOF * ahead.std() / np.sqrt(len(ahead))
    return _stepped(platt, odds, y, weight) if proven else platt


def _platt(odds: Floats, y: Floats, weight: Floats) -> Calibrator:
    """Return the logistic regression on both log-odds; a constant where its blend does not go with the outcome."""
    trees, linear, intercept = np.round(_most_likely(odds, y, weight), _DECIMALS).tolist()
    found = Calibrator("platt", (trees, linear), intercept)
    blended = found.log_odds(odds)
    ranks = (weight * (y - np.average(y, weights=weight))) @ (blended - blended.mean()) > 0
    return found if ranks and np.ptp(blended) > 0 else Calibrator.constant(base_log_odds(y, weight))


def _most_likely(odds: Floats, y: Floats, weight: Floats) -> Floats:
    """Return the weights of both log-odds, 0 or more, and the intercept, shape (3,), by maximum a posteriori.

    Newton's steps on what is not held at 0 (Bertsekas 1982, SIAM J. Control Optim. 20), halved until they gain.
    """
    design = np.column_stack([odds, np.ones(len(y))])

    def posterior(at: Floats) -> float:
        blended = design @ at
        return float(weight @ (y * blended - np.logaddexp(0.0, blended)) - 0.5 * _PRECISION @ (at - _MEAN) ** 2)

    at = _MEAN
    for _ in range(_NEWTON_STEPS):
        risk = expit(design @ at)
        gradient = (weight * (y - risk)) @ design - _PRECISION * (at - _MEAN)
        curve = design.T @ ((weight * risk * (1.0 - risk))[:, None] * design) + np.diag(_PRECISION + _TINY)
        free = np.flatnonzero((at > 0) | (gradient > 0) | [False, False, True])
        step = np.zeros(3)
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], gradient[free])
        now, size = posterior(at), 1.0
        while posterior(_within(at + size * step)) < now and size > _CLOSE:
            size /= 2
        before, at = at, _within(at + size * step)
        if np.abs(at - before).max() < _CLOSE:
            break
    return at


def _within(at: Floats) -> Floats:
    """Return weights below 0 as 0; the intercept is free."""
    return np.append(np.maximum(at[:2], 0.0), at[2])


def base_log_odds(y: Floats, weight: Floats) -> float:
    """Return the log-odds of leaving of all rows together, half a row of each class beside them."""
    left, stayed = float((weight * y).sum()), float((weight * (1 - y)).sum())
    return float(logit((left + 0.5) / (left + stayed + 1.0)))


def _stepped(platt: Calibrator, odds: Floats, y: Floats, weight: Floats) -> Calibrator:
    """Return the same blend with the isotonic function."""
    return replace(platt, kind="isotonic", steps=_steps(platt.log_odds(odds), y, weight))


def _steps(blended: Floats, y: Floats, weight: Floats) -> tuple[tuple[float, float], ...]:
    """Return the corners of the isotonic function, held as far from 0 and 1 as one row in all of its class allows."""
    edge = 0.5 / (len(y) + 1.0)
    function = IsotonicRegression(y_min=edge, y_max=1.0 - edge, out_of_bounds="clip")
    found = function.fit(blended, y, sample_weight=weight)
    return tuple(zip(found.X_thresholds_.tolist(), found.y_thresholds_.tolist(), strict=True))


def log_loss_of(risk: Floats, y: Floats) -> Floats:
    """Return each row's log-loss, shape (n,), finite also where a risk of 0 or 1 is wrong."""
    held = np.clip(risk, 1e-12, 1.0 - 1e-12)
    return np.asarray(-np.where(y == 1.0, np.log(held), np.log1p(-held)))


def fewest(y: Floats) -> int:
    """Return how many rows the rarer class has."""
    return int(min(y.sum(), len(y) - y.sum()))
