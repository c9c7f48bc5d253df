"""Tables in parts: one file, the same bytes, and no damage goes unseen, whichever reader comes after."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rapport.contracts.errors import ArtifactError
from rapport.store.frames import check_file, write_parts


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
        check_file(path)
    write_parts(path, parts(), codec=codec)
    check_file(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="expected an undamaged Parquet file"):
        check_file(path)
