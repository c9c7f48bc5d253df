"""One place that calls LightGBM: deterministic training, prediction only on the matrix shape of training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from ..contracts.errors import ArtifactError
from ..contracts.params import Learner

Objective = Literal["binary", "regression", "gamma", "multiclass"]
_PRE_FILTERED = 20  # LightGBM's own min_data_in_leaf: bins filtered by it serve no fit with smaller leaves
_BETWEEN = "\n=== next model ===\n"


@dataclass(frozen=True)
class Training:
    """How boosters are grown: size, seed, threads, and which columns are categories."""

    learner: Learner
    seed: int
    threads: int
    category_indexes: tuple[int, ...]

    @property
    def of_churn(self) -> "Training":
        """How the churn model's trees are grown."""
        return replace(self, learner=self.learner.of_churn)

    def settings(self, objective: Objective, classes: int = 1) -> dict[str, Any]:
        """Return LightGBM's settings; a fixed thread count and row-wise histograms make the text reproducible."""
        settings: dict[str, Any] = {
            "objective": objective,
            "learning_rate": self.learner.learning_rate,
            "num_leaves": self.learner.leaves,
            "min_data_in_leaf": self.learner.min_leaf_rows,
            "min_data_per_group": self.learner.min_leaf_rows,
            "cat_smooth": 20.0,
            "lambda_l2": 1.0,
            "feature_fraction": 0.8,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "seed": self.seed,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        if objective == "multiclass":
            settings["num_class"] = classes
        return settings


def fit_booster(
    X: NDArray[np.float32], y: NDArray[Any], training: Training, objective: Objective, classes: int = 1
) -> lgb.Booster:
    """Return boosted trees fitted to X, shape (n, p), and y, shape (n,); categories as training.category_indexes."""
    data = lgb.Dataset(
        X, label=y, categorical_feature=list(training.category_indexes), free_raw_data=True,
        params={"verbosity": -1, "max_bin": 255, "min_data_in_bin": 3, "num_threads": training.threads,
                "deterministic": True, "force_row_wise": True},
    )  # fmt: skip
    return lgb.train(training.settings(objective, classes), data, num_boost_round=training.learner.rounds)


def binned(X: NDArray[np.float32], training: Training, bins: int = 255) -> lgb.Dataset:
    """Return X, shape (n, p), in LightGBM's bins: made once, shared by every fit on some of its rows."""
    return lgb.Dataset(
        X, categorical_feature=list(training.category_indexes), free_raw_data=True,
        params={"verbosity": -1, "max_bin": bins, "min_data_in_bin": 3, "num_threads": training.threads,
                "deterministic": True, "force_row_wise": True,
                "feature_pre_filter": training.learner.min_leaf_rows >= _PRE_FILTERED},
    ).construct()  # fmt: skip


def grow(data: lgb.Dataset, rows: NDArray[np.bool_], y: NDArray[Any], training: Training, objective: Objective,
         start: NDArray[np.float64] | None = None) -> lgb.Booster:  # fmt: skip
    """Return boosted trees fitted to the `rows`, shape (n,), of binned data.

    Args:
        data: of `binned`, n rows.
        rows: mask, shape (n,).
        y: shape (n,); only the rows' count.
        training: how trees are grown.
        objective: LightGBM's.
        start: raw scores to start from, shape (n,); what the booster then predicts is added to them.
    """
    part = data.subset(np.flatnonzero(rows).tolist()).construct()
    part.set_label(y[rows])
    if start is not None:
        part.set_init_score(start[rows])
    return lgb.train(training.settings(objective), part, num_boost_round=training.learner.rounds)


def raw_scores(
    booster: lgb.Booster, X: NDArray[np.float32], threads: int, first: int = 0, last: int | None = None
) -> NDArray[np.float64]:
    """Return the sum of the trees [first, last) before any link, all of them by default; shape (n,).

    Raises:
        ValueError: as `predict`.
    """
    _check_columns(booster, X)
    if len(X) == 0 or last == first:
        return np.zeros(len(X))
    trees = -1 if last is None else last - first
    raw = booster.predict(X, raw_score=True, start_iteration=first, num_iteration=trees, num_threads=threads)
    return np.asarray(raw, dtype=np.float64)


def contributions(booster: lgb.Booster, X: NDArray[np.float32], threads: int, rounds: int = -1) -> NDArray[np.float64]:
    """Return what each column adds to the raw score of the first trees, all of them by default; shape (n, p + 1).

    Exact Shapley values of the trees, each split weighed by the training rows on its sides (Lundberg, Erion & Lee
    2018, "Consistent individualized feature attribution for tree ensembles"); the last column is the mean score.

    Raises:
        ValueError: as `predict`.
    """
    _check_columns(booster, X)
    if len(X) == 0 or rounds == 0:
        return np.zeros((len(X), X.shape[1] + 1))
    found = booster.predict(X, pred_contrib=True, num_iteration=rounds, num_threads=threads)
    return np.asarray(found, dtype=np.float64)


def predict(booster: lgb.Booster, X: NDArray[np.float32], threads: int) -> NDArray[np.float64]:
    """Return predictions, shape (n,) or (n, classes).

    Raises:
        ValueError: X does not have the booster's number of columns; LightGBM itself would predict garbage.
    """
    _check_columns(booster, X)
    if len(X) == 0:
        return np.empty(0)
    return np.asarray(booster.predict(X, num_threads=threads), dtype=np.float64)


def _check_columns(booster: lgb.Booster, X: NDArray[np.float32]) -> None:
    if X.shape[1] != booster.num_feature():
        raise ValueError(f"X: expected {booster.num_feature()} columns as in training, got {X.shape[1]}")


def booster_text(booster: lgb.Booster, rounds: int = -1) -> str:
    """Return the model as LightGBM's text; with `rounds`, of its first trees only."""
    text: str = booster.model_to_string(num_iteration=rounds)
    return text


def booster_from_text(text: str, where: str) -> lgb.Booster:
    """Return the booster of a text whose checksum has been verified: LightGBM ends the process on a truncated one.

    Raises:
        ArtifactError: the text is not a whole LightGBM model.
    """
    if not text.startswith("tree") or "end of trees" not in text:
        raise ArtifactError(where, "a whole LightGBM model text", f"{len(text)} characters", "train or fetch it again")
    return lgb.Booster(model_str=text)


def append_text(texts: list[str], booster: lgb.Booster | None, rounds: int) -> int | None:
    """Append the text of a booster's first trees and return its place; None for no booster or no tree."""
    if booster is None or rounds == 0:
        return None
    texts.append(booster_text(booster, rounds))
    return len(texts) - 1


def joined(texts: Sequence[str]) -> str:
    """Return several models' texts as one."""
    return _BETWEEN.join(texts)


def boosters_from_text(text: str, where: str) -> tuple[lgb.Booster, ...]:
    """Return the boosters that `joined` put into one text whose checksum has been verified; none of an empty text."""
    return tuple(booster_from_text(part, where) for part in text.split(_BETWEEN)) if text else ()
