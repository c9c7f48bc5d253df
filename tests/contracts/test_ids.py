"""One id in all its spellings is one stakeholder; two stakeholders are never made one."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError
from rapport.contracts.ids import inexact_ids, normalise_ids
from rapport.contracts.tables import canonical_events, canonical_stakeholders


@pytest.mark.parametrize(
    "ids",
    [
        pd.Series([7, 10**16]),
        pd.Series([7, 10**16], dtype="Int64"),
        pd.Series([7.0, 1e16]),
        pd.Series([7.0, 1e16], dtype="Float64"),
        pd.Series([7.0, 1e16], dtype=object),
        pd.Series([np.float64(7), 10**16], dtype=object),
        pd.Series([Decimal("7.00"), Decimal(10**16)], dtype=object),
        pd.Series([" 7", "10000000000000000.0"], dtype="str"),
        pd.Series(["7.000\t", "\u00a010000000000000000"], dtype=object),
        pd.Series(["7.0", "10000000000000000"], dtype="category"),
    ],
    ids=lambda ids: f"{ids.dtype} {ids.iloc[0]!r}",
)
def test_numbers_and_text_meet_in_one_spelling(ids: pd.Series) -> None:
    assert normalise_ids(ids).tolist() == ["7", "10000000000000000"]


def test_a_narrow_float_is_spelt_in_digits() -> None:
    assert normalise_ids(pd.Series([7, 1e7], dtype="float32")).tolist() == ["7", "10000000"]


@pytest.mark.parametrize("other", ["07", "007", "007.0", "7 8", "7.5", "+7", "-7", "7a", "７"])
def test_ids_that_only_look_like_seven_stay_apart(other: str) -> None:
    people = pd.DataFrame({"stakeholder_id": ["7", other], "kind": "customer", "since": "2024-01-01"}, dtype="str")
    assert canonical_stakeholders(people, Origin("s.csv"))["stakeholder_id"].nunique() == 2


@pytest.mark.parametrize("other", ["7.0", " 7", "7.00 ", "\u00a07"])
def test_two_spellings_of_seven_are_refused(other: str) -> None:
    people = pd.DataFrame({"stakeholder_id": ["7", other], "kind": "customer", "since": "2024-01-01"}, dtype="str")
    with pytest.raises(InputError, match=r"^s\.csv, column stakeholder_id, row 2: .*same id as '7' in s\.csv, row 1"):
        canonical_stakeholders(people, Origin("s.csv"))


def test_blank_ids_are_missing_in_every_form() -> None:
    for blank in (pd.Series(["", " ", None], dtype="str"), pd.Series([None, np.nan, ""], dtype=object),
                  pd.Series([np.nan]), pd.Series([None], dtype="Int64")):  # fmt: skip
        assert normalise_ids(blank).isna().all()


def happened(ids: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"stakeholder_id": ids, "occurred_at": "2024-05-01", "event_type": "login"})


@pytest.mark.parametrize(
    ("exact", "inexact"),
    [
        (pd.Series([1.0, 2.0**53 - 1]), pd.Series([1.0, 2.0**53])),
        (pd.Series([1.0, 2.0**24 - 1], dtype="float32"), pd.Series([1.0, 2.0**24], dtype="float32")),
        (pd.Series([1.0, 5.0], dtype="Float64"), pd.Series([1.0, -(2.0**60)], dtype="Float64")),
        (pd.Series(["x", 2.0], dtype=object), pd.Series(["x", 1e17], dtype=object)),
        (pd.Series([1.0, 2.5]), pd.Series([1.0, np.inf])),
        (pd.Series([1, 2**60 + 1]), pd.Series([1.0, 2.0**60])),
    ],
    ids=["float64", "float32", "Float64", "object", "infinite", "beside whole numbers"],
)
def test_ids_that_a_float_may_have_rounded_are_refused(exact: pd.Series, inexact: pd.Series) -> None:
    assert not inexact_ids(exact).any()
    assert len(canonical_events(happened(exact), Origin("e.parquet"))) == 2
    with pytest.raises(InputError, match=r"^e\.parquet, column stakeholder_id, row 2: expected an id that a floating"):
        canonical_events(happened(inexact), Origin("e.parquet"))
