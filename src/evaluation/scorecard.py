"""The run's scorecard from out-of-fold predictions: churn quality, and the value of our policy beside its baselines.

Values of policies are net money per decision. The limits of the assignment hold for the evaluated decisions in
proportion to their number over the population's, the upper ones for the baselines as for ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.params import Params
from ..models.churn_baselines import BASELINES, LOGISTIC_REGRESSION, RECENCY, RULE, SINGLE_FEATURE
from ..models.logged import LEAST_PROPENSITY
from ..models.scores import doubly_robust_scores
from ..policy.choose import choose
from ..policy.limits import Constraints, InfeasibleError
from .baselines import best_single_arm, nobody, random, response_ranking, risk_ranking
from .calibration import (
    base_rate_log_loss,
    brier,
    calibration_table,
    expected_calibration_error,
    log_loss,
    propensity_log_loss,
    recalibration,
)
from .limits import cut_to_limits, thinned_to_limits
from .policy_value import LoggedDecisions, difference, doubly_robust, ipw, overlap, snips
from .promise import gain_per_treated
from .ranking import auc, auc_difference

Floats = NDArray[np.float64]
Ranking = Callable[..., Floats]
OURS = "rapport"
_WHAT = {RECENCY: "longest silent first", LOGISTIC_REGRESSION: "all features, L2 penalty"}


def churn_scorecard(rows: pd.DataFrame, params: Params) -> dict[str, Any]:
    """Return the quality of held-out churn risk, and how far it ranks ahead of each baseline.

    Args:
        rows: stakeholder_id, churned, churn_risk and the baselines' columns of held-out snapshots.
        params: seed and bootstrap replicates.
    """
    label, risk = rows["churned"].to_numpy(dtype=bool), rows["churn_risk"].to_numpy(dtype=float)
    ids = rows["stakeholder_id"].to_numpy(dtype=object)
    line = recalibration(label, risk, ids)
    return {
        "rows": len(rows),
        "churned": int(label.sum()),
        "auc": auc(label, risk, ids, params.seed, params.evaluation.bootstrap).as_dict(),
        "baselines": {name: _churn_baseline(name, rows, params) for name in BASELINES if name in rows},
        "log_loss": log_loss(label, risk, ids).as_dict(),
        "base_rate_log_loss": base_rate_log_loss(label, ids).as_dict(),
        "brier": brier(label, risk, ids).as_dict(),
        "calibration_intercept": line.intercept.as_dict(),
        "calibration_slope": line.slope.as_dict(),
        "expected_calibration_error": expected_calibration_error(label, risk),
        "deciles": [asdict(each) for each in calibration_table(label, risk)],
    }


def _churn_baseline(name: str, rows: pd.DataFrame, params: Params) -> dict[str, Any]:
    """Return a baseline's AUC, the paired difference of ours to it, and what it is."""
    label, ours, score = (rows[column].to_numpy(dtype=float) for column in ("churned", "churn_risk", name))
    ids, draws = rows["stakeholder_id"].to_numpy(dtype=object), (params.seed, params.evaluation.bootstrap)
    return {
        "auc": auc(label, score, ids, *draws).as_dict(),
        "ours_minus_this": auc_difference(label, ours, score, ids, *draws).as_dict(),
        "what": _rules(rows[RULE]) if name == SINGLE_FEATURE else _WHAT[name],
    }


def _rules(rules: pd.Series) -> str:
    """Return the rules that the folds found, that of most rows first."""
    rows = rules.value_counts()
    return "; ".join(sorted(rows.index, key=lambda rule: (-rows[rule], rule)))


@dataclass(frozen=True)
class Held:
    """Out-of-fold decisions as arrays.

    Attributes:
        log: value, arm, propensities, cost, mu and stakeholders.
        worth: out-of-fold gain net of cost, less caution, shape (n, arms), NaN where unknown or not eligible.
        eligible: by the rules, as if all were decided today, shape (n, arms).
        constraints: of the assignment, in proportion to these decisions.
        fold: shape (n,).
        churn_risk: shape (n,).
        propensity_logged: whether the log held the propensity, shape (n,).
    """

    log: LoggedDecisions
    worth: Floats
    eligible: NDArray[np.bool_]
    constraints: Constraints
    fold: NDArray[np.int64]
    churn_risk: Floats
    propensity_logged: NDArray[np.bool_]


def policies(held: Held) -> tuple[dict[str, Floats], list[str]]:
    """Return our policy and the five baselines as matrices of probabilities, shape (n, arms) each.

    The second part names the limits that the logged decisions cannot keep, such as a quota of an arm that hardly
    anyone in the log may receive; only upper limits hold then.
    """
    log, n = held.log, len(held.log.value)
    scores = doubly_robust_scores(log.value, log.arm, log.propensity, log.mu)
    constraints, left_out = held.constraints, list[str]()
    try:
        ours = choose(held.worth, log.cost, constraints).arm
    except InfeasibleError:
        left_out = [limit.name for limit in constraints.limits if not limit.upper]
        constraints = replace(constraints, limits=tuple(limit for limit in constraints.limits if limit.upper))
        ours = choose(held.worth, log.cost, constraints).arm
    treated = int((ours > 0).sum())
    common = (held.fold, held.eligible, log.cost, scores)

    def ranked(ranking: Ranking, priority: Floats) -> Floats:
        return cut_to_limits(lambda count: ranking(*common, priority, count), treated, log.cost, constraints)

    return {
        OURS: np.eye(held.worth.shape[1])[ours],
        "nobody": nobody(n, held.worth.shape[1]),
        "best_single_arm": thinned_to_limits(best_single_arm(*common), log.cost, constraints),
        "random": thinned_to_limits(random(held.eligible), log.cost, constraints),
        "risk_ranking": ranked(risk_ranking, held.churn_risk),
        "response_ranking": ranked(response_ranking, log.mu),
    }, left_out


def policy_scorecard(held: Held, names: tuple[str, ...]) -> dict[str, Any]:
    """Return value, difference to ours, arms and overlap of every policy, which arms are known, what those gain whom
    ours treats, and the quality of the propensities.
    """
    compared, left_out = policies(held)
    return {
        "decisions": len(held.log.value),
        "limits_left_out": left_out,
        "policies": {name: _policy(held.log, policy, compared[OURS], names) for name, policy in compared.items()},
        "arms": {name: _arm(held, at) for at, name in enumerate(names)},
        "gain_per_treated": gain_per_treated(held.log, compared[OURS]).as_dict(),
        "propensity": {
            "logged": int(held.propensity_logged.sum()),
            "estimated": int((~held.propensity_logged).sum()),
            "least": float(held.log.propensity.min()),
            "without_overlap": int((held.log.propensity <= LEAST_PROPENSITY).sum()),
            "log_loss": propensity_log_loss(held.log.arm, held.log.propensity, held.log.cluster).as_dict(),
        },
    }


def _arm(held: Held, arm: int) -> dict[str, Any]:
    """Return how often an arm was logged, and whether its gain is known of anyone who may receive it."""
    known = np.isfinite(held.worth[:, arm]).any() or not held.eligible[:, arm].any()
    return {"decisions": int((held.log.arm == arm).sum()), "known": bool(known)}


def _policy(log: LoggedDecisions, policy: Floats, ours: Floats, names: tuple[str, ...]) -> Mapping[str, Any]:
    return {
        "doubly_robust": doubly_robust(log, policy).as_dict(),
        "snips": snips(log, policy).as_dict(),
        "ipw": ipw(log, policy).as_dict(),
        "ours_minus_this": difference(log, ours, policy).as_dict(),
        "arm_shares": {name: float(policy[:, at].mean()) for at, name in enumerate(names)},
        "cost_per_decision": float((policy * log.cost).sum(axis=1).mean()),
        "overlap": asdict(overlap(log, policy)),
    }
