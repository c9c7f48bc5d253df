"""Raw frames become canonical tables, the same from text and from typed columns, or are refused by name and row."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError
from rapport.contracts.schemas import REASONS, assignments_schema
from rapport.contracts.tables import (
    canonical_decisions,
    canonical_events,
    canonical_stakeholders,
    conform,
    no_decisions,
)

ARMS = ("none", "training", "discount")
TIMES = pd.to_datetime(["2024-01-01T00:00", "2024-02-01T10:30", "2024-03-01T08:30"])
STAKEHOLDERS, EVENTS, DECISIONS = Origin("stakeholders.csv"), Origin("events.csv"), Origin("decisions.csv")


def stakeholders(**changes: list) -> pd.DataFrame:
    columns = {
        "stakeholder_id": ["a", "b", "c"],
        "kind": ["customer", "partner", "employee"],
        "since": ["2024-01-01", "2024-02-01T10:30:00", "2024-03-01 10:30:00+02:00"],
        "opted_out": ["true", "", "false"],
    }
    return pd.DataFrame({**columns, **changes}, dtype="str")


def events(**changes: list) -> pd.DataFrame:
    columns = {
        "event_id": ["e1", "e2", ""],
        "stakeholder_id": ["a", "b", "b"],
        "occurred_at": ["2024-05-01", "2024-05-02", "2024-05-03T04:05:06.789Z"],
        "known_at": ["", "2024-05-09", ""],
        "event_type": ["purchase", "login", "purchase"],
        "value": ["12.5", "", "-3"],
        "channel": ["web", "", "phone"],
    }
    return pd.DataFrame({**columns, **changes}, dtype="str")


def decisions(**changes: list) -> pd.DataFrame:
    columns = {
        "decision_id": ["d1", "d2"],
        "stakeholder_id": ["a", "b"],
        "decided_at": ["2024-06-01", "2024-06-01"],
        "intervention": ["none", "training"],
        "propensity": ["0.5", "1"],
        "iteration": ["0", "0"],
        "policy": ["pilot", "pilot"],
    }
    return pd.DataFrame({**columns, **changes}, dtype="str")


def test_stakeholders_take_their_types_and_defaults() -> None:
    table = canonical_stakeholders(stakeholders(), STAKEHOLDERS)
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
        "stakeholder_id": "str", "kind": "str", "since": "datetime64[us, UTC]", "opted_out": "bool",
    }  # fmt: skip
    assert table["opted_out"].tolist() == [True, False, False]
    assert table["since"].iloc[2] == pd.Timestamp("2024-03-01 08:30", tz="UTC")


def test_events_take_their_types_and_defaults() -> None:
    table = canonical_events(events(), EVENTS)
    assert table["known_at"].tolist()[0] == table["occurred_at"].tolist()[0]
    assert table["known_at"].iloc[1] == pd.Timestamp("2024-05-09", tz="UTC")
    assert table["value"].tolist()[::2] == [12.5, -3.0]
    assert table["value"].isna().tolist() == [False, True, False]
    assert table[["event_id", "channel"]].isna().sum().tolist() == [1, 1]


def test_optional_columns_may_be_absent() -> None:
    table = canonical_events(events()[["stakeholder_id", "occurred_at", "event_type"]], EVENTS)
    assert table[["event_id", "value", "channel"]].isna().all(axis=None)
    assert (table["known_at"] == table["occurred_at"]).all()
    assert not canonical_stakeholders(stakeholders().drop(columns="opted_out"), STAKEHOLDERS)["opted_out"].any()
    assert canonical_decisions(decisions().drop(columns="propensity"), ARMS, DECISIONS)["propensity"].isna().all()


def test_columns_the_contract_does_not_name_are_ignored_in_events_and_decisions() -> None:
    pd.testing.assert_frame_equal(
        canonical_events(events(x=["1", "2", "3"]), EVENTS), canonical_events(events(), EVENTS)
    )
    given = canonical_decisions(decisions(note=["x", "y"]), ARMS, DECISIONS)
    pd.testing.assert_frame_equal(given, canonical_decisions(decisions(), ARMS, DECISIONS))


@pytest.mark.parametrize(
    ("cells", "dtype", "expected"),
    [
        (["1", "2.5", ""], "float64", [1.0, 2.5, None]),
        (["1e3", "+.5", "-2."], "float64", [1000.0, 0.5, -2.0]),
        (["true", "FALSE", "True"], "bool", [True, False, True]),
        (["true", "", "false"], "str", ["true", None, "false"]),
        (["red", " blue ", ""], "str", ["red", "blue", None]),
        (["007", "12", "3"], "str", ["007", "12", "3"]),
        (["", "", ""], "float64", [None, None, None]),
        (["NA", "1", "2"], "str", ["NA", "1", "2"]),
        (["inf", "inf", ""], "str", ["inf", "inf", None]),
        (["inf", "007", "1"], "str", ["inf", "007", "1"]),
        (["3.3e38", "-3.3e38", ""], "float64", [3.3e38, -3.3e38, None]),
    ],
)
def test_attributes_are_numbers_flags_or_text(cells: list[str], dtype: str, expected: list) -> None:
    found = canonical_stakeholders(stakeholders(trait=cells), STAKEHOLDERS)["trait"]
    assert str(found.dtype) == dtype
    assert found.astype(object).where(found.notna(), None).tolist() == expected


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ([1, 2, 3], ["1", "2", "3"]),
        ([1.5, None, 3.0], ["1.5", "", "3.0"]),
        ([True, False, True], ["true", "false", "true"]),
        ([True, None, False], ["true", "", "false"]),
        ([Decimal("1.10"), Decimal("2"), None], ["1.10", "2", ""]),
        (["x", "y", None], ["x", "y", ""]),
        (pd.Categorical(["x", "y", "x"]), ["x", "y", "x"]),
        (pd.array([1, None, 3], dtype="Int64"), ["1", "", "3"]),
    ],
)
def test_typed_attributes_equal_their_text(typed: list, text: list[str]) -> None:
    from_typed = canonical_stakeholders(stakeholders().assign(trait=typed), STAKEHOLDERS)
    pd.testing.assert_frame_equal(from_typed, canonical_stakeholders(stakeholders(trait=text), STAKEHOLDERS))


@pytest.mark.parametrize(
    "typed",
    [
        TIMES,
        TIMES.tz_localize("UTC").as_unit("ns"),
        TIMES.tz_localize("UTC").tz_convert("Asia/Tokyo"),
    ],
    ids=["naive", "nanoseconds", "zone"],
)
def test_typed_times_equal_their_text(typed: pd.DatetimeIndex) -> None:
    table = canonical_stakeholders(stakeholders().assign(since=typed), STAKEHOLDERS)
    pd.testing.assert_frame_equal(table, canonical_stakeholders(stakeholders(), STAKEHOLDERS))


@pytest.mark.parametrize("dtype", ["str", "object"])
def test_a_column_may_mix_zones_and_times_without_one(dtype: str) -> None:
    """The rule is per cell: without a zone it is UTC. All four spellings are the same instant."""
    cells = ["2024-05-01T10:00", "2024-05-01T10:00:00Z", "2024-05-01 12:00:00+02:00", "2024-05-01T04:30-0530"]
    raw = pd.concat([events(), events()], ignore_index=True).head(4).assign(known_at="")
    text = canonical_events(raw.assign(occurred_at=pd.Series(cells, dtype=dtype)), EVENTS)
    assert set(text["occurred_at"]) == set(text["known_at"]) == {pd.Timestamp("2024-05-01T10:00Z")}
    stamps = pd.Series([pd.Timestamp(cell) for cell in cells], dtype=object)
    pd.testing.assert_frame_equal(canonical_events(raw.assign(occurred_at=stamps), EVENTS), text)


def test_typed_times_of_a_zone_keep_the_hour_that_comes_twice() -> None:
    utc = pd.to_datetime(["2024-10-27T00:30Z", "2024-10-27T01:30Z", "2024-10-28T00:00Z"])
    found = canonical_events(events(known_at=[""] * 3).assign(occurred_at=utc.tz_convert("Europe/Paris")), EVENTS)
    assert found["occurred_at"].tolist() == utc.tolist()


def test_the_first_and_the_last_instant_pass() -> None:
    ends = ["0001-01-01", "9999-12-31", "9999-12-31T23:59:59.999999Z"]
    found = canonical_events(events(occurred_at=ends, known_at=[""] * 3), EVENTS)["occurred_at"]
    assert found.dt.year.tolist() == [1, 9999, 9999]
    assert found.iloc[2] - found.iloc[1] == pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)


NOTHING = {
    "text": pd.Series(["", " ", None], dtype="str"),
    "objects": pd.Series([None] * 3, dtype=object),
    "floats": pd.Series([np.nan] * 3),
    "times": pd.Series([pd.NaT] * 3),
    "Int64": pd.Series([None] * 3, dtype="Int64"),
}


@pytest.mark.parametrize("nothing", NOTHING)
def test_columns_of_nulls_are_as_good_as_absent(nothing: str) -> None:
    optional = ["event_id", "known_at", "value", "channel"]
    full = events().assign(**dict.fromkeys(optional, NOTHING[nothing]))
    pd.testing.assert_frame_equal(
        canonical_events(full, EVENTS), canonical_events(events().drop(columns=optional), EVENTS)
    )
    people = canonical_stakeholders(stakeholders().assign(opted_out=NOTHING[nothing]), STAKEHOLDERS)
    assert not people["opted_out"].any()
    needed = events().assign(event_type=NOTHING[nothing])
    with pytest.raises(InputError, match=r"events\.csv, column event_type, row 1: expected .*\(2 more rows like it\)"):
        canonical_events(needed, EVENTS)


@pytest.mark.parametrize("nothing", ["text", "objects", "floats", "Int64"])
def test_an_attribute_of_nulls_is_a_number_always_missing(nothing: str) -> None:
    found = canonical_stakeholders(stakeholders().assign(trait=NOTHING[nothing]), STAKEHOLDERS)["trait"]
    assert str(found.dtype) == "float64"
    assert found.isna().all()


def test_typed_dates_are_midnights() -> None:
    dates = [dt.date(2024, 1, 1), dt.date(2024, 2, 1), dt.date(2024, 3, 1)]
    table = canonical_stakeholders(stakeholders().assign(since=pd.Series(dates, dtype=object)), STAKEHOLDERS)
    assert table["since"].tolist() == [pd.Timestamp(date, tz="UTC") for date in dates]


def test_times_finer_than_microseconds_are_cut_in_text_and_typed() -> None:
    text = events(occurred_at=["2024-05-01T00:00:00.123456789"] * 3)
    typed = events().assign(occurred_at=pd.to_datetime(text["occurred_at"]))
    expected = pd.Timestamp("2024-05-01T00:00:00.123456Z")
    assert set(canonical_events(text, EVENTS)["occurred_at"]) == {expected}
    assert set(canonical_events(typed, EVENTS)["occurred_at"]) == {expected}


def test_two_spellings_of_one_id_are_refused_naming_both() -> None:
    bad = stakeholders(stakeholder_id=["7", "8", "7.0"])
    message = r"stakeholders\.csv, column stakeholder_id, row 3: .*'7\.0', which is the same id as '7' in .*row 1"
    with pytest.raises(InputError, match=message):
        canonical_stakeholders(bad, STAKEHOLDERS)
    mixed = stakeholders().assign(stakeholder_id=pd.Series([7, 7.0, "7"], dtype=object))
    with pytest.raises(InputError, match=r"row 2: .*same id as 7 in .*\(1 more row like it\)"):
        canonical_stakeholders(mixed, STAKEHOLDERS)
    apart = canonical_stakeholders(stakeholders(stakeholder_id=["7", "07", "7.5"]), STAKEHOLDERS)
    assert apart["stakeholder_id"].tolist() == ["7", "07", "7.5"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stakeholder_id": ["a", "b", "a"]}, r"column stakeholder_id, row 3: .*every id once; got 'a' again.*row 1"),
        ({"stakeholder_id": ["a", " ", "c"]}, r"column stakeholder_id, row 2: expected an id; got ' '"),
        ({"kind": ["customer", "supplier", "x"]}, r"column kind, row 2: expected one of .*'supplier' \(1 more row"),
        ({"since": ["2024-01-01", "01/02/2024", "2024-03-01"]}, r"column since, row 2: expected an ISO .*'01/02/2024'"),
        ({"since": ["2024-01-01", "2024-02-30", "2024-03-01"]}, r"column since, row 2: expected an ISO .*'2024-02-30'"),
        ({"since": ["2024-01-01", "2024-02-01", ""]}, r"column since, row 3: expected when the .*; got ''"),
        ({"opted_out": ["true", "maybe", ""]}, r"column opted_out, row 2: expected true or false; got 'maybe'"),
        ({"propensity": ["1", "2", "3"]}, r"column propensity: expected an attribute's own name"),
        ({"trait": ["1", "2", "1e999"]}, r"column trait, row 3: expected a finite number.*; got '1e999'"),
        ({"trait": ["1", "2", "-inf"]}, r"column trait, row 3: expected a finite number.*; got '-inf'"),
        ({"trait": ["1", "Infinity", ""]}, r"column trait, row 2: expected a finite number.*; got 'Infinity'"),
        ({"trait": ["1", "2", "3.5e38"]}, r"column trait, row 3: expected a finite number, below 3\.4e38"),
        ({"since": ["2024-01-01", "2024-02-01", "0000-01-01"]}, r"column since, row 3: .*years 1 to 9999; got '0000"),
    ],
)  # fmt: skip
def test_bad_stakeholders_are_refused_by_row(changes: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=r"^stakeholders\.csv, " + message):
        canonical_stakeholders(stakeholders(**changes), STAKEHOLDERS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stakeholder_id": ["a", "", "b"]}, r"column stakeholder_id, row 2: expected an id; got ''"),
        ({"occurred_at": ["2024-05-01", "2024-05-02", "5 May 2024"]}, r"column occurred_at, row 3: .*'5 May 2024'"),
        ({"known_at": ["", "20240509", ""]}, r"column known_at, row 2: expected an ISO 8601"),
        ({"known_at": ["", "", "2024-05-09T10:00+25:00"]}, r"column known_at, row 3: expected an ISO 8601"),
        ({"known_at": ["", "", "9999-12-31T23:00-05:00"]}, r"column known_at, row 3: expected a time in the years"),
        ({"event_type": ["purchase", "", "login"]}, r"column event_type, row 2: expected a type of event"),
        ({"value": ["1", "abc", "x"]}, r"column value, row 2: expected a number; got 'abc' \(1 more row like it\)"),
        ({"value": ["1", "nan", ""]}, r"column value, row 2: expected a number; got 'nan'"),
        ({"value": ["1", "1,5", ""]}, r"column value, row 2: expected a number; got '1,5'"),
        ({"value": ["1", "1e12", ""]}, r"column value, row 2: expected a number between .*got '1e12'"),
        ({"value": ["1", "1e999", ""]}, r"column value, row 2: expected a number between .*got '1e999'"),
    ],
)  # fmt: skip
def test_bad_events_are_refused_by_row(changes: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=r"^events\.csv, " + message):
        canonical_events(events(**changes), EVENTS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"intervention": ["none", "gift"]}, r"column intervention, row 2: expected .*discount; got 'gift'"),
        ({"propensity": ["0.5", "0"]}, r"column propensity, row 2: expected a .* above 0 and at most 1.*got '0'"),
        ({"propensity": ["1.01", "1"]}, r"column propensity, row 1: expected a .* at most 1.*got '1\.01'"),
        ({"propensity": ["-0.1", "1"]}, r"column propensity, row 1: expected a probability"),
        ({"decision_id": ["d1", "d1"]}, r"column decision_id, row 2: expected every id once; got 'd1' again"),
        ({"decided_at": ["2024-06-01", ""]}, r"column decided_at, row 2: expected when it was decided"),
        ({"iteration": ["0", "1.5"]}, r"column iteration, row 2: expected a whole number; got '1\.5'"),
        ({"iteration": ["0", ""]}, r"column iteration, row 2: expected a whole number"),
        ({"policy": ["pilot", ""]}, r"column policy, row 2: expected the policy that decided"),
    ],
)  # fmt: skip
def test_bad_decisions_are_refused_by_row(changes: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=r"^decisions\.csv, " + message):
        canonical_decisions(decisions(**changes), ARMS, DECISIONS)


def test_good_decisions_pass() -> None:
    table = canonical_decisions(decisions(), ARMS, DECISIONS)
    assert table["propensity"].tolist() == [0.5, 1.0]
    assert str(table["iteration"].dtype) == "int64"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (events().assign(value=[True, False, True]), r"column value, row 1: expected a number; got True"),
        (events().assign(value=pd.to_datetime(["2024-01-01"] * 3)), r"column value, row 1: expected a number"),
        (
            events().assign(occurred_at=[20240501, 20240502, 20240503]),
            r"column occurred_at, row 1: expected an ISO 8601",
        ),
        (events().assign(value=[1.0, np.inf, 2.0]), r"column value, row 2: expected a number between"),
        (events().assign(value=[1.0, 2.0, -np.inf]), r"column value, row 3: expected a number between .*got -inf"),
        (
            events().assign(occurred_at=np.array(["2024-05-01", "2024-05-02", "12000-01-01"], dtype="datetime64[s]")),
            r"column occurred_at, row 3: expected a time in the years 1 to 9999; got 12000-01-01",
        ),
        (
            events().assign(occurred_at=np.array([0, 1, 2**55], dtype="datetime64[s]")),
            r"column occurred_at, row 3: expected a time in the years 1 to 9999",
        ),
    ],
    ids=["flags", "times", "numbers", "infinite", "minus infinite", "year 12000", "beyond microseconds"],
)
def test_columns_of_the_wrong_type_are_refused(raw: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        canonical_events(raw, EVENTS)


def test_an_attribute_of_dates_is_refused() -> None:
    raw = stakeholders().assign(born=pd.to_datetime(["1990-01-01"] * 3))
    with pytest.raises(InputError, match=r"column born, row 1: expected numbers, true/false or text"):
        canonical_stakeholders(raw, STAKEHOLDERS)


@pytest.mark.parametrize("name", ["stakeholder_id", "kind", "since"])
def test_a_missing_column_is_named(name: str) -> None:
    with pytest.raises(InputError, match=rf"^stakeholders\.csv: expected a column {name}; got the columns "):
        canonical_stakeholders(stakeholders().drop(columns=name), STAKEHOLDERS)


def test_a_column_twice_or_without_a_name_is_refused() -> None:
    twice = pd.concat([stakeholders(), stakeholders()[["kind"]]], axis=1)
    with pytest.raises(InputError, match=r"column kind: expected each column once"):
        canonical_stakeholders(twice, STAKEHOLDERS)
    at = len(stakeholders().columns) + 1
    with pytest.raises(InputError, match=rf"^stakeholders\.csv: expected a name for every column; got a blank for "
                       rf"column {at} of {at}\."):  # fmt: skip
        canonical_stakeholders(stakeholders().assign(**{"": "x"}), STAKEHOLDERS)
    canonical_events(events().assign(**{"": "x"}), EVENTS)
    with pytest.raises(InputError, match=r"^events\.csv: expected a name for .*; got a blank for column \d+ and \d+"):
        canonical_events(events().assign(**{"": "x", " ": "y"}), EVENTS)


def test_empty_tables_are_refused_but_no_decisions_are_fine() -> None:
    with pytest.raises(InputError, match=r"^stakeholders\.csv: expected at least one row; got an empty table"):
        canonical_stakeholders(stakeholders().iloc[:0], STAKEHOLDERS)
    with pytest.raises(InputError, match=r"^events\.csv: expected at least one row"):
        canonical_events(events().iloc[:0], EVENTS)
    table = canonical_decisions(decisions().iloc[:0], ARMS, DECISIONS)
    pd.testing.assert_frame_equal(table, no_decisions(ARMS))
    assert table.dtypes.equals(canonical_decisions(decisions(), ARMS, DECISIONS).dtypes)


def test_canonical_tables_are_fixed_points() -> None:
    table = canonical_stakeholders(stakeholders(trait=["1", "", "2"], colour=["red", "", "7a"]), STAKEHOLDERS)
    pd.testing.assert_frame_equal(canonical_stakeholders(table, STAKEHOLDERS), table)
    history = canonical_events(events(), EVENTS)
    pd.testing.assert_frame_equal(canonical_events(history, EVENTS), history)
    logged = canonical_decisions(decisions(), ARMS, DECISIONS)
    pd.testing.assert_frame_equal(canonical_decisions(logged, ARMS, DECISIONS), logged)


def test_the_index_of_a_raw_frame_does_not_matter() -> None:
    shuffled = events().set_axis([5, 1, 9])
    pd.testing.assert_frame_equal(canonical_events(shuffled, EVENTS), canonical_events(events(), EVENTS))
    with pytest.raises(InputError, match="column value, row 2"):
        canonical_events(events(value=["1", "x", "2"]).set_axis([5, 1, 9]), EVENTS)


def test_messages_name_the_part_file() -> None:
    parts = Origin("events", (("events/1.csv", 1), ("events/2.csv", 2)))
    with pytest.raises(InputError, match=r"^events/2\.csv, column value, row 2: "):
        canonical_events(events(value=["1", "2", "x"]), parts)


def assignments() -> pd.DataFrame:
    rows = {
        "decision_id": "d", "stakeholder_id": "a", "decided_at": pd.Timestamp("2025-04-01", tz="UTC").as_unit("us"),
        "iteration": 1, "policy": "rapport", "intervention": "training", "propensity": 0.9,
        "best_intervention": "training", "churn_risk": 0.1, "expected_gain": 3.0, "gain_training": 3.0,
        "gain_se_training": 1.0, "gain_discount": -1.0, "gain_se_discount": 1.0, "reason": "best_gain",
        "status": "proposed", "model_digest": "f00",
    }  # fmt: skip
    return pd.DataFrame([rows])


def test_the_table_out_has_its_schema() -> None:
    schema = assignments_schema(ARMS)
    assert list(schema.columns) == list(assignments().columns)
    pd.testing.assert_frame_equal(conform(assignments(), schema, Origin("assignments")), assignments())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"propensity": 0.0}, r"assignments, column propensity, row 1: expected a probability above 0"),
        ({"reason": "whim"}, rf"column reason, row 1: expected one of {', '.join(REASONS)}"),
        ({"gain_se_discount": -1.0}, r"column gain_se_discount, row 1: expected a standard error"),
        ({"intervention": "gift"}, r"column intervention, row 1: expected one of the arms none"),
        ({"churn_risk": np.nan}, r"column churn_risk, row 1: expected a probability; got a blank cell"),
    ],
)
def test_a_wrong_table_out_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        conform(assignments().assign(**changes), assignments_schema(ARMS), Origin("assignments"))


def test_a_table_out_without_a_column_is_refused() -> None:
    with pytest.raises(InputError, match=r"assignments: expected the assignments table; got .*status"):
        conform(assignments().drop(columns="status"), assignments_schema(ARMS), Origin("assignments"))
