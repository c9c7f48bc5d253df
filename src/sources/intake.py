"""Raw tables and ledger in, checked tables out: what is wrong in form stops the run, what cannot be used is set aside.

Nothing disappears unseen: rows dropped or quarantined are counted, and the quarantine names table, row and reason. The
same rows in any order give the same tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.cells import Origin
from ..contracts.errors import InputError, ParamsError
from ..contracts.params import Params
from ..contracts.tables import canonical_decisions, canonical_events, canonical_stakeholders, no_decisions
from ..contracts.time import to_micros
from .raw import RawTables

LedgerPart = tuple[pd.DataFrame, pd.DataFrame]
_PLACE = ["_part", "_row"]  # ledger partition (0: the raw table) and row; dropped before tables leave this module


@dataclass(frozen=True)
class Intake:
    """What the ingest stage writes.

    Attributes:
        stakeholders: canonical, by stakeholder_id.
        events: canonical, by stakeholder_id, occurred_at and then all other columns.
        decisions: canonical, by decided_at, stakeholder_id, decision_id; may be empty.
        quarantine: table, row (from 1, within that table or ledger partition), stakeholder_id, reason, detail.
        counts: rows read, kept, dropped and set aside.
    """

    stakeholders: pd.DataFrame
    events: pd.DataFrame
    decisions: pd.DataFrame
    quarantine: pd.DataFrame
    counts: dict[str, int]


def take_in(raw: RawTables, params: Params, ledger: Sequence[LedgerPart] = ()) -> Intake:
    """Return the checked tables.

    Args:
        raw: what the source gave.
        params: clock and catalogue of arms.
        ledger: (decisions, events) of each partition, oldest first, with the contract's columns.

    Raises:
        InputError: a table breaks the contract, an id is used twice, nobody's events are left, a stakeholder has two
            decisions at one instant, or `clock.as_of` lies outside the data.
    """
    arms = params.interventions.names
    stakeholders = canonical_stakeholders(raw.stakeholders, raw.origin("stakeholders"))
    stakeholders = stakeholders.sort_values("stakeholder_id", ignore_index=True)
    events = _all_events(raw, ledger)
    decisions = _all_decisions(raw, ledger, arms)
    read = len(events), len(decisions)

    repeated, conflicting = _shared_ids(events)
    events, conflicts = _split(events, conflicting, "event_id_conflict", "event_id")
    events = events[~repeated[~conflicting]].reset_index(drop=True) if repeated.any() else events
    codes = pd.Index(stakeholders["stakeholder_id"]).get_indexer(pd.Index(events["stakeholder_id"]))
    events, strangers = _split(events, codes < 0, "unknown_stakeholder", "event_type")
    known = decisions["stakeholder_id"].isin(stakeholders["stakeholder_id"])
    decisions, undecided = _split(decisions, ~known.to_numpy(), "unknown_stakeholder", "intervention")
    if events.empty:
        fix = "check that both tables write the ids the same way"
        raise InputError(raw.origin("events").name, "events of known stakeholders", "none", fix)

    _check_one_decision_at_a_time(decisions, raw)
    _check_as_of(events, decisions, params)
    counts = {
        "stakeholders": len(stakeholders),
        "stakeholders_opted_out": int(stakeholders["opted_out"].sum()),
        "events_read": read[0],
        "events_repeated": int(repeated.sum()),
        "events_event_id_conflict": len(conflicts),
        "events_unknown_stakeholder": len(strangers),
        "events": len(events),
        "decisions_read": read[1],
        "decisions_unknown_stakeholder": len(undecided),
        "decisions": len(decisions),
        "ledger_partitions": len(ledger),
    }
    quarantine = pd.concat([conflicts, strangers, undecided], ignore_index=True)
    quarantine = quarantine.sort_values(["table", "row"], kind="stable", ignore_index=True)
    events = events.drop(columns=_PLACE).take(_event_order(events, codes[codes >= 0]))
    decisions = decisions.drop(columns=_PLACE).sort_values(["decided_at", "stakeholder_id", "decision_id"])
    return Intake(
        stakeholders,
        events.reset_index(drop=True),
        decisions.reset_index(drop=True),
        quarantine,
        counts,
    )


def _all_events(raw: RawTables, ledger: Sequence[LedgerPart]) -> pd.DataFrame:
    tables = [_placed(canonical_events(raw.events, raw.origin("events")), 0)]
    for part, (_, events) in enumerate(ledger, start=1):
        if len(events):
            tables.append(_placed(canonical_events(events, Origin(_name(part, "events"))), part))
    return pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]


def _all_decisions(raw: RawTables, ledger: Sequence[LedgerPart], arms: Sequence[str]) -> pd.DataFrame:
    tables = [_placed(no_decisions(arms), 0)]
    if raw.decisions is not None:
        tables = [_placed(canonical_decisions(raw.decisions, arms, raw.origin("decisions")), 0)]
    for part, (decisions, _) in enumerate(ledger, start=1):
        tables.append(_placed(canonical_decisions(decisions, arms, Origin(_name(part, "decisions"))), part))
    together = pd.concat(tables, ignore_index=True)
    again = together["decision_id"].duplicated()
    if again.any():
        row = together[again].iloc[0]
        fix = "take each decision in once; the raw table must not repeat the ledger"
        raise InputError(_place(row, raw), "a decision_id of its own", f"{row['decision_id']!r} again", fix)
    return together


def _placed(table: pd.DataFrame, part: int) -> pd.DataFrame:
    """Add where each row stood."""
    return table.assign(_part=np.int16(part), _row=np.arange(1, len(table) + 1))


def _name(part: int, table: str) -> str:
    return f"ledger partition {part}, {table}" if part else table


def _place(decision: pd.Series, raw: RawTables) -> str:
    """Return file and row of a decision."""
    if decision["_part"] == 0:
        return raw.origin("decisions").row(int(decision["_row"]) - 1)
    return f"{_name(decision['_part'], 'decisions')}, row {decision['_row']}"


def _shared_ids(events: pd.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which events repeat an earlier one in full, and which share their id with an event of other content.

    Events without an id are neither. Of events that agree in everything, all but the first are repeats; where the
    content differs, all are conflicting and none is a repeat.
    """
    shared = (events["event_id"].duplicated(keep=False) & events["event_id"].notna()).to_numpy(dtype=bool)
    repeated, conflicting = np.zeros(len(events), dtype=bool), np.zeros(len(events), dtype=bool)
    if shared.any():
        some = events[shared].drop(columns=_PLACE)
        first = ~some.duplicated()
        contents = some["event_id"].map(some.loc[first, "event_id"].value_counts())
        conflicting[shared] = contents > 1
        repeated[shared] = ~first & (contents == 1)
    return repeated, conflicting


def _split(table: pd.DataFrame, bad: NDArray[np.bool_], reason: str, told: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part a table into the rows to keep and the quarantine of the others; `told` is the column the detail names."""
    aside = table[bad].reset_index(drop=True)
    name = "events" if "event_id" in table else "decisions"
    quarantine = pd.DataFrame(
        {
            "table": aside["_part"].map(lambda part: _name(part, name)).astype("str"),
            "row": aside["_row"].astype("int64"),
            "stakeholder_id": aside["stakeholder_id"],
            "reason": pd.Series(reason, index=aside.index, dtype="str"),
            "detail": (told + " " + aside[told]).astype("str"),
        }
    )
    return (table[~bad].reset_index(drop=True) if len(aside) else table), quarantine


def _event_order(events: pd.DataFrame, codes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the order by stakeholder and time; only rows that tie in both are compared as text."""
    micros = to_micros(events["occurred_at"]).to_numpy()
    order = np.lexsort((micros, codes))
    same = (np.diff(codes[order]) == 0) & (np.diff(micros[order]) == 0)
    tied = np.flatnonzero(np.r_[same, False] | np.r_[False, same])
    if len(tied):
        rows = events.iloc[order[tied]].assign(_code=codes[order[tied]])
        keys = ["_code", "occurred_at", "event_id", "event_type", "value", "channel", "known_at"]
        ranked = rows.reset_index(drop=True).sort_values(keys, kind="stable", na_position="last")
        order[tied] = order[tied][ranked.index.to_numpy()]
    return order


def _check_one_decision_at_a_time(decisions: pd.DataFrame, raw: RawTables) -> None:
    again = decisions.duplicated(["stakeholder_id", "decided_at"])
    if again.any():
        row = decisions[again].iloc[0]
        got = f"a second one for {row['stakeholder_id']!r} at {row['decided_at'].isoformat()}"
        fix = "keep the decision that was carried out"
        raise InputError(_place(row, raw), "one decision per stakeholder and instant", got, fix)


def _check_as_of(events: pd.DataFrame, decisions: pd.DataFrame, params: Params) -> None:
    as_of = pd.Timestamp(params.clock.as_of)
    as_of = as_of.tz_localize("UTC") if as_of.tzinfo is None else as_of.tz_convert("UTC")
    first = events["occurred_at"].min()
    latest = events["known_at"].max()
    if len(decisions):
        latest = max(latest, decisions["decided_at"].max())
    last = latest + pd.Timedelta(days=params.clock.horizon_days)
    if not first < as_of <= last:
        expected = (
            f"an instant after the first event ({first.isoformat()}) and at most {params.clock.horizon_days} days "
            f"after the last thing known ({latest.isoformat()})"
        )
        fix = "correct as_of, or take in the newer data"
        raise ParamsError("params.yaml, clock.as_of", expected, as_of.isoformat(), fix)
