"""Weights of a score's parts, by hand: the identity link makes them least squares and ΔL half of what they explain."""

from dataclasses import replace

import numpy as np
import pytest

from rapport.contracts.params import Learner
from rapport.models.base import Study
from rapport.models.boosting import Training, binned
from rapport.models.links import Link
from rapport.models.weights import CHOICE, shrunk_weights

FIRST, SECOND = np.array([1.0, 1.0, -1.0, -1.0]), np.array([1.0, -1.0, 1.0, -1.0])


def study(y: np.ndarray) -> Study:
    """Return rows of one arm whose outcome is money; their features say nothing."""
    n = len(y)
    everyone, X = np.ones(n, dtype=bool), np.zeros((n, 1), dtype=np.float32)
    data = binned(X, Training(Learner(), 4, 1, ()))
    return Study(Link("identity"), y, everyone, np.zeros(n, dtype=np.int64), 1, everyone, np.arange(n) % 2, 2, X, data)


def weights(y: np.ndarray, *parts: np.ndarray) -> tuple[list[float], float]:
    return shrunk_weights(study(y), np.zeros(len(y)), *(part[:, None].astype(np.float32) for part in parts))


@pytest.mark.parametrize(
    ("slope", "kept"),
    # Σx² = 4, so ΔL = 2 slope², and of the slope 1 − 1 / (2 ΔL) is kept
    [(1.5, 1 - 1 / 9), (0.8, 1 - 1 / 2.56), (0.55, 1 - 1 / 1.21), (0.45, 0.0), (-1.5, 0.0)],
)
def test_a_part_counts_less_by_what_chance_would_gain(slope: float, kept: float) -> None:
    (weight,), evidence = weights(slope * FIRST, FIRST)
    assert weight == pytest.approx(slope * kept, abs=1e-6)
    assert evidence == pytest.approx(2 * slope**2 - 1 - CHOICE if kept else 0.0, abs=1e-6)


def test_two_parts_shrink_alike_and_one_that_would_count_backwards_is_left_out() -> None:
    both, _ = weights(1.5 * FIRST + 1.0 * SECOND, FIRST, SECOND)  # ΔL = 2 (1.5² + 1²) = 6.5, two weights
    assert both == pytest.approx([1.5 * (1 - 1 / 6.5), 1.0 * (1 - 1 / 6.5)], abs=1e-6)
    one, _ = weights(1.5 * FIRST - 1.0 * SECOND, FIRST, SECOND)
    assert one == pytest.approx([1.5 * (1 - 1 / 9), 0.0], abs=1e-6)
    assert weights(-1.5 * FIRST - 1.0 * SECOND, FIRST, SECOND) == ([0.0, 0.0], 0.0)


@pytest.mark.parametrize("name", ["seen", "apt"])
def test_rows_without_an_outcome_or_of_an_arm_not_meant_for_them_say_nothing(name: str) -> None:
    y, part = np.append(1.5 * FIRST, [9.0, -9.0]), np.append(FIRST, [-1.0, 1.0])[:, None].astype(np.float32)
    odd = replace(study(y), **{name: np.arange(6) < 4})
    (weight,), _ = shrunk_weights(odd, np.zeros(6), part)
    assert weight == pytest.approx(1.5 * (1 - 1 / 9), abs=1e-6)
    assert shrunk_weights(study(y), np.zeros(6), part)[0] == [0.0]
