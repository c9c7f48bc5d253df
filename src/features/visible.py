"""The only time filter of the project, `is_seen`, and the Ibis expressions on unbound tables that are made of it.

An event has two times, happened (`at`) and known (`known`), a spine row one as-of instant, all int64 microseconds.
"""

from typing import Any

import ibis
import pandas as pd
from ibis.expr.types import Table

HISTORY = ibis.table(
    {
        "stakeholder": "int64",
        "at": "int64",
        "known": "int64",
        "position": "int64",
        "type": "int64",
        "channel": "int64",
        "amount": "int64",
    },
    name="history",
)
SPINE = ibis.table({"row": "int64", "stakeholder": "int64", "as_of": "int64"}, name="spine")


def is_seen(at: Any, known: Any, as_of: Any) -> Any:
    """Return whether an event had happened and was known strictly before an instant; of columns of Ibis or arrays."""
    return (at < as_of) & (known < as_of)


def visible(history: Table, spine: Table) -> Table:
    """Pair each spine row with the events that are seen at its as-of instant.

    Returns:
        columns of `history` and of `spine`; `age`: microseconds from the event to the as-of instant, > 0.
    """
    seen = spine.join(
        history,
        [
            spine.stakeholder == history.stakeholder,
            is_seen(history.at, history.known, spine.as_of),
        ],
        how="inner",
    )
    return seen.mutate(age=seen.as_of - seen.at)


def visible_at(history: Table, instant: int) -> Table:
    """Keep the events that are seen at one instant, the same for everyone.

    Returns:
        columns of `history`; `age`: microseconds from the event to the instant, > 0.
    """
    seen = history.filter(is_seen(history.at, history.known, instant))
    return seen.mutate(age=instant - seen.at)


def known_at(history: Table, instant: int) -> Table:
    """Keep the events that were known strictly before an instant, those announced for later included."""
    return history.filter(history.known < instant)


def within_horizon(history: Table, spine: Table, horizon: int, cutoff: int) -> Table:
    """Pair each spine row with the events of its outcome window, [as_of, as_of + horizon).

    Args:
        history: unbound events.
        spine: unbound spine.
        horizon: microseconds.
        cutoff: the instant of learning; what was not known strictly before it stays unseen.

    Returns:
        columns of both; `remaining`: microseconds from the event to the end of the window, > 0.
    """
    seen = spine.join(
        history,
        [
            spine.stakeholder == history.stakeholder,
            history.at >= spine.as_of,
            history.at < spine.as_of + horizon,
            history.known < cutoff,
        ],
        how="inner",
    )
    return seen.mutate(remaining=seen.as_of + horizon - seen.at)


def people_between(spine: pd.DataFrame) -> tuple[int, int]:
    """Return the lowest and the highest code of a spine's stakeholders; of none, bounds that hold nobody."""
    people = spine["stakeholder"]
    return (int(people.min()), int(people.max())) if len(people) else (0, -1)
