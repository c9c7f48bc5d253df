"""The contract's tables from a folder: `stakeholders`, `events` and, if there is one, `decisions`.

Each is one `.parquet` or `.csv` file, or a folder of such parts, read in the order of their names. CSV is UTF-8 with
a header line, comma-separated, and arrives as text: the id 007 stays 007, and typing is the contract's.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from ..contracts.cells import Origin
from ..contracts.errors import InputError
from ..contracts.params import Params
from .csv_form import check_encoding
from .dataset import Dataset
from .pieces import ROWS_AT_ONCE, Pieces, as_text, expected_rows
from .raw import RawTables

SUFFIXES = (".parquet", ".csv")


def read_files(params: Params) -> RawTables:
    """Read the tables in the folder `source.path`.

    Raises:
        InputError: the folder, a needed table or a readable file is missing, or parts have different columns.
    """
    folder = Path(params.source.path)
    found = _tables_in(folder)
    rows = expected_rows(found["events"])
    large = rows > ROWS_AT_ONCE
    tables = {name: read_table(parts, folder / name) for name, parts in found.items() if name != "events" or not large}
    frames = {name: frame for name, (frame, _) in tables.items()}
    origins = {name: origin for name, (_, origin) in tables.items()}
    if large:
        events = Pieces(tuple(found["events"]), folder / "events", rows)
        return RawTables(frames["stakeholders"], events, frames.get("decisions"), origins)
    return RawTables(frames["stakeholders"], frames["events"], frames.get("decisions"), origins)


def at_hand(params: Params, name: str) -> pd.DataFrame | None:
    """Read a table in the folder `source.path`, stakeholders or events; None where it is too large to read in passing.

    Raises:
        InputError: as `read_files`.
    """
    folder = Path(params.source.path)
    parts = _tables_in(folder)[name]
    return None if expected_rows(parts) > ROWS_AT_ONCE else read_table(parts, folder / name)[0]


def read_whole(raw: RawTables) -> RawTables:
    """Return the tables with events read in pieces read at once.

    Raises:
        InputError: as `read_table`.
    """
    if not isinstance(raw.events, Pieces):
        return raw
    events, origin = read_table(list(raw.events.parts), raw.events.name)
    return replace(raw, events=events, origins=raw.origins | {"events": origin})


def read_sample(params: Params, dataset: Dataset) -> tuple[pd.DataFrame, Origin]:
    """Read the one file of a dataset, in whichever of its forms lies in the folder `source.path`.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    paths = [Path(params.source.path) / file.name for file in dataset.files]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        fix = f"run `rapport fetch {dataset.name}`, or set `source.path` to the folder that holds it"
        raise InputError(str(paths[0]), "the sample's file", "no file", fix)
    return read_table([path], path)


def read_file(path: Path) -> tuple[pd.DataFrame, Origin]:
    """Read a table that a person named; returns and errors as `read_table`, and there must be such a file."""
    if not path.is_file():
        raise InputError(str(path), "a Parquet or CSV file", "no such file", "correct the path")
    return read_table([path], path)


def read_table(parts: list[Path], name: Path) -> tuple[pd.DataFrame, Origin]:
    """Read a table from its file or parts.

    Args:
        parts: the files, in order.
        name: what to call the whole in messages when there are several.

    Returns:
        the frame, index 0 … n − 1, text for CSV and typed for Parquet; and where its rows came from.

    Raises:
        InputError: a part is unreadable, or its columns are not those of the first.
    """
    tables = [_read(path) for path in parts]
    columns = tables[0].column_names
    for path, table in zip(parts, tables, strict=True):
        if sorted(table.column_names) != sorted(columns):
            odd = sorted(set(columns) ^ set(table.column_names)) or sorted(table.column_names)
            fix = "give all parts the same columns"
            raise InputError(str(path), f"the columns of {parts[0].name}", f"a difference in {', '.join(odd)}", fix)
    if len(tables) == 1:
        return tables[0].to_pandas(), Origin(str(parts[0]))
    origin = Origin(str(name), tuple((str(path), table.num_rows) for path, table in zip(parts, tables, strict=True)))
    try:
        whole = pa.concat_tables([table.select(columns) for table in tables], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError, KeyError) as fault:
        raise InputError(str(name), "parts of the same types", _line(fault), "export all parts alike") from None
    return whole.to_pandas(), origin


def _tables_in(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each table there is, in order; decisions may be absent."""
    if not folder.is_dir():
        fix = "set `source.path` in params.yaml to the folder that holds the tables"
        raise InputError(str(folder), "a folder of tables", "a file" if folder.exists() else "no such folder", fix)
    found = {name: parts for name in ("stakeholders", "events", "decisions") if (parts := _parts(folder, name))}
    for name in ("stakeholders", "events"):
        if name not in found:
            got = ", ".join(sorted(path.name for path in folder.iterdir())) or "an empty folder"
            expected = f"a table {name}: {name}.parquet, {name}.csv or a folder {name}/ of parts"
            raise InputError(str(folder), expected, got, "export the table into this folder")
    return found


def _parts(folder: Path, name: str) -> list[Path]:
    """Return the files that hold a table, in order; empty when there is none."""
    files = [path for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()]
    nested = folder / name
    if nested.is_dir():
        files += sorted(path for path in nested.iterdir() if path.suffix in SUFFIXES and path.name[0] not in "._")
    if len({(path.parent, path.suffix) for path in files}) > 1:
        got = ", ".join(str(path.relative_to(folder)) for path in files)
        raise InputError(str(folder), f"one form of the table {name}", got, "remove all but one form")
    return files


def _read(path: Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            return pyarrow.parquet.read_table(path, page_checksum_verification=True)
        parse, convert = as_text(path)
        return pyarrow.csv.read_csv(path, parse_options=parse, convert_options=convert)
    except (OSError, pa.ArrowException) as fault:
        if path.suffix != ".parquet" and isinstance(fault, pa.ArrowInvalid):
            check_encoding(path)
        kind = "Parquet" if path.suffix == ".parquet" else "CSV in UTF-8 with a header line"
        raise InputError(str(path), f"a readable file of {kind}", _line(fault), "export the file again") from None


def _line(fault: Exception) -> str:
    return str(fault).splitlines()[0][:200]
