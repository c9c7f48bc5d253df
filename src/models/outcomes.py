"""Expected value of the outcome under each arm: retention and money modelled apart, since the two differ in shape.

Value is retention_value × P(retained) + E[money]; money that is never negative and often zero is a hurdle,
E[money] = P(pays) × E[size | pays] (Mullahy 1986). Each part has one base, the outcome whichever arm is given,
cross-fitted over folds of stakeholders, and small departures per arm on the scale of its link. Payments above a cap
count as the cap while the model learns, and its mean is scaled back: the largest few say little about arms.
Prediction averages the boosters of the folds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts.draws import folds_by_id
from .base import Base, fit_base
from .basis import Basis
from .boosting import Training, binned
from .departures import Departures, Small, Study, fit_departures
from .links import Link
from .logged import Floats, Logged

MOST_LINEAR = 60  # matrix columns in the lines, those with the largest gain in the bases first
CLIP = 2.0


@dataclass(frozen=True)
class Part:
    """One part of the value; `base` is None where training saw one value at most, and `constant` holds then."""

    constant: float
    link: Link
    base: Base | None
    departures: Departures | None

    def predict(self, X: NDArray[np.float32], columns: Small, arms: int, threads: int) -> Floats:
        """Return the part's expectation under each arm, shape (n, arms)."""
        if self.base is None or self.departures is None:
            return np.full((len(X), arms), self.constant)
        score = self.base.predict(X, threads)
        return self.link.mean(score[:, None] + self.departures.predict(X, columns, threads))


@dataclass(frozen=True)
class OutcomeModel:
    """Retention and money as functions of features and arm."""

    retention: Part
    pays: Part
    money: Part
    retention_value: float
    basis: Basis

    def predict(self, X: NDArray[np.float32], arms: int, threads: int) -> Floats:
        """Return the expected value under each arm, costs aside, shape (n, arms)."""
        columns = self.basis.columns(X)
        retained, pays, money = (
            part.predict(X, columns, arms, threads) for part in (self.retention, self.pays, self.money)
        )
        return np.asarray(self.retention_value * retained + pays * money)


def fit_outcomes(logged: Logged, training: Training) -> tuple[OutcomeModel, Floats]:
    """Return the outcome model of the logged decisions, and their expected values under each arm out of fold, (n, k)."""
    fold = folds_by_id(logged.ids, training.learner.folds, training.seed + 3)
    present, fold = np.unique(fold, return_inverse=True)
    folds, k, n = len(present), len(logged.arms), len(logged)
    data = binned(logged.X, training)
    everyone = np.ones(n, dtype=bool)
    money = logged.money
    hurdle = money.min() >= 0 and (money == 0).mean() > 0.02 and (money > 0).sum() > 1
    pays = (money > 0).astype(float) if hurdle else np.ones(n)
    seen = money > 0 if hurdle else everyone
    if hurdle:
        capped, back = _capped(money, seen)
        mlink = Link("log", float(capped[seen].mean()))
    else:
        capped, back, mlink = money, 1.0, Link("identity", max(float(money.std()), 1e-9))
    outcomes = ((logged.retained, everyone, Link("logit")), (pays, everyone, Link("logit")), (capped, seen, mlink))
    fitted = []
    importance = np.zeros(logged.X.shape[1])
    for y, rows, link in outcomes:
        if np.ptp(y[rows]) == 0:
            fitted.append(None)
            continue
        base, score = fit_base(logged.X, data, y, rows, fold, folds, link, training)
        for b in base.boosters:
            if b is not None:
                gain = b.feature_importance("gain")
                importance += gain / max(gain.sum(), 1e-9)
        fitted.append((base, score, link.dispersed(score[rows], y[rows])))
    used = sorted(np.argsort(-importance, kind="stable")[:MOST_LINEAR].tolist())
    basis = Basis.fit(logged.X, used, training.category_indexes)
    parts, means = [], []
    for at, ((y, rows, link), fit) in enumerate(zip(outcomes, fitted, strict=True)):
        if fit is None:
            parts.append(Part(float(y[rows][0]), link, None, None))
            means.append(np.full((n, k), float(y[rows][0])))
            continue
        base, score, link = fit
        study = Study(link, score, y, logged.arm, k, fold, folds, rows, logged.X, data, basis)
        departures, scores = fit_departures(study, training)
        if at == 2:
            link = replace(link, unit=link.unit * back)
        parts.append(Part(float(y[rows].mean()), link, base, departures))
        means.append(link.mean(scores))
    model = OutcomeModel(parts[0], parts[1], parts[2], logged.retention_value, basis)
    return model, logged.retention_value * means[0] + means[1] * means[2]


def _capped(money: Floats, seen: NDArray[np.bool_]) -> tuple[Floats, float]:
    logs = np.log(money[seen])
    middle = np.median(logs)
    spread = 1.4826 * np.median(np.abs(logs - middle))
    cap = np.exp(middle + CLIP * max(spread, 0.25))
    capped = np.minimum(money, cap)
    return capped, float(money[seen].mean() / capped[seen].mean())
