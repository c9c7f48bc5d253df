"""Batches of one event type and step, and the contract's events table made of them.

An event's id follows from its step, type, slot and stakeholder, so it is unique and the same in every replay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..contracts.time import from_micros
from .draws import Floats, Integers
from .population import Population

EVENT_TYPES = (
    "use",
    "purchase",
    "ticket",
    "nps",
    "csat",
    "renewal",
    "meeting",
    "churned",
    "response",
)
CHANNELS = ("web", "mobile", "email", "phone", "chat", "video", "onsite")
NO_CHANNEL = -1


@dataclass(frozen=True)
class Batch:
    """Events of one type and step, each array of shape (m,); `at` and `known` in microseconds since 1970.

    `row` is the stakeholder, `slot` (below 10) tells apart one stakeholder's events of the batch, `channel`
    indexes CHANNELS or is NO_CHANNEL.
    """

    event_type: str
    step: int
    row: Integers
    slot: Integers
    at: Integers
    known: Integers
    value: Floats
    channel: Integers


def event_table(population: Population, batches: Sequence[Batch]) -> pd.DataFrame:
    """Return the contract's events table, ordered by time and then by event."""
    sizes = [len(batch.row) for batch in batches]
    kind = np.repeat([EVENT_TYPES.index(batch.event_type) for batch in batches], sizes)
    step = np.repeat([batch.step for batch in batches], sizes)
    row = np.concatenate([batch.row for batch in batches])
    slot = np.concatenate([batch.slot for batch in batches])
    at = np.concatenate([batch.at for batch in batches])
    code = ((step * 10 + kind + 1) * 10 + slot) * 10_000_000 + row + 1
    order = np.lexsort((code, at))
    channel = np.concatenate([batch.channel for batch in batches])[order]
    return pd.DataFrame(
        {
            "event_id": "e" + pd.Series(code[order]).astype("str"),
            "stakeholder_id": population.ids.take(row[order]).reset_index(drop=True),
            "occurred_at": from_micros(at[order]),
            "known_at": from_micros(np.concatenate([batch.known for batch in batches])[order]),
            "event_type": pd.Series(pd.array(list(EVENT_TYPES), dtype="str").take(kind[order])),
            "value": np.concatenate([batch.value for batch in batches])[order],
            "channel": pd.Series(pd.array(list(CHANNELS), dtype="str").take(channel, allow_fill=True)),
        }
    )
