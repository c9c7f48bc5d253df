"""The matrix has the columns and categories of training, whatever the table to predict brings."""

import json

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.errors import InputError
from rapport.models.encoding import Encoding

FEATURES = [("plan", "category"), ("age", "days"), ("active", "value"), ("empty", "category")]


def table(plan: list[str | None] | None = None, **changes: object) -> pd.DataFrame:
    columns = {
        "plan": pd.array(plan or ["pro", "free", None, "free"], dtype="str"),
        "age": [1.5, np.nan, 3.0, 4.0],
        "active": [True, False, True, True],
        "empty": pd.array([None] * 4, dtype="str"),
    }
    return pd.DataFrame({**columns, **changes})


@pytest.fixture
def encoding() -> Encoding:
    return Encoding.fit(table(), FEATURES, max_categories=50)


def test_the_matrix_by_hand(encoding: Encoding) -> None:
    expected = [[1, 1.5, 1, np.nan], [0, np.nan, 0, np.nan], [np.nan, 3, 1, np.nan], [0, 4, 1, np.nan]]
    matrix = encoding.matrix(table())
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, np.array(expected, dtype=np.float32))
    assert encoding.category_indexes == [0, 3]


def test_an_unknown_category_counts_as_missing(encoding: Encoding) -> None:
    codes = encoding.matrix(table(["pro", "enterprise", None, "free"]))[:, 0]
    np.testing.assert_array_equal(codes, np.array([1, np.nan, np.nan, 0], dtype=np.float32))


def test_a_table_without_any_known_category_is_all_missing(encoding: Encoding) -> None:
    assert np.isnan(encoding.matrix(table(["x", "y", "z", None]))[:, 0]).all()


def test_text_held_as_objects_gives_the_same_codes(encoding: Encoding) -> None:
    as_objects = table().assign(plan=np.array(["pro", "free", None, "free"], dtype=object))
    np.testing.assert_array_equal(encoding.matrix(as_objects), encoding.matrix(table()))


def test_rows_and_columns_may_come_in_any_order(encoding: Encoding) -> None:
    mixed = table()[["empty", "active", "plan", "age"]].iloc[[2, 0, 3, 1]]
    np.testing.assert_array_equal(encoding.matrix(mixed), encoding.matrix(table())[[2, 0, 3, 1]])


def test_each_row_alone_gives_its_row(encoding: Encoding) -> None:
    whole = encoding.matrix(table())
    for row in range(4):
        np.testing.assert_array_equal(encoding.matrix(table().iloc[[row]]), whole[[row]])


def test_the_most_frequent_categories_are_kept_ties_by_name() -> None:
    values = pd.DataFrame({"plan": pd.array(["d", "c", "b", "a", "d", "c", "b", "d"], dtype="str")})
    kept = [Encoding.fit(values, [("plan", "category")], most).categories["plan"] for most in (1, 2, 3, 9)]
    assert kept == [("d",), ("b", "d"), ("b", "c", "d"), ("a", "b", "c", "d")]


def test_the_order_of_rows_does_not_change_the_categories() -> None:
    values = pd.DataFrame({"plan": pd.array(["d", "c", "b", "a", "d", "c", "b", "d"], dtype="str")})
    fits = {str(Encoding.fit(v, [("plan", "category")], 2)) for v in (values, values[::-1], values.sort_values("plan"))}
    assert len(fits) == 1


def test_the_dict_survives_json(encoding: Encoding) -> None:
    again = Encoding.from_dict(json.loads(json.dumps(encoding.as_dict())))
    assert again == encoding
    np.testing.assert_array_equal(again.matrix(table()), encoding.matrix(table()))


def test_absent_columns_are_named(encoding: Encoding) -> None:
    with pytest.raises(InputError, match=r"feature table: expected the columns age, active; got a table without them"):
        encoding.matrix(table().drop(columns=["age", "active"]))
    assert encoding.matrix(table().assign(unrelated=1)).shape == (4, 4)


def test_text_instead_of_numbers_is_refused_by_column(encoding: Encoding) -> None:
    with pytest.raises(InputError, match=r"feature table, column age: expected numbers; got .*'old'"):
        encoding.matrix(table(age=pd.array(["1", "2", "old", "4"], dtype="str")))
    assert encoding.matrix(table(age=[1, 2, 3, 4]))[:, 1].tolist() == [1, 2, 3, 4]


def test_an_empty_table_gives_an_empty_matrix(encoding: Encoding) -> None:
    assert encoding.matrix(table().iloc[:0]).shape == (0, 4)
