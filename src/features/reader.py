"""A history read in the order it is stored, some events at a time, so that all of them are never held."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_EVENTS_AT_ONCE = 2**17  # of half as many each costs a tenth more, of twice as many no less


class Reader:
    """Reads one history for one thread."""

    def __init__(self, events: Path | pa.Table) -> None:
        self._events = pq.ParquetFile(events) if isinstance(events, Path) else events

    def batches(self, columns: Sequence[str], people: tuple[int, int]) -> Iterator[pa.RecordBatch]:
        """Yield all events of the stakeholders from one code to another, and possibly those of others."""
        if isinstance(self._events, pa.Table):
            return iter(self._events.select(columns).to_batches(_EVENTS_AT_ONCE))
        groups = [group for group in range(self._events.num_row_groups) if self._may_hold(group, people)]
        found: Iterator[pa.RecordBatch] = self._events.iter_batches(_EVENTS_AT_ONCE, groups, columns, use_threads=False)
        return found

    def _may_hold(self, group: int, people: tuple[int, int]) -> bool:
        """Return whether a group of rows may hold events of these stakeholders, by what the file says of it."""
        at = self._events.schema_arrow.get_field_index("stakeholder")
        told = self._events.metadata.row_group(group).column(at).statistics
        return told is None or not told.has_min_max or (told.min <= people[1] and people[0] <= told.max)

    def close(self) -> None:
        """Close the file."""
        if not isinstance(self._events, pa.Table):
            self._events.close()
