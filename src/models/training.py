"""The training of a run: the bundle for today, and the out-of-fold predictions by which it is judged.

Out of fold means that the whole fit, calibration and recalibration included, was repeated without the row's stakeholder
and those of one household with it (`decision.one_per`); nothing that is evaluated was predicted by a model that saw the
stakeholder's outcome. Only propensities that were not logged are estimated once, by stakeholders other than the row's
own but for the few numbers of a blend (models/propensity.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import clusters, folds_by_id
from ..contracts.params import Params
from ..contracts.rules import Interventions
from .boosting import Training
from .bundle import Bundle
from .churn_rows import ChurnRows, churn_rows, control_weights, decided_arms
from .churn_training import fit_risk, train_churn
from .encoding import Encoding
from .logged import Floats, Logged, logged_decisions, worth_of
from .progress import Say
from .propensity import with_estimated_propensities
from .success import success_probabilities
from .uplift import LEAST_DECISIONS, fit_uplift


@dataclass(frozen=True)
class Rows:
    """The tables a training reads, and the arms each decision's kind may receive (shape (n, arms))."""

    decisions: pd.DataFrame
    snapshots: pd.DataFrame
    features: list[tuple[str, str]]
    eligible: NDArray[np.bool_]


@dataclass(frozen=True)
class Trained:
    """What a training yields.

    Attributes:
        bundle: models fitted on everything.
        churn_rows: held-out churn risk of the latest snapshot's rows under the control, beside its baselines'.
        curve_rows: held-out churn risk by the other days of the clock's curve.
        uplift_rows: out-of-fold predictions of every decision; empty without decisions.
        log: plain facts of the training, JSON-ready.
    """

    bundle: Bundle
    churn_rows: pd.DataFrame
    curve_rows: pd.DataFrame
    uplift_rows: pd.DataFrame
    log: dict[str, object]


def train(rows: Rows, params: Params, say: Say) -> Trained:
    """Return bundle and out-of-fold predictions.

    Args:
        rows: the featurize stage's tables.
        params: learner, seed, threads and outcome.
        say: receives one line of progress per fit.

    Raises:
        InputError: there is nothing to learn churn from, or a feature that `features.allow` does not name alone tells
            who churned.
    """
    encoding = Encoding.fit(rows.snapshots, rows.features, params.features.max_categories)
    training = Training(params.learner, params.seed, params.threads, tuple(encoding.category_indexes))
    logged = _logged(rows, encoding, training, params)
    known = rows.decisions if logged is None else rows.decisions.assign(propensity=logged.propensity)
    arm = decided_arms(rows.snapshots, known, params.interventions.names)
    weight = control_weights(rows.snapshots, known, params.interventions.control)
    risk = churn_rows(rows.snapshots, arm, weight, encoding, params.clock, params.decision.one_per)
    churn = train_churn(risk, training.of_churn, params.features.allow, say)
    bundle = Bundle(params, encoding, churn.risk, None, curve=churn.curve, margin=churn.margin)
    log: dict[str, object] = {"churn": churn.log, "uplift": decisions_log(rows.decisions, params)}
    if logged is None:
        say(f"uplift: {len(rows.decisions)} logged decisions whose horizon is over, too few to learn an effect from")
        return Trained(bundle, churn.held_out, churn.curve_rows, pd.DataFrame(), log)
    say(f"uplift: {len(logged):,} decisions, {logged.eligible.shape[1] - 1} arms")
    bundle = replace(bundle, uplift=fit_uplift(logged, training, say))
    held_out = _out_of_fold(rows.decisions, logged, risk, training, params.interventions, say)
    return Trained(bundle, churn.held_out, churn.curve_rows, held_out, log)


def _logged(rows: Rows, encoding: Encoding, training: Training, params: Params) -> Logged | None:
    """Return the decisions, propensities that were not logged estimated; None where they are too few."""
    if _too_few(clusters(rows.decisions, params.decision.one_per), training):
        return None
    return with_estimated_propensities(logged_decisions(rows.decisions, encoding, rows.eligible, params), training)


def _too_few(cluster: pd.Series, training: Training) -> bool:
    """Return whether decisions cannot be split into stakeholders to learn from and others to judge by."""
    if len(cluster) < LEAST_DECISIONS:
        return True
    return len(np.unique(folds_by_id(cluster, training.learner.folds, training.seed))) < 2


def decisions_log(decisions: pd.DataFrame, params: Params) -> dict[str, object]:
    """Return which logged decisions are learned from: counts by iteration and arm, and how many lack a propensity."""
    by_iteration = decisions.groupby("iteration").size()
    by_arm = decisions.groupby("arm").size().reindex(params.interventions.names, fill_value=0)
    return {
        "rows": len(decisions),
        "by_iteration": {str(key): int(count) for key, count in by_iteration.items()},
        "by_arm": {str(key): int(count) for key, count in by_arm.items()},
        "propensity_estimated": int(decisions["propensity"].isna().sum()),
    }


def _out_of_fold(decisions: pd.DataFrame, logged: Logged, risk: ChurnRows, training: Training,
                 catalogue: Interventions, say: Say) -> pd.DataFrame:  # fmt: skip
    """Predict each decision by models that never saw its stakeholder."""
    n, arms = logged.eligible.shape
    fold = folds_by_id(logged.ids, training.learner.folds, training.seed)
    risk_fold = folds_by_id(risk.cluster, training.learner.folds, training.seed)
    mu, effect, error = (np.empty((n, arms)) for _ in range(3))
    success = {kind: np.empty((n, arms)) for kind in catalogue.successes}
    churn_risk = np.empty(n)
    for k, (inside, others) in enumerate(logged.splits(training.learner.folds, training.seed)):
        if not inside.any():
            continue
        say(f"uplift, held out: fold {k + 1} of {training.learner.folds}")
        uplift = fit_uplift(others, training)
        mu[inside], effect[inside], error[inside] = uplift.predict(
            logged.X[inside], worth_of(logged.retention_value, inside), training.threads
        )
        found = success_probabilities(uplift.outcomes, logged.X[inside], arms, training.threads, catalogue.successes)
        for kind, probability in found.items():
            success[kind][inside] = probability
        churn = fit_risk(risk.where(risk_fold != k), training.of_churn)
        churn_risk[inside] = churn.predict(logged.X[inside], training.threads)
    predicted = {"mu": mu, "effect": effect, "effect_se": error, **success}
    table = _uplift_rows(decisions, logged, fold, predicted, catalogue.names)
    return table.assign(churn_risk=churn_risk)


def _uplift_rows(decisions: pd.DataFrame, logged: Logged, fold: NDArray[np.int64], predicted: dict[str, Floats],
                 names: Sequence[str]) -> pd.DataFrame:  # fmt: skip
    columns: dict[str, object] = {
        "decision_id": decisions["decision_id"],
        "stakeholder_id": decisions["stakeholder_id"],
        "kind": decisions["kind"],
        "arm": logged.arm,
        "propensity": logged.propensity,
        "propensity_logged": decisions["propensity"].notna(),
        "value": logged.value,
        "fold": fold,
    }
    for name, matrix in predicted.items():
        columns |= {f"{name}_{arm}": matrix[:, at] for at, arm in enumerate(names)}
    return pd.DataFrame(columns)
