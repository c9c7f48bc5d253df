"""Scores by trees of others: where rows are too many, those learned from are of all instants."""

import numpy as np
import pytest

from instants import TRAINING
from rapport.evaluation import other_people
from rapport.evaluation.other_people import scored_by_others


def test_rows_learned_from_are_drawn_from_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody leaves in the first half of the rows, which would teach nothing alone."""
    rng = np.random.default_rng(104)
    X, everyone = rng.normal(size=(4000, 1)).astype(np.float32), np.ones(4000, dtype=bool)
    label = (X[:, 0] > 0) & (np.arange(4000) >= 2000)
    arguments = (X, label, everyone, everyone, rng.integers(0, 2, 4000), TRAINING)
    monkeypatch.setattr(other_people, "MOST_ROWS", 800)
    score = scored_by_others(*arguments)
    assert score[X[:, 0] > 0].min() > score[X[:, 0] <= 0].max()
    np.testing.assert_array_equal(score, scored_by_others(*arguments))
    monkeypatch.setattr(other_people, "MOST_ROWS", 4000)
    assert (scored_by_others(*arguments) != score).any()


def test_a_score_is_the_share_of_the_folds_tested_rows_below_it() -> None:
    """Six tested rows a fold, three below 0 and three above, alike to trees within each three: 1/4 and 3/4."""
    rng = np.random.default_rng(105)
    X = np.sign(rng.normal(size=(600, 1))).astype(np.float32)
    X[:12, 0] = [-1, 1] * 6
    fold = np.r_[[0, 0, 1, 1] * 3, rng.integers(0, 2, 588)]
    label, tested = (X[:, 0] > 0) ^ (rng.random(600) < 0.2), np.arange(600) < 12
    score = scored_by_others(X, label, np.ones(600, dtype=bool), tested, fold, TRAINING)
    assert score.tolist() == [0.25, 0.75] * 6


def test_where_the_others_are_of_one_class_everybody_scores_alike() -> None:
    X, fold = np.random.default_rng(106).normal(size=(400, 1)).astype(np.float32), np.arange(400) % 2
    everyone = np.ones(400, dtype=bool)
    for label in (fold == 2, fold < 2):
        assert (scored_by_others(X, label, everyone, everyone, fold, TRAINING) == 0.5).all()
    assert (scored_by_others(X, X[:, 0] > 0, ~everyone, everyone, fold, TRAINING) == 0.5).all()


def test_no_more_rows_are_learned_from_than_there_may_be() -> None:
    some = other_people._some(np.arange(10, 30), 3)
    assert some.tolist() == list(range(10, 30))


def test_rows_are_drawn_once_each_and_stay_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_people, "MOST_ROWS", 15)
    some = other_people._some(np.arange(10, 30), 3)
    assert len(np.unique(some)) == 15
    assert (np.diff(some) > 0).all()
    assert (some >= 10).all()
