"""Tables in parts: one file, the same bytes, and no damage goes unseen, whichever reader comes after."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rapport.contracts.errors import ArtifactError
from rapport.features.stream import history_batches
from rapport.store.frames import check_file, write_parts

SCHEMA = pa.schema([("position", pa.int64()), ("value", pa.float64())])


def parts(rows: int = 30_000) -> list[pa.Table]:
    values = np.random.default_rng(0).normal(size=rows)
    table = pa.table({"position": pa.array(range(rows)), "value": values})
    return [table.slice(0, rows // 3), table.slice(rows // 3)]


def test_parts_make_one_table_and_the_same_bytes(tmp_path: Path) -> None:
    assert write_parts(tmp_path / "one.parquet", parts(), deltas=["position"]) == 30_000
    write_parts(tmp_path / "two.parquet", iter(parts()), deltas=["position"])
    assert pq.read_table(tmp_path / "one.parquet").equals(pa.concat_tables(parts()))
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_a_part_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    write_parts(tmp_path / "table.parquet", parts())
    before = (tmp_path / "table.parquet").read_bytes()

    def failing():
        yield parts()[0]
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_parts(tmp_path / "table.parquet", failing())
    assert (tmp_path / "table.parquet").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["table.parquet"]


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_a_flipped_bit_and_a_missing_file_are_seen(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "table.parquet"
    with pytest.raises(ArtifactError, match="expected a table written by an earlier stage; got no file"):
        check_file(path, SCHEMA)
    write_parts(path, parts(), codec=codec)
    check_file(path, SCHEMA)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    damaged = r"expected an undamaged Parquet file; got [^\n]*[^.\n]\. To mend it: remove the file and run `dvc repro`"
    with pytest.raises(ArtifactError, match=damaged):
        check_file(path, SCHEMA)
    path.write_bytes(b"no table")
    for read in (lambda: check_file(path, SCHEMA), lambda: list(history_batches(path, ["value"], (0, 9)))):
        with pytest.raises(ArtifactError, match=damaged):
            read()


def test_another_table_in_its_place_is_named_by_its_columns(tmp_path: Path) -> None:
    write_parts(tmp_path / "table.parquet", parts())
    check_file(tmp_path / "table.parquet", SCHEMA)
    for other in (pa.schema([("position", pa.int32()), ("value", pa.float64())]), pa.schema([("at", pa.int64())])):
        with pytest.raises(ArtifactError, match=r"table\.parquet: expected the columns (at|position) \(int.*; got posit"
                           r"ion \(int64\), value \(double\)\. To mend it: remove the file and run"):  # fmt: skip
            check_file(tmp_path / "table.parquet", other)
