"""Tables as Parquet, with page checksums written and verified: a flipped bit is an error, not wrong data."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..contracts.errors import ArtifactError
from .atomic import replacing

_ROWS_IN_GROUP = 2**20  # what a writer gives a row group by itself


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a table without its index; the same table gives the same bytes."""
    write_parts(path, [pa.Table.from_pandas(frame, preserve_index=False)])


def write_evenly(path: Path, parts: Iterable[pa.Table], deltas: Sequence[str] = (), codec: str = "zstd") -> int:
    """Write a table as `write_parts`; the same rows give the same bytes, in parts of whatever sizes they come."""
    return write_parts(path, _evenly(parts), deltas, codec)


def _evenly(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    held: list[pa.Table] = []
    for part in parts:
        held.append(part)
        while sum(table.num_rows for table in held) > _ROWS_IN_GROUP:
            together = pa.concat_tables(held)
            yield together.slice(0, _ROWS_IN_GROUP).combine_chunks()
            held = [together.slice(_ROWS_IN_GROUP)]
    yield pa.concat_tables(held).combine_chunks()


def write_parts(path: Path, parts: Iterable[pa.Table], deltas: Sequence[str] = (), codec: str = "zstd") -> int:
    """Write a table that comes in parts of one schema, at least one, holding one at a time; return its rows.

    Args:
        path: the file.
        parts: of the table, in order.
        deltas: columns of integers that rise from row to row: stored as differences they are read several times faster.
        codec: of the compression; lz4 takes a little more room than zstd and is read faster.
    """
    rows, writer = 0, None
    with replacing(path) as file:
        try:
            for part in parts:
                writer = writer or pq.ParquetWriter(
                    file, part.schema, compression=codec, write_page_checksum=True,
                    use_dictionary=[name for name in part.column_names if name not in deltas],
                    column_encoding=dict.fromkeys(deltas, "DELTA_BINARY_PACKED") or None,
                )  # fmt: skip
                writer.write_table(part)
                rows += part.num_rows
        finally:
            if writer is not None:
                writer.close()
    return rows


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table this project wrote, or the named columns of it.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    with _explained(path):
        table = pq.read_table(path, columns=columns, page_checksum_verification=True)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def read_canonical(path: Path, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Read a table this project wrote and the contract describes, other columns beside its own included.

    Args:
        path: the file.
        dtypes: of the contract's columns, by name, as pandas names them.

    Raises:
        ArtifactError: the file is missing or damaged, or holds another table.
    """
    frame = read_frame(path)
    found = {str(name): str(kind) for name, kind in frame.dtypes.items()}
    if not dtypes.items() <= found.items():
        expected, got = ([f"{name} ({kind})" for name, kind in each.items()] for each in (dtypes, found))
        raise ArtifactError.of_columns(path, expected, got)
    return frame


def file_digest(path: Path) -> str:
    """Return the sha256 of a file.

    Raises:
        ArtifactError: there is none.
    """
    with _explained(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(path: Path, schema: pa.Schema) -> None:
    """Read a table to its end, a part at a time, for engines that read files themselves and verify no checksum.

    Args:
        path: the file.
        schema: that it was written with.

    Raises:
        ArtifactError: the file is missing or damaged, or holds another table.
    """
    with _explained(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        if not file.schema_arrow.equals(schema):
            raise ArtifactError.of_columns(path, _typed(schema), _typed(file.schema_arrow))
        for _ in file.iter_batches():
            pass


def _typed(schema: pa.Schema) -> list[str]:
    return [f"{field.name} ({field.type})" for field in schema]


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowInvalid) as fault:
        raise ArtifactError.of_table(path, fault) from None
