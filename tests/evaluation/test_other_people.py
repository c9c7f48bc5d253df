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
