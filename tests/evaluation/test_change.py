"""Drift of scores and outcomes, age of models, proxies: planted changes are found, their absence is not."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from rapport.contracts.params import Evaluation, Learner
from rapport.evaluation.change import MOST_ROWS, number_drift, outcome_change, proxies, share_drift, staleness
from rapport.evaluation.drift import drift_level, population_stability_index
from rapport.models.boosting import Training

LEVELS = Evaluation()
TRAINING = Training(Learner(rounds=20, learning_rate=0.2, min_leaf_rows=10, folds=2), 1, 1, ())


def test_a_share_by_hand():
    found = share_drift(np.array([True] * 20 + [False] * 80), np.array([True] * 40 + [False] * 60), 100.0)
    assert found["psi"] == pytest.approx(population_stability_index(np.array([80, 20]), np.array([60, 40])))
    assert found["noise"] == pytest.approx(3.841459 * (1 / 100 + 1 / 100))
    assert drift_level(found, LEVELS) == "some"


def test_scores_that_moved_are_seen_and_others_not():
    rng = np.random.default_rng(95)
    before, now = rng.beta(2, 8, 4000), rng.beta(2, 8, 3000)
    assert drift_level(number_drift(before, now, 4000.0), LEVELS) == "none"
    moved = number_drift(before, now + 0.15, 4000.0)
    assert drift_level(moved, LEVELS) == "strong"
    few = number_drift(before, now + 0.15, 5.0)  # the same, but of five people
    assert few["psi"] == moved["psi"]
    assert few["noise"] > 100 * moved["noise"]


def snapshots(rng, shift=0.0, people=600):
    """Three instants, 90 days apart; those of low use leave, and in the last instant more of them by `shift`."""
    use = np.tile(rng.normal(size=people), 3)
    late = np.repeat([0.0, 0.0, shift], people)
    rows = pd.DataFrame({
        "stakeholder_id": [f"s{at}" for at in range(people)] * 3,
        "as_of": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.repeat([0, 90, 180], people), unit="D"),
        "churned": rng.random(3 * people) < expit(-1.5 - 1.5 * use + late),
        "value": rng.gamma(2.0, 50.0, 3 * people) + 80 * late,
    })  # fmt: skip
    return use[:, None].astype(np.float32), rows


def test_outcomes_over_time_and_their_drift():
    _, calm = snapshots(np.random.default_rng(96))
    found = outcome_change(calm)
    assert [each["as_of"] for each in found["by_instant"]] == ["2024-01-01", "2024-03-31", "2024-06-29"]
    latest = calm[calm["as_of"] == calm["as_of"].max()]
    last = found["by_instant"][-1]
    assert last["churned"]["value"] == pytest.approx(latest["churned"].mean())
    assert last["value"]["value"] == pytest.approx(latest["value"].mean())
    assert last["value"]["se"] == pytest.approx(latest["value"].std() / np.sqrt(600))
    assert last["rows"] == 600
    assert all(drift_level(each, LEVELS) == "none" for each in found["drift"].values())
    _, moved = snapshots(np.random.default_rng(96), shift=1.5)
    assert all(drift_level(each, LEVELS) == "strong" for each in outcome_change(moved)["drift"].values())


def test_the_noise_of_outcomes_counts_people_not_rows():
    _, rows = snapshots(np.random.default_rng(97))
    noise = outcome_change(rows)["drift"]["churned"]["noise"]
    assert noise == pytest.approx(3.841459 * (1 / 600 + 1 / 600))  # 1,200 earlier rows of 600 people


def test_one_instant_alone_has_no_drift():
    _, rows = snapshots(np.random.default_rng(98))
    found = outcome_change(rows[rows["as_of"] == rows["as_of"].min()])
    assert found["drift"] == {}
    assert len(found["by_instant"]) == 1


def test_a_world_that_turns_makes_old_models_worthless():
    X, rows = snapshots(np.random.default_rng(99), people=1500)
    found = staleness(X, rows, TRAINING, 90, 50)
    assert [each["age_days"] for each in found] == [90, 180]
    assert all(each["auc"]["low"] > 0.65 for each in found)
    turned = X.copy()
    turned[:1500] *= -1  # what use means is turned round in the oldest instant
    ages = {each["age_days"]: each["auc"] for each in staleness(turned, rows, TRAINING, 90, 50)}
    assert ages[90]["low"] > 0.65
    assert ages[180]["high"] < 0.35


def test_instants_whose_horizon_was_not_over_are_no_models():
    X, rows = snapshots(np.random.default_rng(99))
    assert [each["age_days"] for each in staleness(X, rows, TRAINING, 91, 50)] == [180]
    assert staleness(X, rows, TRAINING, 181, 50) == []


def test_a_model_is_never_tested_on_its_own_people():
    # churn is a coin that each person keeps for ever; only a model that saw the person could tell
    rng = np.random.default_rng(100)
    X, rows = snapshots(rng)
    person = rng.normal(size=600)
    coin = rng.random(600) < 0.5
    X = np.tile(person, 3)[:, None].astype(np.float32)
    rows["churned"] = np.tile(coin, 3)
    for each in staleness(X, rows, TRAINING, 90, 50):
        assert each["auc"]["low"] < 0.5 < each["auc"]["high"]


def test_a_single_class_ranks_nobody():
    X, rows = snapshots(np.random.default_rng(101))
    rows.loc[rows["as_of"] < rows["as_of"].max(), "churned"] = False
    assert [each["auc"]["value"] for each in staleness(X, rows, TRAINING, 90, 50)] == [0.5, 0.5]
    assert MOST_ROWS > 1000


def test_a_proxy_is_found_and_named():
    rng = np.random.default_rng(102)
    X = rng.normal(size=(900, 3)).astype(np.float32)
    group = np.where(X[:, 1] + rng.normal(0, 0.5, 900) > 0, "f", "m")
    ids = pd.Series([f"s{at}" for at in range(900)])
    (found,) = proxies(X, ("a", "b", "c"), group, ids, TRAINING, 50)
    assert (found["group"], found["feature"]) == ("f", "b")
    assert found["auc"]["low"] > 0.8
    (none,) = proxies(X, ("a", "b", "c"), rng.permutation(group), ids, TRAINING, 50)
    assert abs(none["auc"]["value"] - 0.5) < 0.08  # four standard errors


def test_each_of_several_groups_is_told_from_the_rest_and_one_alone_is_not():
    rng = np.random.default_rng(103)
    X = rng.normal(size=(600, 2)).astype(np.float32)
    group = np.array(["x", "y", "z"])[np.digitize(X[:, 0], [-0.5, 0.5])]
    ids = pd.Series([f"s{at}" for at in range(600)])
    found = proxies(X, ("a", "b"), group, ids, TRAINING, 50)
    assert [each["group"] for each in found] == ["x", "y", "z"]
    assert {each["feature"] for each in found} == {"a"}
    assert proxies(X, ("a", "b"), np.full(600, "x"), ids, TRAINING, 50) == []
    constant = proxies(np.zeros((600, 2), dtype=np.float32), ("a", "b"), group == "x", ids, TRAINING, 50)
    assert constant[0]["feature"] == ""
