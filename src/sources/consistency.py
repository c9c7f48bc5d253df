"""What tables may not say beside each other: ids spelt in two ways, two decisions at once, a clock out of place.

Rows have their place: `_part`, the ledger partition (0: the raw table), and `_row` in it, from 1.
"""

from collections.abc import Sequence

import pandas as pd

from ..contracts.errors import InputError, ParamsError
from ..contracts.ids import spelt_otherwise
from .event_log import Told
from .raw import RawTables

_EXAMPLES = 3  # that a message gives


def name_of(part: int, table: str) -> str:
    """Return what to call a table of a ledger partition, or the raw one."""
    return f"ledger partition {part}, {table}" if part else table


def place_of(decision: pd.Series, raw: RawTables) -> str:
    """Return file and row of a decision."""
    if decision["_part"] == 0:
        return raw.origin("decisions").row(int(decision["_row"]) - 1)
    return f"{name_of(decision['_part'], 'decisions')}, row {decision['_row']}"


def check_spelling(table: str, unknown: pd.DataFrame, stakeholder_ids: pd.Series, raw: RawTables) -> None:
    """Refuse rows that would be lost only because their ids are spelt otherwise.

    Args:
        table: events or decisions.
        unknown: its rows of people who are no stakeholders, with their place.
        stakeholder_ids: normalised.
        raw: for messages.

    Raises:
        InputError: gives examples, and counts the ids and the rows.
    """
    spelt = spelt_otherwise(unknown["stakeholder_id"], stakeholder_ids)
    if spelt:
        lost = unknown[unknown["stakeholder_id"].isin(list(spelt))]
        where = raw.origin(table).name if (lost["_part"] == 0).any() else name_of(lost["_part"].iloc[0], table)
        some = ", ".join(f"{one!r} for {other!r}" for one, other in [*spelt.items()][:_EXAMPLES])
        more = " and others" if len(spelt) > _EXAMPLES else ""
        got = f"{some}{more} (ids that differ by zeros or blanks alone: {len(spelt):,}, in {len(lost):,} rows)"
        fix = "write an id the same in all tables, as text where it begins with zeros; leave out rows of other people"
        raise InputError(f"{where}, column stakeholder_id", "ids as stakeholders spells them", got, fix)


def check_one_decision_at_a_time(decisions: pd.DataFrame, raw: RawTables) -> None:
    """Refuse two decisions, with their place, for a stakeholder at one instant."""
    again = decisions.duplicated(["stakeholder_id", "decided_at"])
    if again.any():
        row = decisions[again].iloc[0]
        got = f"a second one for {row['stakeholder_id']!r} at {row['decided_at'].isoformat()}"
        fix = "keep the decision that was carried out"
        raise InputError(place_of(row, raw), "one decision per stakeholder and instant", got, fix)


def check_iteration(absorbed: Sequence[int], iteration: int) -> None:
    """Refuse to decide at a later as_of under the number of an iteration that is over.

    Its draws would repeat, and no champion of an earlier iteration would stand against its bundle.

    Args:
        absorbed: iterations of the ledger's partitions decided before as_of.
        iteration: `clock.iteration`.

    Raises:
        ParamsError: names the next number.
    """
    last = max(absorbed, default=0)
    if iteration <= last:
        expected = f"more than {last}, the last iteration absorbed before clock.as_of"
        fix = f"write {last + 1}, or set clock.as_of back to decide that iteration again"
        raise ParamsError("params.yaml, clock.iteration", expected, str(iteration), fix)


def check_as_of(told: Told, decisions: pd.DataFrame, horizon_days: int) -> None:
    """Refuse an as_of that the data do not reach: of the horizon before it, which outcomes come from, nothing is known.

    Only what was known before as_of has a say; one date far in the future would else vouch for any as_of.
    """
    where, as_of = "params.yaml, clock.as_of", told.as_of
    decided = decisions["decided_at"][decisions["decided_at"] < as_of]
    times = [*([] if told.last is None else [told.last]), *([decided.max()] if len(decided) else [])]
    if not times:
        known = "" if told.first is None else f" ({told.first.isoformat()})"
        expected = f"an instant after the first event became known{known}"
        raise ParamsError(where, expected, as_of.isoformat(), "correct as_of, or take in the older data")
    last = max(times)
    if as_of - last > pd.Timedelta(days=horizon_days):
        expected = f"an instant at most {horizon_days} days after the last thing known before it ({last.isoformat()})"
        dates = f", or mend the dates of the {told.later:,} events known later" if told.later else ""
        fix = f"correct as_of, or take in the newer data{dates}"
        raise ParamsError(where, expected, as_of.isoformat(), fix)
