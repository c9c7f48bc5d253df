"""Expected value of the outcome under each arm: retention and money modelled apart, since the two differ in shape.

Value is retention_value × P(retained) + E[money]; money that is never negative and sometimes zero is a hurdle,
E[money] = P(pays) × E[size | pays] (Mullahy 1986). Each part has one base, the outcome whichever arm is given,
cross-fitted over folds of stakeholders, and small departures per arm on the scale of its link. The parts' likelihoods
multiply, so one comparison of all of them tells whether departures are personal at all: unless they gain more, out of
fold, than was chosen for them, everybody's are alike, an arm's one step on each part's scale. Payments above a cap
count as the cap while the sizes are learned, and their mean is scaled back: the largest few tell more of chance than
of arms. Prediction averages the boosters of the folds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from ..contracts.draws import folds_by_id
from .base import Base, Study, fit_base
from .basis import Basis
from .boosting import Training, binned, boosters_from_text, joined
from .departures import Departures, Found, fit_departures
from .lines import Small, widened
from .links import Link
from .logged import Floats, Logged, Worth
from .progress import Say, silent

PARTS = ("retention", "pays", "size")
TOLD = ("retention", "whether one pays", "how much")  # the parts, in words
MOST_LINEAR = 24  # features in the lines, those with the largest gain in the bases first
CAP = 3.0  # robust standard deviations of log size above the median
_LEAST_ZERO = 0.01  # share of zeros from which money is a hurdle
_CHUNK = 65_536


@dataclass(frozen=True)
class Part:
    """One part of the value; `base` is None where training saw one value at most, and `constant` holds then."""

    constant: float
    link: Link
    base: Base | None = None
    departures: Departures | None = None

    def predict(self, X: NDArray[np.float32], wide: Small, arms: int, threads: int) -> tuple[Floats, Floats]:
        """Return the part's expectation under each arm and the variance of its departure, each of shape (n, arms)."""
        if self.base is None or self.departures is None:
            return np.full((len(X), arms), self.constant), np.zeros((len(X), arms))
        score = self.base.predict(X, threads)[:, None] + self.departures.predict(X, wide, threads)
        return self.link.mean(score), self.link.slope(score) ** 2 * self.departures.lines.variance(wide)

    def as_dict(self, texts: list[str]) -> dict[str, Any]:
        """Return the part as a JSON-ready mapping; the boosters' texts are appended to `texts`."""
        return {
            "constant": self.constant,
            "link": vars(self.link),
            "base": None if self.base is None else self.base.as_dict(texts),
            "departures": None if self.departures is None else self.departures.as_dict(texts),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], boosters: Sequence[lgb.Booster]) -> "Part":
        """Return the part that `as_dict` described, given its boosters."""
        base, departures = document["base"], document["departures"]
        return cls(
            document["constant"],
            Link(**document["link"]),
            None if base is None else Base.from_dict(base, boosters),
            None if departures is None else Departures.from_dict(departures, boosters),
        )


@dataclass(frozen=True)
class OutcomeModel:
    """Retention, payment and its size as functions of features and arm; `basis` is the lines'."""

    retention: Part
    pays: Part
    size: Part
    basis: Basis

    def predict(self, X: NDArray[np.float32], worth: Worth, arms: int, threads: int) -> tuple[Floats, Floats]:
        """Return the expected value under each arm, costs aside, and the variance of its departure, each (n, arms).

        Args:
            X: features, shape (n, p).
            worth: money credited for being retained, one for all or shape (n,).
            arms: how many, the control included.
            threads: of the boosters.
        """
        each_worth = np.broadcast_to(worth, len(X))[:, None]
        mu, variance = np.empty((len(X), arms)), np.empty((len(X), arms))
        for first in range(0, len(X), _CHUNK):
            part = slice(first, first + _CHUNK)
            wide = widened(self.basis, X[part])
            (retained, of_retained), (pays, of_pays), (size, of_size) = (
                each.predict(X[part], wide, arms, threads) for each in (self.retention, self.pays, self.size)
            )
            mu[part] = each_worth[part] * retained + pays * size
            variance[part] = each_worth[part] ** 2 * of_retained + size**2 * of_pays + pays**2 * of_size
        return mu, variance

    def as_files(self) -> dict[str, object]:
        """Return the model as text and JSON-ready parts by file name."""
        document: dict[str, object] = {"basis": self.basis.as_dict()}
        files: dict[str, object] = {"outcomes.json": document}
        for name in PARTS:
            texts: list[str] = []
            document[name] = getattr(self, name).as_dict(texts)
            if texts:
                files[f"{name}.txt"] = joined(texts)
        return files

    @classmethod
    def from_files(cls, files: Mapping[str, object]) -> "OutcomeModel":
        """Return the model that `as_files` described; the texts' checksums have been verified."""
        document: Any = files["outcomes.json"]
        retention, pays, size = (
            Part.from_dict(document[name], boosters_from_text(str(files.get(f"{name}.txt", "")), f"{name}.txt"))
            for name in PARTS
        )
        return cls(retention, pays, size, Basis.from_dict(document["basis"]))


def fit_outcomes(logged: Logged, training: Training, say: Say = silent) -> tuple[OutcomeModel, Floats]:
    """Return the outcome model of at least one decision, and their values under each arm out of fold, shape (n, k).

    `say` receives a line of progress per fit.
    """
    studies, back = _studies(logged, training)
    bases: list[tuple[Base, Floats, Link] | None] = [None] * len(PARTS)
    for at, study in enumerate(studies):
        if np.ptp(study.y[study.seen]) > 0:
            say(f"uplift: {TOLD[at]}, whichever arm is given")
            bases[at] = fit_base(study, training)
    gains = sum((base[0].importance(logged.X.shape[1]) for base in bases if base), np.zeros(logged.X.shape[1]))
    used = sorted(np.argsort(-gains, kind="stable")[:MOST_LINEAR].tolist())
    basis = Basis.fit(logged.X, used, training.category_indexes)
    found: list[Found | None] = [None] * len(PARTS)
    for at, (study, base) in enumerate(zip(studies, bases, strict=True)):
        if base is not None:
            say(f"uplift: {TOLD[at]}, how it departs by arm")
            found[at] = fit_departures(replace(study, link=base[2]), base[1], basis, training)
    personal = sum(each.evidence for each in found if each) > 0
    parts, means = [], []
    for study, fitted, each, scale in zip(studies, bases, found, (1.0, 1.0, back), strict=True):
        if fitted is None or each is None:
            parts.append(Part(scale * float(study.y[study.seen][0]), study.link))
            means.append(np.full((len(logged), study.arms), parts[-1].constant))
            continue
        of_all, _, link = fitted
        link = replace(link, unit=scale * link.unit)
        departures, scores = each.kept(personal)
        parts.append(Part(scale * float(study.y[study.seen].mean()), link, of_all, departures))
        means.append(link.mean(scores))
    retention, pays, size = parts
    model = OutcomeModel(retention, pays, size, basis)
    worth = np.broadcast_to(logged.retention_value, len(logged))[:, None]
    return model, worth * means[0] + means[1] * means[2]


def _studies(logged: Logged, training: Training) -> tuple[tuple[Study, Study, Study], float]:
    """Return what retention, payment and its size are learned from, and by how much the capped sizes fall short."""
    _, fold = np.unique(folds_by_id(logged.ids, training.learner.folds, training.seed + 3), return_inverse=True)
    everyone = np.ones(len(logged), dtype=bool)
    retention = Study(
        link=Link("logit"), y=logged.retained, seen=everyone, arm=logged.arm, arms=len(logged.arms),
        apt=logged.eligible[np.arange(len(logged)), logged.arm], fold=fold, folds=int(fold.max()) + 1,
        X=logged.X, data=binned(logged.X, training),
    )  # fmt: skip
    money = logged.money
    if money.min() < 0 or np.mean(money == 0) < _LEAST_ZERO or money.max() == 0:
        link = Link("identity", max(float(money.std()), 1e-9))
        return (retention, replace(retention, y=np.ones(len(money))), replace(retention, link=link, y=money)), 1.0
    paid = money > 0
    size = _capped(money, paid)
    link = Link("log", float(size[paid].mean()))
    pays = replace(retention, y=paid.astype(np.float64))
    return (retention, pays, replace(retention, link=link, y=size, seen=paid)), float(money[paid].mean() / link.unit)


def _capped(money: Floats, paid: NDArray[np.bool_]) -> Floats:
    """Return money held below CAP robust deviations above the median of the payments' logarithms."""
    logs = np.log(money[paid])
    middle = np.median(logs)
    deviation = 1.4826 * np.median(np.abs(logs - middle))
    return np.asarray(np.minimum(money, np.exp(middle + CAP * max(float(deviation), 0.25))))
