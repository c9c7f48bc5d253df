"""How each part of an outcome is modelled: its scale, the mean as a function of a score, and the quasi-likelihood.

A score is the linear predictor of a generalised linear model (McCullagh & Nelder 1989): yes or no has the logit, the
size of a payment the logarithm with variance ∝ mean² (gamma), money that may be negative the identity. All functions
are vectorised over any shape. `unit` is the money that counts as 1, so that a currency's size changes nothing.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import expit, logit

from .boosting import Objective
from .logged import Floats

Scale = Literal["logit", "log", "identity"]
_OBJECTIVES: dict[Scale, Objective] = {"logit": "binary", "log": "gamma", "identity": "regression"}
_EDGE = 1e-4
_STEEPEST = 12.0  # scores beyond ±12 are held there: one leaver in 160,000


@dataclass(frozen=True)
class Link:
    """A part's scale; `dispersion` is the variance over the variance function, so that information is in nats."""

    scale: Scale
    unit: float = 1.0
    dispersion: float = 1.0

    @property
    def objective(self) -> Objective:
        """LightGBM's objective with this link."""
        return _OBJECTIVES[self.scale]

    def mean(self, score: Floats) -> Floats:
        """Return the expectation in the outcome's own unit."""
        return np.asarray(self.unit * self._mean(score))

    def slope(self, score: Floats) -> Floats:
        """Return the derivative of `mean`."""
        mean = self._mean(score)
        slopes = {"logit": mean * (1.0 - mean), "log": mean, "identity": np.ones_like(mean)}
        return np.asarray(self.unit * slopes[self.scale])

    def score(self, mean: float) -> float:
        """Return the score whose expectation is `mean`, held inside the scale's range."""
        inside = mean / self.unit
        if self.scale == "logit":
            return float(logit(np.clip(inside, _EDGE, 1.0 - _EDGE)))
        return float(np.log(max(inside, _EDGE))) if self.scale == "log" else inside

    def working(self, score: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return (first derivative of the log-likelihood, expected negative second one) in the score."""
        mean = self._mean(score)
        residual = y / self.unit - mean
        if self.scale == "logit":
            return residual, np.asarray(mean * (1.0 - mean))
        if self.scale == "log":
            residual = residual / mean
        return np.asarray(residual / self.dispersion), np.full_like(mean, 1.0 / self.dispersion)

    def log_likelihood(self, score: Floats, y: Floats) -> Floats:
        """Return each row's quasi-log-likelihood up to a constant."""
        held, outcome = self._held(score), y / self.unit
        if self.scale == "logit":
            return np.asarray(outcome * held - np.logaddexp(0.0, held))
        if self.scale == "log":
            return np.asarray(-(outcome * np.exp(-held) + held) / self.dispersion)
        return np.asarray(-0.5 * (outcome - held) ** 2 / self.dispersion)

    def dispersed(self, score: Floats, y: Floats) -> "Link":
        """Return this link with the dispersion that the residuals show; the logit has none."""
        if self.scale == "logit":
            return self
        mean = self._mean(score)
        deviation = 1.0 if self.scale == "identity" else np.maximum(mean, _EDGE)
        found = float(np.mean(((y / self.unit - mean) / deviation) ** 2))
        return replace(self, dispersion=max(found, _EDGE**2))

    def _held(self, score: Floats) -> Floats:
        return score if self.scale == "identity" else np.clip(score, -_STEEPEST, _STEEPEST)

    def _mean(self, score: Floats) -> Floats:
        held = self._held(score)
        if self.scale == "identity":
            return held
        return np.asarray(expit(held) if self.scale == "logit" else np.exp(held))
