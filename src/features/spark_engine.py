"""The engine for those who outgrow one machine: the same expressions, compiled for Spark SQL (the extra `spark`).

The session is the one that runs already, a cluster's for instance, or else a local one.
"""

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
from ibis.expr.types import Table

from ..contracts.errors import ParamsError
from .measures import Measures, only_instant, per_type, row_keys, seen_by
from .side_by_side import lay
from .visible import people_between


class _CompileOptions(ibis.config.Config):
    """What Ibis' Spark compiler asks of options that its backend alone would register."""

    treat_nan_as_null: bool = False


class SparkEngine:
    """Runs queries over one history on Spark."""

    def __init__(self, events: pd.DataFrame | Path, threads: int, memory_gb: float) -> None:
        self._session, self._mine = _session(threads, memory_gb)
        self._folder = tempfile.TemporaryDirectory(prefix="rapport-")
        if isinstance(events, pd.DataFrame):
            path = Path(self._folder.name) / "history.parquet"
            events.to_parquet(path, index=False)
        else:
            path = events.resolve()
        self._events = self._session.read.parquet(str(path))

    def compile(self, expression: Table) -> str:
        """Return Spark's SQL of an expression."""
        if ibis.options.pyspark is None:
            ibis.options.pyspark = _CompileOptions()
        return str(ibis.to_sql(expression, dialect="pyspark"))

    def query(self, sql: str, spine: pd.DataFrame | None = None) -> pa.Table:
        """Return the rows of a compiled query; the filter on stakeholders is pushed down to the file."""
        events = self._events
        if spine is not None:
            low, high = people_between(spine)
            events = events.where(f"stakeholder BETWEEN {low} AND {high}")
            rows = pa.Table.from_pandas(spine[["row", "stakeholder", "as_of"]], preserve_index=False)
            self._session.createDataFrame(rows).createOrReplaceTempView("spine")
        events.createOrReplaceTempView("history")
        found: pa.Table = self._session.sql(sql).toArrow()
        return found

    def query_parts(
        self, queries: Sequence[str], spines: Iterable[pd.DataFrame]
    ) -> Iterator[tuple[pd.DataFrame, list[pa.Table]]]:
        """Yield each spine with the rows of each query, one after the other: Spark spreads the work by itself."""
        for spine in spines:
            yield spine, [self.query(sql, spine) for sql in queries]

    def measured_parts(
        self, measures: Measures, sql: str, queries: Sequence[str], spines: Iterable[pd.DataFrame]
    ) -> Iterator[tuple[pd.DataFrame, pa.Table, list[pa.Table]]]:
        """Yield each spine with the rows of a query over its measures, and those of each query, one after the other."""
        counted = dict[int | None, str]()
        for spine in spines:
            instant = only_instant(spine)  # as of the population, whose events then need no join with its rows
            if instant not in counted:
                counted[instant] = self.compile(per_type(seen_by(measures, instant), measures))
            found, *others = (self.query(each, spine) for each in (counted[instant], *queries))
            laid = lay(found, row_keys(spine, instant), [*measures.types.values()])
            self._session.createDataFrame(laid).createOrReplaceTempView("measures")
            yield spine, self._session.sql(sql).toArrow(), others

    def close(self) -> None:
        """Stop the session that this engine started."""
        for view in ("history", "spine", "measures"):
            self._session.catalog.dropTempView(view)
        self._folder.cleanup()
        if self._mine:
            self._session.stop()


def _session(threads: int, memory_gb: float) -> tuple[Any, bool]:
    """Return the Spark session, and whether it was started here.

    Raises:
        ParamsError: pyspark is not installed.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        fix = 'install the extra `spark` (pip install "rapport[spark]", Java 17 beside it), or set engine: duckdb'
        raise ParamsError(
            "params.yaml, engine", "an engine that is installed", "'spark' without pyspark", fix
        ) from None
    running = SparkSession.getActiveSession()
    if running is not None:
        return running, False
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else the workers take the first python3 on the path
    session = (
        SparkSession.builder.master(f"local[{threads}]").appName("rapport")
        .config("spark.driver.memory", f"{max(512, int(memory_gb * 1024))}m")
        .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", str(2 * threads)).config("spark.log.level", "ERROR")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )  # fmt: skip
    return session, True
