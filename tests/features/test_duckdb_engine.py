"""The embedded engine: little memory, many threads, parts and a file instead of a table change no byte."""

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from histories import (
    AS_OF,
    DAY,
    PEOPLE,
    Event,
    build,
    crowd,
    decision_table,
    event_table,
    featurizer,
    params,
    random_past,
    stakeholder_table,
)
from rapport.contracts.errors import ArtifactError
from rapport.features import build as building
from rapport.features import duckdb_engine, stream
from rapport.features.build import Featurizer
from rapport.features.duckdb_engine import DuckDBEngine
from rapport.features.engine import Engine, open_engine
from rapport.features.history import stored
from rapport.features.occurrences import occurrences
from rapport.features.pairs import Pairs
from rapport.features.stream import history_batches
from rapport.features.tally import Tally
from rapport.store.frames import write_parts

STAKEHOLDERS, HISTORY, CODES = crowd(people=10_000, events=200_000, kinds=8, seed=1)


def population(engine: Engine) -> pa.Table:
    made = Featurizer(STAKEHOLDERS, CODES, occurrences(engine, params()), engine, params())
    return pa.concat_tables(list(made.population()))


@pytest.fixture(scope="module")
def plenty() -> pa.Table:
    """The population with more memory than it takes."""
    with open_engine(HISTORY, params(threads=1)) as engine:
        return population(engine)


@pytest.mark.parametrize("how", [{"memory_gb": 0.25}, {"threads": 2}, {"threads": 5, "memory_gb": 0.25}], ids=str)
def test_memory_and_threads_change_nothing(how: dict[str, Any], plenty: pa.Table) -> None:
    assert plenty.num_rows == len(STAKEHOLDERS)
    with open_engine(HISTORY, params(**how)) as engine:
        assert population(engine).equals(plenty)


@pytest.fixture
def stored_history(tmp_path: Path) -> Path:
    """The history in a file of ten row groups."""
    path, table = tmp_path / "people's history.parquet", stored(HISTORY)
    size = -(-len(HISTORY) // 10)
    write_parts(path, [table.slice(at, size) for at in range(0, len(HISTORY), size)], ["position"], codec="lz4")
    return path


def test_events_are_counted_a_few_at_a_time(
    plenty: pa.Table, stored_history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each few are counted before the next are read."""
    counted, read = list[int](), list[int]()

    class Noting(Tally):
        def add(self, seen: Pairs) -> None:
            counted.append(len(seen.row))
            assert sum(counted) == sum(read)
            super().add(seen)

    def noted(*asked: Any) -> Iterator[pa.RecordBatch]:
        for batch in history_batches(*asked):
            read.append(len(batch))
            yield batch

    monkeypatch.setattr(stream, "_EVENTS_AT_ONCE", 4096)
    monkeypatch.setattr(duckdb_engine, "history_batches", noted)
    monkeypatch.setattr(duckdb_engine, "Tally", Noting)
    with open_engine(stored_history, params(threads=1)) as engine:
        assert population(engine).equals(plenty)
    assert max(counted) == 4096
    assert sum(counted) == len(HISTORY)


@pytest.mark.parametrize(
    ("people", "groups"), [((4, 4), [1]), ((5, 5), [2]), ((9, 10), [2, 3]), ((0, 14), [1, 2, 3]), ((15, 99), []),
                           ((0, -1), [])],
)  # fmt: skip
def test_row_groups_without_the_stakeholders_are_not_read(
    people: tuple[int, int], groups: list[int], tmp_path: Path
) -> None:
    """Group 1 holds stakeholders 0 to 4, 2 holds 5 to 9, 3 holds 10 to 14; without statistics each may hold any."""
    table = pa.table({"known": [1] * 5 + [2] * 5 + [3] * 5, "stakeholder": np.arange(15)})
    for told, expected in ((True, groups), (False, [1, 2, 3])):
        pq.write_table(table, tmp_path / "history.parquet", row_group_size=5, write_statistics=told)
        batches = [*history_batches(tmp_path / "history.parquet", ["known"], people)]
        assert [*dict.fromkeys(known.as_py() for batch in batches for known in batch["known"])] == expected


def test_a_table_is_looked_through_a_few_events_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_EVENTS_AT_ONCE", 4096)
    batches = [*history_batches(pa.Table.from_pandas(HISTORY), ["known"], (3, 5))]
    assert sum(map(len, batches)) == len(HISTORY)
    assert max(map(len, batches)) == 4096


def test_a_damaged_history_is_named(stored_history: Path) -> None:
    """Cut short, and with a page that is no LZ4."""
    whole = stored_history.read_bytes()
    assert sum(map(len, history_batches(stored_history, ["known"], (0, 99_999)))) == len(HISTORY)
    for damaged in (whole[:-9], whole[:2000] + bytes(4000) + whole[6000:]):
        stored_history.write_bytes(damaged)
        with pytest.raises(ArtifactError, match=r"people's history\.parquet: expected an undamaged Parquet file; got"):
            [*history_batches(stored_history, [*stored(HISTORY).column_names], (0, 99_999))]


def test_what_exceeds_the_memory_is_spilled_and_changes_nothing() -> None:
    """Somewhere on the way down the memory is too small without the disk and enough with it."""
    copies = "FROM history, range(5) AS copies(k) GROUP BY position, stakeholder, k"
    question = (
        f"SELECT count(*) AS n, max(known) AS known FROM (SELECT max(known) AS known, sum(type), min(channel) {copies})"
    )
    expected = [{"n": 5 * len(HISTORY), "known": HISTORY["known"].max()}]

    def answer(memory_gb: float, disk: str) -> list[dict[str, int]]:
        engine = DuckDBEngine(HISTORY, 1, memory_gb)
        engine._whole._connection.execute(f"SET max_temp_directory_size = '{disk}'")
        try:
            return engine.query(question).to_pylist()
        finally:
            engine.close()

    for memory_gb in (0.08, 0.06, 0.04):
        try:
            assert answer(memory_gb, "0KB") == expected
        except duckdb.OutOfMemoryException:
            break
    else:
        pytest.fail("no memory was too small: this test says nothing about spilling")
    assert answer(memory_gb, "1GB") == expected


def test_a_query_over_measures_reads_those_of_each_call() -> None:
    """A query is planned once, which must not bind it to the first table."""
    engine = DuckDBEngine(HISTORY.head(1), 1, 0.25)
    try:
        for factor in (2, 3):
            for rows in ([1, 2], [5], [2, 1]):
                made = engine._whole.compute(f"SELECT row * {factor} AS more FROM measures", pa.table({"row": rows}))
                assert made.to_pydict() == {"more": [factor * row for row in rows]}
    finally:
        engine.close()


def test_measures_are_let_go_once_they_are_computed_with() -> None:
    """Those of the next part are counted without them beside."""
    engine = DuckDBEngine(HISTORY.head(1), 1, 0.25)
    try:
        measures = pa.table({"row": [1, 2]})
        seen = weakref.ref(measures)
        assert engine._whole.compute("SELECT row + 1 AS more FROM measures", measures).num_rows == 2
        assert seen() is measures
        del measures
        assert seen() is None
    finally:
        engine.close()


def test_what_was_spilled_is_removed() -> None:
    engine = DuckDBEngine(HISTORY.head(1), 1, 0.25)
    folder = Path(engine._spill.name)
    assert folder.is_dir()
    engine.close()
    assert not folder.exists()


def test_a_file_gives_what_its_table_gives(
    stored_history: Path, plenty: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one part, and of many that begin and end within row groups."""
    with open_engine(stored_history, params()) as engine:
        assert population(engine).equals(plenty)
        monkeypatch.setattr(building, "ROWS_AT_ONCE", 777)
        assert population(engine).equals(plenty)


def three_tables(**how: Any) -> Iterator[list[pa.Table]]:
    events, log = random_past(1)
    people, decisions = stakeholder_table(PEOPLE), decision_table(log)
    with featurizer(people, event_table(events), decisions, params(**how)) as made:
        for parts in (made.decisions(decisions)[0], made.snapshots(decisions), made.population()):
            yield list(parts)


@pytest.mark.parametrize("rows", [1, 3])
def test_parts_add_up_to_the_table_and_never_split_a_stakeholder(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(three_tables())
    assert [len(parts) for parts in whole] == [1, 1, 1]
    monkeypatch.setattr(building, "ROWS_AT_ONCE", rows)
    for (table,), parts in zip(whole, three_tables(), strict=True):
        assert len(parts) > 1
        assert pa.concat_tables(parts).equals(table)
        people = [set(part["stakeholder_id"].to_pylist()) for part in parts]
        assert all(not one & other for at, one in enumerate(people) for other in people[:at])


def test_a_stakeholder_with_many_events_is_like_any_other() -> None:
    """200,000 events of ann's, two a minute: counted here by NumPy; bob's row does not notice them."""
    rng = np.random.default_rng(2)
    age = np.sort(rng.integers(1, 69 * DAY, 200_000))  # in days 0 … 68 before as_of
    value = rng.integers(-500, 500, len(age)) / 4
    many = [Event("ann", AS_OF - int(back), AS_OF - int(back), "visit", float(v))
            for back, v in zip(age, value, strict=True)]  # fmt: skip
    few = [Event("bob", AS_OF - day * DAY, AS_OF - day * DAY, "visit", 1.5) for day in (3, 5, 40)]
    both = build(many + few, [], ["ann", "bob"]).population
    ann = both.iloc[0]
    for days in (7, 60):
        assert ann[f"visit_count_{days}d"] == (age <= days * DAY).sum()
        assert ann[f"visit_sum_{days}d"] == value[age <= days * DAY].sum(), "quarters add up exactly"
    assert ann["visit_gap_days"] == (age[-1] - age[0]) / (len(age) - 1) / DAY
    assert ann["visit_last"] == value[age == age[0]].max()
    assert ann["active_weeks_13"] == ann["active_weeks_52"] == 10
    alone = build(few, [], ["ann", "bob"]).population
    pd.testing.assert_series_equal(both.iloc[1], alone.iloc[1], check_exact=True)
