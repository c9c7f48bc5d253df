"""Raw frames turned into the canonical tables of docs/contract.md, or refused by file, column and row.

Canonical frames have a plain index 0 … n − 1, the contract's columns first and in its order, text as `str`, times
as datetime64[us, UTC], numbers as float64 (`iteration` as int64).
"""

from collections.abc import Mapping, Sequence

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaError

from .attribute_cells import as_attribute
from .cells import (
    Origin,
    as_flag,
    as_number,
    as_text,
    as_time,
    as_whole_number,
    missing_column,
    per_distinct,
    refuse,
    shown,
)
from .errors import InputError
from .ids import inexact_ids, normalise_ids
from .schemas import EVENTS, STAKEHOLDERS, decisions_schema


def canonical_stakeholders(raw: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    """Return the stakeholders table; columns the contract does not name are attributes.

    Args:
        raw: one row per stakeholder, text or typed.
        origin: for messages.

    Returns:
        stakeholder_id, kind, since, opted_out and the attributes (float64, bool or str), in the order given.

    Raises:
        InputError: a column is missing, misnamed or twice there, a cell wrong, an id repeated, or no row.
    """
    _check_header(raw, STAKEHOLDERS, ("opted_out",), origin)
    _refuse_empty(raw, origin)
    columns = {
        "stakeholder_id": normalise_ids(raw["stakeholder_id"]),
        "kind": per_distinct(raw["kind"], as_text),
        "since": as_time(raw["since"], origin),
        "opted_out": as_flag(optional_column(raw, "opted_out"), origin, default=False),
    }
    attributes = [name for name in raw.columns if name not in STAKEHOLDERS.columns]
    columns |= {name: as_attribute(raw[name], origin) for name in attributes}
    return _finish(columns, raw, STAKEHOLDERS, origin)


def canonical_events(raw: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    """Return the events table; other columns are ignored.

    Args:
        raw: one row per event, text or typed; event_id, known_at, value and channel may be absent.
        origin: for messages.

    Raises:
        InputError: a column is missing or twice there, a cell wrong, or no row at all.
    """
    _check_header(raw, EVENTS, ("event_id", "known_at", "value", "channel"), origin)
    _refuse_empty(raw, origin)
    occurred = as_time(raw["occurred_at"], origin)
    known = as_time(raw["known_at"], origin) if "known_at" in raw else occurred
    columns = {
        "event_id": normalise_ids(optional_column(raw, "event_id")),
        "stakeholder_id": per_distinct(raw["stakeholder_id"], normalise_ids),
        "occurred_at": occurred,
        "known_at": known.fillna(occurred),
        "event_type": per_distinct(raw["event_type"], as_text),
        "value": as_number(optional_column(raw, "value"), origin),
        "channel": per_distinct(optional_column(raw, "channel"), as_text),
    }
    return _finish(columns, raw, EVENTS, origin)


def canonical_decisions(raw: pd.DataFrame, arms: Sequence[str], origin: Origin) -> pd.DataFrame:
    """Return the decisions table, empty when `raw` has no rows; other columns are ignored.

    Args:
        raw: one row per logged decision, text or typed; propensity may be absent, and delivered_intervention: the arm
            decided was then delivered.
        arms: names of the catalogue, the control included.
        origin: for messages.

    Raises:
        InputError: a column is missing or twice there, a cell wrong, an arm unknown, or an id twice there.
    """
    schema = decisions_schema(arms)
    _check_header(raw, schema, ("propensity", "delivered_intervention"), origin)
    decided = per_distinct(raw["intervention"], as_text)
    columns = {
        "decision_id": normalise_ids(raw["decision_id"]),
        "stakeholder_id": per_distinct(raw["stakeholder_id"], normalise_ids),
        "decided_at": as_time(raw["decided_at"], origin),
        "intervention": decided,
        "propensity": as_number(optional_column(raw, "propensity"), origin),
        "iteration": as_whole_number(raw["iteration"], origin),
        "policy": per_distinct(raw["policy"], as_text),
        "delivered_intervention": per_distinct(optional_column(raw, "delivered_intervention"), as_text).fillna(decided),
    }
    return _finish(columns, raw, schema, origin)


def no_decisions(arms: Sequence[str]) -> pd.DataFrame:
    """Return the canonical decisions table without rows."""
    raw = pd.DataFrame({name: pd.Series(dtype="str") for name in decisions_schema(arms).columns})
    return canonical_decisions(raw, arms, Origin("no decisions"))


def no_events() -> pd.DataFrame:
    """Return the canonical events table without rows."""
    columns = EVENTS.columns
    return pd.DataFrame({name: pd.Series(dtype=str(column.dtype)) for name, column in columns.items()})


def conform(table: pd.DataFrame, schema: pa.DataFrameSchema, origin: Origin) -> pd.DataFrame:
    """Return the table when it keeps the schema.

    Raises:
        InputError: the first cell that does not, by column and row.
    """
    return _explained(table, table, schema, origin)


def _finish(
    columns: Mapping[str, pd.Series], raw: pd.DataFrame, schema: pa.DataFrameSchema, origin: Origin
) -> pd.DataFrame:
    table = pd.DataFrame({name: column.array for name, column in columns.items()})
    for name, column in schema.columns.items():
        if name.endswith("_id") and name in raw:
            fix = "export the ids as text or as whole numbers"
            refuse(inexact_ids(raw[name]), raw[name], origin, "an id that a floating-point number holds exactly", fix)
        if column.unique:
            _refuse_duplicates(table[name], raw[name], origin)
    return _explained(table, raw, schema, origin)


def _explained(table: pd.DataFrame, raw: pd.DataFrame, schema: pa.DataFrameSchema, origin: Origin) -> pd.DataFrame:
    try:
        return schema.validate(table)
    except SchemaError as fault:
        name = str(fault.column_name or getattr(fault.schema, "name", None))
        column = schema.columns.get(name)
        cases = fault.failure_cases
        if column is None or not isinstance(cases, pd.DataFrame) or cases["index"].isna().any():
            raise InputError(origin.name, f"the {schema.name} table", str(fault), "see docs/contract.md") from None
        bad = table.index.isin(cases["index"])
        shown = raw[name] if name in raw else table[name]
        refuse(bad, shown, origin, str(column.description), column.metadata["fix"])
        raise


def _check_header(raw: pd.DataFrame, schema: pa.DataFrameSchema, optional: Sequence[str], origin: Origin) -> None:
    named = list(raw.columns)
    listed = ", ".join(str(name) for name in named[:20]) or "no column"
    needed = [name for name in schema.columns if name not in optional]
    missing = missing_column(named, needed)
    if missing is not None:
        fix = f"add the column, or rename the one that holds it to {missing}"
        raise InputError(origin.name, f"a column {missing}", f"the columns {listed}", fix)
    blank = [at for at, name in enumerate(named, start=1) if not str(name).strip()]
    if blank and (schema is STAKEHOLDERS or len(blank) > 1):  # a single one elsewhere is ignored, as other columns are
        got = f"a blank for column {' and '.join(map(str, blank))} of {len(named)}"
        raise InputError(origin.name, "a name for every column", got, "name the column, or remove it")
    twice = [name for name in dict.fromkeys(named) if named.count(name) > 1]
    if twice:
        raise InputError(f"{origin.name}, column {twice[0]}", "each column once", "it twice", "remove or rename one")
    if schema is STAKEHOLDERS:
        _check_attribute_names(named, origin)


def _check_attribute_names(named: Sequence[object], origin: Origin) -> None:
    taken = {*EVENTS.columns, *decisions_schema(()).columns} - {*STAKEHOLDERS.columns, "value", "channel"}
    for name in named:
        if not isinstance(name, str):
            raise InputError(origin.name, "a name for every column", repr(name), "name the column, or remove it")
        if name in taken:
            fix = "rename the attribute; the contract gives this name to a column of events or decisions"
            raise InputError(f"{origin.name}, column {name}", "an attribute's own name", repr(name), fix)


def _refuse_empty(raw: pd.DataFrame, origin: Origin) -> None:
    if raw.empty:
        raise InputError(origin.name, "at least one row", "an empty table", "export the table again, with its rows")


def _refuse_duplicates(ids: pd.Series, raw: pd.Series, origin: Origin) -> None:
    again = ids.duplicated() & ids.notna()
    if not again.any():
        return
    second = int(again.to_numpy().argmax())
    first = int((ids == ids.iloc[second]).to_numpy().argmax())
    one, other = shown(raw.iloc[first]), shown(raw.iloc[second])
    got = f"{other} again, first in {origin.row(first)}"
    if one != other:
        got = f"{other}, which is the same id as {one} in {origin.row(first)}"
    more = int(again.sum()) - 1
    fix = "keep one row per id" + (f" ({more} more row{'s' if more > 1 else ''} like it)" if more else "")
    raise InputError(origin.cell(str(raw.name), second), "every id once", got, fix)


def optional_column(raw: pd.DataFrame, name: str) -> pd.Series:
    """Return a column, all of it blank where the table has none of that name."""
    if name in raw:
        return raw[name]
    return pd.Series(index=pd.RangeIndex(len(raw)), name=name, dtype="str")
