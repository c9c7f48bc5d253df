"""Spine rows paired by NumPy with the events they see, some at a time: `visible` beside the embedded engine.

What `measures.seen_by` says as an Ibis expression; the time filter is the same function (visible.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from .measures import Measures
from .side_by_side import Ints, Places
from .visible import is_seen


@dataclass(frozen=True)
class Events:
    """Columns of m events, shape (m,) each; those that nobody reads may be empty.

    Attributes:
        stakeholder, at, known, position, type, channel: as stored (history.py).
        amount: whatever where there is none.
        valued: whether there is an amount.
    """

    stakeholder: NDArray[Any]
    at: Ints
    known: Ints
    type: NDArray[Any]
    channel: NDArray[Any]
    position: Ints
    amount: Ints
    valued: NDArray[np.bool_]

    @classmethod
    def of(cls, batch: pa.RecordBatch) -> "Events":
        """Return the events of a batch that has the columns of `columns_read`."""
        none = np.empty(0, dtype=np.int64)
        there = dict.fromkeys(("channel", "position"), none)
        there |= {name: batch[name].to_numpy() for name in batch.schema.names if name != "amount"}
        if "amount" not in batch.schema.names:
            return cls(**there, amount=none, valued=none.astype(np.bool_))
        amount = batch["amount"]
        return cls(**there, amount=_numbers(amount), valued=amount.is_valid().to_numpy(zero_copy_only=False))

    def take(self, which: NDArray[np.intp]) -> "Events":
        """Return some of the events."""
        if len(which) == len(self.at):
            return self
        return replace(self, **{name: column.take(which) for name, column in vars(self).items() if len(column)})


@dataclass(frozen=True)
class Pairs:
    """Rows and events, shape (m,) each.

    Attributes:
        row: that sees the event; the number of rows where none does.
        age: microseconds from the event to the row's as-of instant, > 0; any where no row sees it.
        events: the events.
    """

    row: NDArray[np.intp]
    age: Ints
    events: Events


class Rows:
    """The rows of a spine, to be paired with events."""

    def __init__(self, spine: pd.DataFrame) -> None:
        """Take the rows: stakeholder, as_of; by stakeholder, a row's number is its place."""
        self._as_of = spine["as_of"].to_numpy()
        people, first = np.unique(spine["stakeholder"].to_numpy(), return_index=True)
        number = np.diff(first, append=len(spine))
        self._first, self._number = Places(people, first, 0), Places(people, number, 0)
        self._most = int(number.max(initial=0))

    def seeing(self, events: Events) -> Iterator[Pairs]:
        """Yield all pairs of rows and events they see: of each stakeholder the first row, then the second, and so on.

        So no more pairs are held than there are events, however many rows one stakeholder has.
        """
        rows_of = self._number.of(events.stakeholder)
        for nth in range(self._most):
            mine = np.flatnonzero(rows_of > nth)
            events, rows_of = events.take(mine), rows_of.take(mine)
            row = self._first.of(events.stakeholder) + nth
            as_of = self._as_of.take(row)
            age, seen = as_of - events.at, is_seen(events.at, events.known, as_of)
            if 2 * np.count_nonzero(seen) < len(seen):
                few = np.flatnonzero(seen)
                yield Pairs(row.take(few), age.take(few), events.take(few))
            else:  # to carry the others along costs less than to leave them out
                yield Pairs(np.where(seen, row, len(self._as_of)), np.maximum(age, 1), events)


def columns_read(measures: Measures) -> Sequence[str]:
    """Return the columns of the history of which `Pairs` that are counted are made."""
    return ["stakeholder", "at", "known", *(name for name in measures.read if name not in ("row", "age"))]


def _numbers(column: pa.Array) -> Ints:
    """Return int64 numbers as they lie in memory, whatever lies where one is missing."""
    raw = pa.Array.from_buffers(pa.int64(), len(column), [None, column.buffers()[1]], offset=column.offset)
    numbers: Ints = raw.to_numpy()
    return numbers
