"""The quality of churn risk from predictions by models that never saw the stakeholder, beside its baselines."""

from dataclasses import asdict
from typing import Any

import pandas as pd

from ..contracts.params import Params
from ..models.churn_baselines import BASELINES, LOGISTIC_REGRESSION, RECENCY, RULE, SINGLE_FEATURE
from .calibration import (
    base_rate_log_loss,
    brier,
    calibration_noise,
    calibration_table,
    expected_calibration_error,
    log_loss,
    recalibration,
)
from .ranking import auc, auc_difference

_WHAT = {RECENCY: "longest silent first", LOGISTIC_REGRESSION: "all features, L2 penalty"}


def churn_scorecard(rows: pd.DataFrame, params: Params) -> dict[str, Any]:
    """Return the quality of held-out churn risk, and how far it ranks ahead of each baseline.

    Args:
        rows: cluster, churned, churn_risk and the baselines' columns of held-out snapshots.
        params: seed and bootstrap replicates.
    """
    label, risk = rows["churned"].to_numpy(dtype=bool), rows["churn_risk"].to_numpy(dtype=float)
    ids = rows["cluster"].to_numpy(dtype=object)
    line, table = recalibration(label, risk, ids), calibration_table(label, risk)
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
        "calibration_noise": calibration_noise(table),
        "deciles": [asdict(each) for each in table],
    }


def _churn_baseline(name: str, rows: pd.DataFrame, params: Params) -> dict[str, Any]:
    """Return a baseline's AUC, the paired difference of ours to it, and what it is."""
    label, ours, score = (rows[column].to_numpy(dtype=float) for column in ("churned", "churn_risk", name))
    ids, draws = rows["cluster"].to_numpy(dtype=object), (params.seed, params.evaluation.bootstrap)
    return {
        "auc": auc(label, score, ids, *draws).as_dict(),
        "ours_minus_this": auc_difference(label, ours, score, ids, *draws).as_dict(),
        "what": _rules(rows[RULE]) if name == SINGLE_FEATURE else _WHAT[name],
    }


def _rules(rules: pd.Series) -> str:
    """Return the rules that the folds found, that of most rows first."""
    rows = rules.value_counts()
    return "; ".join(sorted(rows.index, key=lambda rule: (-rows[rule], rule)))
