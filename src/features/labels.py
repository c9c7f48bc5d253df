"""Outcomes of spine rows: what happened in [as_of, as_of + horizon), as known at the instant of learning.

The value of an outcome is Σ margin × value + retention_value × retained (contract.md). Rows whose horizon is not over
never reach this module: the spines leave them out.
"""

import numpy as np
import pandas as pd
from ibis.expr.types import Column, Table

from ..contracts.errors import ParamsError
from ..contracts.params import Churn, Params
from ..contracts.time import MICROS_PER_DAY, instant_micros
from .engine import execute, to_sql
from .history import AMOUNT_UNITS, History, contact_type, slug
from .visible import EVENTS, SPINE, within_horizon


def outcomes(spine: pd.DataFrame, history: History, params: Params) -> pd.DataFrame:
    """Return the outcome of each spine row.

    Args:
        spine: columns row, stakeholder, as_of (microseconds); all horizons over at params.clock.as_of.
        history: contacts included.
        params: clock, outcome and the catalogue of arms.

    Returns:
        in spine order: churned (bool), money (Σ margin × value), value (money + retention), contacts (how many
        interventions were received at the as-of instant itself; later ones are met by those only who have stayed, so
        selecting rows by them would select on the outcome).

    Raises:
        ParamsError: the retention value is no number, or two event types of `outcome.value` are one.
    """
    retention = params.outcome.retention_value
    if retention == "clv":
        fix = "give the money that a retained stakeholder is worth over the horizon"
        raise ParamsError("params.yaml, outcome.retention_value", "a number in this version", "'clv'", fix)
    margins = {slug(name): margin for name, margin in params.outcome.value.items()}
    if len(margins) < len(params.outcome.value):
        names = ", ".join(repr(name) for name in params.outcome.value)
        raise ParamsError("params.yaml, outcome.value", "event types that differ in letters or digits", names,
                          "keep one of those that are alike")  # fmt: skip
    sql = to_sql(_expression(params, list(margins)), order_by="row")
    found = execute(sql, {"events": history.events, "spine": spine[list(SPINE.columns)]}, params.threads)
    found = found.set_index("row").reindex(spine["row"]).fillna(0).reset_index(drop=True)
    money = pd.Series(0.0, index=found.index)
    for name, margin in margins.items():
        money += margin * (found[f"sum_{name}"].astype("float64") / AMOUNT_UNITS)
    churned = _left(spine, history, params) if params.outcome.churn.event is not None else found["activity"] == 0
    value = money + float(retention) * (~churned).astype("float64")
    return pd.DataFrame(
        {"churned": churned, "money": money, "value": value, "contacts": found["contacts"].astype("int64")}
    )


def absent_outcomes(events: pd.DataFrame, params: Params) -> set[str]:
    """Return the event types that the outcome names and no event has: a misspelling, or a thing that never happened."""
    churn = params.outcome.churn
    named = {*params.outcome.value, *churn.activity, *([churn.event] if churn.event else [])}
    occurring = {slug(name) for name in events["event_type"].unique()}
    return {name for name in named if slug(name) not in occurring}


def _expression(params: Params, value_types: list[str]) -> Table:
    horizon = params.clock.horizon_days * MICROS_PER_DAY
    seen = within_horizon(EVENTS, SPINE, horizon, instant_micros(params.clock.as_of))
    contacts = [contact_type(arm) for arm in params.interventions.arms]
    columns = {f"sum_{name}": seen.amount.sum(where=seen.event_type == name).fill_null(0) for name in value_types}
    columns["contacts"] = seen.row.count(where=seen.event_type.isin(contacts) & (seen.at == seen.as_of))
    columns["activity"] = seen.row.count(where=_active(seen, params.outcome.churn))
    return seen.group_by("row").aggregate(**columns)


def _left(spine: pd.DataFrame, history: History, params: Params) -> pd.Series:
    """Return who had left by the end of the horizon, shape (n,), as known at the instant of learning.

    It includes those who had left before the as-of instant when nobody knew it yet: they were not retained either.
    """
    events, cutoff = history.events, instant_micros(params.clock.as_of)
    leaving = events[(events["event_type"] == slug(params.outcome.churn.event or "")) & (events["known"] < cutoff)]
    left_at = spine["stakeholder"].map(leaving.groupby("stakeholder")["at"].min()).to_numpy(dtype=np.float64)
    return pd.Series(left_at < (spine["as_of"] + params.clock.horizon_days * MICROS_PER_DAY).to_numpy())


def _active(seen: Table, churn: Churn) -> Column:
    recent = seen.remaining <= (churn.inactive_days or 0) * MICROS_PER_DAY
    return recent & seen.event_type.isin([slug(name) for name in churn.activity] or [""])
