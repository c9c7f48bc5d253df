"""NumPy counts what the definition of the measures says, whatever the events and the order and batches they come in."""

from collections.abc import Iterator
from itertools import pairwise
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
from rapport.features.measures import Measures, Windows, only_instant, per_type, row_keys, seen_by
from rapport.features.pairs import Pairs, pairs_of
from rapport.features.side_by_side import lay
from rapport.features.tally import Tally

PEOPLE, INSTANTS = 6, [AS_OF - 91 * DAY, AS_OF - 30 * DAY, AS_OF]
WITHOUT_VALUES = Measures({"use": 3, "ask": 1}, False, Windows([7]), {}, valued=False, partly=False)
TYPES = {"ask": 1, "buy": 0, "rent": 2, "use": 3}
ALL = Measures(TYPES, True, Windows([7, 30, 90], [1, 14, 400]), {"web": 2, "a_fax": 0}, valued=True, partly=True)
SETTINGS = {
    "everything": ALL,
    "some types, one never occurs, all with values": Measures(
        {"never": -1, "rent": 2, "buy": 0, "nor_this": -1},
        False,
        Windows([30, 365]),
        {"phone": 1},
        valued=True,
        partly=False,
    ),
    "no values and no channels": WITHOUT_VALUES,
}
SQL: dict[tuple[str, int | None], str] = {}

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


def spine(people: list[int], instant: int | None = AS_OF) -> pd.DataFrame:
    """Return rows of some people, by stakeholder and time; with None at several instants."""
    instants = INSTANTS if instant is None else [instant]
    rows = [(who, at) for who in people for at in instants]
    return pd.DataFrame(rows, columns=["stakeholder", "as_of"], dtype="int64").assign(row=np.arange(len(rows)))


def defined(engine: DuckDBEngine, measures: Measures, rows: pd.DataFrame) -> pa.Table:
    """Return what the definition says, by an engine's group-by."""
    instant = only_instant(rows)
    sql = SQL.get((repr(measures), instant)) or engine.compile(per_type(seen_by(measures, instant), measures))
    found = engine.query(SQL.setdefault((repr(measures), instant), sql), rows)
    assert {*found.column_names} == {"row", "type", *measures.names}
    return lay(found, row_keys(rows, instant), [*measures.types.values()])


def paired(events: pa.Table, measures: Measures, rows: pd.DataFrame, cuts: list[int]) -> Iterator[Pairs]:
    """Yield pairs of rows and events, these in batches between the cuts."""
    read = events.select(measures.stored)
    for start, end in pairwise([0, *cuts, events.num_rows]):
        for seen in pairs_of(rows, read.slice(start, end - start).to_batches(), measures):
            assert len(seen.row) <= end - start, "no more pairs at once than events"
            yield seen


def tallied(events: pa.Table, measures: Measures, rows: pd.DataFrame, cuts: list[int]) -> Tally:
    tally = Tally(measures, len(rows))
    for seen in paired(events, measures, rows, cuts):
        tally.add(seen)
    return tally


def assert_counts_as_defined(
    events: pd.DataFrame, measures: Measures, people: list[int], instant: int | None = AS_OF, seed: int = 0
) -> pa.Table:
    """Compare all bits; events come in batches of any size in any order. Return the table."""
    engine, rows, rng = DuckDBEngine(events, 1, 0.5), spine(people, instant), np.random.default_rng(seed)
    try:
        expected = defined(engine, measures, rows)
    finally:
        engine.close()
    shuffled = pa.Table.from_pandas(events, preserve_index=False).take(rng.permutation(len(events)))
    cuts = sorted(rng.integers(0, len(events) + 1, 3).tolist())
    counted = tallied(shuffled, measures, rows, cuts).table()
    assert counted.select(expected.column_names).equals(expected)
    assert counted.num_columns == expected.num_columns
    return counted


@pytest.mark.parametrize("instant", [None, AS_OF], ids=["any instants", "one instant"])
@pytest.mark.parametrize("name", SETTINGS)
@given(EVENTS, st.sets(st.integers(0, PEOPLE), min_size=1).map(sorted), st.integers(0, 9))
def test_random_events_are_counted_as_defined(
    name: str, instant: int | None, events: list[Any], people: list[int], seed: int
) -> None:
    """Ties, ends of windows and weeks, late records, types and people nobody asks for, and rows that see nothing."""
    assert_counts_as_defined(history(events), SETTINGS[name], people, instant, seed)


@pytest.mark.parametrize("instant", [None, AS_OF])
@pytest.mark.parametrize("name", SETTINGS)
def test_no_row_and_no_event(name: str, instant: int | None) -> None:
    one = (2, AS_OF - DAY, 0, 1, 1, 5)
    assert assert_counts_as_defined(history([]), SETTINGS[name], [1, 2], instant).num_rows >= 2
    assert assert_counts_as_defined(history([one]), SETTINGS[name], [], instant).num_rows == 0


def test_the_comparison_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event exactly as old as a window is long lies inside: a week counted to the other side is found."""
    events = history([(2, AS_OF - 7 * DAY, 0, 1, 1, 5)])
    counted = assert_counts_as_defined(events, ALL, [2])
    assert [counted[name][0].as_py() for name in ("n_7_of_1", "weeks_of_1", "sum_7_of_1", "last_of_1")] == [1, 1, 5, 5]
    monkeypatch.setattr("rapport.features.tally.MICROS_PER_DAY", DAY - 1)
    with pytest.raises(AssertionError):
        assert_counts_as_defined(events, ALL, [2])


@pytest.mark.parametrize("late", ["at", "known"])
def test_an_event_of_the_instant_itself_would_be_found(late: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The definition sees what happened and was known strictly before; a pairing that sees more does not agree."""
    times = (AS_OF, 0) if late == "at" else (AS_OF - DAY, DAY)
    events, measures = history([(2, *times, 1, 1, 5)]), ALL
    assert assert_counts_as_defined(events, measures, [2])["n_of_1"][0].as_py() == 0
    monkeypatch.setattr("rapport.features.pairs.is_seen", lambda at, known, as_of: (at <= as_of) & (known <= as_of))
    with pytest.raises(AssertionError):
        assert_counts_as_defined(events, measures, [2])


def test_a_stakeholder_may_have_many_rows_and_others_none() -> None:
    """One with 40 rows, one with 1, one with none between; batches without the first are not gone through 40 times."""
    events = history([(who, AS_OF - day * DAY - 1, 0, 1, 1, 5) for who in (1, 2, 3) for day in range(60)])
    instants = [*(AS_OF - day * DAY for day in range(39, -1, -1)), AS_OF]
    rows, table = pd.DataFrame({"stakeholder": [1] * 40 + [3], "as_of": instants}), pa.Table.from_pandas(events)
    counted = tallied(table, ALL, rows.assign(row=np.arange(41)), [7, 90]).table()
    assert counted["n_of_1"].to_pylist() == [*range(21, 61), 60]
    assert len([*paired(table, ALL, rows, [60, 120])]) == 40 + 0 + 1
    with pytest.raises(ValueError, match="stands by stakeholder"):
        next(paired(table, ALL, rows[::-1], []))


@pytest.mark.parametrize(("unseen", "carried"), [(4, True), (5, True), (6, False)])
def test_what_nobody_sees_is_carried_along_where_most_is_seen(unseen: int, carried: bool) -> None:
    """It counts nowhere, and its amounts may come to any sum."""
    times = [(AS_OF + DAY, 0), (AS_OF - DAY, 2 * DAY)]
    late = [(2, *times[each % 2], 1, 1, 2**62) for each in range(unseen)]
    events = history([(2, AS_OF - DAY, 0, 1, 1, 5)] * 5 + late)
    measures = ALL
    (seen,) = paired(pa.Table.from_pandas(events), measures, spine([2]), [])
    assert sorted(seen.row) == [0] * 5 + [1] * (unseen if carried else 0)
    assert seen.age.min() > 0
    counted = assert_counts_as_defined(events, measures, [2])
    assert (counted["n_of_1"][0].as_py(), counted["sum_7_of_1"][0].as_py()) == (5, 25)


def same_week(amounts: list[int]) -> pd.DataFrame:
    return history([(1, AS_OF - DAY, 0, 1, 1, each) for each in amounts])


HUGE = 2**62


@pytest.mark.parametrize("sign", [1, -1])
def test_sums_are_exact_to_the_last_int64_and_no_further(sign: int) -> None:
    """Adding may go around on the way, since the others come back; a sum that is no int64 is refused."""
    fits = [HUGE, HUGE, HUGE, -HUGE, -HUGE, HUGE - 1]
    measures = ALL
    counted = assert_counts_as_defined(same_week([sign * each for each in fits]), measures, [1])
    assert counted["sum_7_of_1"][0].as_py() == sign * (2 * HUGE - 1)
    beyond = [*fits, 2] if sign > 0 else [*fits, 3]
    engine, rows = DuckDBEngine(same_week([sign * each for each in beyond]), 1, 0.5), spine([1])
    try:
        with pytest.raises(duckdb.ConversionException, match="out of range"):
            defined(engine, measures, rows)
    finally:
        engine.close()
    tally = tallied(pa.Table.from_pandas(same_week([sign * each for each in beyond])), measures, rows, [])
    got = rf"got about {sign * 9.22e14:.2e} of 'ask' within 7 days".replace("+", r"\+")
    with pytest.raises(InputError, match=rf"events, column value: expected .* 922,337,203,685,477 either way; {got}"):
        tally.table()


def seen(events: list[tuple[int, int, int, int | None]], first: int) -> Pairs:
    """Return events of row, type, age in days and amount as a tally takes them, each recorded after the one before."""
    row, kind, age, amount = zip(*events, strict=True) if events else [()] * 4
    numbers = {"type": kind, "position": range(first, first + len(events)), "amount": [each or 0 for each in amount]}
    columns = {name: np.array(each, dtype=np.int64) for name, each in numbers.items()}
    valued = np.array([each is not None for each in amount], dtype=np.bool_)
    return Pairs(np.array(row, dtype=np.intp), np.array(age, dtype=np.int64) * DAY, {**columns, "valued": valued})


BUYS = {"buy": 0, "rent": 2}


def counted_by(
    events: list[tuple[int, int, int, int | None]], windows: Windows, cuts: list[int]
) -> dict[str, list[int]]:
    """Return what a tally makes of events in batches between the cuts; row 3 is nobody."""
    tally = Tally(Measures(BUYS, True, windows, {}, valued=True, partly=False), 3)
    for start, end in pairwise([0, *cuts, len(events)]):
        tally.add(seen(events[start:end], start))
    found: dict[str, list[int]] = tally.table().to_pydict()
    return found


def test_a_sum_is_refused_just_where_python_says_it_is_no_int64() -> None:
    """Huge amounts of both signs over several batches, types and rows, some of nobody's; the oracle never overflows.

    Of amounts that no feature reads any sum may go around: of other rows and types, within windows that are counted
    alone, and of what is older than the longest window.
    """
    rng, refused, windows = np.random.default_rng(4), 0, Windows([7, 30], [14, 50])
    for _ in range(600):
        n = int(rng.integers(0, 70))
        sizes = rng.choice([2**63 - 1, 2**62, 2**61, 10**16, 5], n).tolist()
        amounts = [None if rng.random() < 0.1 else int(rng.choice([1, -1])) * size - int(rng.integers(2)) * (size > 5)
                   for size in sizes]  # fmt: skip
        rows, kinds = rng.integers(0, 4, n).tolist(), rng.choice([0, 0, 2, 2, 1, 5], n).tolist()
        ages = rng.choice([1, 7, 8, 14, 30, 31, 60], n).tolist()
        events = list(zip(rows, kinds, ages, amounts, strict=True))
        sums = {
            (days, kind, row): sum(each[3] or 0 for each in events if each[:2] == (row, kind) and each[2] <= days)
            for days in windows.days for kind in BUYS.values() for row in range(3)
        }  # fmt: skip
        cuts = sorted(rng.integers(0, n + 1, 3).tolist())
        if all(-(2**63) <= each < 2**63 for each in sums.values()):
            found = counted_by(events, windows, cuts)
            assert {(days, kind, row): found[f"sum_{days}_of_{kind}"][row] for days, kind, row in sums} == sums
        else:
            refused += 1
            with pytest.raises(InputError, match=r"either way; got about -?\d\.\d\de\+1\d of '(buy|rent)' within"):
                counted_by(events, windows, cuts)
    assert 100 < refused < 500


@pytest.mark.parametrize("age", [8, 14, 40, 60])
def test_sums_of_windows_that_are_counted_alone_are_not_refused(age: int) -> None:
    """What is too large within 14 days comes back within 30; what is older than that is in no sum."""
    back = [(1, 0, 20, -HUGE)] * 2 if age < 30 else []
    events = [(1, 0, age, HUGE), (1, 0, age, HUGE), *back, (1, 0, 1, 5)]
    found = counted_by(events, Windows([7, 30], [14, 50]), [1])
    assert (found["sum_7_of_0"][1], found["sum_30_of_0"][1]) == (5, 5)
    with pytest.raises(InputError, match=r"got about 9\.22e\+14 of 'buy' within 60 days"):
        counted_by(events[:2], Windows([7, 60], [14]), [1])


def test_other_types_count_nowhere() -> None:
    """Type 0 is the lowest: an event of another below, between or above is none of its."""
    windows = Windows([7, 30])
    mine = [(0, 0, 3, 4), (1, 2, 9, 5)]
    others = [(row, kind, 1, 7) for row in range(4) for kind in (-1, 1, 3, 99)]
    alone, among = (counted_by(events, windows, [1]) for events in (mine, [*mine, *others]))
    assert among == alone
    assert (among["n_of_0"], among["sum_30_of_2"]) == ([1, 0, 0], [0, 5, 0])
