"""The size of the churn model's trees, searched for: Bayesian optimisation, judged on later time within the rows given.

A tree-structured Parzen estimator (Bergstra et al. 2011, NeurIPS), seeded and one trial after another, so that the same
rows give the same search. The search is part of the fit: held-out rows never see it. The given size stands unless the
best of the trials is better by more than a standard error of the difference.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
import optuna
from scipy.special import expit

from ..contracts.params import Learner
from .boosting import Training, binned, grow, raw_scores
from .calibrators import log_loss_of
from .churn import BINS
from .churn_rows import ChurnRows, held_out_parts
from .linear_risk import fit_control_risk
from .logged import Floats

ROUNDS, LEAVES, LEAF_ROWS, RATES = (50, 400), (4, 63), (20, 300), (0.02, 0.2)  # searched between


@dataclass(frozen=True)
class Searched:
    """The size chosen, and what was tried: the given size first, JSON-ready."""

    learner: Learner
    trials: tuple[dict[str, Any], ...]


def search_learner(rows: ChurnRows, training: Training, say: Callable[[str], None]) -> Searched:
    """Return the learner that predicts the latest of the rows best from the others, within `learner.search.trials`.

    Args:
        rows: those that the fit may learn from.
        training: the size to start from, seed and threads.
        say: receives one line of progress per trial.
    """
    given = training.learner
    parts = [
        _part(others, new, training)
        for others, new in held_out_parts(rows, rows.horizon, training)
        if 0 < others.churned.sum() < len(others.churned) and len(new.ids)
    ]
    if not parts or given.search.trials == 0:
        return Searched(given, ())
    tried = [(given, _losses(given, parts, training))]
    with _quiet():
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=training.seed), direction="minimize")
        for number in range(1, given.search.trials + 1):
            trial = study.ask()
            learner = _suggested(trial, given)
            tried.append((learner, _losses(learner, parts, training)))
            study.tell(trial, float(tried[-1][1].mean()))
            say(f"churn: size of trees {number} of {given.search.trials} tried, log-loss {tried[-1][1].mean():.5f}")
    best, losses = min(tried, key=lambda each: float(each[1].mean()))
    ahead = tried[0][1] - losses
    better = float(ahead.mean()) > float(ahead.std() / np.sqrt(len(ahead)))
    return Searched(best if better else given, tuple(_described(*each) for each in tried))


@dataclass(frozen=True)
class _Part:
    """Rows to learn from in bins, their outcome, what their arms move its log-odds by, and rows to judge by."""

    data: lgb.Dataset
    y: Floats
    moved: Floats | None
    new: ChurnRows


def _part(others: ChurnRows, new: ChurnRows, training: Training) -> _Part:
    y = others.churned.astype(np.float64)
    moved = None if others.control.all() else fit_control_risk(others.X, y, others.arm, training)[1]
    return _Part(binned(others.X, training, BINS), y, moved, new)


def _suggested(trial: optuna.Trial, given: Learner) -> Learner:
    return given.model_copy(update={
        "rounds": trial.suggest_int("rounds", *ROUNDS, log=True),
        "learning_rate": trial.suggest_float("learning_rate", *RATES, log=True),
        "leaves": trial.suggest_int("leaves", *LEAVES, log=True),
        "min_leaf_rows": trial.suggest_int("min_leaf_rows", *LEAF_ROWS, log=True),
    })  # fmt: skip


def _losses(learner: Learner, parts: list[_Part], training: Training) -> Floats:
    """Return the log-loss of the trees of every row to judge by."""
    settings, losses = replace(training, learner=learner), []
    for part in parts:
        booster = grow(part.data, np.ones(len(part.y), dtype=bool), part.y, settings, "binary", part.moved)
        risk = expit(raw_scores(booster, part.new.X, training.threads))
        losses.append(log_loss_of(risk, part.new.churned.astype(np.float64)))
    return np.concatenate(losses)


def _described(learner: Learner, losses: Floats) -> dict[str, Any]:
    size = learner.model_dump(include={"rounds", "learning_rate", "leaves", "min_leaf_rows"})
    return {**size, "log_loss": float(losses.mean())}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from reporting every study on standard error."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
