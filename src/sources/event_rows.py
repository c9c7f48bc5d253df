"""Rows of the event history against each other and against time: repeats, clocks that were wrong, order.

Tables are canonical (contracts/tables.py), events without an id included.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.time import by_code_and_time, to_micros


def shared_ids(events: pd.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which events repeat an earlier one in full, and which share their id with an event of other content.

    Events without an id are neither. Of events that agree in everything, all but the first are repeats; where the
    content differs, all are conflicting and none is a repeat.

    Args:
        events: canonical, without other columns.

    Returns:
        two masks, shape (n,).
    """
    shared = (events["event_id"].duplicated(keep=False) & events["event_id"].notna()).to_numpy(dtype=bool)
    repeated, conflicting = np.zeros(len(events), dtype=bool), np.zeros(len(events), dtype=bool)
    if shared.any():
        some = events[shared]
        first = ~some.duplicated()
        contents = some["event_id"].map(some.loc[first, "event_id"].value_counts())
        conflicting[shared] = contents > 1
        repeated[shared] = ~first & (contents == 1)
    return repeated, conflicting


def known_once_happened(events: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Raise known_at to occurred_at where a skewed clock, or a date foretold, put it earlier; and count those rows.

    An event is visible once it has happened and is known, so that this changes no feature and no outcome.
    """
    early = events["known_at"] < events["occurred_at"]
    if early.any():
        events = events.assign(known_at=events["known_at"].mask(early, events["occurred_at"]))
    return events, int(early.sum())


def in_order(events: pd.DataFrame, codes: NDArray[np.intp]) -> tuple[pd.DataFrame, int]:
    """Return the events by stakeholder and time; only rows that tie in both are compared as text.

    Args:
        events: canonical.
        codes: position of each event's stakeholder among the stakeholders, shape (n,).

    Returns:
        the events; and how many of those without an id repeat another one in all they say.
    """
    micros = to_micros(events["occurred_at"]).to_numpy()
    order = by_code_and_time(codes, micros)
    same = (np.diff(codes[order]) == 0) & (np.diff(micros[order]) == 0)
    tied = np.flatnonzero(np.r_[same, False] | np.r_[False, same])
    alike = 0
    if len(tied):
        rows = events.iloc[order[tied]].assign(_code=codes[order[tied]]).reset_index(drop=True)
        keys = ["_code", "occurred_at", "event_id", "event_type", "value", "channel", "known_at"]
        ranked = rows.sort_values(keys, kind="stable", na_position="last")
        order[tied] = order[tied][ranked.index.to_numpy()]
        alike = int(rows.loc[rows["event_id"].isna(), keys].duplicated().sum())
    return events.take(order).reset_index(drop=True), alike
