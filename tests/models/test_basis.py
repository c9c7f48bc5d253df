"""Columns for lines: by rank, blind to units and outliers, with a place for what is missing."""

import json

import numpy as np
import pytest

from rapport.models.basis import Basis


def matrix(rows: int = 4000) -> np.ndarray:
    """A heavy-tailed number with missing cells, a category, a constant, a flag."""
    rng = np.random.default_rng(3)
    X = np.column_stack(
        [np.exp(3 * rng.normal(size=rows)), rng.integers(0, 3, rows), np.ones(rows), rng.random(rows) < 0.3]
    )
    X[rng.random(rows) < 0.2, 0] = np.nan
    return X.astype(np.float32)


@pytest.fixture(scope="module")
def basis() -> Basis:
    return Basis.fit(matrix(), [0, 1, 2, 3], [1])


def test_columns_are_standardised_and_finite(basis: Basis) -> None:
    columns = basis.columns(matrix())
    # number, hinge, flag's number, missing, three categories; the constant has none
    assert columns.shape == (4000, 7)
    np.testing.assert_allclose(columns.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(columns.std(axis=0), 1.0, atol=1e-3)


def test_units_change_nothing() -> None:
    X = matrix()
    other = X.copy()
    other[:, 0] = np.float32(64.0) * X[:, 0]
    np.testing.assert_allclose(Basis.fit(other, [0], []).columns(other), Basis.fit(X, [0], []).columns(X), atol=1e-3)


def test_an_outlier_stays_in_range(basis: Basis) -> None:
    usual = np.abs(basis.columns(matrix())).max()
    X = matrix()[:1].copy()
    X[0, 0] = 1e30
    assert np.abs(basis.columns(X)).max() <= usual + 1e-5


def test_unknown_categories_belong_to_none(basis: Basis) -> None:
    X = np.array([[1.0, 9.0, 1.0, 0.0], [1.0, np.nan, 1.0, 0.0]], dtype=np.float32)
    columns = basis.columns(X) * basis.scale + basis.centre
    np.testing.assert_allclose(columns[:, -3:], 0.0, atol=1e-6)


def test_a_row_alone_and_from_a_file_is_the_same(basis: Basis) -> None:
    again = Basis.from_dict(json.loads(json.dumps(basis.as_dict())))
    X = matrix(50)
    whole = basis.columns(X)
    np.testing.assert_array_equal(again.columns(X), whole)
    np.testing.assert_array_equal(np.vstack([basis.columns(X[[row]]) for row in range(50)]), whole)
