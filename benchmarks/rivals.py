"""The learners that `benchmarks/uplift.py` compares: each turns a log and new rows into effects per arm, in money.

All boosted trees have the size of `Learner()`; those of libraries are in `rival_libraries.py`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rival_libraries import LIBRARIES  # type: ignore[import-not-found]
from rival_task import FOLDS, SIZE, Task  # type: ignore[import-not-found]

from rapport.models.boosting import Training, fit_booster, predict
from rapport.models.logged import Floats, Logged
from rapport.models.propensity import with_estimated_propensities
from rapport.models.scores import doubly_robust_scores
from rapport.models.uplift import fit_uplift


def ours(task: Task) -> Floats:
    """The product."""
    logged = with_estimated_propensities(task.logged, task.training)
    return fit_uplift(logged, task.training).predict(task.new, logged.retention_value, 1)[1]


def _value(
    X: NDArray[np.float32], y: Floats, new: NDArray[np.float32], task: Task, more: tuple[int, ...] = ()
) -> Floats:
    training = Training(SIZE, 1, 1, (*task.categories, *more))
    return predict(fit_booster(X, y, training, "regression"), new, 1)


def _with(X: NDArray[np.float32], arm: Any) -> NDArray[np.float32]:
    column = np.broadcast_to(np.asarray(arm, dtype=np.float32), len(X))[:, None]
    return np.hstack([X, column])


def _against_control(mu: Floats) -> Floats:
    return mu - mu[:, :1]


def _s(logged: Logged, new: NDArray[np.float32], task: Task, apart: bool) -> Floats:
    X, at = _with(logged.X, logged.arm), logged.X.shape[1]
    training = Training(SIZE, 1, 1, (*task.categories, at))
    if apart:
        parts = [(logged.retention_value, logged.retained, "binary"), (1.0, logged.money, "regression")]
    else:
        parts = [(1.0, logged.value, "regression")]
    mu = np.zeros((len(new), task.arms))
    for worth, y, objective in parts:
        if np.ptp(y) > 0:
            booster = fit_booster(X, y, training, objective)  # type: ignore[arg-type]
            for arm in range(task.arms):
                mu[:, arm] += worth * predict(booster, _with(new, arm), 1)
    return mu


def s_learner(task: Task) -> Floats:
    """One model of the value, the arm a feature."""
    return _against_control(_s(task.logged, task.new, task, apart=False))


def s_apart(task: Task) -> Floats:
    """One model of retention and one of money."""
    return _against_control(_s(task.logged, task.new, task, apart=True))


def t_learner(task: Task) -> Floats:
    """One model of the value per arm."""
    log = task.logged
    mu = [_value(log.X[log.arm == a], log.value[log.arm == a], task.new, task) for a in range(task.arms)]
    return _against_control(np.column_stack(mu))


def x_learner(task: Task) -> Floats:
    """Künzel et al. 2019: imputed effects of the arm's rows and of the controls, weighted by the arm's share."""
    log = task.logged
    X, y, arm = log.X, log.value, log.arm
    effect = np.zeros((len(task.new), task.arms))
    for a in range(1, task.arms):
        treated, control = arm == a, arm == 0
        on_treated = y[treated] - _value(X[control], y[control], X[treated], task)
        on_control = _value(X[treated], y[treated], X[control], task) - y[control]
        share = treated.sum() / (treated.sum() + control.sum())
        effect[:, a] = share * _value(X[control], on_control, task.new, task)
        effect[:, a] += (1 - share) * _value(X[treated], on_treated, task.new, task)
    return effect


def _scores(task: Task, apart: bool) -> Floats:
    logged = with_estimated_propensities(task.logged, task.training)
    mu = np.empty((len(logged), task.arms))
    for inside, others in logged.splits(FOLDS, 4):
        mu[inside] = _s(others, logged.X[inside], task, apart)
    return doubly_robust_scores(logged.value, logged.arm, logged.propensity, mu)


def dr_learner(task: Task) -> Floats:
    """Kennedy 2020: boosted trees on doubly robust scores, an S-learner as nuisance."""
    scores = _scores(task, apart=False)
    contrasts = [_value(task.logged.X, scores[:, a] - scores[:, 0], task.new, task) for a in range(1, task.arms)]
    return np.column_stack([np.zeros(len(task.new)), *contrasts])


def sketch(task: Task) -> Floats:
    """S with churn and money apart as nuisance, doubly robust scores, bagged trees."""
    from sklearn.ensemble import RandomForestRegressor

    scores = _scores(task, apart=True)
    X, new = np.nan_to_num(task.logged.X, nan=-9.0), np.nan_to_num(task.new, nan=-9.0)
    forest = RandomForestRegressor(100, min_samples_leaf=200, max_features=0.5, max_samples=0.3, random_state=1)
    forest.fit(X, scores[:, 1:] - scores[:, :1])
    return np.column_stack([np.zeros(len(new)), forest.predict(new)])


Priority = Callable[[Logged, NDArray[np.float32], Task], Floats]


def _ranked(task: Task, priority: Priority) -> Floats:
    """Return effects that give one arm to the rows of highest priority, learned from others: shape (n, arms) of it.

    Which arm, and to what share of the rows: the doubly robust scores of the log, ranked out of fold, add up to most.
    """
    scores = _scores(task, apart=True)
    gain = scores - scores[:, :1] - task.cost
    held = np.empty_like(gain)
    for inside, others in task.logged.splits(FOLDS, 4):
        held[inside] = priority(others, task.logged.X[inside], task)
    counts, totals = zip(*(_cut(held[:, a], gain[:, a]) for a in range(task.arms)), strict=True)
    arm = int(np.argmax(totals))
    effect = np.zeros((len(task.new), task.arms))
    if totals[arm] > 0:
        new = priority(task.logged, task.new, task)[:, arm]
        effect[new >= np.quantile(new, 1 - counts[arm] / len(gain)), arm] = 1e9
    return effect


def _cut(priority: Floats, gain: Floats) -> tuple[int, float]:
    """Return how many rows of highest priority gain most in all, equal ones kept together, and that gain."""
    order = np.argsort(-priority, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(priority[order])), len(order) - 1)
    totals = gain[order].cumsum()[ends]
    return int(ends[totals.argmax()]) + 1, float(totals.max())


def _risk(logged: Logged, new: NDArray[np.float32], task: Task) -> Floats:
    control = logged.arm == 0
    lost = _value(logged.X[control], 1 - logged.retained[control], new, task)
    return np.tile(lost[:, None], task.arms)


def _response(logged: Logged, new: NDArray[np.float32], task: Task) -> Floats:
    return _s(logged, new, task, apart=True)


def risk_ranking(task: Task) -> Floats:
    """One arm to those likeliest to leave without any, as many as gain by it in the log."""
    return _ranked(task, _risk)


def response_ranking(task: Task) -> Floats:
    """One arm to those of highest predicted value under it, as many as gain by it in the log."""
    return _ranked(task, _response)


def best_constant(task: Task) -> Floats:
    """The arm of the highest mean doubly robust score to everybody, or nobody."""
    scores = _scores(task, apart=True)
    return np.tile(scores.mean(axis=0) - scores[:, 0].mean(), (len(task.new), 1))


def random_arm(task: Task) -> Floats:
    """An arm at random, the control included."""
    chosen = np.random.default_rng(5).integers(0, task.arms, len(task.new))
    effect = np.full((len(task.new), task.arms), -1e9)
    effect[np.arange(len(chosen)), chosen] = 1e9
    return effect


LEARNERS: dict[str, Callable[[Task], Floats]] = {
    "ours": ours,
    "S": s_learner,
    "S, churn and money apart": s_apart,
    "T": t_learner,
    "X": x_learner,
    "DR": dr_learner,
    "sketch of issue 4": sketch,
    "risk ranking": risk_ranking,
    "response ranking": response_ranking,
    "best constant": best_constant,
    "random": random_arm,
    **LIBRARIES,
}
