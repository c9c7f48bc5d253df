"""The search for a size of trees: the same every time, within its budget, blind to held-out rows, modest."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from rapport.contracts.params import Learner, Search
from rapport.models.boosting import Training
from rapport.models.churn_rows import ChurnRows
from rapport.models.churn_training import train_churn
from rapport.models.search import LEAF_ROWS, LEAVES, RATES, ROUNDS, search_learner

PEOPLE = 700


def rows(seed: int, signal: float = 1.0) -> ChurnRows:
    """Return three snapshots of everyone; churn depends on two features by a corner that takes trees to find."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(3 * PEOPLE, 4)).astype(np.float32)
    churned = rng.random(len(X)) < expit(-1 + signal * np.where(X[:, 0] * X[:, 1] > 0, 1.5, -1.5))
    ids = pd.Series([f"s{at % PEOPLE}" for at in range(len(X))], dtype="str")
    as_of = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.repeat([0, 90, 180], PEOPLE), unit="D"))
    return ChurnRows(X, ("a", "b", "c", "d"), {90: churned.astype(float)}, np.zeros(len(X)), ids, as_of, 90, ids,
                     np.zeros(len(X), dtype=np.int64), np.ones(len(X)))  # fmt: skip


def training(trials: int, **size: float) -> Training:
    given = {"rounds": 30, "learning_rate": 0.1, "leaves": 7, "min_leaf_rows": 25, "folds": 2, **size}
    return Training(Learner(**given, search=Search(trials=trials)), 3, 1, ())  # type: ignore[arg-type]


def quiet(line: str) -> None:
    """Say nothing."""


def test_a_size_far_too_small_is_replaced_by_a_better_one() -> None:
    found = search_learner(rows(1), training(6, rounds=2, leaves=2), quiet)
    assert found.learner.rounds > 2
    assert found.learner.leaves > 2
    best = min(found.trials, key=lambda trial: trial["log_loss"])
    assert found.learner.model_dump(include=set(best) - {"log_loss"}) == {k: best[k] for k in best if k != "log_loss"}
    assert best["log_loss"] < found.trials[0]["log_loss"] - 0.05


def test_what_is_tried_is_the_given_size_and_the_budget_within_the_bounds() -> None:
    said: list[str] = []
    found = search_learner(rows(1), training(6), said.append)
    assert len(said) == 6
    assert len(found.trials) == 7
    assert {key: found.trials[0][key] for key in ("rounds", "leaves", "learning_rate", "min_leaf_rows")} == {
        "rounds": 30, "leaves": 7, "learning_rate": 0.1, "min_leaf_rows": 25}  # fmt: skip
    for trial in found.trials[1:]:
        bounds = {"rounds": ROUNDS, "leaves": LEAVES, "learning_rate": RATES, "min_leaf_rows": LEAF_ROWS}
        assert all(low <= trial[name] <= high for name, (low, high) in bounds.items())
    assert json.loads(json.dumps(found.trials)) == list(found.trials)


def test_the_same_rows_give_the_same_search_and_another_seed_another() -> None:
    first, again = (search_learner(rows(2), training(4), quiet) for _ in range(2))
    assert first == again
    assert search_learner(rows(2), replace(training(4), seed=4), quiet).trials[1:] != first.trials[1:]


@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_can_be_learned_the_given_size_stands(seed: int) -> None:
    """Trees of one split that hardly learn cannot be beaten on noise by more than a standard error."""
    size = {"rounds": 1, "learning_rate": 0.001, "leaves": 2}
    found = search_learner(rows(seed, signal=0.0), training(4, **size), quiet)
    assert found.learner.rounds == 1


def test_without_a_budget_nothing_is_tried() -> None:
    found = search_learner(rows(1), training(0), quiet)
    assert found.trials == ()
    assert found.learner == training(0).learner


def test_held_out_outcomes_do_not_reach_the_search_that_predicts_them() -> None:
    """The search is part of the fit: with the latest outcomes turned round, the held-out risks stay to the last bit."""
    made = rows(4)
    turned = made.lost[90].copy()
    turned[made.latest] = 1.0 - turned[made.latest]
    before, after = (
        train_churn(each, training(3), (), quiet)
        for each in (made, replace(made, lost={90: turned}))
    )  # fmt: skip
    np.testing.assert_array_equal(before.held_out["churn_risk"], after.held_out["churn_risk"])
    assert before.log["search"] != after.log["search"], "the search for today learns from them"
    assert before.risk.as_files() != after.risk.as_files()
