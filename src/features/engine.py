"""Run an Ibis expression on embedded DuckDB: Ibis compiles, DuckDB executes (docs/decisions/0002).

Sums run over int64, so that the order in which threads add cannot change a byte.
"""

from collections.abc import Mapping

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
from ibis.expr.types import Table


def execute(expression: Table, tables: Mapping[str, pd.DataFrame], order_by: str, threads: int) -> pd.DataFrame:
    """Return the rows of `expression` over the named tables, sorted by the unique column `order_by`."""
    sql = str(ibis.to_sql(expression.order_by(order_by), dialect="duckdb"))
    connection = duckdb.connect(":memory:", config={"threads": threads, "autoinstall_known_extensions": False})
    try:
        for name, table in tables.items():
            connection.register(name, pa.Table.from_pandas(table, preserve_index=False))
        result: pa.Table = connection.execute(sql).to_arrow_table()
    finally:
        connection.close()
    frame: pd.DataFrame = result.to_pandas()
    return frame
