"""The size of the churn model's trees, searched for: Bayesian optimisation, judged on later time within the rows given.

A tree-structured Parzen estimator (Bergstra et al. 2011, NeurIPS), seeded and one trial after another, so that the same
rows give the same search. The search is part of the fit: held-out rows never see it. The given size stands unless the
best of the trials is better by more than a standard error of the difference.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna
from scipy.special import expit

from ..contracts.params import Learner
from .boosting import Training
from .calibrators import log_loss_of
from .churn_rows import ChurnRows, held_out_parts
from .control_trees import TaughtRows
from .logged import Floats
from .progress import Say

ROUNDS, LEAVES, LEAF_ROWS, RATES = (50, 400), (4, 63), (20, 300), (0.02, 0.2)  # searched between


@dataclass(frozen=True)
class Searched:
    """The size chosen, and what was tried: the given size first, JSON-ready."""

    learner: Learner
    trials: tuple[dict[str, Any], ...]


def search_learner(rows: ChurnRows, training: Training, say: Say) -> Searched:
    """Return the learner that predicts the latest of the rows best from the others, within `learner.search.trials`.

    Args:
        rows: those that the fit may learn from.
        training: the size to start from, seed and threads.
        say: receives one line of progress per trial.
    """
    given = training.learner
    if given.search.trials == 0:
        return Searched(given, ())
    parts = [
        _part(others, new, training)
        for others, new in held_out_parts(rows, rows.horizon, training)
        if 0 < others.churned.sum() < len(others.churned) and len(new.ids)
    ]
    if not parts:
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
    """Rows to learn from, what their arms move the log-odds by, and rows to judge by."""

    rows: TaughtRows
    moved: Floats
    new: ChurnRows


def _part(others: ChurnRows, new: ChurnRows, training: Training) -> _Part:
    rows = TaughtRows.of(others.X, others.churned.astype(np.float64), others.arm, training)
    everyone = np.ones(len(rows.y), dtype=bool)
    moved = rows.regressions(everyone, training)[1] if rows.several_arms else np.zeros(len(rows.y))
    return _Part(rows, moved, new)


def _suggested(trial: optuna.Trial, given: Learner) -> Learner:
    return given.model_copy(update={
        "rounds": trial.suggest_int("rounds", *ROUNDS, log=True),
        "learning_rate": trial.suggest_float("learning_rate", *RATES, log=True),
        "leaves": trial.suggest_int("leaves", *LEAVES, log=True),
        "min_leaf_rows": trial.suggest_int("min_leaf_rows", *LEAF_ROWS, log=True),
    })  # fmt: skip


def _losses(learner: Learner, parts: list[_Part], training: Training) -> Floats:
    """Return the weighted log-loss of every row to judge by, after as many rounds as are best on average: the fit
    chooses them likewise, from a share to a multiple of the learner's."""
    settings, losses = replace(training, learner=learner), []
    for part in parts:
        everyone = np.ones(len(part.rows.y), dtype=bool)
        _, odds = part.rows.staged(everyone, part.moved, settings, part.new.X)
        each = log_loss_of(expit(odds), part.new.churned.astype(np.float64)[:, None])
        losses.append(part.new.weight[:, None] * each)
    every = np.concatenate(losses)
    return np.asarray(every[:, every.mean(axis=0).argmin()])


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
