"""Tables come from CSV or Parquet, whole or in parts, and are the same either way."""

import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError, ParamsError
from rapport.contracts.params import Params, parse_params
from rapport.contracts.tables import canonical_events, canonical_stakeholders
from rapport.sources.adapters import ADAPTERS, DATASETS, preset_path, read_source
from rapport.sources.files import read_table
from rapport.sources.intake import take_in

PEOPLE = pd.DataFrame({"stakeholder_id": ["007", "b"], "kind": "customer", "since": "2024-01-01"})
HISTORY = pd.DataFrame(
    {"stakeholder_id": ["007", "b", "b"], "occurred_at": "2024-05-01", "event_type": "login", "value": [1.5, None, 2.0]}
)


def params(path: Path, kind: str = "files") -> Params:
    return parse_params(
        {
            "source": {"kind": kind, "path": str(path)},
            "clock": {"as_of": "2024-05-20", "horizon_days": 30},
            "outcome": {"churn": {"event": "churned"}, "value": {"purchase": 1.0}, "retention_value": 0.0},
            "interventions": {"control": "none", "arms": {"call": {}}},
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    PEOPLE.to_csv(tmp_path / "stakeholders.csv", index=False)
    HISTORY.to_parquet(tmp_path / "events.parquet")
    return tmp_path


def test_csv_and_parquet_tables_are_read(folder: Path) -> None:
    raw = read_source(params(folder))
    assert raw.stakeholders["stakeholder_id"].tolist() == ["007", "b"]
    assert raw.decisions is None
    assert raw.origin("events").name == str(folder / "events.parquet")
    assert take_in(raw, params(folder)).counts["events"] == 3


def test_parts_are_read_in_the_order_of_their_names(folder: Path) -> None:
    (folder / "events.parquet").unlink()
    parts = folder / "events"
    parts.mkdir()
    HISTORY.iloc[2:].to_csv(parts / "2024-06.csv", index=False)
    HISTORY.iloc[:2][HISTORY.columns[::-1]].to_csv(parts / "2024-05.csv", index=False)
    (parts / "_SUCCESS").touch()
    raw = read_source(params(folder))
    assert raw.events["value"].fillna("").tolist() == ["1.5", "", "2.0"]
    assert raw.origin("events").row(2) == f"{parts / '2024-06.csv'}, row 1"


def test_parquet_parts_of_different_number_types_fit_together(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1, 2]}).to_parquet(tmp_path / "1.parquet")
    pd.DataFrame({"x": [0.5]}).to_parquet(tmp_path / "2.parquet")
    frame, _ = read_table([tmp_path / "1.parquet", tmp_path / "2.parquet"], tmp_path)
    assert frame["x"].tolist() == [1.0, 2.0, 0.5]


def test_parts_with_other_columns_are_refused(folder: Path) -> None:
    (folder / "events.parquet").unlink()
    (folder / "events").mkdir()
    HISTORY.to_csv(folder / "events" / "1.csv", index=False)
    HISTORY.drop(columns="value").to_csv(folder / "events" / "2.csv", index=False)
    with pytest.raises(InputError, match=r"2\.csv: expected the columns of 1\.csv; got a difference in value"):
        read_source(params(folder))


@pytest.mark.parametrize("table", ["stakeholders", "events"])
def test_a_missing_table_is_named(folder: Path, table: str) -> None:
    for path in folder.glob(f"{table}.*"):
        path.unlink()
    with pytest.raises(InputError, match=rf"expected a table {table}: {table}\.parquet, {table}\.csv or a folder"):
        read_source(params(folder))


def test_a_missing_folder_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"events\.parquet: expected a folder of tables; got a file"):
        read_source(params(folder / "events.parquet"))
    with pytest.raises(InputError, match=r"nowhere: expected a folder of tables; got no such folder.*source\.path"):
        read_source(params(tmp_path / "nowhere"))


def test_two_forms_of_one_table_are_refused(folder: Path) -> None:
    HISTORY.to_csv(folder / "events.csv", index=False)
    with pytest.raises(InputError, match=r"expected one form of the table events; got events\.parquet, events\.csv"):
        read_source(params(folder))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("events.parquet", b"PAR1 nonsense", r"events\.parquet: expected a readable file of Parquet"),
        (
            "events.csv",
            b"a,b\n1,2\n1,2,3\n",
            r"events\.csv: expected a readable file of CSV .*Expected 2 columns, got 3",
        ),
        ("events.csv", b"a,b\n\xff\xfe,2\n", r"events\.csv, line 2: expected text in UTF-8; got .*save it as UTF-8"),
        ("events.csv", "a,größe\n1,2\n".encode("latin1"), r"csv, line 1: .* such as Latin-1 .*: 'a,gr\\xf6\\xdfe"),
        ("events.csv", "a,b\n1,2\n".encode("utf-16"), r"events\.csv, line 1: expected text in UTF-8"),
        ("events.csv", "a,b\n1,2\n".encode("utf-16-le"), r"events\.csv, line 1: expected text in UTF-8"),
        (
            "events.csv",
            b"\xef\xbb\xbfid;n\n1,5;2\n",
            r"events\.csv, header line: expected columns separated by commas; got the one column 'id;n': the file "
            r"seems to be separated by semicolons\. To mend it: save it again with commas",
        ),
        ("events.csv", b"id\tn\n1\t2\n", r"events\.csv, header line: .*separated by tabs"),
        ("events.csv", b"", r"events\.csv: expected a readable file of CSV"),
    ],
    ids=["parquet", "ragged", "encoding", "encoded header", "utf-16", "utf-16 unmarked", "semicolons", "tabs", "empty"],
)
def test_unreadable_files_are_named(folder: Path, name: str, content: bytes, message: str) -> None:
    (folder / "events.parquet").unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_source(params(folder))


def test_csv_keeps_text_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes('\ufeffid,note\r\n007,"a, ""b""\r\nc"\r\nNA,\r\n'.encode())
    frame, origin = read_table([path], tmp_path)
    assert frame["id"].tolist() == ["007", "NA"]
    assert frame["note"].fillna("-").tolist() == ['a, "b"\r\nc', "-"]
    assert origin == Origin(str(path))


def test_a_column_twice_in_a_csv_is_refused(folder: Path) -> None:
    (folder / "stakeholders.csv").write_text("stakeholder_id,kind,since,kind\na,customer,2024-01-01,partner\n")
    with pytest.raises(InputError, match=r"stakeholders\.csv, column kind: expected each column once"):
        take_in(read_source(params(folder)), params(folder))


def test_an_unknown_source_lists_the_known_ones(tmp_path: Path) -> None:
    known = re.escape(", ".join(["simulated", "files", *DATASETS]))
    with pytest.raises(ParamsError, match=rf"source\.kind: expected one of {known}; got 'salesforce'"):
        read_source(params(tmp_path, "salesforce"))
    assert list(ADAPTERS) == ["simulated", "files", *DATASETS]


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(ParamsError, match=f"expected one of {', '.join(sorted(DATASETS))}; got 'files'"):
        preset_path("files")
    assert preset_path("hillstrom").is_file()


words = st.text(st.characters(codec="utf-8", categories=["L", "P", "S"]), min_size=1, max_size=8)
optional_words = st.none() | words.map(lambda word: f"w{word}")
numbers = st.none() | st.floats(-1e11, 1e11)
times = st.datetimes(pd.Timestamp("1900-01-01").to_pydatetime(), pd.Timestamp("2100-01-01").to_pydatetime())
people = st.lists(
    st.tuples(times, st.sampled_from(["customer", "investor"]), st.booleans(), optional_words, numbers, st.booleans()),
    min_size=1, max_size=6,
)  # fmt: skip
happenings = st.lists(
    st.tuples(optional_words, times, st.none() | times, words, numbers, optional_words), min_size=1, max_size=8
)


def round_trip(frame: pd.DataFrame, folder: Path, suffix: str) -> pd.DataFrame:
    path = folder / f"table.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%S.%f")
    else:
        frame.to_parquet(path)
    return read_table([path], folder)[0]


@given(people)
def test_stakeholders_are_the_same_from_csv_and_parquet(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    folder = tmp_path_factory.mktemp("trip")
    columns = ["since", "kind", "opted_out", "colour", "size", "flag"]
    frame = pd.DataFrame(rows, columns=columns).astype({"colour": "str", "size": "float64"})
    frame.insert(0, "stakeholder_id", range(len(frame)))
    found = [canonical_stakeholders(round_trip(frame, folder, suffix), Origin("x")) for suffix in ("csv", "parquet")]
    pd.testing.assert_frame_equal(*found, check_exact=True)
    assert found[0]["since"].dt.tz_localize(None).tolist() == [row[0] for row in rows]


@given(happenings)
def test_events_are_the_same_from_csv_and_parquet(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    folder = tmp_path_factory.mktemp("trip")
    columns = ["event_id", "occurred_at", "known_at", "event_type", "value", "channel"]
    frame = pd.DataFrame(rows, columns=columns).astype({"event_id": "str", "channel": "str", "value": "float64"})
    frame = frame.assign(known_at=pd.to_datetime(frame["known_at"]), stakeholder_id=1.0)
    found = [canonical_events(round_trip(frame, folder, suffix), Origin("x")) for suffix in ("csv", "parquet")]
    pd.testing.assert_frame_equal(*found, check_exact=True)
    assert found[0]["value"].dropna().tolist() == [row[4] for row in rows if row[4] is not None]
