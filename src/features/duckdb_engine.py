"""The embedded engine: DuckDB answers queries, NumPy pairs rows with events and counts them (docs/decisions/0036).

Questions about everyone are answered by all threads together; those about some stakeholders several at a time, each by
one thread that reads, counts and computes. What DuckDB groups, joins or sorts beyond its memory is spilled to disk; the
numbers of the rows that are counted lie beside that memory.
"""

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
from ibis.expr.types import Table

from .measures import Measures
from .pairs import pairs_of
from .stream import history_batches
from .tally import Tally
from .visible import people_between

Answer = TypeVar("Answer")


class DuckDBEngine:
    """Runs queries over one history on DuckDB."""

    def __init__(self, events: pd.DataFrame | Path, threads: int, memory_gb: float) -> None:
        self._spill = tempfile.TemporaryDirectory(prefix="rapport-")
        self._events = events if isinstance(events, Path) else pa.Table.from_pandas(events, preserve_index=False)
        self._threads, self._memory_gb = threads, memory_gb
        self._whole = _Database(self._events, threads, memory_gb, self._spill.name)

    def compile(self, expression: Table) -> str:
        """Return DuckDB's SQL of an expression."""
        return str(ibis.to_sql(expression, dialect="duckdb"))

    def query(self, sql: str, spine: pd.DataFrame | None = None) -> pa.Table:
        """Return the rows of a compiled query; row groups without the spine's stakeholders are not read."""
        self._whole.read(spine)
        return self._whole.answer(sql)

    def query_parts(
        self, queries: Sequence[str], spines: Iterable[pd.DataFrame]
    ) -> Iterator[tuple[pd.DataFrame, list[pa.Table]]]:
        """Yield each spine with the rows of each query, in order."""
        return self._in_parts(lambda database, spine: database.answers(queries, spine), spines)

    def measured_parts(
        self, measures: Measures, sql: str, queries: Sequence[str], spines: Iterable[pd.DataFrame]
    ) -> Iterator[tuple[pd.DataFrame, pa.Table, list[pa.Table]]]:
        """Yield each spine with the rows of a query over its measures, and those of each query, in order.

        What the rows see is found and counted by NumPy, as the history streams past (pairs.py, tally.py).
        """

        def answered(database: _Database, spine: pd.DataFrame) -> tuple[pa.Table, list[pa.Table]]:
            others = database.answers(queries, spine)
            batches = history_batches(self._events, measures.stored, people_between(spine))
            tally = Tally(measures, len(spine))
            for seen in pairs_of(spine, batches, measures):
                tally.add(seen)
            return database.compute(sql, tally.table()), others

        for spine, (made, others) in self._in_parts(answered, spines):
            yield spine, made, others

    def _in_parts(
        self, work: Callable[["_Database", pd.DataFrame], Answer], spines: Iterable[pd.DataFrame]
    ) -> Iterator[tuple[pd.DataFrame, Answer]]:
        """Yield each spine with its answer, in order; as many are at work as there are threads.

        One more waits, so that no thread does while an earlier answer is awaited or used.
        """
        free: SimpleQueue[_Database] = SimpleQueue()
        for _ in range(self._threads):
            free.put(_Database(self._events, 1, self._memory_gb / self._threads, self._spill.name))

        def answered(spine: pd.DataFrame) -> Answer:
            database = free.get()
            try:
                return work(database, spine)
            finally:
                free.put(database)

        running: deque[tuple[pd.DataFrame, Future[Answer]]] = deque()
        with ThreadPoolExecutor(self._threads) as pool:
            for spine in spines:
                if len(running) > self._threads:
                    yield _awaited(running)
                running.append((spine, pool.submit(answered, spine)))
            while running:
                yield _awaited(running)

    def close(self) -> None:
        """Close the database and remove what was spilled."""
        self._whole.close()
        self._spill.cleanup()


def _awaited(running: deque[tuple[pd.DataFrame, Future[Answer]]]) -> tuple[pd.DataFrame, Answer]:
    spine, answer = running.popleft()
    return spine, answer.result()


class _Current:
    """A table for DuckDB that is another one each time; a plan over a registered table would keep to that one."""

    table: pa.Table = pa.table({"row": pa.array([], pa.int64())})

    def __arrow_c_stream__(self, schema: object = None) -> object:
        return self.table.__arrow_c_stream__(schema)


class _Database:
    """One database in memory that reads the history; connections of one database would share its threads."""

    def __init__(self, events: Path | pa.Table, threads: int, memory_gb: float, spill: str) -> None:
        self._connection = duckdb.connect(":memory:", config={
            "threads": threads,
            "memory_limit": f"{memory_gb}GB",
            "temp_directory": spill,
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
        })  # fmt: skip
        self._connection.execute("CREATE MACRO div(a, b) AS a // b")  # Spark knows it by this name
        self._measures, self._planned = _Current(), ""
        self._connection.register("measures", self._measures)
        if isinstance(events, Path):
            text = str(events).replace("'", "''")
            self._events = f"read_parquet('{text}')"
        else:
            self._connection.register("events", events)
            self._events = "events"

    def read(self, spine: pd.DataFrame | None) -> None:
        """Let queries read a spine and the history of its stakeholders; without one, everyone's."""
        view = f"CREATE OR REPLACE TEMP VIEW history AS SELECT * FROM {self._events}"
        if spine is not None:
            low, high = people_between(spine)
            view += f" WHERE stakeholder BETWEEN {low} AND {high}"
            # A table of its own, unlike a view of Arrow's, has statistics to plan the join by.
            rows = pa.Table.from_pandas(spine[["row", "stakeholder", "as_of"]], preserve_index=False)
            self._connection.register("rows", rows)
            self._connection.execute("CREATE OR REPLACE TEMP TABLE spine AS SELECT * FROM rows")
        self._connection.execute(view)

    def answers(self, queries: Sequence[str], spine: pd.DataFrame) -> list[pa.Table]:
        """Return the rows of each query over a spine and the history of its stakeholders."""
        if queries:
            self.read(spine)
        return [self.answer(sql) for sql in queries]

    def answer(self, sql: str) -> pa.Table:
        """Return the rows of a query."""
        found: pa.Table = self._connection.execute(sql).to_arrow_table()
        return found

    def compute(self, sql: str, measures: pa.Table) -> pa.Table:
        """Return the rows of a query over a table of measures; one query is planned once."""
        self._measures.table = measures
        if sql != self._planned:
            self._connection.execute(f"PREPARE made AS {sql}")
            self._planned = sql
        made = self._connection.execute("EXECUTE made").to_arrow_reader(max(1, len(measures)))
        table: pa.Table = made.read_all()
        self._measures.table = _Current.table  # the next ones are counted without these beside them
        return table

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
