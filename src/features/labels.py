"""Outcomes of spine rows: what happened in [as_of, as_of + horizon), as known at the instant of learning.

The value of an outcome is Σ margin × value + retention_value × retained (contract.md). Rows whose horizon is not over
never reach this module: the spines leave them out.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from ibis.expr.types import Column, Table
from numpy.typing import NDArray

from ..contracts.errors import ParamsError, listed
from ..contracts.params import Params
from ..contracts.time import MICROS_PER_DAY, instant_micros, to_micros
from .history import AMOUNT_UNITS, NO_CODE, Codes, contact_type, slug
from .measures import total_of
from .spine import Relationships
from .visible import HISTORY, SPINE, within_horizon


def outcome_expression(codes: Codes, params: Params) -> Table:
    """Return what the outcome window of each spine row holds, for `outcomes`: one row for each that has an event.

    Raises:
        ParamsError: two event types of `outcome.value` are one.
    """
    margins = margins_by_slug(params)
    farthest = params.clock.curve[-1] * MICROS_PER_DAY
    seen = within_horizon(HISTORY, SPINE, farthest, instant_micros(params.clock.as_of))
    remaining = {days: seen.remaining - (farthest - days * MICROS_PER_DAY) for days in params.clock.curve}
    inside = remaining[params.clock.horizon_days] > 0
    columns = {
        f"sum_{name}": total_of(seen.amount, inside & (seen.type == codes.type_code(name))).fill_null(0)
        for name in margins
    }
    contacts = [codes.type_code(contact_type(arm)) for arm in params.interventions.arms]
    columns["contacts"] = seen.row.count(where=seen.type.isin(contacts) & (seen.at == seen.as_of))
    for days, left in remaining.items():
        columns[f"activity_{days}"] = seen.row.count(where=_active(seen.type, left, codes, params))
    return seen.group_by("row").aggregate(**columns)


def outcomes(
    found: pd.DataFrame, spine: pd.DataFrame, people: Relationships, worth: NDArray[np.float64], params: Params
) -> pd.DataFrame:
    """Return the outcome of each spine row.

    Args:
        found: rows of `outcome_expression` over this spine, in any order.
        spine: columns row, stakeholder, as_of (microseconds); all horizons over at params.clock.as_of.
        people: with the leavings known at the instant of learning.
        worth: money credited to each row if it is retained, shape (n,).
        params: clock, outcome and the catalogue of arms.

    Returns:
        in spine order: churned (bool), money (Σ margin × value), value (money + retention), contacts (how many
        interventions were received at the as-of instant itself; later ones are met by those only who have stayed, so
        selecting rows by them would select on the outcome), and churned_by_<days>d for the other days of the clock's
        curve (null where they were not over at the instant of learning).
    """
    found = found.set_index("row").reindex(spine["row"]).fillna(0).reset_index(drop=True)
    money = pd.Series(0.0, index=found.index)
    for name, margin in margins_by_slug(params).items():
        money += margin * (found[f"sum_{name}"].astype("float64") / AMOUNT_UNITS)
    by_event = params.outcome.churn.event is not None
    lost = {days: _left(spine, people, days) if by_event else found[f"activity_{days}"].astype("int64") == 0
            for days in params.clock.curve}  # fmt: skip
    churned = lost[params.clock.horizon_days]
    value = money + worth * (~churned).astype("float64")
    return pd.DataFrame(
        {"churned": churned, "money": money, "value": value, "contacts": found["contacts"].astype("int64"),
         **_curve(lost, spine["as_of"], params)}
    )  # fmt: skip


def _curve(lost: Mapping[int, pd.Series], as_of: pd.Series, params: Params) -> dict[str, pd.Series]:
    """Return who was lost by the other days of the curve, null where those are not over.

    Who falls silent may come back, so before the horizon only those count who stayed away until its end, and after it
    those too who were lost at its end: the curve never turns back, and at the horizon it is the outcome itself.
    """
    horizon, last = params.clock.horizon_days, instant_micros(params.clock.as_of)
    columns: dict[str, pd.Series] = {}
    earlier, later = [each for each in lost if each < horizon], [each for each in lost if each > horizon]
    for days_of in (list(reversed(earlier)), later):
        so_far = lost[horizon]
        for days in days_of:
            so_far = so_far & lost[days] if days < horizon else so_far | lost[days]
            over = as_of + days * MICROS_PER_DAY <= last
            columns[params.clock.lost_by[days]] = so_far.astype("boolean").where(over.to_numpy())
    return columns


def check_churn(occurring: Iterable[str], params: Params) -> None:
    """Refuse churn by event types that no event has: nobody would ever be lost, or by silence everybody.

    Args:
        occurring: slugs of the types that some event has, and of contacts.
        params: outcome, and the catalogue of arms.

    Raises:
        ParamsError: names the key and lists the types.
    """
    churn, slugs = params.outcome.churn, {*occurring}
    key, named = ("activity", churn.activity) if churn.event is None else ("event", (churn.event,))
    if not {slug(name) for name in named} & slugs:
        there = sorted(slugs - {contact_type(arm) for arm in params.interventions.arms})
        silence = "; where nobody has left yet, define churn by silence (inactive_days and activity)"
        raise ParamsError(f"params.yaml, outcome.churn.{key}", f"an event type that occurs ({listed(there)})",
                          ", ".join(map(repr, named)), f"correct the name{silence * (key == 'event')}")  # fmt: skip


def absent_outcomes(occurring: Iterable[str], params: Params) -> set[str]:
    """Return the event types that params name and no event has: a misspelling, or a thing that never happened.

    Args:
        occurring: slugs of the types that some event has.
        params: outcome, responses and refusals.
    """
    slugs = set(occurring)
    named = {*params.outcome.value, *params.outcome.churn.activity}
    named |= {*params.features.responses, *params.features.refusals}
    return {name for name in named if slug(name) not in slugs}


def margins_by_slug(params: Params) -> dict[str, float]:
    """Return the money per unit of value of each credited event type.

    Raises:
        ParamsError: two of them are one type.
    """
    margins = {slug(name): margin for name, margin in params.outcome.value.items()}
    if len(margins) < len(params.outcome.value):
        names = ", ".join(repr(name) for name in params.outcome.value)
        raise ParamsError("params.yaml, outcome.value", "event types that differ in letters or digits", names,
                          "keep one of those that are alike")  # fmt: skip
    return margins


def called_off(spine: pd.DataFrame, decisions: pd.DataFrame, control: str) -> pd.Series:
    """Return for which rows an intervention was decided at the very instant and none delivered, shape (n,).

    They are not under the control either: who is gone declines, so keeping them would select on the outcome.

    Args:
        spine: stakeholder_id and as_of (microseconds), n rows.
        decisions: canonical.
        control: the arm that is no intervention.
    """
    off = decisions[(decisions["intervention"] != control) & (decisions["delivered_intervention"] == control)]
    keys = pd.MultiIndex.from_arrays([off["stakeholder_id"], to_micros(off["decided_at"])])
    return pd.Series(pd.MultiIndex.from_frame(spine[["stakeholder_id", "as_of"]]).isin(keys), index=spine.index)


def _left(spine: pd.DataFrame, people: Relationships, days: int) -> pd.Series:
    """Return who had left within so many days, shape (n,), as known at the instant of learning.

    It includes those who had left before the as-of instant when nobody knew it yet: they were not retained either.
    """
    first = people.leaving.groupby("stakeholder")["at"].min()
    left_at = spine["stakeholder"].map(first).to_numpy(dtype=np.float64)
    return pd.Series(left_at < (spine["as_of"] + days * MICROS_PER_DAY).to_numpy())


def _active(event_type: Column, remaining: Column, codes: Codes, params: Params) -> Column:
    churn = params.outcome.churn
    recent = (remaining > 0) & (remaining <= (churn.inactive_days or 0) * MICROS_PER_DAY)
    return recent & event_type.isin([codes.type_code(name) for name in churn.activity] or [NO_CODE])
