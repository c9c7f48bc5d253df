"""A small finished run, made by hand: six stakeholders, two arms."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.params import Params, parse_params
from rapport.report.page import FinishedRun


def estimate(value: float | None, half: float = 1.0) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None, "se": None, "n": 6}
    return {"value": value, "low": value - half, "high": value + half, "se": half / 1.96, "n": 6}


def policy(value: float | None, ahead: float | None, treated: float, cost: float) -> dict[str, Any]:
    shares = {"none": 1 - treated, "call": treated, "mail": 0.0}
    overlap = {"unsupported": None, "effective_rows": 40.0, "matched_rows": 50, "max_weight": 2.0}
    return {"doubly_robust": estimate(value), "snips": estimate(value), "ipw": estimate(None),
            "ours_minus_this": estimate(ahead, 0.5), "arm_shares": shares, "cost_per_decision": cost,
            "overlap": overlap}  # fmt: skip


@pytest.fixture
def params() -> Params:
    arms = {"call": {"cost": 10.0, "capacity": 2, "channel": "phone"}, "mail": {"cost": "mail_cost", "channel": "post"}}
    return parse_params({
        "source": {"kind": "files", "path": "/somewhere/private/exports"},
        "clock": {"as_of": "2025-04-01", "horizon_days": 90},
        "outcome": {"churn": {"event": "churned"}, "value": {"purchase": 0.6}, "retention_value": 300.0},
        "interventions": {"control": "none", "arms": arms},
        "decision": {"budget": 25.0},
    })  # fmt: skip


@pytest.fixture
def uplift() -> dict[str, Any]:
    return {
        "decisions": 100,
        "policies": {
            "rapport": policy(12.0, 0.0, 0.5, 6.0),
            "nobody": policy(10.0, 2.0, 0.0, 0.0),
            "best_single_arm": policy(11.75, 0.25, 1.0, 9.0),
            "random": policy(None, None, 0.6, 7.0),
        },
        "gain_per_treated": estimate(3.0, 1.25),
        "average_effects": {"call": estimate(16.5, 2.25), "mail": {**estimate(None), "n": 4}},
        "gains": {"slope": estimate(0.9)},
        "arms": {"none": {"decisions": 60, "known": True}, "call": {"decisions": 40, "known": True}},
        "propensity": {
            "logged": 100,
            "estimated": 0,
            "least": 0.4,
            "without_overlap": 0,
            "log_loss": estimate(None),
            "log_loss_of_shares": estimate(None),
            "ahead_of_shares": estimate(None),
        },
    }


@pytest.fixture
def metrics(uplift: dict[str, Any]) -> dict[str, Any]:
    decile = {"mean_predicted": 0.2, "observed": 0.25, "low": 0.1, "high": 0.4, "n": 10}
    return {
        "churn": {
            "split": "later time and other stakeholders", "rows": 100, "churned": 20, "auc": estimate(0.71, 0.02),
            "baselines": {
                "best_single_feature": {"auc": estimate(0.6, 0.03), "ours_minus_this": estimate(0.11, 0.01),
                                        "what": "use_count_30d, lowest first"},
                "logistic_regression": {"auc": estimate(0.7, 0.02), "ours_minus_this": estimate(0.01, 0.005),
                                        "what": "all features, L2 penalty"},
            },
            "log_loss": estimate(0.45, 0.01), "base_rate_log_loss": estimate(0.5, 0.01), "brier": estimate(0.15, 0.01),
            "calibration_intercept": estimate(0.0), "calibration_slope": estimate(1.1),
            "expected_calibration_error": 0.01, "calibration_noise": 0.02, "deciles": [decile],
        },
        "uplift": uplift,
    }  # fmt: skip


@pytest.fixture
def assignments() -> pd.DataFrame:
    return pd.DataFrame({
        "stakeholder_id": list("abcdef"),
        "intervention": ["none", "call", "mail", "call", "none", "none"],
        "expected_gain": [0.0, 5.0, np.nan, -1.0, 0.0, 0.0],
        "reason": ["no_gain", "best_gain", "best_gain", "explore", "holdout", "no_gain"],
        "gain_call": [-2.0, 5.0, np.nan, -1.0, 3.0, -1.0],
        "gain_mail": np.nan,
    })  # fmt: skip


@pytest.fixture
def account() -> dict[str, Any]:
    """What the rules did, as policy.account writes it."""
    limits = [
        {"name": "decision.budget", "kind": "le", "reason": "budget", "bound": 25.0, "allowed": 24.0, "planned": 23.0,
         "used": 23.0, "price": 1.25, "binding": True},
        {"name": "interventions.arms.call.quota", "kind": "ge", "reason": "quota", "bound": 1.0, "allowed": 2.0,
         "planned": 2.0, "used": 2.0, "price": 0.0, "binding": False},
        {"name": "decision.rate_gaps.fair north over south", "kind": "le", "reason": "rate_gap", "bound": 0.05,
         "allowed": 0.04, "planned": 0.01, "used": 0.0125, "price": 0.0, "binding": False},
    ]  # fmt: skip
    rules = [
        {"key": "opted_out", "reason": "opted_out", "pairs": 0, "alone": 0, "stakeholders": 0},
        {"key": "interventions.arms.call.where", "reason": "not_eligible", "pairs": 3, "alone": 2, "stakeholders": 3},
    ]
    return {"stakeholders": 6, "rules": rules, "limits": limits, "spend": {"none": 0.0, "call": 20.0, "mail": 3.0},
            "plan": {"value": 9.0, "bound": 10.0, "gap": 0.1},
            "exploration": {"asked": 0.2, "found": 0.2, "open": 5, "too_few": 0, "no_room": 0}}  # fmt: skip


@pytest.fixture
def finished(
    params: Params, metrics: dict[str, Any], assignments: pd.DataFrame, account: dict[str, Any]
) -> FinishedRun:
    return FinishedRun(
        params=params,
        metrics=metrics,
        assignments=assignments,
        account=account,
        training={"churn": {"rows": 300, "churned": 60, "split": ""},
                  "uplift": {"rows": 100, "by_iteration": {"0": 90, "1": 10}, "by_arm": {"none": 60, "call": 40},
                             "propensity_estimated": 7}},
        features=[{"name": "use_count_30d", "meaning": "use events in the last 30 days", "unit": "events",
                   "source": "use", "window_days": 30, "missing": "zero"}],
        counts={"events": 1234, "events_unknown_stakeholder": 5},
        importance={"use_count_30d": 3.0, "tenure_days": 1.0, "plan": 0.0},
        model_digest="0123456789abcdef",
    )  # fmt: skip
