"""The churn scorecard beside its baselines, and scrambled outcomes: nothing can be learned from them."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from rapport.contracts.params import Params, parse_params
from rapport.evaluation.calibration import (
    calibration_noise,
    calibration_table,
    expected_calibration_error,
    log_loss,
    recalibration,
)
from rapport.evaluation.ranking import auc, auc_difference
from rapport.evaluation.scorecard import churn_scorecard
from rapport.models.churn_baselines import BASELINES, RULE
from rapport.models.training import Rows, train

PEOPLE = 400
RULES = ["use, lowest first", "age, highest first", "a, lowest first"]


def params() -> Params:
    return parse_params({
        "seed": 3,
        "source": {"kind": "files"},
        "clock": {"as_of": "2025-01-01", "horizon_days": 90},
        "outcome": {"churn": {"event": "churned"}, "value": {}, "retention_value": 40.0},
        "interventions": {"control": "none", "arms": {"call": {"cost": 5.0}}},
        "learner": {"rounds": 25, "learning_rate": 0.1, "leaves": 15, "min_leaf_rows": 5, "folds": 2},
    })  # fmt: skip


def held_out() -> pd.DataFrame:
    """Return 300 rows of 150 stakeholders: our risk is good, the rule poor, the regression better than ours."""
    rng = np.random.default_rng(0)
    log_odds = rng.normal(size=300)
    return pd.DataFrame({
        "cluster": [f"s{at // 2}" for at in range(300)],
        "churned": rng.random(300) < expit(2 * log_odds),
        "churn_risk": expit(log_odds + rng.normal(0, 1.2, 300)),
        "recency": rng.random(300),
        "best_single_feature": rng.random(300),
        RULE: pd.array(np.repeat(RULES, [100, 150, 50]), dtype="str"),
        "logistic_regression": expit(log_odds),
    })  # fmt: skip


def test_each_baseline_has_its_auc_the_paired_difference_and_its_rule() -> None:
    rows = held_out()
    found = churn_scorecard(rows, params())["baselines"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == list(BASELINES)
    label, ids = rows["churned"].to_numpy(), rows["cluster"].to_numpy()
    ours = rows["churn_risk"].to_numpy()
    for name in BASELINES:
        score = rows[name].to_numpy()
        assert found[name]["auc"] == auc(label, score, ids, 3, 200).as_dict()
        assert found[name]["ours_minus_this"] == auc_difference(label, ours, score, ids, 3, 200).as_dict()
    assert found["best_single_feature"]["ours_minus_this"]["low"] > 0
    assert found["logistic_regression"]["ours_minus_this"]["high"] < 0
    assert found["best_single_feature"]["what"] == "age, highest first; use, lowest first; a, lowest first"
    assert found["logistic_regression"]["what"] == "all features, L2 penalty"
    assert found["recency"]["what"] == "longest silent first"


def test_counts_and_calibration_are_of_the_held_out_rows() -> None:
    rows = held_out()
    found, label, risk = churn_scorecard(rows, params()), rows["churned"].to_numpy(), rows["churn_risk"].to_numpy()
    cluster = rows["cluster"].to_numpy(dtype=object)
    assert (found["rows"], found["churned"]) == (300, label.sum())
    assert found["log_loss"] == log_loss(label, risk, cluster).as_dict()
    assert found["base_rate_log_loss"]["value"] > found["log_loss"]["value"]
    line = recalibration(label, risk, cluster)
    assert (found["calibration_slope"], found["calibration_intercept"]) == (
        line.slope.as_dict(), line.intercept.as_dict()
    )  # fmt: skip
    assert sum(each["n"] for each in found["deciles"]) == 300
    assert found["expected_calibration_error"] == expected_calibration_error(label, risk)
    assert found["calibration_noise"] == calibration_noise(calibration_table(label, risk))


def test_a_baseline_that_the_source_has_no_history_for_is_left_out() -> None:
    assert list(churn_scorecard(held_out().drop(columns="recency"), params())["baselines"]) == list(BASELINES[1:])


def test_without_leavers_the_baselines_are_undefined() -> None:
    found = churn_scorecard(held_out().assign(churned=False), params())["baselines"]
    assert all(found[name][key]["value"] is None for name in BASELINES for key in ("auc", "ours_minus_this"))


LEARNED = BASELINES[1:]  # these snapshots have no history to be silent in


def history(seed: int) -> pd.DataFrame:
    """Return four snapshots of everyone; those who use little leave."""
    rng = np.random.default_rng(seed)
    use = np.tile(rng.normal(size=PEOPLE), 4) + rng.normal(0, 0.3, 4 * PEOPLE)
    return pd.DataFrame({
        "stakeholder_id": [f"s{at}" for at in range(PEOPLE)] * 4,
        "as_of": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.repeat(np.arange(4) * 90, PEOPLE), unit="D"),
        "contacts": 0,
        "use": use,
        "age": rng.exponential(size=4 * PEOPLE),
        "churned": rng.random(4 * PEOPLE) < expit(-1 - 1.5 * use),
        "money": 0.0,
    })  # fmt: skip


def judged(snapshots: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return the interval of each AUC of held-out rows, after the whole training."""
    nothing = {"stakeholder_id": [], "iteration": [], "arm": [], "propensity": []}
    decisions = pd.DataFrame(nothing).assign(as_of=snapshots["as_of"].iloc[:0])
    rows = Rows(decisions, snapshots, [("use", "value"), ("age", "value")], np.ones((0, 2), dtype=bool))
    made = train(rows, params(), lambda line: None).churn_rows
    found = churn_scorecard(made.assign(cluster=made["stakeholder_id"]), params())
    estimates = {"ours": found["auc"], **{name: found["baselines"][name]["auc"] for name in LEARNED}}
    return {name: (each["low"], each["high"]) for name, each in estimates.items()}


def test_scrambled_outcomes_cannot_be_ranked_and_true_ones_can() -> None:
    """A leak of held-out outcomes into training would show here as an AUC above 0.5.

    P(fewer than 7 of 10 intervals of 95 % hold 0.5) = 0.001 for each of the three scores, none of which is shown the
    true outcomes.
    """
    held = dict.fromkeys(("ours", *LEARNED), 0)
    for seed in range(10):
        snapshots = history(seed)
        scrambled = np.random.default_rng(100 + seed).permutation(snapshots["churned"].to_numpy())
        for name, (low, high) in judged(snapshots.assign(churned=scrambled)).items():
            held[name] += low <= 0.5 <= high
    assert min(held.values()) >= 7, held
    for seed in range(2):
        assert min(low for low, _ in judged(history(seed)).values()) > 0.65


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_an_outcome_that_leaks_into_the_features_is_ranked_even_when_scrambled(share: float) -> None:
    """The planted positive of the test above: a feature that knows the scrambled outcome, blurred below the alarm."""
    snapshots, rng = history(1), np.random.default_rng(101)
    snapshots["churned"] = rng.permutation(snapshots["churned"].to_numpy())
    snapshots["age"] = rng.normal(size=len(snapshots)) + share * snapshots["churned"]
    assert all((low > 0.55) == (share > 0) for low, _ in judged(snapshots).values())
