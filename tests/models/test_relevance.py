"""A penalty for each feature: the one of largest marginal likelihood, found by hand where that can be."""

import numpy as np
import pytest
from scipy.optimize import minimize

from rapport.models import relevance
from rapport.models.relevance import FIXED, own_penalties, penalised, ridge


def sums(seed: int, slopes: np.ndarray, rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Return Hessian and gradient of a least-squares likelihood with noise of variance 1."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, len(slopes)))
    y = X @ slopes + rng.normal(size=rows)
    return X.T @ X, X.T @ y


def settled(
    hessian: np.ndarray, gradient: np.ndarray, feature: list[int], penalty: np.ndarray, alike: float = 0.0
) -> np.ndarray:
    """Return the penalties after many times the steps."""
    for _ in range(200):
        penalty = own_penalties(hessian, gradient, np.array(feature), penalty, alike)
    return penalty


@pytest.mark.parametrize("slope", [0.2, 0.5, 2.0])
def test_of_one_column_it_is_what_the_formula_says(slope: float) -> None:
    """Marginally g ~ N(0, h + h²/λ), which is most likely at λ = h² / (g² − h)."""
    h = 100.0
    found = settled(np.array([[h]]), np.array([h * slope]), [0], np.array([50.0]))
    assert found == pytest.approx([h**2 / ((h * slope) ** 2 - h)], rel=1e-6)


def test_of_a_column_that_says_nothing_it_ends_as_the_largest() -> None:
    assert settled(np.array([[100.0]]), np.array([5.0]), [0], np.array([50.0])) > 1e4  # g² < h: no λ is large enough


def test_features_of_several_columns_share_what_is_most_likely() -> None:
    """Against a search of the marginal likelihood itself."""
    hessian, gradient = sums(1, np.array([0.8, 0.6, 0.4, 0.2]))
    feature = np.array([0, 0, 1, 1])

    def unlikely(logs: np.ndarray) -> float:
        whole = penalised(hessian, np.exp(logs)[feature])
        explained = gradient @ np.linalg.solve(whole, gradient)
        return float(-0.5 * (explained + logs[feature].sum() - np.linalg.slogdet(whole)[1]))

    best = np.exp(minimize(unlikely, [3.0, 3.0], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9}).x)
    found = settled(hessian, gradient, [0, 0, 1, 1], np.full(4, 50.0))
    assert found == pytest.approx(best[feature], rel=1e-3)


def test_few_that_matter_are_told_from_many_that_do_not() -> None:
    hessian, gradient = sums(2, np.append([1.0, -1.0], np.zeros(30)))
    found = own_penalties(hessian, gradient, np.arange(32), np.full(32, 50.0))
    assert found[:2].max() < 3 < 30 < found[2:].min()
    slopes, alike = ridge(hessian, gradient, found), ridge(hessian, gradient, np.full(32, 10.0))
    assert np.linalg.norm(slopes - np.append([1.0, -1.0], np.zeros(30))) < 0.5 * np.linalg.norm(
        alike - np.append([1.0, -1.0], np.zeros(30))
    )


def test_where_features_are_held_alike_their_penalties_are_nearer_and_in_the_end_one() -> None:
    hessian, gradient = sums(2, np.append([1.0, -1.0], np.zeros(8)), rows=40)
    found = [settled(hessian, gradient, list(range(10)), np.full(10, 50.0), alike) for alike in (0.0, 1.0, 10.0, 1e9)]
    spread = [float(np.ptp(np.log(each))) for each in found]
    assert spread[0] > spread[1] > spread[2] > 100 * spread[3]


@pytest.mark.parametrize("begins", [5.0, 5000.0])
def test_the_common_variance_is_the_most_likely_scale_of_the_features(monkeypatch, begins: float) -> None:
    """Of a scaled inverse chi-squared prior the scale most likely is the harmonic mean of the variances; at the end
    each variance is (E[slope²] + alike · scale) / (1 + alike)."""
    hessian, gradient = sums(5, np.array([1.0, 0.5, 0.3, 0.0]))
    monkeypatch.setattr(relevance, "_STEPS", 2000)
    penalty = own_penalties(hessian, gradient, np.arange(4), np.full(4, begins), 2.0)
    covariance = np.linalg.inv(penalised(hessian, penalty))
    square = (covariance @ gradient) ** 2 + np.diagonal(covariance)
    assert 1 / penalty == pytest.approx((square + 2.0 / penalty.mean()) / 3.0, rel=1e-2)


def test_what_is_fixed_keeps_its_penalty_and_several_fits_are_as_one_by_one() -> None:
    first, second = sums(3, np.array([0.5, 0.0, 0.2])), sums(4, np.array([0.0, 0.5, 0.2]))
    feature, penalty = np.array([0, 1, FIXED]), np.array([50.0, 50.0, 7.0])
    both = own_penalties(
        np.stack([first[0], second[0]]), np.stack([first[1], second[1]]), feature, np.stack([penalty] * 2)
    )
    assert (both[:, 2] == 7.0).all()
    np.testing.assert_allclose(both, [own_penalties(*each, feature, penalty) for each in (first, second)], rtol=1e-9)
    np.testing.assert_array_equal(own_penalties(*first, np.full(3, FIXED), penalty), penalty)
