"""When churn comes: the risk of having left within other days than the horizon, told from the risk at the horizon.

Discrete-time hazards (Singer & Willett 1993, JES 18) hung on the calibrated risk at the horizon, which they leave as it
is. Beyond it, for following days d < d′: risk(d′) = risk(d) + (1 − risk(d))·P(left by d′ | not by d). Before it, back
from it: risk(d) = risk(d′)·P(left by d | left by d′), learned from leavers alone. So the curve rises by construction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .boosting import Training
from .churn import ChurnModel, Decided, fit_churn

ROUNDS_SHARE = 1 / 3  # of the learner's rounds: what is left to tell is little
LEAVES = 7
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ChurnCurve:
    """The steps of the curve.

    Attributes:
        horizon: days of the risk that the curve hangs on.
        steps: by days, the conditional probability that leads there from the neighbour nearer to the horizon.
    """

    horizon: int
    steps: Mapping[int, ChurnModel]

    def predict(self, X: NDArray[np.float32], risk: Floats, threads: int) -> dict[int, Floats]:
        """Return churn probabilities by days, from the nearest on, shape (n,) each; `risk` is that of the horizon."""
        found = {self.horizon: risk}
        for days, nearer in neighbours([*self.steps, self.horizon], self.horizon):
            share = self.steps[days].predict(X, threads)
            found[days] = found[nearer] * share if days < nearer else found[nearer] + (1.0 - found[nearer]) * share
        return {days: found[days] for days in sorted(found)}

    def as_files(self) -> dict[str, object]:
        """Return the curve as text and JSON-ready parts by file name."""
        files: dict[str, object] = {"curve.json": {"horizon": self.horizon, "days": sorted(self.steps)}}
        for days, step in self.steps.items():
            files |= step.as_files(f"curve_{days}")
        return files

    @classmethod
    def from_files(cls, files: Mapping[str, object]) -> "ChurnCurve":
        """Return the curve that `as_files` described; the texts' checksums have been verified."""
        document: Any = files["curve.json"]
        steps = {days: ChurnModel.from_files(files, f"curve_{days}") for days in document["days"]}
        return cls(document["horizon"], steps)


def neighbours(days: Sequence[int], horizon: int) -> list[tuple[int, int]]:
    """Return (days, the neighbour nearer to the horizon), each neighbour before it is needed.

    >>> neighbours([30, 60, 90, 180], 90)
    [(60, 90), (30, 60), (180, 90)]
    """
    ordered = sorted(days)
    at = ordered.index(horizon)
    before = [(ordered[k], ordered[k + 1]) for k in reversed(range(at))]
    return before + [(ordered[k], ordered[k - 1]) for k in range(at + 1, len(ordered))]


def fit_curve(X: NDArray[np.float32], lost: Mapping[int, NDArray[np.float64]], ids: pd.Series, training: Training,
              horizon: int, weight: Floats | None = None) -> ChurnCurve:  # fmt: skip
    """Return the curve; a step without enough rows of both kinds is a constant.

    Args:
        X: matrix, shape (n, p), rows under the control.
        lost: by days, the horizon's among them: 1 who had left, 0 who had not, NaN where that is not over; shape (n,).
        ids: stakeholder or household of each row.
        training: of the churn model; the steps' trees are smaller and fewer.
        horizon: days.
        weight: how much each row counts where something is chosen or calibrated, shape (n,); without it 1.
    """
    weight = np.ones(len(X)) if weight is None else weight
    learner = training.learner
    small = {"rounds": max(1, round(learner.rounds * ROUNDS_SHARE)), "leaves": min(LEAVES, learner.leaves)}
    settings = replace(training, learner=learner.model_copy(update=small))
    steps = {}
    for days, nearer in neighbours(list(lost), horizon):
        rows = np.isfinite(lost[days]) & (lost[nearer] == (1.0 if days < nearer else 0.0))
        some, decided = ids[rows].reset_index(drop=True), Decided(weight=weight[rows])
        steps[days] = fit_churn(X[rows], lost[days][rows] == 1.0, some, settings, decided)
    return ChurnCurve(horizon, steps)
