"""Spine rows paired by NumPy with the events they see, some events at a time (docs/decisions/0036).

What `measures.seen_by` says as an Ibis expression; the time filter is the same function, `visible.is_seen`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from .measures import Measures
from .side_by_side import Ints, Places
from .visible import is_seen

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Pairs:
    """Rows and events, shape (m,) each.

    Attributes:
        row: of the spine, that sees the event; the number of rows where none does.
        age: microseconds from the event to the row's as-of instant, > 0 always.
        events: of what `Measures.read` names the columns type, channel, amount and position; where there are amounts,
            `valued` says where there is one, and elsewhere amount is anything.
    """

    row: NDArray[np.intp]
    age: Ints
    events: Columns


def pairs_of(spine: pd.DataFrame, batches: Iterable[pa.RecordBatch], measures: Measures) -> Iterator[Pairs]:
    """Yield all pairs of rows and events they see, and among them possibly events that nobody sees.

    Of each batch come the first rows of all stakeholders, then the second, and so on: no more pairs are held than there
    are events, however many rows one stakeholder has.

    Args:
        spine: stakeholder and as_of, by stakeholder.
        batches: of the history, its columns `Measures.stored`; events of others are seen by nobody.
        measures: to be counted.

    Raises:
        ValueError: the spine does not stand by stakeholder.
    """
    as_of, who = spine["as_of"].to_numpy(), spine["stakeholder"].to_numpy()
    if (np.diff(who) < 0).any():
        raise ValueError("a spine stands by stakeholder")
    people, first = np.unique(who, return_index=True)
    number = np.append(np.diff(first, append=len(spine)), 0)  # of rows; of those of others none
    first, place = np.append(first, 0), Places(people, np.arange(len(people)), len(people))
    for batch in batches:
        events = _columns(batch, measures)
        at = place.of(events.pop("stakeholder"))
        yield from _paired(events, first.take(at), number.take(at), as_of)


def _paired(events: Columns, first: Ints, number: Ints, as_of: Ints) -> Iterator[Pairs]:
    """Yield pairs; of each event are told the first row of its stakeholder and how many there are."""
    for nth in range(int(number.max(initial=0))):
        mine = np.flatnonzero(number > nth)
        if len(mine) < len(number):
            events, first, number = _taken(events, mine), first.take(mine), number.take(mine)
        row = first + nth
        instant = as_of.take(row)
        age, seen = instant - events["at"], is_seen(events["at"], events["known"], instant)
        counted = {name: column for name, column in events.items() if name not in ("at", "known")}
        if 2 * np.count_nonzero(seen) < len(seen):
            few = np.flatnonzero(seen)
            yield Pairs(row.take(few), age.take(few), _taken(counted, few))
        else:  # to carry the others along costs less than to leave them out
            yield Pairs(np.where(seen, row, len(as_of)), np.maximum(age, 1), counted)


def _columns(batch: pa.RecordBatch, measures: Measures) -> dict[str, NDArray[Any]]:
    columns = {name: batch[name].to_numpy() for name in measures.stored if name != "amount"}
    if measures.valued:
        columns["amount"] = _numbers(batch["amount"])
        columns["valued"] = batch["amount"].is_valid().to_numpy(zero_copy_only=False)
    return columns


def _numbers(column: pa.Array) -> Ints:
    """Return int64 numbers as they lie in memory, whatever lies where one is missing."""
    raw = pa.Array.from_buffers(pa.int64(), len(column), [None, column.buffers()[1]], offset=column.offset)
    numbers: Ints = raw.to_numpy()
    return numbers


def _taken(columns: Columns, which: NDArray[np.intp]) -> Columns:
    return {name: column.take(which) for name, column in columns.items()}
