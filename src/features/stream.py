"""The history as a stream of the events as they are stored, so that all of them are never held."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..contracts.errors import ArtifactError

_EVENTS_AT_ONCE = 2**17  # of half as many each costs a tenth more, of twice as many no less


def history_batches(
    events: Path | pa.Table, columns: Sequence[str], people: tuple[int, int]
) -> Iterator[pa.RecordBatch]:
    """Yield columns of all events of the stakeholders from one code to another, and possibly of others' events.

    Args:
        events: the history's Parquet file, of which row groups without these stakeholders are not read, or its table,
            which is looked through whole.
        columns: their names.
        people: the lowest code and the highest.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    if isinstance(events, pa.Table):
        yield from events.select(columns).to_batches(_EVENTS_AT_ONCE)
        return
    try:
        with pq.ParquetFile(events) as file:
            yield from file.iter_batches(_EVENTS_AT_ONCE, _groups(file, people), columns, use_threads=False)
    except (OSError, pa.ArrowInvalid) as fault:
        raise ArtifactError.of_table(events, fault) from None


def _groups(file: pq.ParquetFile, people: tuple[int, int]) -> list[int]:
    """Return the row groups that may hold events of these stakeholders, by what the file says of them."""
    column, (low, high) = file.schema_arrow.get_field_index("stakeholder"), people
    told = [file.metadata.row_group(group).column(column).statistics for group in range(file.num_row_groups)]
    return [group for group, span in enumerate(told)
            if span is None or not span.has_min_max or (span.min <= high and low <= span.max)]  # fmt: skip
