"""The only time filter of the project, as Ibis expressions on unbound tables.

An event has two times, happened (`at`) and known (`known`), a spine row one as-of instant, all int64 microseconds.
"""

import ibis
from ibis.expr.types import Table

EVENTS = ibis.table(
    {
        "stakeholder": "int64",
        "at": "int64",
        "known": "int64",
        "position": "int64",
        "event_type": "string",
        "amount": "int64",
    },
    name="events",
)
SPINE = ibis.table({"row": "int64", "stakeholder": "int64", "as_of": "int64"}, name="spine")


def visible(events: Table, spine: Table) -> Table:
    """Pair each spine row with the events that had happened and were known strictly before its as-of instant.

    Returns:
        columns of `events` and of `spine`; `age`: microseconds from the event to the as-of instant, > 0.
    """
    seen = spine.join(
        events,
        [
            spine.stakeholder == events.stakeholder,
            events.at < spine.as_of,
            events.known < spine.as_of,
        ],
        how="inner",
    )
    return seen.mutate(age=seen.as_of - seen.at)


def within_horizon(events: Table, spine: Table, horizon: int, cutoff: int) -> Table:
    """Pair each spine row with the events of its outcome window, [as_of, as_of + horizon).

    Args:
        events: unbound events.
        spine: unbound spine.
        horizon: microseconds.
        cutoff: the instant of learning; what was not known strictly before it stays unseen.

    Returns:
        columns of both; `remaining`: microseconds from the event to the end of the window, > 0.
    """
    seen = spine.join(
        events,
        [
            spine.stakeholder == events.stakeholder,
            events.at >= spine.as_of,
            events.at < spine.as_of + horizon,
            events.known < cutoff,
        ],
        how="inner",
    )
    return seen.mutate(remaining=seen.as_of + horizon - seen.at)
