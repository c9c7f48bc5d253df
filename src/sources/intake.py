"""Raw tables and ledger in, checked tables out: what is wrong in form stops the run, what cannot be used is set aside.

Nothing disappears unseen: the rows read are those kept, those dropped and those set aside, each counted, and the
quarantine names table, row and reason. The same rows in any order give the same tables. Time is judged against
`clock.as_of` alone, never against the clock of the machine: what happens or becomes known later is kept, counted and
not seen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from ..contracts.attribute_cells import words_among_numbers
from ..contracts.cells import Origin
from ..contracts.columns import check_columns
from ..contracts.errors import InputError
from ..contracts.params import Params
from ..contracts.schemas import STAKEHOLDERS
from ..contracts.tables import canonical_decisions, canonical_events, canonical_stakeholders, no_decisions
from ..contracts.time import instant_micros
from .consistency import check_as_of, check_one_decision_at_a_time, check_spelling, name_of, place_of
from .event_log import PLACE, EventLog, Frames, Settled, Told
from .files import read_whole
from .pieces import Pieces, Undecided
from .raw import RawTables

LedgerPart = tuple[pd.DataFrame, pd.DataFrame]


@dataclass(frozen=True)
class Intake:
    """What the ingest stage writes.

    Attributes:
        stakeholders: canonical, by stakeholder_id.
        event_parts: canonical, by stakeholder_id, occurred_at and then all other columns, whole stakeholders in each
            frame; known_at is never earlier than occurred_at.
        told: event types and channels that occur, and counts.
        decisions: canonical, by decided_at, stakeholder_id, decision_id; may be empty.
        quarantine: table, row (from 1, within that table or ledger partition), stakeholder_id, reason, detail.
        warnings: of what is taken in and may not be meant so, each a line.
        counts: rows read, kept, dropped and set aside; and how many of the events kept look alike without an id to tell
            them apart, were known before they happened, or happened or became known at or after as_of.
    """

    stakeholders: pd.DataFrame
    event_parts: Frames
    told: Told
    decisions: pd.DataFrame
    quarantine: pd.DataFrame
    warnings: Sequence[str]
    counts: dict[str, int]

    @property
    def events(self) -> pd.DataFrame:
        """Return all events as one frame."""
        return pd.concat(self.event_parts, ignore_index=True)


def take_in(raw: RawTables, params: Params, ledger: Sequence[LedgerPart] = ()) -> Intake:
    """Return the checked tables.

    Events too many to hold are read in pieces. A piece cannot name a fault as the whole table does, with the number of
    rows like it: where one fails, the table is read whole.

    Args:
        raw: what the source gave.
        params: clock, catalogue of arms, and the columns that any section names.
        ledger: (decisions, events) of each partition, oldest first, with the contract's columns.

    Raises:
        InputError: a table breaks the contract, an id is used twice, or is in another table spelt otherwise, nobody's
            events are left, a stakeholder has two decisions at one instant, nothing became known within one horizon
            before `clock.as_of`, or params name no column (ParamsError).
    """
    stakeholders = canonical_stakeholders(raw.stakeholders, raw.origin("stakeholders"))
    check_columns(stakeholders.columns, params)
    warnings = _warnings(stakeholders, raw.origin("stakeholders"))
    stakeholders = stakeholders.sort_values("stakeholder_id", ignore_index=True)
    log = _all_events(raw, stakeholders["stakeholder_id"], ledger)
    logged = _all_decisions(raw, ledger, params.interventions.names)
    warnings += _numbered_as_the_loop(logged, raw.origin("decisions"))

    settled = log.settle(pd.Timestamp(instant_micros(params.clock.as_of), unit="us", tz="UTC"))
    known = logged["stakeholder_id"].isin(stakeholders["stakeholder_id"])
    decisions, undecided = logged[known].reset_index(drop=True), logged[~known]
    for table, unknown in (("events", settled.strangers), ("decisions", undecided)):
        check_spelling(table, unknown, stakeholders["stakeholder_id"], raw)
    if not settled.told.rows:
        fix = "check that both tables write the ids the same way"
        raise InputError(raw.origin("events").name, "events of known stakeholders", "none", fix)
    check_one_decision_at_a_time(decisions, raw)
    check_as_of(settled.told, decisions, params.clock.horizon_days)
    counts = raw.counts | {
        "stakeholders": len(stakeholders),
        "stakeholders_opted_out": int(stakeholders["opted_out"].sum()),
        **_counts_of_events(log.read, settled),
        "decisions_read": len(logged),
        "decisions_unknown_stakeholder": len(undecided),
        **_counts_of_decisions(decisions),
        "ledger_partitions": len(ledger),
    }
    decisions = decisions.drop(columns=PLACE)
    decisions = decisions.sort_values(["decided_at", "stakeholder_id", "decision_id"], ignore_index=True)
    quarantine = _quarantine(settled, undecided)
    return Intake(stakeholders, settled.parts, settled.told, decisions, quarantine, warnings, counts)


def _warnings(stakeholders: pd.DataFrame, origin: Origin) -> list[str]:
    """Return what to tell of the attributes; rows stand as they were read."""
    attributes = stakeholders.drop(columns=[*STAKEHOLDERS.columns])
    told = [words_among_numbers(text, origin) for _, text in attributes.items() if text.dtype == "str"]
    return [each for each in told if each is not None]


def _numbered_as_the_loop(logged: pd.DataFrame, origin: Origin) -> list[str]:
    """Return what to tell of the source's own decisions that bear numbers of the ledger's, which begin at 1."""
    most = int(logged.loc[logged["_part"] == 0, "iteration"].max()) if (logged["_part"] == 0).any() else 0
    if most < 1:
        return []
    return [f"{origin.name}, column iteration: numbers up to {most}, but the ledger numbers its own from 1 on, and one "
            "policy decided all of an iteration: number those before the first absorbed one 0, -1, -2, …"]  # fmt: skip


def _counts_of_events(read: int, settled: Settled) -> dict[str, int]:
    return {
        "events_read": read,
        "events_repeated": settled.repeated,
        "events_event_id_conflict": len(settled.conflicts),
        "events_unknown_stakeholder": len(settled.strangers),
        "events": settled.told.rows,
        "events_alike_without_id": settled.told.alike,
        "events_known_before_they_happened": settled.told.early,
        "events_after_as_of": settled.told.later,
    }


def _counts_of_decisions(decisions: pd.DataFrame) -> dict[str, int]:
    otherwise = decisions["delivered_intervention"] != decisions["intervention"]
    return {"decisions": len(decisions), "decisions_delivered_otherwise": int(otherwise.sum())}


def _all_events(raw: RawTables, stakeholder_ids: pd.Series, ledger: Sequence[LedgerPart]) -> EventLog:
    try:
        log = _log_of(raw, stakeholder_ids)
    except (Undecided, InputError, OSError, pa.ArrowException):
        if not isinstance(raw.events, Pieces):
            raise
        log = _log_of(read_whole(raw), stakeholder_ids)
    for part, (_, later) in enumerate(ledger, start=1):
        if len(later):
            log.add(canonical_events(later, Origin(name_of(part, "events"))), part)
    return log


def _log_of(raw: RawTables, stakeholder_ids: pd.Series) -> EventLog:
    events: Iterable[pd.DataFrame]
    events, groups = (raw.events, raw.events.groups) if isinstance(raw.events, Pieces) else ([raw.events], 1)
    log = EventLog(stakeholder_ids, groups)
    for piece in events:
        log.add(canonical_events(piece, raw.origin("events")), 0)
    return log


def _all_decisions(raw: RawTables, ledger: Sequence[LedgerPart], arms: Sequence[str]) -> pd.DataFrame:
    tables = [_placed(no_decisions(arms), 0)]
    if raw.decisions is not None:
        tables = [_placed(canonical_decisions(raw.decisions, arms, raw.origin("decisions")), 0)]
    for part, (decisions, _) in enumerate(ledger, start=1):
        tables.append(_placed(canonical_decisions(decisions, arms, Origin(name_of(part, "decisions"))), part))
    together = pd.concat(tables, ignore_index=True)
    again = together["decision_id"].duplicated()
    if again.any():
        row = together[again].iloc[0]
        fix = "take each decision in once; the raw table must not repeat the ledger"
        raise InputError(place_of(row, raw), "a decision_id of its own", f"{row['decision_id']!r} again", fix)
    return together


def _placed(table: pd.DataFrame, part: int) -> pd.DataFrame:
    """Add where each row stood."""
    return table.assign(_part=np.int16(part), _row=np.arange(1, len(table) + 1))


def _quarantine(settled: Settled, undecided: pd.DataFrame) -> pd.DataFrame:
    aside = [
        _aside(settled.conflicts, "event_id_conflict", "event_id"),
        _aside(settled.strangers, "unknown_stakeholder", "event_type"),
        _aside(undecided, "unknown_stakeholder", "intervention"),
    ]
    return pd.concat(aside, ignore_index=True).sort_values(["table", "row"], kind="stable", ignore_index=True)


def _aside(rows: pd.DataFrame, reason: str, told: str) -> pd.DataFrame:
    """Return the quarantine of rows with their place; `told` is the column that the detail names."""
    aside = rows.reset_index(drop=True)
    name = "events" if "event_id" in rows else "decisions"
    return pd.DataFrame(
        {
            "table": aside["_part"].map(lambda part: name_of(part, name)).astype("str"),
            "row": aside["_row"].astype("int64"),
            "stakeholder_id": aside["stakeholder_id"],
            "reason": pd.Series(reason, index=aside.index, dtype="str"),
            "detail": (told + " " + aside[told]).astype("str"),
        }
    )
