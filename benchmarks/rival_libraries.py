"""econml's and causalml's learners, for `benchmarks/rivals.py`.

They get matrices without missing cells and with one column per category, boosted trees of the size of `Learner()`, and
randomised propensities where they take them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rival_task import FOLDS, SIZE, Task  # type: ignore[import-not-found]

from rapport.models.logged import Floats

# Shares of the ceiling in %, randomised, development seeds 1 and 2: CausalForestDML 80.7 and 84.5 with a leaf of 50,
# 83.5 and 85.5 with 100, 85.2 and 85.2 with 250; ForestDRLearner 88.9 and 88.2 with 100, 89.9 and 88.3 with 250.
# econml's own leaf is 5; its trees are 100 and 1,000.
FOREST = {"min_samples_leaf": 250, "n_estimators": 100}


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
        effect = model.const_marginal_effect(new)  # all arms against the first, at once
        return np.column_stack([np.zeros(len(new)), effect.reshape(len(new), task.arms - 1)])

    return fitted


def _linear_dml(task: Task) -> Any:
    from econml.dml import LinearDML

    return LinearDML(model_y=_regressor(), model_t=_propensity(task), discrete_treatment=True, cv=FOLDS, random_state=1)


def _dr_econml(task: Task) -> Any:
    from econml.dr import DRLearner

    return DRLearner(model_propensity=_propensity(task), model_regression=_regressor(), model_final=_regressor(),
                     cv=FOLDS, random_state=1)  # fmt: skip


def _forest_dml(task: Task, **forest: int) -> Any:
    from econml.dml import CausalForestDML

    return CausalForestDML(model_y=_regressor(), model_t=_propensity(task), discrete_treatment=True, cv=FOLDS,
                           n_jobs=1, random_state=1, **forest)  # fmt: skip


def _forest_dr(task: Task, **forest: int) -> Any:
    from econml.dr import ForestDRLearner

    return ForestDRLearner(model_propensity=_propensity(task), model_regression=_regressor(), cv=FOLDS,
                           n_jobs=1, random_state=1, **forest)  # fmt: skip


def _causalml(name: str, *takes_propensity: str) -> Callable[[Task], Floats]:
    """Return a meta-learner of causalml; `takes_propensity`: its methods that are given randomised ones."""

    def fitted(task: Task) -> Floats:
        from causalml.inference import meta

        X, new = _plain(task)
        names = np.array([f"a{arm}" for arm in range(task.arms)])
        model = getattr(meta, name)(learner=_regressor(), control_name="a0")

        def known(method: str, rows: int) -> dict[str, Any]:
            if not task.randomised or method not in takes_propensity:
                return {}
            return {"p": {arm: pd.Series(np.full(rows, 0.5)) for arm in names[1:]}}  # of the arm or the control

        model.fit(X=X, treatment=names[task.logged.arm], y=task.logged.value, **known("fit", len(X)))
        effect = np.asarray(model.predict(new, **known("predict", len(new))))
        return np.column_stack([np.zeros(len(new)), effect.reshape(len(new), -1)])

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
            forest = UpliftRandomForestClassifier(control_name="a0", n_estimators=200, max_depth=6, n_jobs=1,
                                                  min_samples_leaf=200, random_state=1)  # fmt: skip
            forest.fit(X, names[log.arm], y.astype(int))
            effect[:, 1:] += worth * forest.predict(new)
    return effect


LIBRARIES: dict[str, Callable[[Task], Floats]] = {
    "econml LinearDML": _econml(_linear_dml),
    "econml DRLearner": _econml(_dr_econml),
    "econml CausalForestDML": _econml(partial(_forest_dml, **FOREST)),
    "econml ForestDRLearner": _econml(partial(_forest_dr, **FOREST)),
    "econml CausalForestDML, default leaf": _econml(_forest_dml),
    "econml ForestDRLearner, default leaf": _econml(partial(_forest_dr, n_estimators=200)),
    "causalml X": _causalml("BaseXRegressor", "fit", "predict"),
    "causalml R": _causalml("BaseRRegressor", "fit"),
    "causalml DR": _causalml("BaseDRRegressor"),
    "causalml uplift forest": uplift_forest,
}
