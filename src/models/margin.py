"""The money that a stakeholder who stays brings within the horizon: boosted trees, cross-fitted and calibrated.

Together with the retention value it is what leaving costs. Least squares, so that sums over stakeholders are unbiased.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import folds_by_id
from .base import Base, Study, fit_base
from .boosting import Training, binned, boosters_from_text, joined
from .links import Link
from .logged import Floats

ROUNDS_SHARE = 1 / 3  # of the learner's rounds
_FILE = "margin"


@dataclass(frozen=True)
class Margin:
    """Expected money of who stays: `unit` × the base's score, or `mean` for everyone where there is no base."""

    mean: float
    unit: float = 1.0
    base: Base | None = None

    def predict(self, X: NDArray[np.float32], threads: int) -> Floats:
        """Return money over the horizon, shape (n,)."""
        if self.base is None:
            return np.full(len(X), self.mean)
        return self.unit * self.base.predict(X, threads)

    def as_files(self) -> dict[str, object]:
        """Return the model as text and JSON-ready parts by file name."""
        texts: list[str] = []
        base = None if self.base is None else self.base.as_dict(texts)
        document = {"mean": self.mean, "unit": self.unit, "base": base}
        return {f"{_FILE}.json": document, **({f"{_FILE}.txt": joined(texts)} if texts else {})}

    @classmethod
    def from_files(cls, files: Mapping[str, object]) -> "Margin":
        """Return the model that `as_files` described; the texts' checksums have been verified."""
        document: Any = files[f"{_FILE}.json"]
        boosters = boosters_from_text(str(files.get(f"{_FILE}.txt", "")), f"{_FILE}.txt")
        base = None if document["base"] is None else Base.from_dict(document["base"], boosters)
        return cls(document["mean"], document["unit"], base)


def fit_margin(X: NDArray[np.float32], money: Floats, stayed: NDArray[np.bool_], ids: pd.Series,
               training: Training) -> Margin:  # fmt: skip
    """Return the margin model of the rows that stayed; a constant where they are few or all bring the same.

    Args:
        X: matrix, shape (n, p).
        money: over the horizon, shape (n,).
        stayed: shape (n,).
        ids: stakeholder or household of each row; folds are by it.
        training: of the churn model; the trees are fewer.
    """
    of_them = money[stayed]
    mean = float(of_them.mean()) if len(of_them) else 0.0
    if len(of_them) < 4 * training.learner.min_leaf_rows or np.ptp(of_them) == 0:
        return Margin(mean)
    small = training.learner.model_copy(update={"rounds": max(1, round(training.learner.rounds * ROUNDS_SHARE))})
    settings, everyone = replace(training, learner=small), np.ones(len(X), dtype=bool)
    _, fold = np.unique(folds_by_id(ids, small.folds, training.seed + 4), return_inverse=True)
    study = Study(
        link=Link("identity", max(float(of_them.std()), 1e-9)), y=money, seen=stayed,
        arm=np.zeros(len(X), dtype=np.int64), arms=1, apt=everyone, fold=fold, folds=int(fold.max()) + 1,
        X=X, data=binned(X, settings),
    )  # fmt: skip
    base, _, link = fit_base(study, settings)
    return Margin(mean, link.unit, base)
