"""The embedded engine: DuckDB over one history; what exceeds its memory is spilled to disk.

Questions about everyone are answered by all threads together, those about some stakeholders by one thread each, several
at a time: what threads share within one grouping costs DuckDB about a third more work.
"""

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
from ibis.expr.types import Table


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
        return self._whole.answer(sql, spine)

    def query_parts(
        self, queries: Sequence[str], spines: Iterable[pd.DataFrame]
    ) -> Iterator[tuple[pd.DataFrame, list[pa.Table]]]:
        """Yield each spine with the rows of each query, in order; as many are at work as there are threads.

        One more waits, so that no thread does while an earlier answer is awaited or used.
        """
        free: SimpleQueue[_Database] = SimpleQueue()
        for _ in range(self._threads):
            free.put(_Database(self._events, 1, self._memory_gb / self._threads, self._spill.name))

        def answered(spine: pd.DataFrame) -> list[pa.Table]:
            database = free.get()
            try:
                return [database.answer(sql, spine) for sql in queries]
            finally:
                free.put(database)

        running: deque[tuple[pd.DataFrame, Future[list[pa.Table]]]] = deque()
        with ThreadPoolExecutor(self._threads) as pool:
            for spine in spines:
                if len(running) > self._threads:
                    yield _awaited(running)
                running.append((spine, pool.submit(answered, spine)))
            while running:
                yield _awaited(running)

    def compute(self, sql: str, measures: pa.Table) -> pa.Table:
        """Return the rows of a compiled query over `measures` alone."""
        return self._whole.compute(sql, measures)

    def close(self) -> None:
        """Close the database and remove what was spilled."""
        self._whole.close()
        self._spill.cleanup()


def _awaited(running: deque[tuple[pd.DataFrame, Future[list[pa.Table]]]]) -> tuple[pd.DataFrame, list[pa.Table]]:
    spine, tables = running.popleft()
    return spine, tables.result()


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
        if isinstance(events, Path):
            text = str(events).replace("'", "''")
            self._events = f"read_parquet('{text}')"
        else:
            self._connection.register("events", events)
            self._events = "events"

    def answer(self, sql: str, spine: pd.DataFrame | None) -> pa.Table:
        """Return the rows of a query over everyone's history, or over that of the spine's stakeholders."""
        view = f"CREATE OR REPLACE TEMP VIEW history AS SELECT * FROM {self._events}"
        if spine is not None:
            people = spine["stakeholder"]
            low, high = (int(people.min()), int(people.max())) if len(people) else (0, -1)
            view += f" WHERE stakeholder BETWEEN {low} AND {high}"
            # A table of its own, unlike a view of Arrow's, has statistics to plan the join by.
            rows = pa.Table.from_pandas(spine[["row", "stakeholder", "as_of"]], preserve_index=False)
            self._connection.register("rows", rows)
            self._connection.execute("CREATE OR REPLACE TEMP TABLE spine AS SELECT * FROM rows")
        self._connection.execute(view)
        found: pa.Table = self._connection.execute(sql).to_arrow_table()
        return found

    def compute(self, sql: str, measures: pa.Table) -> pa.Table:
        """Return the rows of a query over a table of measures."""
        self._connection.register("measures", measures)
        found: pa.Table = self._connection.execute(sql).to_arrow_table()
        return found

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
