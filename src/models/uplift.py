"""Effect of each arm on the value of the outcome, with a standard error: outcome contrasts recalibrated by
doubly robust scores.

For arm a let s(x) = mu_a(x) − mu_0(x) be the outcome model's contrast, out of fold, and G the difference of the doubly
robust scores of a and the control. The best linear predictor of the effect is E[G | s] = c + b·(s − mean s)
(Chernozhukov, Demirer, Duflo, Fernández-Val 2018, "Generic machine learning inference", BLP). The slope is shrunk by
max(0, 1 − 1/t²), t its t-statistic, so that a heterogeneity the data cannot show fades to the arm's average effect.
Iterations weigh by the precision of their scores.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .boosting import Training
from .logged import Floats, Logged
from .outcomes import OutcomeModel, fit_outcomes
from .scores import doubly_robust_scores

_TINY = float(np.finfo(float).tiny)
LEAST_DECISIONS = 30  # with fewer of an arm, or of the control, among those who may receive it: no estimated effect


@dataclass(frozen=True)
class LinearEffect:
    """One arm's effect as a line in the contrast s: mean + slope·(s − centre); variances of both and covariance."""

    mean: float
    slope: float
    centre: float
    var_mean: float
    var_slope: float
    covariance: float

    def effect(self, contrast: Floats) -> Floats:
        """Return the effect in money, shape (n,)."""
        return self.mean + self.slope * (contrast - self.centre)

    def standard_error(self, contrast: Floats) -> Floats:
        """Return the standard error of the line at each contrast, shape (n,)."""
        away = contrast - self.centre
        variance = self.var_mean + away**2 * self.var_slope + 2 * away * self.covariance
        return np.sqrt(np.maximum(variance, 0.0))


@dataclass(frozen=True)
class UpliftModel:
    """Outcome model and recalibrated effects.

    Attributes:
        outcomes: expected value under each arm, in the order of `arms`.
        arms: names in the order of training, the control first; effects are always looked up by name.
        effects: one line per arm after the control; None marks an arm with too few decisions.
    """

    outcomes: OutcomeModel
    arms: tuple[str, ...]
    effects: tuple[LinearEffect | None, ...]

    def predict(self, X: NDArray[np.float32], threads: int) -> tuple[Floats, Floats, Floats]:
        """Return (mu, effect, standard error), each shape (n, arms) in the order of `arms`; NaN where unknown."""
        mu = self.outcomes.predict(X, len(self.arms), threads)
        effect, error = np.full_like(mu, np.nan), np.full_like(mu, np.nan)
        effect[:, 0] = error[:, 0] = 0.0
        for at, line in enumerate(self.effects, start=1):
            if line is not None:
                contrast = mu[:, at] - mu[:, 0]
                effect[:, at], error[:, at] = line.effect(contrast), line.standard_error(contrast)
        return mu, effect, error

    def as_files(self) -> dict[str, object]:
        """Return the model as text and JSON-ready parts by file name."""
        lines = [None if line is None else vars(line) for line in self.effects]
        return {**self.outcomes.as_files(), "effects.json": {"arms": list(self.arms), "lines": lines}}

    @classmethod
    def from_files(cls, files: Mapping[str, object]) -> "UpliftModel":
        """Return the model that `as_files` described; the texts' checksums have been verified."""
        document: Any = files["effects.json"]
        effects = tuple(None if line is None else LinearEffect(**line) for line in document["lines"])
        return cls(OutcomeModel.from_files(files), tuple(document["arms"]), effects)


def fit_uplift(logged: Logged, training: Training) -> UpliftModel:
    """Return the uplift model of logged decisions, propensities all known or estimated.

    Args:
        logged: n decisions; n may be 0, as where one decision is left out of a log of one.
        training: how trees are grown; nuisances are cross-fitted over `learner.folds` folds by stakeholder.
    """
    arms = len(logged.arms)
    if len(logged) == 0:
        return UpliftModel(fit_outcomes(logged, training), logged.arms, (None,) * (arms - 1))
    mu = np.empty((len(logged), arms))
    for inside, others in logged.splits(training.learner.folds, training.seed + 3):
        mu[inside] = fit_outcomes(others, training).predict(logged.X[inside], arms, training.threads)
    scores = doubly_robust_scores(logged.value, logged.arm, logged.propensity, mu)
    effects: list[LinearEffect | None] = []
    for arm in range(1, arms):
        rows = logged.eligible[:, arm]
        counts = np.bincount(logged.arm[rows], minlength=arms)
        if min(counts[arm], counts[0]) < LEAST_DECISIONS:
            effects.append(None)
        else:
            gained, contrast = scores[rows, arm] - scores[rows, 0], mu[rows, arm] - mu[rows, 0]
            weight = _precision(gained - contrast, logged.arm[rows], arm, logged.iteration[rows])
            effects.append(_best_linear_predictor(gained, contrast, weight, logged.ids[rows]))
    return UpliftModel(fit_outcomes(logged, training), logged.arms, tuple(effects))


def _precision(residual: Floats, received: NDArray[np.int64], arm: int, iteration: NDArray[np.int64]) -> Floats:
    """Return each row's weight, shape (n,), mean 1: the inverse variance of the scores of its iteration.

    A policy that explores little logs small propensities, and their scores are mostly noise: unweighted, one such
    iteration drowns what a randomised pilot has shown. The weight depends on nothing but when a decision was taken.
    An iteration with fewer than LEAST_DECISIONS of the arm or of the control cannot tell its own variance and weighs
    nothing; if none can, all weigh the same.

    Args:
        residual: score minus contrast, money, shape (n,).
        received: arm of each row, shape (n,).
        arm: the arm whose effect is sought.
        iteration: shape (n,).
    """
    _, at = np.unique(iteration, return_inverse=True)
    fewest = np.minimum(np.bincount(at, received == arm), np.bincount(at, received == 0))
    told = fewest >= LEAST_DECISIONS
    if not told.any():
        return np.ones(len(residual))
    square = np.bincount(at, residual**2) / np.bincount(at)
    precision = np.where(told, 1.0 / np.maximum(square, max(float(square[told].max()) * 1e-6, _TINY)), 0.0)
    weight: Floats = precision[at] / precision[at].mean()
    return weight


def _best_linear_predictor(gained: Floats, contrast: Floats, weight: Floats, ids: pd.Series) -> LinearEffect:
    """Fit the line by weighted least squares; variances are clustered by stakeholder."""
    centre = float((weight * contrast).mean())
    design = np.column_stack([np.ones(len(contrast)), contrast - centre])
    bread = np.linalg.pinv(design.T @ (weight[:, None] * design))
    mean, slope = bread @ design.T @ (weight * gained)
    left = weight * (gained - design @ [mean, slope])
    moments = pd.DataFrame(design * left[:, None]).groupby(ids.to_numpy()).sum()
    clusters = len(moments)
    variance = bread @ (moments.T.to_numpy() @ moments.to_numpy()) @ bread * clusters / max(clusters - 1, 1)
    shrinkage = max(0.0, 1.0 - variance[1, 1] / slope**2) if slope > 0 else 0.0
    return LinearEffect(
        mean=float(mean),
        slope=float(shrinkage * slope),
        centre=centre,
        var_mean=float(variance[0, 0]),
        var_slope=float(shrinkage**2 * variance[1, 1]),
        covariance=float(shrinkage * variance[0, 1]),
    )
