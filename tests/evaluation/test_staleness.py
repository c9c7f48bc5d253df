"""Churn risk of an earlier time, asked about now: a world that turns, outcomes not yet known, people held out."""

import numpy as np

from instants import TRAINING, snapshots
from rapport.contracts.params import Params, parse_params
from rapport.evaluation.other_people import MOST_ROWS
from rapport.evaluation.staleness import staleness


def params(horizon_days: int, one_per: str | None = None) -> Params:
    return parse_params({
        "source": {"kind": "files"},
        "clock": {"as_of": "2025-01-01", "horizon_days": horizon_days},
        "outcome": {"churn": {"event": "churned"}, "value": {}, "retention_value": 40.0},
        "interventions": {"control": "none", "arms": {"call": {}}},
        "decision": {"one_per": one_per},
        "evaluation": {"bootstrap": 50},
    })  # fmt: skip


def test_a_world_that_turns_makes_old_models_worthless():
    X, rows = snapshots(np.random.default_rng(99), people=1500)
    found = staleness(X, rows, TRAINING, params(90))
    assert [each["age_days"] for each in found] == [90, 180]
    assert all(each["auc"]["low"] > 0.65 for each in found)
    turned = X.copy()
    turned[:1500] *= -1  # what use means is turned round in the oldest instant
    ages = {each["age_days"]: each["auc"] for each in staleness(turned, rows, TRAINING, params(90))}
    assert ages[90]["low"] > 0.65
    assert ages[180]["high"] < 0.35


def test_instants_whose_horizon_was_not_over_are_no_models():
    X, rows = snapshots(np.random.default_rng(99))
    assert [each["age_days"] for each in staleness(X, rows, TRAINING, params(91))] == [180]
    assert staleness(X, rows, TRAINING, params(181)) == []


def test_a_model_is_never_tested_on_its_own_people():
    # churn is a coin that each person keeps for ever; only a model that saw the person could tell
    rng = np.random.default_rng(100)
    X, rows = snapshots(rng)
    person = rng.normal(size=600)
    coin = rng.random(600) < 0.5
    X = np.tile(person, 3)[:, None].astype(np.float32)
    rows["churned"] = np.tile(coin, 3)
    for each in staleness(X, rows, TRAINING, params(90)):
        assert each["auc"]["low"] < 0.5 < each["auc"]["high"]


def test_nor_on_those_of_its_households():
    """Churn is a coin of each home, told by a feature that is the home's; folds by stakeholder would find it out."""
    rng = np.random.default_rng(100)
    X, rows = snapshots(rng)
    home = np.tile(np.arange(600) // 4, 3)
    X, rows["home"] = home[:, None].astype(np.float32), home
    rows["churned"] = (rng.random(150) < 0.5)[home]
    fair, leaky = (staleness(X, rows, TRAINING, params(90, one_per))[0]["auc"] for one_per in ("home", None))
    assert fair["value"] < 0.6 < 0.7 < leaky["low"]


def test_a_single_class_ranks_nobody():
    X, rows = snapshots(np.random.default_rng(101))
    rows.loc[rows["as_of"] < rows["as_of"].max(), "churned"] = False
    assert [each["auc"]["value"] for each in staleness(X, rows, TRAINING, params(90))] == [0.5, 0.5]
    assert MOST_ROWS > 1000
