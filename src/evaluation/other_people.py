"""Scores of rows by boosted trees that learned from other stakeholders, for checks that need a model of their own."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ..models.boosting import Training, fit_booster, predict
from ..models.scores import FloatArray, IntArray

MOST_ROWS = 20_000  # that a fold's trees learn from, drawn at random: the first ones are of few instants or people


def scored_by_others(X: NDArray[np.float32], label: NDArray[np.bool_], learnt: NDArray[np.bool_],
                     tested: NDArray[np.bool_], fold: IntArray, training: Training) -> FloatArray:  # fmt: skip
    """Return scores of the tested rows by trees of the learnt rows of other folds; a single class scores alike.

    A score is the share of the fold's tested rows that it exceeds, ties by half: trees of different folds differ in
    their level, by the share of the label among their rows, which would rank one fold's people before another's.

    Args:
        X: features, shape (n, p).
        label: shape (n,).
        learnt, tested: which rows, shape (n,).
        fold: of each row's stakeholder, shape (n,).
        training: how trees are grown.
    """
    score = np.full(len(X), 0.5)
    for k in range(training.learner.folds):
        others, inside = _some(np.flatnonzero(learnt & (fold != k)), training.seed), tested & (fold == k)
        if len(others) and 0 < label[others].mean() < 1 and inside.any():
            booster = fit_booster(X[others], label[others].astype(np.float64), training, "binary")
            found = predict(booster, X[inside], training.threads)
            score[inside] = (rankdata(found) - 0.5) / len(found)
    return score[tested]


def _some(rows: IntArray, seed: int) -> IntArray:
    """Return no more than MOST_ROWS of the rows, in their order."""
    if len(rows) <= MOST_ROWS:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
