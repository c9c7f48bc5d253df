"""Measures go to the row and type they belong to, whatever the order; what is absent is 0 or missing, as declared."""

import numpy as np
import pyarrow as pa
import pytest

from rapport.features.side_by_side import lay

FOUND = {  # row (a code of a stakeholder), type, and measures
    "row": [9, 5, 5, 7],
    "type": [4, 1, 4, 4],
    "n": [3, 2, 6, 1],
    "youngest": [30, 20, 60, 10],
    "last": [None, -5, 0, 8],
    "sum_30": [None, 7, 2**60 + 1, -3],
}
KEYS, CODES = np.array([5, 9, 12]), [4, -1, 1]  # 7 is nobody here, 12 has no event, no event is of type -1
EXPECTED = {
    "row": [0, 1, 2],
    "n_of_4": [6, 3, 0],
    "n_of_-1": [0, 0, 0],
    "n_of_1": [2, 0, 0],
    "youngest_of_4": [60, 30, None],
    "youngest_of_-1": [None, None, None],
    "youngest_of_1": [20, None, None],
    "last_of_4": [0, None, None],
    "last_of_1": [-5, None, None],
    "sum_30_of_4": [2**60 + 1, 0, 0],
    "sum_30_of_1": [7, 0, 0],
}


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
def test_each_number_goes_to_its_row_and_type(order: list[int]) -> None:
    found = pa.table(FOUND).take(pa.array(order))
    in_pieces = pa.concat_tables([found.slice(0, 1), found.slice(1)])
    for table in (found, in_pieces):
        laid = lay(table, KEYS, CODES).to_pydict()
        assert {name: laid[name] for name in EXPECTED} == EXPECTED
        assert len(laid) == 1 + 4 * 3


def test_more_rows_than_a_byte_has_bits() -> None:
    """Every third of 100 rows has an event of its own; missing ages stand exactly at the others."""
    rows = np.arange(0, 100, 3)
    found = pa.table({"row": rows[::-1], "type": np.zeros(34, dtype=np.int32), "oldest": rows[::-1] + 1})
    laid = lay(found, np.arange(100), [0])["oldest_of_0"].to_pylist()
    assert laid == [at + 1 if at % 3 == 0 else None for at in range(100)]


def test_other_types_go_nowhere() -> None:
    others = {name: [*values, 7, 7, 7] for name, values in FOUND.items()}
    found = pa.table(others | {"row": [*FOUND["row"], 5, 9, 12], "type": [*FOUND["type"], -2, 3, 99]})
    assert lay(found, KEYS, CODES).equals(lay(pa.table(FOUND), KEYS, CODES))


@pytest.mark.parametrize("kind", [pa.int8(), pa.int32(), pa.float64(), pa.decimal128(38)])
def test_measures_of_any_type_are_laid_as_int64(kind: pa.DataType) -> None:
    narrow = pa.table(FOUND | {"last": pa.array(FOUND["last"], pa.int64()).cast(kind)})
    assert lay(narrow, KEYS, CODES).equals(lay(pa.table(FOUND), KEYS, CODES))


def test_a_measure_that_is_no_whole_number_is_no_measure() -> None:
    with pytest.raises(pa.ArrowInvalid, match="truncated"):
        lay(pa.table(FOUND | {"n": [3.0, 2.5, 6.0, 1.0]}), KEYS, CODES)


def test_no_event_and_no_row() -> None:
    nothing = pa.table({name: pa.array([], pa.int64()) for name in FOUND})
    assert lay(nothing, KEYS, CODES).to_pydict()["n_of_1"] == [0, 0, 0]
    assert lay(nothing, np.array([], dtype=np.int64), CODES).num_rows == 0
