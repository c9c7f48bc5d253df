"""Ridge lines per arm: their intervals hold the truth as often as they say, also where rows are few."""

import numpy as np
import pytest

from rapport.contracts.params import Learner
from rapport.models.base import Study
from rapport.models.basis import Basis
from rapport.models.boosting import Training, binned
from rapport.models.lines import Lines, fit_lines, rowwise, widened
from rapport.models.links import Link

TRAINING = Training(Learner(folds=3), 4, 1, ())
FEATURES = 6


def fitted(rows: int, size: float, seed: int) -> tuple[Lines, np.ndarray, np.ndarray]:
    """Return the lines of three arms, new rows widened, and the true lines there, (500, 3); slopes ~ N(0, size²)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    arm = rng.integers(0, 3, rows)
    slopes = rng.normal(0, size, (FEATURES, 3))
    y = (X @ slopes)[np.arange(rows), arm] + rng.normal(size=rows)
    everyone = np.ones(rows, dtype=bool)
    study = Study(Link("identity"), y, everyone, arm, 3, everyone, rng.integers(0, 3, rows), 3, X, binned(X, TRAINING))
    basis = Basis.fit(X, range(FEATURES), ())
    new = rng.normal(size=(500, FEATURES)).astype(np.float32)
    return fit_lines(study, np.zeros(rows), basis)[0], widened(basis, new), new @ slopes


@pytest.mark.parametrize(("rows", "size"), [(150, 0.1), (150, 0.3), (1500, 0.1), (1500, 0.3)])
def test_intervals_hold_on_average_over_rows(rows: int, size: float) -> None:
    """Over 20 draws the mean share has a standard error of about 0.01; in 100 other draws it was 0.949 to 0.956."""
    shares = []
    for seed in range(20):
        lines, wide, truth = fitted(rows, size, seed)
        shares.append(np.mean(np.abs(rowwise(wide, lines.slopes.T) - truth) <= 1.96 * np.sqrt(lines.variance(wide))))
    assert 0.92 <= np.mean(shares) <= 0.98


def test_an_arm_with_few_rows_is_doubted_more_than_the_others() -> None:
    lines, wide, _ = fitted(1500, 0.3, 3)
    few, _, _ = fitted(60, 0.3, 3)
    assert np.sqrt(few.variance(wide)).mean() > 2 * np.sqrt(lines.variance(wide)).mean()


def test_doubt_is_symmetric_and_positive() -> None:
    covariance = fitted(150, 0.3, 5)[0].covariance
    np.testing.assert_array_equal(covariance, covariance.swapaxes(1, 2))
    assert np.linalg.eigvalsh(covariance.astype(float)).min() > 0
