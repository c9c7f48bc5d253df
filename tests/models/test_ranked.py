"""Columns for regressions: scores of numbers by hand, their order, and the same columns after a round trip."""

import json

import numpy as np
from scipy.special import ndtri

from rapport.models.ranked import LEAST_CATEGORY, RankedColumns, _share_below, normal_score, percentile

NAN = np.nan


def matrix(n: int, seed: int) -> np.ndarray:
    """Return a skewed number, one with gaps, a category, a constant, an empty column and a number of two values."""
    rng = np.random.default_rng(seed)
    gaps = np.where(rng.random(n) < 0.3, NAN, rng.normal(size=n))
    drawn = [rng.lognormal(0, 2, n), gaps, rng.integers(0, 3, n), np.ones(n), np.full(n, NAN), rng.integers(0, 2, n)]
    return np.column_stack(drawn).astype(np.float32)


def test_scores_of_numbers_by_hand() -> None:
    """Knots 0, 10, 10, 20: a value of 10 lies between the first and the last knot that equals it."""
    share = _share_below(np.array([-5, 0, 5, 10, 15, 20, 99, NAN], dtype=np.float32), [0.0, 10.0, 10.0, 20.0])
    by_hand = np.array([0, 0, 1 / 6, 1 / 2, 5 / 6, 1, 1, 1 / 2])
    np.testing.assert_allclose(share, by_hand, atol=1e-12)
    np.testing.assert_allclose(percentile(share), (by_hand - 0.5) * 12**0.5, atol=1e-12)
    end = 1 / 66  # half of what lies between 33 knots
    np.testing.assert_allclose(normal_score(share), ndtri(np.clip(by_hand, end, 1 - end)), atol=1e-12)


def test_columns_are_numbers_then_flags_then_categories() -> None:
    X = matrix(3000, 1)
    columns = RankedColumns.of(X, (2,))
    assert (list(columns.knots), columns.flagged, columns.levels) == ([0, 1, 5], (1,), {2: [0, 1, 2]})
    assert columns.sources == [0, 1, 5, 1, 2, 2, 2]
    design = columns.design(X)
    np.testing.assert_array_equal(design[:, 0], normal_score(_share_below(X[:, 0], columns.knots[0])))
    np.testing.assert_array_equal(design[:, 3], np.isnan(X[:, 1]))
    np.testing.assert_array_equal(design[:, 4:], X[:, [2]] == [0, 1, 2])
    np.testing.assert_array_equal(columns.design(X, percentile)[:, 3:], design[:, 3:])


def test_rare_categories_and_a_matrix_that_does_not_vary_have_no_column() -> None:
    X = np.zeros((200, 2), dtype=np.float32)
    X[:LEAST_CATEGORY, 0], X[-LEAST_CATEGORY + 1 :, 0] = 1, 2
    assert RankedColumns.of(X, (0,)).levels == {0: [0, 1]}
    assert RankedColumns.of(X[:, 1:], ()).design(X).shape == (200, 0)


def test_json_gives_the_same_columns() -> None:
    columns = RankedColumns.of(matrix(500, 2), (2,))
    assert RankedColumns.from_dict(json.loads(json.dumps(columns.as_dict()))) == columns


def test_what_is_unknown_or_out_of_range_stays_finite() -> None:
    columns = RankedColumns.of(matrix(1000, 5), (2,))
    strange = np.array([[1e30, -1e30, 77, 5, 1, 3], [NAN] * 6, [np.inf, -np.inf, -1, 0, 0, 0]], dtype=np.float32)
    assert np.isfinite(columns.design(strange)).all()
