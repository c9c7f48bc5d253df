"""Exports read in pieces give the same bytes as read whole, and the same line where something is wrong."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
import yaml

from projects import inside
from rapport import ingest
from rapport.contracts.errors import InputError, ParamsError
from rapport.contracts.params import parse_params
from rapport.sources import files, intake, pieces
from rapport.sources.files import read_files
from rapport.sources.intake import take_in
from rapport.sources.pieces import Pieces

DOCUMENT = {
    "source": {"kind": "files", "path": "export"},
    "clock": {"as_of": "2024-06-01", "horizon_days": 30},
    "outcome": {"churn": {"event": "churned"}, "value": {"purchase": 1.0}, "retention_value": 10.0},
    "interventions": {"control": "none", "arms": {"call": {}}},
}
PEOPLE = [f"p{number:02}" for number in range(40)]


def history(rows: int = 1500, seed: int = 1) -> pd.DataFrame:
    """Return events as text, with ties, repeats, conflicts, strangers, blanks, late records and skewed clocks."""
    rng = np.random.default_rng(seed)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 150, rows), unit="D")
    known = at + pd.to_timedelta(rng.choice([0, 0, 0, 3, -2], rows), unit="D")
    events = pd.DataFrame(
        {
            "event_id": [f"e{number}" for number in range(rows)],
            "stakeholder_id": rng.choice([*PEOPLE[:30], "stranger"], rows),
            "occurred_at": at.strftime("%Y-%m-%d"),
            "known_at": known.strftime("%Y-%m-%dT00:00:00Z"),
            "event_type": rng.choice(["login", "purchase", "ticket"], rows),
            "value": rng.choice(["", "1.5", "20", "-3"], rows),
            "channel": rng.choice(["", "web", "phone"], rows),
        },
        dtype="str",
    )
    events.loc[rng.random(rows) < 0.3, "event_id"] = ""
    again = events.sample(60, random_state=1)
    again.loc[again.index[:20], "value"] = "77"  # the same id, other content
    mixed = pd.concat([events, again]).sample(frac=1, random_state=2)
    return mixed.mask(mixed == "").reset_index(drop=True)


def typed(events: pd.DataFrame) -> pd.DataFrame:
    times = {name: pd.to_datetime(events[name], utc=True, format="ISO8601") for name in ("occurred_at", "known_at")}
    return events.assign(**times, value=pd.to_numeric(events["value"]))


def write(events: pd.DataFrame, form: str, export: Path, cuts: int = 3) -> None:
    """Write an export; `parts` are Parquet files of several row groups each."""
    export.mkdir()
    pd.DataFrame({"stakeholder_id": PEOPLE, "kind": "customer", "since": "2023-01-01"}).to_csv(
        export / "stakeholders.csv", index=False
    )
    decided = {"decision_id": [f"d{who}" for who in PEOPLE], "stakeholder_id": PEOPLE, "decided_at": "2024-03-01",
               "intervention": ["none", "call"] * 20, "propensity": 0.5, "iteration": 0, "policy": "x"}  # fmt: skip
    pd.DataFrame(decided).to_csv(export / "decisions.csv", index=False)
    if form == "csv":
        events.to_csv(export / "events.csv", index=False)
        return
    (export / "events").mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(events)), cuts)):
        events.iloc[rows].to_parquet(export / "events" / f"{number}.parquet", index=False, row_group_size=170)


@contextmanager
def small_pieces(monkeypatch: pytest.MonkeyPatch, rows: int = 200) -> Iterator[None]:
    with monkeypatch.context() as patch:
        for module in (files, pieces):
            patch.setattr(module, "ROWS_AT_ONCE", rows)
        patch.setattr(pieces, "_BLOCK_BYTES", 4000)
        yield


def ingested(events: pd.DataFrame, form: str) -> dict[str, bytes]:
    with TemporaryDirectory() as folder, inside(Path(folder)):
        write(events, form, Path("export"))
        Path("params.yaml").write_text(yaml.safe_dump(DOCUMENT))
        ingest.main()
        return {path.name: path.read_bytes() for path in sorted(Path("data/tables").iterdir())}


@pytest.mark.parametrize("form", ["csv", "parts"])
def test_pieces_give_the_bytes_of_the_whole(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    events = history() if form == "csv" else typed(history())
    whole = ingested(events, form)
    monkeypatch.setattr(pieces.Pieces, "__iter__", seen := Watched(pieces.Pieces.__iter__))
    with small_pieces(monkeypatch):
        assert ingested(events, form) == whole
    assert seen.pieces > 5
    assert b"event_id_conflict" in whole["quarantine.parquet"]
    assert b"unknown_stakeholder" in whole["quarantine.parquet"]


class Watched:
    """An iterator of pieces that counts those it has given, and whether it gave all."""

    def __init__(self, plain: object) -> None:
        self.plain, self.pieces, self.ended = plain, 0, False

    def __get__(self, table: object, _: object) -> object:
        def given() -> Iterator[pd.DataFrame]:
            for piece in self.plain(table):  # type: ignore[operator]
                self.pieces += 1
                yield piece
            self.ended = True

        return given


def line(events: pd.DataFrame, form: str) -> str:
    with pytest.raises(InputError, match="To mend it") as fault:
        ingested(events, form)
    return str(fault.value)


FAULTS = {
    "a number": ("value", {400: "abc", 900: "x1"}),
    "a time": ("occurred_at", {1200: "16/10/2024"}),
    "a blank id": ("stakeholder_id", {700: None, 701: None}),
    "out of bounds": ("value", {30: "1e13", 1300: "2e13"}),
    "another column earlier": ("known_at", {1400: "soon"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_same_line_names_the_fault(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    column, cells = FAULTS[fault]
    events = history()
    for row, cell in cells.items():
        events.loc[row, column] = cell
    if fault.startswith("another"):
        events.loc[3, "value"] = "abc"  # an earlier row, of a column that is checked later
    whole = line(events, "csv")
    assert f"column {column}, row {min(cells) + 1}: expected" in whole
    with small_pieces(monkeypatch):
        assert line(events, "csv") == whole


@pytest.mark.parametrize(
    "change",
    [
        {"value": "float32"},
        {"channel": "category"},
        {"stakeholder_id": "Int64"},  # a number among blanks: floating-point, beyond 2⁵³ not exact
        {"occurred_at": "datetime64[ns]"},
    ],
    ids=str,
)
def test_what_a_piece_cannot_tell_is_read_whole(change: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    events = typed(history(600))
    events["occurred_at"] = events["occurred_at"].dt.tz_localize(None)
    if "stakeholder_id" in change:
        events["stakeholder_id"] = 2**53 + 2 * np.arange(len(events))
        events = pd.concat([events, events.tail(1).assign(stakeholder_id=None)], ignore_index=True)
    events = events.astype(change)
    monkeypatch.setattr(pieces.Pieces, "__iter__", seen := Watched(pieces.Pieces.__iter__))
    if "stakeholder_id" in change:
        whole = line(events, "parts")
        with small_pieces(monkeypatch):
            assert line(events, "parts") == whole
    else:
        plain = ingested(events, "parts")
        with small_pieces(monkeypatch):
            assert ingested(events, "parts") == plain
    assert seen.ended == (change.keys() <= {"value", "occurred_at"})


@pytest.mark.parametrize(
    "spoil",
    [lambda text: text.replace("_", "é", 1), lambda text: text + "é\n", lambda text: text.replace(",", ";")],
    ids=["header", "body", "separator"],
)
def test_a_file_saved_otherwise_is_refused_with_the_same_line(
    spoil: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(history(600), "csv", tmp_path / "export")
    params = parse_params(DOCUMENT)
    with inside(tmp_path):
        text = Path("export/events.csv").read_text(encoding="utf-8")
        Path("export/events.csv").write_text(spoil(text), encoding="latin-1")
        with pytest.raises(InputError, match=r"events\.csv, (line \d+|header line): expected (text|columns)") as whole:
            take_in(read_files(params), params)
        with small_pieces(monkeypatch), pytest.raises(InputError, match=re.escape(str(whole.value))):
            take_in(read_files(params), params)


def test_an_instant_out_of_reach_is_refused_with_the_same_line(monkeypatch: pytest.MonkeyPatch) -> None:
    events = history(600).assign(occurred_at="2021-01-01", known_at="2021-01-01")
    with pytest.raises(ParamsError) as whole:
        ingested(events, "csv")
    with small_pieces(monkeypatch), pytest.raises(ParamsError, match=r"clock\.as_of") as told:
        ingested(events, "csv")
    assert str(told.value) == str(whole.value)


def test_ids_spelt_otherwise_are_refused_with_the_same_line_and_nothing_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events = history(600).replace({"stakeholder_id": {"p01": "0p01"}})
    whole = line(events, "csv")
    assert (
        "events.csv, column stakeholder_id: expected ids as stakeholders spells them; got '0p01' for 'p01' (" in whole
    )
    monkeypatch.delattr(intake, "read_whole")
    with small_pieces(monkeypatch):
        assert line(events, "csv") == whole


def test_small_exports_are_read_at_once_and_large_ones_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(history(600), "csv", tmp_path / "export")
    params = parse_params({**DOCUMENT, "source": {"kind": "files", "path": str(tmp_path / "export")}})
    assert isinstance(read_files(params).events, pd.DataFrame)
    with small_pieces(monkeypatch):
        raw = read_files(params)
        assert isinstance(raw.events, Pieces)
        assert raw.origin("events").name == str(tmp_path / "export" / "events.csv")
        assert sum(len(piece) for piece in raw.events) == 660
