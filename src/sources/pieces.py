"""A table in files too large to hold at once, read some rows at a time.

Every piece is what `files.read_table` would give of those rows; where a piece alone could not tell (a column whose form
depends on all its cells, parts of different types), reading stops with Undecided and the table is to be read whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet as pq

from .csv_form import check_header

ROWS_AT_ONCE = 1_000_000
_BYTES_PER_ROW = 50  # of CSV, at least: more rows are expected than there are
_BLOCK_BYTES = 32 * 2**20
_LARGEST_EXACT = 2**53


class Undecided(Exception):  # noqa: N818 - no fault of the table
    """A piece does not tell what the whole table would give."""


@dataclass(frozen=True)
class Pieces:
    """The parts of one table, in order.

    Attributes:
        parts: the files.
        name: what the whole is called when there are several.
        expected: about how many rows there are.
    """

    parts: tuple[Path, ...]
    name: Path
    expected: int

    @property
    def groups(self) -> int:
        """Return among how many files the rows are spread, so that each can be held."""
        return -(-self.expected // ROWS_AT_ONCE)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield the rows as frames that are never empty, with the columns of the first part in its order.

        Raises:
            Undecided: as above.
            InputError, OSError, pyarrow.ArrowException: a part cannot be read.
        """
        first: pa.Schema | None = None
        for path in self.parts:
            for batch in _batches(path):
                first = first or batch.schema
                if sorted(batch.schema.names) != sorted(first.names) or len({*first.names}) < len(first.names):
                    raise Undecided
                batch = batch.select(first.names)
                if not batch.schema.equals(first) or not all(map(_tells, batch.schema, batch.columns)):
                    raise Undecided
                if batch.num_rows:
                    yield batch.to_pandas()


def expected_rows(parts: list[Path]) -> int:
    """Return about how many rows there are, 0 where a part cannot be read."""
    try:
        return sum(
            pq.ParquetFile(path).metadata.num_rows
            if path.suffix == ".parquet"
            else path.stat().st_size // _BYTES_PER_ROW
            for path in parts
        )
    except (OSError, pa.ArrowException):
        return 0


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        yield from pq.ParquetFile(path, page_checksum_verification=True).iter_batches(ROWS_AT_ONCE)
        return
    parse, convert = as_text(path)
    read = pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES)
    with pyarrow.csv.open_csv(path, read_options=read, parse_options=parse, convert_options=convert) as batches:
        yield from batches


def as_text(path: Path) -> tuple[pyarrow.csv.ParseOptions, pyarrow.csv.ConvertOptions]:
    """Return how a CSV file is read as text; only an empty cell is missing. A byte order mark is not data.

    Raises:
        InputError, OSError: as `check_header`.
        pyarrow.ArrowException: the file has no header.
    """
    check_header(path)
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    with pyarrow.csv.open_csv(path, parse_options=parse) as head:
        names = head.schema.names
    return parse, pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
        null_values=[""],
    )


def _tells(field: pa.Field, cells: pa.Array) -> bool:
    """Tell whether a column's cells mean the same in a piece as in the whole table."""
    if pa.types.is_integer(field.type):  # among blanks they become floating-point numbers, the largest not exactly
        bounds = pyarrow.compute.min_max(cells).as_py()
        return all(bound is None or abs(bound) < _LARGEST_EXACT for bound in bounds.values())
    if pa.types.is_floating(field.type):
        return not field.name.endswith("_id")
    text = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    return bool(text or pa.types.is_timestamp(field.type))
