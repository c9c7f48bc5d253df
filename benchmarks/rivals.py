"""The learners that `benchmarks/uplift.py` compares: each turns a log and new rows into effects per arm, in money.

All boosted trees have the size of `Learner()`; matrices without missing cells and with one column per category go to
those that need them. Randomised propensities are given where a library takes them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from rapport.contracts.params import Learner
from rapport.models.boosting import Training, fit_booster, predict
from rapport.models.logged import Floats, Logged
from rapport.models.propensity import with_estimated_propensities
from rapport.models.scores import doubly_robust_scores
from rapport.models.uplift import fit_uplift

SIZE = Learner()
FOLDS = 3
FOREST_TREES = 200  # at least as many as the boosted trees of all others


@dataclass(frozen=True)
class Task:
    """A log, new rows, costs of the arms, and what is known of the design."""

    logged: Logged
    new: NDArray[np.float32]
    cost: Floats
    categories: tuple[int, ...]
    randomised: bool

    @property
    def training(self) -> Training:
        """Settings of all boosted trees."""
        return Training(SIZE, 1, 1, self.categories)

    @property
    def arms(self) -> int:
        """How many, the control included."""
        return len(self.logged.arms)


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


def _priority(task: Task, priority: Floats) -> Floats:
    """Return effects that give the rows of highest priority the best constant arm, as many as gain by it on average."""
    scores = _scores(task, apart=True)
    arm = 1 + int((scores.mean(axis=0) - scores[:, 0].mean() - task.cost)[1:].argmax())
    effect = np.zeros((len(task.new), task.arms))
    effect[priority >= np.median(priority), arm] = 1e9
    return effect


def risk_ranking(task: Task) -> Floats:
    """The half likeliest to leave get the best constant arm."""
    log = task.logged
    lost = _value(log.X[log.arm == 0], 1 - log.retained[log.arm == 0], task.new, task)
    return _priority(task, lost)


def response_ranking(task: Task) -> Floats:
    """The half of highest predicted value under the best constant arm get it."""
    return _priority(task, _s(task.logged, task.new, task, apart=True)[:, 1:].max(axis=1))


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


# Libraries ------------------------------------------------------------------------------------------------------------


def _plain(task: Task) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both matrices without missing cells: medians and flags, one column per category."""
    both: list[list[Floats]] = [[], []]
    for at in range(task.new.shape[1]):
        old = task.logged.X[:, at]
        codes = np.unique(old[~np.isnan(old)])
        for kept, x in zip(both, (old, task.new[:, at]), strict=True):
            if at in task.categories:
                kept += [(x == code).astype(float) for code in codes]
            else:
                kept.append(np.where(np.isnan(x), np.nanmedian(old), x).astype(float))
                if np.isnan(old).any():
                    kept.append(np.isnan(x).astype(float))
    return np.column_stack(both[0]), np.column_stack(both[1])


def _regressor() -> lgb.LGBMRegressor:
    return lgb.LGBMRegressor(**_sizes())


def _sizes() -> dict[str, Any]:
    return {
        "n_estimators": SIZE.rounds, "learning_rate": SIZE.learning_rate, "num_leaves": SIZE.leaves,
        "min_child_samples": SIZE.min_leaf_rows, "reg_lambda": 1.0, "colsample_bytree": 0.8, "subsample": 0.8,
        "subsample_freq": 1, "n_jobs": 1, "random_state": 1, "verbosity": -1,
    }  # fmt: skip


def _propensity(task: Task) -> Any:
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior") if task.randomised else lgb.LGBMClassifier(**_sizes())


def _econml(make: Callable[[Task], Any]) -> Callable[[Task], Floats]:
    def fitted(task: Task) -> Floats:
        X, new = _plain(task)
        model = make(task)
        model.fit(task.logged.value, task.logged.arm, X=X)
        effect = model.const_marginal_effect(new).reshape(
            len(new), task.arms - 1
        )  # all arms against the first, at once
        return np.column_stack([np.zeros(len(new)), effect])

    return fitted


def _linear_dml(task: Task) -> Any:
    from econml.dml import LinearDML

    return LinearDML(model_y=_regressor(), model_t=_propensity(task), discrete_treatment=True, cv=FOLDS, random_state=1)


def _dr_econml(task: Task) -> Any:
    from econml.dr import DRLearner

    return DRLearner(model_propensity=_propensity(task), model_regression=_regressor(), model_final=_regressor(),
                     cv=FOLDS, random_state=1)  # fmt: skip


def _forest_dml(task: Task) -> Any:
    from econml.dml import CausalForestDML

    return CausalForestDML(model_y=_regressor(), model_t=_propensity(task), discrete_treatment=True, cv=FOLDS,
                           n_jobs=1, random_state=1)  # fmt: skip


def _forest_dr(task: Task) -> Any:
    from econml.dr import ForestDRLearner

    return ForestDRLearner(
        model_propensity=_propensity(task),
        model_regression=_regressor(),
        cv=FOLDS,
        n_estimators=FOREST_TREES,
        n_jobs=1,
        random_state=1,
    )  # its default is 1,000 trees


def _causalml(name: str) -> Callable[[Task], Floats]:
    def fitted(task: Task) -> Floats:
        import pandas as pd
        from causalml.inference import meta

        X, new = _plain(task)
        log = task.logged
        names = [f"a{arm}" for arm in range(task.arms)]
        treatment = np.array(names)[log.arm]
        model = getattr(meta, name)(learner=_regressor(), control_name="a0")
        options: dict[str, Any] = {}
        if task.randomised and name != "BaseDRRegressor":
            options["p"] = {a: pd.Series(np.full(len(X), 0.5)) for a in names[1:]}
        model.fit(X=X, treatment=treatment, y=log.value, **options)
        options = (
            {}
            if name != "BaseXRegressor" or not options
            else {"p": {a: pd.Series(np.full(len(new), 0.5)) for a in names[1:]}}
        )
        effect = np.asarray(model.predict(new, **options)).reshape(len(new), -1)
        return np.column_stack([np.zeros(len(new)), effect])

    return fitted


def uplift_forest(task: Task) -> Floats:
    """causalml's uplift forest knows yes or no only: retention, worth its money; payments by whether one pays."""
    from causalml.inference.tree import UpliftRandomForestClassifier

    X, new = _plain(task)
    log = task.logged
    names = np.array([f"a{arm}" for arm in range(task.arms)])
    effect = np.zeros((len(new), task.arms))
    for worth, y in ((log.retention_value, log.retained), (log.money[log.money > 0].mean() if log.money.any() else 0.0,
                                                          (log.money > 0).astype(float))):  # fmt: skip
        if np.ptp(y) > 0:
            forest = UpliftRandomForestClassifier(control_name="a0", n_estimators=FOREST_TREES, max_depth=6, n_jobs=1,
                                                  min_samples_leaf=200, random_state=1)  # fmt: skip
            forest.fit(X, names[log.arm], y.astype(int))
            effect[:, 1:] += worth * forest.predict(new)
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
    "econml LinearDML": _econml(_linear_dml),
    "econml DRLearner": _econml(_dr_econml),
    "econml CausalForestDML": _econml(_forest_dml),
    "econml ForestDRLearner": _econml(_forest_dr),
    "causalml X": _causalml("BaseXRegressor"),
    "causalml R": _causalml("BaseRRegressor"),
    "causalml DR": _causalml("BaseDRRegressor"),
    "causalml uplift forest": uplift_forest,
}
