"""Sentences about a run: each verdict by its interval."""

import numpy as np
import pytest

from rapport.report.cautions import cautions
from rapport.report.findings import churn_baselines, headline, policy_rows, strongest_rival, total_sentence


@pytest.mark.parametrize(
    ("low", "value", "high", "told"),
    [
        (1.0, 2.0, 3.0, "earns 2,000 more than contacting nobody"),
        (-3.0, -2.0, -1.0, "loses 2,000 against contacting nobody"),
        (-1.0, 0.5, 2.0, "not yet clear that this policy is better than contacting nobody"),
        (0.0, 0.5, 1.0, "not yet clear that this policy is better than contacting nobody"),
        (0.0, 0.0, 0.0, "On these decisions this policy contacts nobody"),
        (None, None, None, "cannot be estimated"),
    ],
)
def test_the_headline_says_no_more_than_the_interval(uplift, low, value, high, told):
    uplift["policies"]["nobody"]["ours_minus_this"] = {"value": value, "low": low, "high": high}
    assert told in headline(uplift, 90)


def test_the_strongest_rival_is_the_baseline_of_highest_value(uplift):
    assert strongest_rival(uplift) == (
        "Against the strongest simple rule, best single arm, it is not clearly different: 250 per 1,000 stakeholders "
        "(95 % interval: -250 to 750)."
    )
    uplift["policies"]["best_single_arm"]["ours_minus_this"] |= {"low": 0.01}
    assert "clearly better" in strongest_rival(uplift)
    uplift["policies"]["best_single_arm"]["ours_minus_this"] |= {"low": -0.4, "high": -0.1}
    assert "clearly worse" in strongest_rival(uplift)
    del uplift["policies"]["best_single_arm"], uplift["policies"]["nobody"]
    assert strongest_rival(uplift) == ""


def test_the_total_is_told_by_held_out_decisions_for_those_planned(assignments, params, metrics):
    """One call by plan at 5, one explored at −1, the mail's gain unknown: 4 expected; 3 ± 1.25 for the plan, less 1."""
    assert total_sentence(assignments, params, metrics) == (
        "The expected gains of these assignments add up to 4; by what held-out decisions gain, doubly robust, and "
        "what the model of all decisions chooses better than theirs, they bring 2 over contacting nobody, costs paid, "
        "over 90 days (95 % interval: 1 to 3). Quote this total for what these assignments bring; the gain per 1,000 "
        "stakeholders is that of the policy on the logged decisions, by models that held them out, without holdout and "
        "draws: quote it against other policies."
    )


def test_a_total_that_cannot_be_told_says_so(assignments, params, metrics):
    metrics["uplift"]["gain_per_treated"] = {"value": None, "low": None, "high": None}
    told = total_sentence(assignments, params, metrics)
    assert "too few are treated by plan, here or held out" in told
    assert "Quote" not in told
    assert total_sentence(assignments, params, {"churn": metrics["churn"]}) == ""


def test_a_total_without_any_known_gain_is_unknown_and_not_nothing(assignments, params, metrics):
    unknown = assignments.assign(gain_call=np.nan, expected_gain=[0.0, np.nan, np.nan, np.nan, 0.0, 0.0])
    assert total_sentence(unknown, params, metrics) == (
        "What these assignments gain is unknown, since no arm's gain is known yet: too few decisions of each, or of "
        "the control, to learn it from (none 60, call 40)."
    )
    assert "add up to" in total_sentence(unknown.assign(gain_mail=[1.0, *[np.nan] * 5]), params, metrics)


def test_a_total_where_no_arm_is_open_to_anybody_is_nothing_and_not_unknown(assignments, params, metrics):
    closed = assignments.assign(gain_call=np.nan, expected_gain=0.0, intervention="none", reason="not_eligible")
    closed.loc[:1, "reason"] = "opted_out", "holdout"
    assert total_sentence(closed, params, metrics) == (
        "These assignments gain nothing over contacting nobody, since no arm may be given to anybody (opted out 1, not "
        "eligible 4, holdout 1)."
    )
    for others in ("unknown_gain", "explore"):
        closed.loc[2, "reason"] = others
        assert "since no arm's gain is known yet" in total_sentence(closed, params, metrics)
    assert "since no arm's gain is known yet" in total_sentence(closed.assign(reason="holdout"), params, metrics)


def test_policy_rows_name_ours_after_the_params(uplift):
    rows = policy_rows(uplift, "none", "keep")
    assert [(row.label, row.ours) for row in rows] == [
        ("keep", True), ("nobody", False), ("best single arm", False), ("random", False)
    ]  # fmt: skip
    assert [row.treated for row in rows] == [0.5, 0.0, 1.0, 0.6]


def test_cautions_speak_only_when_something_stands_out(metrics):
    assert cautions(metrics) == []
    metrics["churn"]["calibration_slope"] = {"value": 0.5, "low": 0.4, "high": 0.6}
    metrics["uplift"]["propensity"] |= guessed(0.2, 0.3)
    metrics["uplift"]["policies"]["rapport"]["overlap"]["effective_rows"] = 3.0
    found = cautions(metrics)
    assert len(found) == 3
    assert "slope is 0.50" in found[0]
    assert "30 of 100 propensities" in found[1]
    assert "worth 3 of its 100 decisions" in found[2]


def guessed(low, high):
    """Return what metrics.json says of 30 estimated propensities that are so far ahead of the arms' shares."""
    ahead = {"value": None if low is None else (low + high) / 2, "low": low, "high": high}
    return {
        "estimated": 30,
        "log_loss": {"value": 0.5},
        "log_loss_of_shares": {"value": 0.75},
        "ahead_of_shares": ahead,
    }


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.2, 0.3, "better than"), (-0.3, -0.2, "worse than"), (-0.1, 0.6, "not shown to be better than"),
     (None, None, "not shown to be better than")],
)  # fmt: skip
def test_estimated_propensities_are_held_against_the_shares_of_the_arms(metrics, low, high, verdict):
    metrics["uplift"]["propensity"] |= guessed(low, high)
    (told,) = cautions(metrics)
    by = "–" if low is None else f"{(low + high) / 2:.4f} ({low:.4f} to {high:.4f})"
    assert told.endswith(
        f"As a guess of who got which arm, the estimated propensities are {verdict} the arms' shares alone: log-loss "
        f"0.5000 against 0.7500, ahead by {by}."
    )


@pytest.mark.parametrize(("low", "high", "how"), [(0.4, 0.95, "more"), (1.1, 1.6, "less")])
def test_gains_predicted_too_far_apart_or_not_far_enough_are_a_caution(metrics, low, high, how):
    metrics["uplift"]["gains"]["slope"] = {"value": 0.66, "low": low, "high": high}
    assert cautions(metrics) == [
        f"Predicted gains differ {how} between stakeholders than what comes of them: their slope is "
        f"0.66 (95 % interval: {low:.2f} to {high:.2f}), where 1 is right."
    ]
    for silent in ({"low": 0.9, "high": 1.1}, {"low": None, "high": None}):
        metrics["uplift"]["gains"]["slope"] |= silent
        assert cautions(metrics) == []


def test_arms_and_rows_that_the_log_cannot_speak_of_are_named(metrics):
    metrics["uplift"]["arms"]["new_mail"] = {"decisions": 12, "known": False}
    metrics["uplift"]["propensity"]["without_overlap"] = 7
    few, apart = cautions(metrics)
    assert few == "Too few decisions to estimate a gain of: new mail (12). Nobody gets them but to explore."
    assert "7 of 100 decisions had a propensity of 0.01 or less" in apart


def test_limits_that_the_log_cannot_keep_are_told(metrics):
    left_out = {**metrics, "uplift": {**metrics["uplift"], "limits_left_out": ["interventions.arms.call.quota"]}}
    assert cautions(left_out)[0].startswith("The logged decisions cannot keep interventions.arms.call.quota: this")


def test_cautions_without_decisions_or_without_a_slope(metrics):
    del metrics["uplift"]
    metrics["churn"]["calibration_slope"] = {"value": None, "low": None, "high": None}
    assert cautions(metrics) == [
        "The calibration of churn risk could not be judged: too few stakeholders left, or all did."
    ]


@pytest.mark.parametrize("low", [0.0, -0.02])
def test_a_churn_model_that_does_not_beat_a_baseline_is_said_to(metrics, low):
    baselines = metrics["churn"]["baselines"]
    baselines["logistic_regression"]["ours_minus_this"] |= {"value": 0.005, "low": low, "high": 0.02}
    told = f"logistic regression (AUC ahead by 0.0050, 95 % interval: {low:.4f} to 0.0200)"
    assert cautions(metrics) == [f"Churn risk is not shown to rank better than {told}."]
    baselines["best_single_feature"]["ours_minus_this"] |= {"value": -0.04, "low": -0.06, "high": -0.02}
    worse = "best single feature (AUC ahead by -0.0400, 95 % interval: -0.0600 to -0.0200)"
    assert cautions(metrics) == [
        f"Churn risk ranks worse than {worse}.", f"Churn risk is not shown to rank better than {told}."
    ]  # fmt: skip
    baselines["logistic_regression"]["ours_minus_this"] |= {"low": -0.03, "high": -0.01}
    (told,) = cautions(metrics)
    assert told.startswith(f"Churn risk ranks worse than {worse} or logistic regression (")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.5, 0.6, "is not shown to rank better than"), (0.45, 0.6, "is not shown to rank better than"),
     (0.3, 0.49, "ranks worse than")],
)  # fmt: skip
def test_a_churn_model_that_may_as_well_guess_is_said_to(metrics, low, high, verdict):
    metrics["churn"]["auc"] = {"value": 0.48, "low": low, "high": high}
    told = f"AUC 0.4800, 95 % interval: {low:.4f} to {high:.4f}, where 0.5 is guessing"
    assert cautions(metrics) == [f"Churn risk {verdict} guessing ({told})."]
    metrics["churn"]["auc"] |= {"low": 0.5001, "high": 0.6}
    assert cautions(metrics) == []


def test_without_anybody_who_left_nothing_is_better_than_guessing(metrics):
    metrics["churn"]["auc"] = {"value": None, "low": None, "high": None}
    assert cautions(metrics) == [
        "Churn risk is not shown to rank better than guessing: too few stakeholders left, or all did."
    ]


def test_an_undefined_difference_to_a_baseline_is_no_verdict(metrics):
    none = {"value": None, "low": None, "high": None}
    for found in metrics["churn"]["baselines"].values():
        found |= {"auc": none, "ours_minus_this": none}
    assert cautions(metrics) == []


def test_churn_baselines_keep_the_order_of_the_scorecard(metrics):
    found = churn_baselines(metrics["churn"])
    assert [(row.label, row.what) for row in found] == [
        ("best single feature", "use_count_30d, lowest first"),
        ("logistic regression", "all features, L2 penalty"),
    ]
    assert found[0].auc["value"] == 0.6
    assert found[0].ahead["value"] == 0.11
