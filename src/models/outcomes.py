"""Expected value of the outcome under each arm: one model for retention and one for money, arms sharing the trees.

The arm is a category column behind the features (an S-learner, Künzel et al. 2019, PNAS 116(10)); value is
retention_value × P(retained) + E[money], modelled apart because the two differ in shape.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from .boosting import Objective, Training, booster_from_text, booster_text, fit_booster, predict
from .logged import Floats, Logged


@dataclass(frozen=True)
class Part:
    """One part of the value; `booster` is None where training saw one value at most, and `constant` holds then."""

    booster: lgb.Booster | None
    constant: float

    def predict(self, X: NDArray[np.float32], threads: int) -> Floats:
        """Return the part's expectation, shape (n,)."""
        return np.full(len(X), self.constant) if self.booster is None else predict(self.booster, X, threads)


@dataclass(frozen=True)
class OutcomeModel:
    """Retention and money as functions of features and arm."""

    retention: Part
    money: Part
    retention_value: float

    def predict(self, X: NDArray[np.float32], arms: int, threads: int) -> Floats:
        """Return the expected value under each arm, costs aside, shape (n, arms)."""
        mu = np.empty((len(X), arms))
        with_arm = np.hstack([X, np.zeros((len(X), 1), dtype=np.float32)])
        for arm in range(arms):
            with_arm[:, -1] = arm
            retained = self.retention.predict(with_arm, threads)
            mu[:, arm] = self.retention_value * retained + self.money.predict(with_arm, threads)
        return mu

    def as_files(self) -> dict[str, object]:
        """Return the model as text and JSON-ready parts by file name."""
        parts: dict[str, object] = {
            "outcomes.json": {
                "retention": self.retention.constant,
                "money": self.money.constant,
                "retention_value": self.retention_value,
            }
        }
        for name, part in (("retention", self.retention), ("money", self.money)):
            if part.booster is not None:
                parts[f"{name}.txt"] = booster_text(part.booster)
        return parts

    @classmethod
    def from_files(cls, files: Mapping[str, object]) -> "OutcomeModel":
        """Return the model that `as_files` described; the texts' checksums have been verified."""
        constants = files["outcomes.json"]
        assert isinstance(constants, dict)

        def part(name: str) -> Part:
            text = files.get(f"{name}.txt")
            booster = None if text is None else booster_from_text(str(text), f"{name}.txt")
            return Part(booster, float(constants[name]))

        return cls(part("retention"), part("money"), float(constants["retention_value"]))


def fit_outcomes(logged: Logged, training: Training) -> OutcomeModel:
    """Return the outcome model of the logged decisions."""
    X = np.hstack([logged.X, logged.arm[:, None].astype(np.float32)])
    with_arm = replace(training, category_indexes=(*training.category_indexes, logged.X.shape[1]))
    return OutcomeModel(
        _fit_part(X, logged.retained, with_arm, "binary"),
        _fit_part(X, logged.money, with_arm, "regression"),
        logged.retention_value,
    )


def _fit_part(X: NDArray[np.float32], y: Floats, training: Training, objective: Objective) -> Part:
    if len(y) == 0 or y.min() == y.max():
        return Part(None, float(y[0]) if len(y) else 0.0)
    return Part(fit_booster(X, y, training, objective), float(y.mean()))
