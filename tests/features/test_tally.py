"""NumPy counts what the definition of the measures says, whatever the events and the order and batches they come in."""

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from histories import AS_OF, DAY
from rapport.contracts.errors import InputError
from rapport.features.duckdb_engine import DuckDBEngine
from rapport.features.measures import Measures, Windows, per_type, row_keys, seen_by
from rapport.features.side_by_side import lay
from rapport.features.tally import Tally

PEOPLE, INSTANTS = 6, [AS_OF - 91 * DAY, AS_OF - 30 * DAY, AS_OF]
WITHOUT_VALUES = Measures((3, 1), False, Windows([7]), {}, valued=False, partly=False)
ALL = Measures((0, 1, 2, 3), True, Windows([7, 30, 90], [1, 14, 400]), {"web": 2, "a_fax": 0}, valued=True, partly=True)
SETTINGS = {
    "everything, any instants": ALL,
    "everything, one instant": Measures(*list(vars(ALL).values())[:-1], instant=AS_OF),
    "some types, one never occurs, all with values": Measures(
        (-1, 2, 0, -1), False, Windows([30, 365]), {"phone": 1}, valued=True, partly=False, instant=AS_OF
    ),
    "no values and no channels": WITHOUT_VALUES,
}
SQL: dict[str, dict[str, str]] = {}

TIMES = st.builds(
    lambda anchor, days, micros: anchor - days * DAY + micros,
    st.sampled_from(INSTANTS),
    st.sampled_from([0, 1, 6, 7, 14, 28, 30, 90, 357, 364, 365, 371, 400, 4000, -2]),
    st.sampled_from([-1, 0, 0, 1]),
)
AMOUNTS = st.none() | st.integers(-3, 3) | st.sampled_from([10**16, -(10**16), 2**53 + 1])
EVENTS = st.lists(
    st.tuples(
        st.integers(0, PEOPLE - 1), TIMES, st.sampled_from([0, 0, 0, 1, DAY, 40 * DAY, -DAY]), st.integers(0, 3),
        st.integers(-1, 3), AMOUNTS,
    ),
    max_size=60,
)  # fmt: skip


def history(events: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Return events of stakeholder, time, delay, type, channel and amount as a history; ties keep their order."""
    events = sorted(events, key=lambda each: each[:2])
    raw = {
        name: [each[at] for each in events] for at, name in enumerate(["stakeholder", "at", "delay", "type", "channel"])
    }
    table = pd.DataFrame(raw, dtype="int64")
    amount = pd.array([each[5] for each in events], dtype="Int64")
    table = table.assign(known=table["at"] + table.pop("delay"), position=np.arange(len(table)), amount=amount)
    return table[["stakeholder", "at", "known", "position", "type", "channel", "amount"]]


def spine(measures: Measures, people: list[int]) -> pd.DataFrame:
    """Return rows of some people, by stakeholder and time."""
    instants = INSTANTS if measures.instant is None else [measures.instant]
    rows = [(who, at) for who in people for at in instants]
    return pd.DataFrame(rows, columns=["stakeholder", "as_of"], dtype="int64").assign(row=np.arange(len(rows)))


def defined(engine: DuckDBEngine, measures: Measures, rows: pd.DataFrame) -> pa.Table:
    """Return what the definition says, by an engine's group-by."""
    known = SQL.setdefault(repr(measures), {})
    if not known:
        known["defined"] = engine.compile(per_type(seen_by(measures), measures))
        known["seen"] = engine.compile(seen_by(measures))
    found = engine.query(known["defined"], rows)
    assert {*found.column_names} == {"row", "type", *measures.names}
    return lay(found, row_keys(measures, rows), measures.types)


def assert_counts_as_defined(events: pd.DataFrame, measures: Measures, people: list[int], seed: int = 0) -> pa.Table:
    """Compare all bits; events come in batches of any size in any order. Return the table."""
    engine, rows, rng = DuckDBEngine(events, 1, 0.5), spine(measures, people), np.random.default_rng(seed)
    try:
        expected = defined(engine, measures, rows)
        seen = engine.query(SQL[repr(measures)]["seen"], rows)
    finally:
        engine.close()
    assert seen.column_names == measures.read
    shuffled = seen.take(rng.permutation(seen.num_rows)).combine_chunks()
    tally, start = Tally(measures, row_keys(measures, rows)), 0
    for end in [*sorted(rng.integers(0, seen.num_rows + 1, 3).tolist()), seen.num_rows]:
        (batch,) = shuffled.slice(start, end - start).to_batches() or [None]
        if batch is not None:
            tally.add(batch)
        start = end
    counted = tally.table()
    assert counted.select(expected.column_names).equals(expected)
    assert counted.num_columns == expected.num_columns
    return counted


@pytest.mark.parametrize("name", SETTINGS)
@given(EVENTS, st.sets(st.integers(0, PEOPLE), min_size=1).map(sorted), st.integers(0, 9))
def test_random_events_are_counted_as_defined(name: str, events: list[Any], people: list[int], seed: int) -> None:
    """Ties, ends of windows and weeks, late records, types and people nobody asks for, and rows that see nothing."""
    assert_counts_as_defined(history(events), SETTINGS[name], people, seed)


@pytest.mark.parametrize("name", SETTINGS)
def test_no_row_and_no_event(name: str) -> None:
    one = (2, AS_OF - DAY, 0, 1, 1, 5)
    assert assert_counts_as_defined(history([]), SETTINGS[name], [1, 2]).num_rows >= 2
    assert assert_counts_as_defined(history([one]), SETTINGS[name], []).num_rows == 0


def test_the_comparison_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event exactly as old as a window is long lies inside: a week counted to the other side is found."""
    events = history([(2, AS_OF - 7 * DAY, 0, 1, 1, 5)])
    counted = assert_counts_as_defined(events, SETTINGS["everything, one instant"], [2])
    assert [counted[name][0].as_py() for name in ("n_7_of_1", "weeks_of_1", "sum_7_of_1", "last_of_1")] == [1, 1, 5, 5]
    monkeypatch.setattr("rapport.features.tally.MICROS_PER_DAY", DAY - 1)
    with pytest.raises(AssertionError):
        assert_counts_as_defined(events, SETTINGS["everything, one instant"], [2])


def same_week(amounts: list[int]) -> pd.DataFrame:
    return history([(1, AS_OF - DAY, 0, 1, 1, each) for each in amounts])


HUGE = 2**62


@pytest.mark.parametrize("sign", [1, -1])
def test_sums_are_exact_to_the_last_int64_and_no_further(sign: int) -> None:
    """Adding may go around on the way, since the others come back; a sum that is no int64 is refused."""
    fits = [HUGE, HUGE, HUGE, -HUGE, -HUGE, HUGE - 1]
    measures = SETTINGS["everything, one instant"]
    counted = assert_counts_as_defined(same_week([sign * each for each in fits]), measures, [1])
    assert counted["sum_7_of_1"][0].as_py() == sign * (2 * HUGE - 1)
    beyond = [*fits, 2] if sign > 0 else [*fits, 3]
    engine, rows = DuckDBEngine(same_week([sign * each for each in beyond]), 1, 0.5), spine(measures, [1])
    try:
        with pytest.raises(duckdb.ConversionException, match="out of range"):
            defined(engine, measures, rows)
        (batch,) = engine.query(SQL[repr(measures)]["seen"], rows).to_batches()
    finally:
        engine.close()
    tally = Tally(measures, row_keys(measures, rows))
    tally.add(batch)
    with pytest.raises(
        InputError, match=r"events, column value: expected sums .* within 922,337,203,685,477 either way"
    ):
        tally.table()
