"""Engines that run one Ibis expression: Ibis compiles, embedded DuckDB or Spark executes (docs/decisions/0002).

Counts and sums run over int64, so that the order in which threads add cannot change a byte; what is divided is cast to
float64 before, so that both engines divide the same numbers.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa
from ibis.expr.types import Table

from ..contracts.params import Params
from .duckdb_engine import DuckDBEngine
from .measures import Measures


class Engine(Protocol):
    """Runs queries over one history."""

    def compile(self, expression: Table) -> str:
        """Return the engine's SQL of an expression over `history` and `spine`, or over `measures`."""

    def query(self, sql: str, spine: pd.DataFrame | None = None) -> pa.Table:
        """Return the rows of a compiled query.

        Args:
            sql: from `compile`.
            spine: columns row, stakeholder and as_of; only the events of its stakeholders are read. None reads all.
        """

    def query_parts(
        self, queries: Sequence[str], spines: Iterable[pd.DataFrame]
    ) -> Iterator[tuple[pd.DataFrame, list[pa.Table]]]:
        """Yield each spine with the rows of each query, in order."""

    def measured_parts(
        self, measures: Measures, sql: str, queries: Sequence[str], spines: Iterable[pd.DataFrame]
    ) -> Iterator[tuple[pd.DataFrame, pa.Table, list[pa.Table]]]:
        """Yield each spine with the rows of a query over its `measures` laid side by side, and those of each query.

        Args:
            measures: of the events that each row sees.
            sql: compiled; over the table of `side_by_side.Measured` alone.
            queries: over `history` and `spine`.
            spines: by stakeholder, each with all rows of its stakeholders, numbered.
        """

    def close(self) -> None:
        """Free what the engine holds."""


@contextmanager
def open_engine(events: pd.DataFrame | Path, params: Params) -> Iterator[Engine]:
    """Yield the engine that params name, reading one history.

    Args:
        events: the history's table (history.py), or the Parquet file that holds it.
        params: engine, threads and memory_gb.

    Raises:
        ParamsError: Spark is named and not installed.
    """
    engine: Engine
    if params.engine == "spark":
        from .spark_engine import SparkEngine

        engine = SparkEngine(events, params.threads, params.memory_gb)
    else:
        engine = DuckDBEngine(events, params.threads, params.memory_gb)
    try:
        yield engine
    finally:
        engine.close()
