"""The embedded engine: one DuckDB connection over one history; what exceeds its memory is spilled to disk."""

import tempfile
from pathlib import Path

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
from ibis.expr.types import Table


class DuckDBEngine:
    """Runs queries over one history on DuckDB."""

    def __init__(self, events: pd.DataFrame | Path, threads: int, memory_gb: float) -> None:
        self._spill = tempfile.TemporaryDirectory(prefix="rapport-")
        self._connection = duckdb.connect(":memory:", config={
            "threads": threads,
            "memory_limit": f"{memory_gb}GB",
            "temp_directory": self._spill.name,
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
        })  # fmt: skip
        if isinstance(events, Path):
            text = str(events).replace("'", "''")
            self._events = f"read_parquet('{text}')"
        else:
            self._connection.register("events", pa.Table.from_pandas(events, preserve_index=False))
            self._events = "events"

    def compile(self, expression: Table) -> str:
        """Return DuckDB's SQL of an expression."""
        return str(ibis.to_sql(expression, dialect="duckdb"))

    def query(self, sql: str, spine: pd.DataFrame | None = None) -> pa.Table:
        """Return the rows of a compiled query; row groups without the spine's stakeholders are not read."""
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

    def close(self) -> None:
        """Close the connection and remove what it spilled."""
        self._connection.close()
        self._spill.cleanup()
