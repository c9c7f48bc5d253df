"""From the log-odds of trees and regression to a probability: how far to trust which, and how to calibrate the blend.

Three ways are tried. None: the mean of both as it is, where all rows weigh alike. Platt: a logistic regression on both
with weights of 0 or more (stacking, Wolpert 1992, "Stacked generalization"; Platt 1999), p = 1 / (1 + exp(−(a·trees +
b·linear + c))). Isotonic: the increasing step function of Platt's log-odds, made continuous (Zadrozny & Elkan 2002,
KDD). Each is fitted on earlier rows and judged by its log-loss on later ones; Platt stands unless another is better
there by more than a standard error of the difference. What is chosen is fitted again to all rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]
Kind = Literal["constant", "none", "platt", "isotonic"]
LEAST_OF_EACH = 10  # leavers and stayers below which nothing is chosen and Platt stands
_LEAST_STEPS = 300  # leavers and stayers below which a step function is not tried


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
    """Return the calibrator that predicts the later rows best when fitted to the others, fitted to all rows.

    Args:
        odds: out-of-fold log-odds of trees and regression, shape (n, 2).
        y: 0 or 1, both present, shape (n,).
        later: rows to judge by, shape (n,).
        weight: how much each row counts, in fits and judgements alike, shape (n,).
    """
    if min(fewest(y[later]), fewest(y[~later])) < LEAST_OF_EACH:
        return _platt(odds, y, weight)
    tried: list[Kind] = ["platt"]
    if np.ptp(weight) == 0:  # what is not fitted heeds no weights
        tried.append("none")
    if fewest(y[~later]) >= _LEAST_STEPS:
        tried.append("isotonic")
    fitted = {kind: _fit(kind, odds[~later], y[~later], weight[~later]) for kind in tried}
    loss = {kind: weight[later] * log_loss_of(each.risk(odds[later]), y[later]) for kind, each in fitted.items()}
    chosen, least = tried[0], 0.0
    for kind in tried[1:]:
        ahead = loss["platt"] - loss[kind]
        if ahead.mean() > max(ahead.std() / np.sqrt(len(ahead)), least):
            chosen, least = kind, float(ahead.mean())
    return _fit(chosen, odds, y, weight)


def _fit(kind: Kind, odds: Floats, y: Floats, weight: Floats) -> Calibrator:
    if kind == "none":
        return Calibrator("none", (0.5, 0.5), 0.0)
    platt = _platt(odds, y, weight)
    if kind == "platt" or platt.kind == "constant":
        return platt
    return replace(platt, kind="isotonic", steps=_steps(platt.log_odds(odds), y, weight))


def _platt(odds: Floats, y: Floats, weight: Floats) -> Calibrator:
    """Return the logistic regression on both log-odds, no weight below 0.

    A negative weight would turn a ranking round: that model is left out and the other fitted alone.
    """
    used = [0, 1]
    while used:
        regression = LogisticRegression(C=1e6, max_iter=1000).fit(odds[:, used], y, sample_weight=weight)
        found = dict(zip(used, regression.coef_[0].tolist(), strict=True))
        worst = min(found, key=lambda at: found[at])
        if found[worst] > 0:
            return Calibrator("platt", (found.get(0, 0.0), found.get(1, 0.0)), float(regression.intercept_[0]))
        used.remove(worst)
    return Calibrator.constant(0.0)


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
