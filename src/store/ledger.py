"""The ledger: what was decided and what happened since, one immutable partition per iteration.

A partition is a folder `iteration=0001` with decisions.parquet, events.parquet, manifest.json and, where the decisions
were proposed by this project, assignments.parquet. It is written beside its place and renamed into it, so that it
exists whole or not at all, and is then tracked by DVC.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..contracts.errors import ArtifactError, InputError
from .documents import read_json, write_json
from .frames import file_digest, read_frame, write_frame
from .project import LEDGER

_TABLES = ("decisions", "events", "assignments")


@dataclass(frozen=True)
class Partition:
    """One iteration's decisions as carried out and the events that became known since.

    `assignments` is what had been proposed, None where that is not known.
    """

    iteration: int
    decisions: pd.DataFrame
    events: pd.DataFrame
    assignments: pd.DataFrame | None = None

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables there are, by name."""
        return {name: table for name in _TABLES if (table := getattr(self, name)) is not None}


def read_ledger(source: str, root: Path = LEDGER) -> list[Partition]:
    """Return all partitions in order of iteration, checksums verified.

    Args:
        source: the kind of source that the project reads now.
        root: the ledger's folder.

    Raises:
        InputError: a partition belongs to another source.
        ArtifactError: a partition was altered.
    """
    partitions = []
    for folder in sorted(path for path in root.glob("iteration=*") if path.is_dir()):
        manifest = read_json(folder / "manifest.json")
        if manifest["source"] != source:
            fix = f"move {root} aside, or set source.kind back to {manifest['source']}"
            raise InputError(str(folder), f"history of the source {source!r}", f"that of {manifest['source']!r}", fix)
        present = [name for name in _TABLES if name in manifest]
        for name in present:
            if file_digest(folder / f"{name}.parquet") != manifest[name]:
                raise ArtifactError(str(folder / f"{name}.parquet"), "the content absorbed", "other content",
                                    "restore it with `dvc checkout`; the ledger is never edited")  # fmt: skip
        tables = {name: read_frame(folder / f"{name}.parquet") for name in present}
        partitions.append(Partition(int(folder.name.partition("=")[2]), **tables))
    return partitions


def append(partition: Partition, source: str, root: Path = LEDGER) -> tuple[Path, bool]:
    """Add a partition and return its folder, and whether it is new; the same content again changes nothing.

    Raises:
        InputError: the iteration is there with other content, or an earlier iteration is missing.
    """
    folder = root / f"iteration={partition.iteration:04d}"
    part = root / f".{folder.name}.{os.getpid()}.part"
    before = len([path for path in root.glob("iteration=*") if path.is_dir() and path.name < folder.name])
    if before != partition.iteration - 1:
        raise InputError(f"{root}", f"{partition.iteration - 1} earlier partitions", f"{before}", _in_order(before + 1))
    try:
        for name, table in partition.tables.items():
            write_frame(part / f"{name}.parquet", table)
        digests = {name: file_digest(part / f"{name}.parquet") for name in partition.tables}
        write_json(part / "manifest.json", {"source": source, **digests})
        if not folder.exists():
            part.replace(folder)
            return folder, True
        if read_json(folder / "manifest.json") != read_json(part / "manifest.json"):
            fix = "the ledger is never rewritten; correct the outcome with new events in the next iteration"
            raise InputError(str(folder), "the content absorbed before", "other content", fix)
        return folder, False
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _in_order(following: int) -> str:
    """Return what to do where another iteration than the following one is to be added."""
    return (
        "absorb the iterations in order; if none is missing, and the numbers before it are those of your own log, "
        "number that log's decisions 0, -1, -2, … in its column iteration (under source.path) and these decisions "
        f"{following} in theirs, move data/assignments aside, absorb again, and go on with clock.iteration "
        f"{following + 1}"
    )


def track(folders: Sequence[Path]) -> None:
    """Put partitions under DVC, if this is a DVC project.

    Raises:
        RuntimeError: DVC refused.
    """
    if not Path(".dvc").is_dir():
        return
    command = [sys.executable, "-m", "dvc", "add", "--quiet", *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"dvc add failed: {done.stderr.strip()}")
