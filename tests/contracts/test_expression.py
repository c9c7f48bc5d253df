"""Conditions on attributes: what they mean, how they take missing cells and wrong types; they are never run as code."""

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.attribute_cells import as_attribute
from rapport.contracts.cells import Origin
from rapport.contracts.errors import ParamsError
from rapport.contracts.expression import condition

TABLE = pd.DataFrame({
    "region": pd.array(["north", "south", None, "north"], dtype="str"),
    "size": [1.0, 2.0, 3.0, np.nan],
    "least": [0.0, 5.0, 1.0, 1.0],
    "vip": [True, False, True, False],
    "blank": [np.nan] * 4,
})  # fmt: skip
UNKNOWN = "a comparison with a missing cell is neither true nor false"


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("region == 'north'", [1, 0, 0, 1]),
        ("region != 'north'", [0, 1, 0, 0]),
        ("not region == 'north'", [0, 1, 0, 0]),
        ("region in ['south', 'east']", [0, 1, 0, 0]),
        ("region not in ('south',)", [1, 0, 0, 1]),
        ("region is None", [0, 0, 1, 0]),
        ("region is not None", [1, 1, 0, 1]),
        ("size >= 2", [0, 1, 1, 0]),
        ("2 <= size < 3", [0, 1, 0, 0]),
        ("-1 < size", [1, 1, 1, 0]),
        ("size > least", [1, 0, 1, 0]),
        ("vip", [1, 0, 1, 0]),
        ("not vip", [0, 1, 0, 1]),
        ("vip == False", [0, 1, 0, 1]),
        ("region == 'north' and size < 2", [1, 0, 0, 0]),
        ("region == 'north' or size > 2", [1, 0, 1, 1]),
        ("not (region == 'north' or size > 2)", [0, 1, 0, 0]),
        ("blank > 3 or vip", [1, 0, 1, 0]),
        ("blank == 'text'", [0, 0, 0, 0]),
        ("not blank == 'text'", [0, 0, 0, 0]),
    ],
)
def test_meaning(text: str, holds: list[int]) -> None:
    """Third row: no region; fourth: no size. A comparison with a missing cell is neither true nor false."""
    assert condition(text).holds(TABLE, "key").tolist() == [bool(each) for each in holds]


@pytest.mark.parametrize(("yes", "no"), [("true", "false"), ("TRUE", "False"), ("1", "0")])
def test_a_blank_cell_in_a_column_of_true_and_false_is_unknown(yes: str, no: str) -> None:
    agrees = as_attribute(pd.Series([yes, "", no, yes], name="agrees"), Origin("stakeholders.csv"))
    table = TABLE.assign(agrees=agrees)
    for text, holds in {
        "agrees": [1, 0, 0, 1],
        "not agrees": [0, 0, 1, 0],
        "agrees == False": [0, 0, 1, 0],
        "agrees in [True, False]": [1, 0, 1, 1],
        "agrees != vip": [0, 0, 1, 1],
        "agrees is None": [0, 1, 0, 0],
    }.items():
        assert condition(text).holds(table, "key").tolist() == [bool(each) for each in holds], text
    for text in ("region", "size == True", "vip == 1", "vip == 'true'"):
        with pytest.raises(ParamsError, match="true/false only for equality with their like"):
            condition(text).holds(table, "key")


@pytest.mark.parametrize(
    "text",
    ["", "size", "region = 'north'", "size +1 > 2", "size.real > 1", "f(size)", "size > 2 if vip else vip", "[size]",
     "lambda: 1", "(x := 3) > 2", "'a' == 'b'", "1 < 2", "region in size", "region in []", "region is 'north'",
     "size > None", "vip and 3", "region == f'{size}'", "size == 1j", "region == b'x'", "x[0] == 1",
     "__import__('os').system('true')", "(" * 300 + "vip" + ")" * 300, "not " * 60 + "vip", "vip" + " and vip" * 400,
     "region == '\\0'\0"],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text: str) -> None:
    if text == "size":
        with pytest.raises(ParamsError, match="got a number and true/false"):
            condition(text).holds(TABLE, "key")
    else:
        with pytest.raises(ValueError, match="a condition"):
            condition(text)


@pytest.mark.parametrize("text", ["Monthly Charges > 3", "class == 'gold'"])
def test_a_name_that_conditions_cannot_hold_is_told_to_be_one(text: str) -> None:
    with pytest.raises(ValueError, match="columns named in letters, digits and _ and by no keyword such as class"):
        condition(text)
    assert condition("Monthly_Charges > 3 and class_ == 'gold'").columns == ("Monthly_Charges", "class_")


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("region > 'n'", "text and text"),
        ("region == 3", "text and a number"),
        ("size == 'north'", "a number and text"),
        ("size == vip", "a number and true/false"),
        ("vip > False", "true/false and true/false"),
        ("region in ['north', 3]", "text and a number"),
    ],
)
def test_types_that_do_not_go_together_are_refused(text: str, got: str) -> None:
    with pytest.raises(ParamsError, match=rf"params.yaml, arms.call.where: expected numbers compared .*; got {got}"):
        condition(text).holds(TABLE, "arms.call.where")


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(ParamsError, match=r"params.yaml, some.key: expected names of columns; got 'sise'"):
        condition("sise > 3 and vip").holds(TABLE, "some.key")


def test_columns_and_nobody_at_all() -> None:
    parsed = condition("region == 'north' and not (size > 3 or vip)")
    assert parsed.columns == ("region", "size", "vip")
    assert parsed.holds(TABLE.iloc[:0], "key").shape == (0,)
