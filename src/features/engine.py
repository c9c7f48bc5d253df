"""Run an Ibis expression on embedded DuckDB: Ibis compiles, DuckDB executes (docs/decisions/0002).

Sums run over int64, so that the order in which threads add cannot change a byte.
"""

from collections.abc import Mapping

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
from ibis.expr.types import Table


def to_sql(expression: Table, order_by: str) -> str:
    """Return DuckDB's SQL of an expression, its rows sorted by the unique column `order_by`."""
    return str(ibis.to_sql(expression.order_by(order_by), dialect="duckdb"))


def execute(sql: str, tables: Mapping[str, pd.DataFrame], threads: int) -> pd.DataFrame:
    """Return the rows of a query over the named tables."""
    connection = duckdb.connect(":memory:", config={"threads": threads, "autoinstall_known_extensions": False})
    try:
        for name, table in tables.items():
            connection.register(name, pa.Table.from_pandas(table, preserve_index=False))
        result: pa.Table = connection.execute(sql).to_arrow_table()
    finally:
        connection.close()
    frame: pd.DataFrame = result.to_pandas()
    return frame
