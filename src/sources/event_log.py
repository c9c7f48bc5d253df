"""The event history as it is taken in: canonical rows arrive in any number of frames, are judged against each other
and stand by stakeholder and time; more rows than are held at once go by stakeholder into files of their own meanwhile.
"""

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..contracts.ids import positions
from .event_rows import in_order, known_once_happened, shared_ids

PLACE = ["_part", "_row"]  # ledger partition (0: the raw table) and row; dropped before tables leave
_OURS = [*PLACE, "_code", "_hash"]
_PART = 2**40  # more rows than a part has
_FAST = pa.ipc.IpcWriteOptions(compression="lz4")


class Frames:
    """Frames in memory, or each in a file that goes with this object."""

    def __init__(self, spilled: bool) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="rapport-")) if spilled else None
        if self._folder is not None:
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._held: list[pd.DataFrame] = []
        self._count = 0

    def add(self, frame: pd.DataFrame) -> None:
        """Append a frame."""
        if self._folder is None:
            self._held.append(frame)
        else:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            with pa.ipc.new_file(self._folder / str(self._count), table.schema, options=_FAST) as file:
                file.write_table(table)
        self._count += 1

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield the frames in order."""
        if self._folder is None:
            yield from self._held
        else:
            yield from (table.to_pandas() for table in self.tables())

    def tables(self) -> Iterator[pa.Table]:
        """Yield the frames in order as Arrow tables."""
        if self._folder is None:
            yield from (pa.Table.from_pandas(frame, preserve_index=False) for frame in self._held)
            return
        for number in range(self._count):
            with pa.memory_map(str(self._folder / str(number))) as file:
                yield pa.ipc.open_file(file).read_all()


@dataclass
class Told:
    """What the events that stay tell together.

    Attributes:
        as_of: the instant by which times are told apart.
        rows: how many events there are.
        early: how many were known before they happened, and are known once they happened now.
        alike: how many of those without an id repeat another one in all they say.
        later: how many happened or became known at or after as_of.
        first, last: when the first became known, and the last of those before as_of; None without any.
        event_types, channels: that occur.
    """

    as_of: pd.Timestamp
    rows: int = 0
    early: int = 0
    alike: int = 0
    later: int = 0
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    event_types: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)

    def add(self, events: pd.DataFrame, early: int, alike: int) -> None:
        """Count more events, of which so many were known early and are alike."""
        known = events["known_at"]
        before = known[known < self.as_of]
        self.rows, self.early, self.alike = self.rows + len(events), self.early + early, self.alike + alike
        self.later += len(known) - len(before)
        self.first = min(known.min(), self.first or known.min())
        if len(before):
            self.last = max(before.max(), self.last or before.max())
        self.event_types |= {*events["event_type"].unique()}
        self.channels |= {*events["channel"].dropna().unique()}


@dataclass(frozen=True)
class Settled:
    """The events that stay, and what became of the others.

    Attributes:
        parts: canonical frames by stakeholder, occurred_at and then all other columns; whole stakeholders in each.
        told: what they tell together.
        conflicts, strangers: rows set aside, with their place, in the order read.
        repeated: how many repeat another event in full.
    """

    parts: Frames
    told: Told
    conflicts: pd.DataFrame
    strangers: pd.DataFrame
    repeated: int


class EventLog:
    """Collects canonical events and settles them."""

    def __init__(self, stakeholder_ids: pd.Series, files: int) -> None:
        """Begin an empty log.

        Args:
            stakeholder_ids: of those whose events are kept, sorted.
            files: among which the rows are spread by stakeholder; with 1 all stay in memory.
        """
        self._ids, self._spilled = stakeholder_ids, files > 1
        self._groups = [Frames(self._spilled) for _ in range(files)]
        self._strange = Frames(False)
        self._hashes: list[NDArray[np.uint64]] = []
        self._connection = duckdb.connect(":memory:", config={"threads": 1, "autoinstall_known_extensions": False})
        self._rows: dict[int, int] = {}

    @property
    def read(self) -> int:
        """Return how many events were added."""
        return sum(self._rows.values())

    def add(self, events: pd.DataFrame, part: int) -> None:
        """Add canonical events of a ledger partition, 0 for the raw table, in the order read."""
        first_row = self._rows.get(part, 0)
        self._rows[part] = first_row + len(events)
        codes = positions(events["stakeholder_id"], self._ids)
        rows = np.arange(first_row + 1, first_row + 1 + len(events))
        hashes = self._hashed(events["event_id"])
        placed = events.assign(_part=np.int16(part), _row=rows, _code=codes, _hash=hashes)
        self._hashes.append(hashes)
        if (codes < 0).any():
            self._strange.add(placed[codes < 0])
        if not self._spilled:
            self._groups[0].add(placed[codes >= 0] if (codes < 0).any() else placed)
            return
        group = codes * len(self._groups) // len(self._ids)
        order = np.argsort(group, kind="stable")
        borders = np.searchsorted(group[order], np.arange(len(self._groups) + 1))
        placed = placed.take(order)
        for number, frames in enumerate(self._groups):
            if borders[number] < borders[number + 1]:
                frames.add(placed.iloc[borders[number] : borders[number + 1]])

    def settle(self, as_of: pd.Timestamp) -> Settled:
        """Judge all rows against each other; the log is spent then."""
        repeated, conflicts, dropped = self._shared()
        kept, told = Frames(self._spilled), Told(as_of)
        for number in range(len(self._groups)):
            frames, self._groups[number] = self._groups[number], Frames(False)
            pieces = list(frames)
            events = _without(_joined(pieces), dropped) if pieces else pd.DataFrame()
            if events.empty:
                continue
            events, once = known_once_happened(events)
            ordered, same = in_order(events.drop(columns=_OURS), events["_code"].to_numpy())
            kept.add(ordered)
            told.add(ordered, once, same)
        strange = list(self._strange)
        strangers = _without(_joined(strange), dropped) if strange else conflicts.iloc[:0]
        return Settled(kept, told, conflicts, strangers, repeated)

    def _shared(self) -> tuple[int, pd.DataFrame, NDArray[np.int64]]:
        """Return how many rows repeat another, the rows in conflict, and the places of both, sorted."""
        hashes = np.sort(np.concatenate(self._hashes))
        twice = np.unique(hashes[1:][(hashes[1:] == hashes[:-1]) & (hashes[1:] != 0)])
        self._hashes = []
        shared = pa.array(twice)
        some = [
            table.filter(pc.is_in(table["_hash"], shared)).to_pandas()
            for frames in (self._strange, *self._groups)
            for table in frames.tables()
        ]
        candidates = _joined(some).sort_values(PLACE, kind="stable", ignore_index=True)
        repeated, conflicting = shared_ids(candidates.drop(columns=_OURS))
        dropped = np.sort(_places(candidates[repeated | conflicting]))
        return int(repeated.sum()), candidates[conflicting].reset_index(drop=True), dropped

    def _hashed(self, ids: pd.Series) -> NDArray[np.uint64]:
        """Return a hash of each id, never 0, and 0 where there is none, shape (n,)."""
        if ids.isna().all():
            return np.zeros(len(ids), dtype=np.uint64)
        self._connection.register("ids", pa.table({"id": pa.array(ids, from_pandas=True)}))
        query = "SELECT CASE WHEN id IS NULL THEN 0 ELSE greatest(hash(id), 1) END::UBIGINT AS hash FROM ids"
        return np.asarray(self._connection.execute(query).fetchnumpy()["hash"], dtype=np.uint64)


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0].reset_index(drop=True)


def _places(events: pd.DataFrame) -> NDArray[np.int64]:
    places: NDArray[np.int64] = events["_part"].to_numpy(dtype=np.int64) * _PART + events["_row"].to_numpy()
    return places


def _without(events: pd.DataFrame, dropped: NDArray[np.int64]) -> pd.DataFrame:
    if not len(dropped):
        return events
    return events[~np.isin(_places(events), dropped)].reset_index(drop=True)
