"""Effect of each arm on the value of the outcome, with a standard error: outcome contrasts corrected by doubly robust
scores.

For arm a let s(x) = mu_a(x) − mu_0(x) be the outcome model's contrast, out of fold, and G the difference of the doubly
robust scores of a and the control. The best linear predictor of the effect is E[G | s] = c + b·(s − mean s)
(Chernozhukov, Demirer, Duflo, Fernández-Val 2018, "Generic machine learning inference", BLP). The contrast is already
shrunk, and the scores are noisy, so they correct it only as far as they contradict it: c moves from the mean of s by
empirical Bayes over the arms, b from 1, first for all arms and then for each,
by max(0, 1 − 4/t²), t the distance in standard errors.
Iterations weigh by the precision of their scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .boosting import Training
from .logged import Floats, Logged, Worth
from .outcomes import OutcomeModel, fit_outcomes
from .progress import Say, silent
from .scores import doubly_robust_scores

_TINY = 1e-200  # of which inverses may still be added up and squared differences still be told
LEAST_DECISIONS = 30  # with fewer of an arm, or of the control, among those who may receive it: no estimated effect
STEEPEST = 1.5  # slope of an effect in its contrast
WIDER = 1.12  # what the trees add to the lines' posterior deviation, measured on worlds of known truth


@dataclass(frozen=True)
class LinearEffect:
    """One arm's effect as a line in the contrast s: mean + slope·(s − centre).

    Attributes:
        mean, slope, centre: of the line; money.
        var_mean, var_slope: what the correction of each leaves uncertain.
        average, var_average: mean of the doubly robust scores, unbiased and not shrunk, and its variance.
    """

    mean: float
    slope: float
    centre: float
    var_mean: float
    var_slope: float
    average: float
    var_average: float

    def effect(self, contrast: Floats) -> Floats:
        """Return the effect in money, shape (n,)."""
        return self.mean + self.slope * (contrast - self.centre)

    def standard_error(self, contrast: Floats, variance: Floats) -> Floats:
        """Return the standard error of the effect, shape (n,), from each contrast and its own variance, (n,) each."""
        of_line = self.var_mean + (contrast - self.centre) ** 2 * self.var_slope
        return np.sqrt(of_line + WIDER**2 * variance)


@dataclass(frozen=True)
class UpliftModel:
    """Outcome model and corrected effects.

    Attributes:
        outcomes: expected value under each arm, in the order of `arms`; None if there was no decision to learn from.
        arms: names in the order of training, the control first; effects are always looked up by name.
        effects: one line per arm after the control; None marks an arm with too few decisions.
    """

    outcomes: OutcomeModel | None
    arms: tuple[str, ...]
    effects: tuple[LinearEffect | None, ...]

    def effect_of(self, arm: str) -> LinearEffect | None:
        """Return an arm's line; None for the control, an unknown arm, and one with too few decisions."""
        return dict(zip(self.arms[1:], self.effects, strict=True)).get(arm)

    def predict(self, X: NDArray[np.float32], worth: Worth, threads: int) -> tuple[Floats, Floats, Floats]:
        """Return (mu, effect, standard error), each shape (n, arms) in the order of `arms`; NaN where unknown.

        Args:
            X: features, shape (n, p).
            worth: money credited for being retained, one for all or shape (n,).
            threads: of the boosters.
        """
        shape = (len(X), len(self.arms))
        if self.outcomes is None:
            mu, variance = np.zeros(shape), np.zeros(shape)
        else:
            mu, variance = self.outcomes.predict(X, worth, len(self.arms), threads)
        effect, error = np.full(shape, np.nan), np.full(shape, np.nan)
        effect[:, 0] = error[:, 0] = 0.0
        for at, line in enumerate(self.effects, start=1):
            if line is not None:
                contrast = mu[:, at] - mu[:, 0]
                effect[:, at] = line.effect(contrast)
                error[:, at] = line.standard_error(contrast, variance[:, at] + variance[:, 0])
        return mu, effect, error

    def as_files(self) -> dict[str, object]:
        """Return the model as text and JSON-ready parts by file name."""
        lines = [None if line is None else vars(line) for line in self.effects]
        outcomes = {} if self.outcomes is None else self.outcomes.as_files()
        return {**outcomes, "effects.json": {"arms": list(self.arms), "lines": lines}}

    @classmethod
    def from_files(cls, files: Mapping[str, object]) -> "UpliftModel":
        """Return the model that `as_files` described; the texts' checksums have been verified."""
        document: Any = files["effects.json"]
        effects = tuple(None if line is None else LinearEffect(**line) for line in document["lines"])
        outcomes = OutcomeModel.from_files(files) if "outcomes.json" in files else None
        return cls(outcomes, tuple(document["arms"]), effects)


def fit_uplift(logged: Logged, training: Training, say: Say = silent) -> UpliftModel:
    """Return the uplift model of logged decisions, propensities all known or estimated.

    Args:
        logged: n decisions; n may be 0, as where one decision is left out of a log of one.
        training: how trees are grown; nuisances are cross-fitted over `learner.folds` folds by stakeholder.
        say: receives a line of progress per fit.
    """
    arms = len(logged.arms)
    if len(logged) == 0:
        return UpliftModel(None, logged.arms, (None,) * (arms - 1))
    outcomes, mu = fit_outcomes(logged, training, say)
    scores = doubly_robust_scores(logged.value, logged.arm, logged.propensity, mu)
    found: dict[int, _Found] = {}
    for arm in range(1, arms):
        rows = logged.eligible[:, arm]
        counts = np.bincount(logged.arm[rows], minlength=arms)
        if min(counts[arm], counts[0]) >= LEAST_DECISIONS:
            gained, contrast = scores[rows, arm] - scores[rows, 0], mu[rows, arm] - mu[rows, 0]
            weight = _precision(gained - contrast, logged.arm[rows], arm, logged.iteration[rows])
            found[arm] = _best_linear_predictor(gained, contrast, weight, logged.ids[rows])
    lines = dict(zip(found, _corrected(list(found.values())), strict=True))
    return UpliftModel(outcomes, logged.arms, tuple(lines.get(arm) for arm in range(1, arms)))


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


@dataclass(frozen=True)
class _Found:
    """The line of one arm before shrinkage."""

    mean: float
    slope: float
    centre: float
    var_mean: float
    var_slope: float


def _best_linear_predictor(gained: Floats, contrast: Floats, weight: Floats, ids: pd.Series) -> _Found:
    """Fit the line by weighted least squares; variances are clustered by stakeholder."""
    centre = float((weight * contrast).mean())
    design = np.column_stack([np.ones(len(contrast)), contrast - centre])
    bread = np.linalg.pinv(design.T @ (weight[:, None] * design))
    mean, slope = bread @ design.T @ (weight * gained)
    left = weight * (gained - design @ [mean, slope])
    moments = pd.DataFrame(design * left[:, None]).groupby(ids.to_numpy()).sum()
    clusters = len(moments)
    variance = bread @ (moments.T.to_numpy() @ moments.to_numpy()) @ bread * clusters / max(clusters - 1, 1)
    return _Found(float(mean), float(slope), centre, float(variance[0, 0]), float(variance[1, 1]))


def _corrected(found: Sequence[_Found]) -> list[LinearEffect]:
    """Return the lines, moved from the contrasts themselves as far as the scores contradict them."""
    away = np.array([line.mean - line.centre for line in found])
    spread = max(float(np.mean(away**2 - [line.var_mean for line in found])), 0.0) if found else 0.0
    common = _common_slope(found)
    lines = []
    for line in found:
        trust = spread / max(spread + line.var_mean, _TINY)
        doubt = _contradiction(line.slope - common, line.var_slope)
        slope = common + doubt * (line.slope - common)
        lines.append(
            LinearEffect(
                mean=line.centre + trust * (line.mean - line.centre),
                slope=min(max(slope, 0.0), STEEPEST),
                centre=line.centre,
                var_mean=trust * line.var_mean,
                var_slope=doubt * line.var_slope,
                average=line.mean,
                var_average=line.var_mean,
            )
        )
    return lines


def _common_slope(found: Sequence[_Found]) -> float:
    """Return the arms' slope by inverse variance, moved from 1 as far as it is contradicted."""
    weight = np.array([1.0 / max(line.var_slope, _TINY) for line in found])
    if not len(weight):
        return 1.0
    mean = float(weight @ [line.slope for line in found] / weight.sum())
    return 1.0 + _contradiction(mean - 1.0, float(1.0 / weight.sum())) * (mean - 1.0)


def _contradiction(away: float, variance: float) -> float:
    """Return max(0, 1 − 4 / t²), t = away / its deviation: nothing within two standard errors, nearly 1 far away."""
    return max(0.0, 1.0 - 4.0 * variance / max(away**2, _TINY))
