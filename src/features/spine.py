"""Which rows there are: stakeholders at as-of instants, only while the relationship lasts.

A spine has the columns row (0, 1, …), stakeholder_id, stakeholder (code) and as_of (microseconds).
"""

from collections.abc import Sequence

import pandas as pd

from ..contracts.params import Params
from ..contracts.time import MICROS_PER_DAY, instant_micros, to_micros
from .history import History, slug


def decision_spine(
    decisions: pd.DataFrame, stakeholders: pd.DataFrame, history: History, params: Params
) -> pd.DataFrame:
    """Return the logged decisions whose horizon is over, of people who may be learned from.

    Args:
        decisions: canonical, sorted.
        stakeholders: canonical.
        history: of the same tables.
        params: clock and outcome.

    Returns:
        spine with decision_id, arm, propensity, iteration and policy; opted-out stakeholders never appear.
    """
    horizon = params.clock.horizon_days * MICROS_PER_DAY
    rows = decisions.assign(as_of=to_micros(decisions["decided_at"])).rename(columns={"intervention": "arm"})
    rows = rows[rows["as_of"] + horizon <= instant_micros(params.clock.as_of)]
    rows = rows[["decision_id", "stakeholder_id", "as_of", "arm", "propensity", "iteration", "policy"]]
    return _lasting(_without_opted_out(rows, stakeholders), stakeholders, history, params)


def snapshot_spine(stakeholders: pd.DataFrame, history: History, params: Params) -> pd.DataFrame:
    """Return everyone who may be learned from at regular instants whose horizon is over, latest first instant last."""
    latest = instant_micros(params.clock.as_of) - params.clock.horizon_days * MICROS_PER_DAY
    step = params.features.snapshot_every_days * MICROS_PER_DAY
    instants = [latest - back * step for back in reversed(range(params.features.snapshots))]
    rows = _at_instants(stakeholders, instants)
    return _lasting(_without_opted_out(rows, stakeholders), stakeholders, history, params)


def population_spine(stakeholders: pd.DataFrame, history: History, params: Params) -> pd.DataFrame:
    """Return everyone whose relationship lasts at `as_of`, the opted-out included."""
    rows = _at_instants(stakeholders, [instant_micros(params.clock.as_of)])
    return _lasting(rows, stakeholders, history, params)


def _at_instants(stakeholders: pd.DataFrame, instants: Sequence[int]) -> pd.DataFrame:
    parts = [stakeholders[["stakeholder_id"]].assign(as_of=instant) for instant in instants]
    return pd.concat(parts, ignore_index=True)


def _without_opted_out(rows: pd.DataFrame, stakeholders: pd.DataFrame) -> pd.DataFrame:
    opted_out = stakeholders.loc[stakeholders["opted_out"], "stakeholder_id"]
    return rows[~rows["stakeholder_id"].isin(opted_out)]


def _lasting(rows: pd.DataFrame, stakeholders: pd.DataFrame, history: History, params: Params) -> pd.DataFrame:
    """Keep rows after the relationship began and before it was known to have ended, and number them."""
    code = rows["stakeholder_id"].map(history.codes).astype("int64")
    since = to_micros(stakeholders["since"]).to_numpy()[code]
    lasts = since < rows["as_of"]
    if params.outcome.churn.event is not None:
        left = history.events[history.events["event_type"] == slug(params.outcome.churn.event)]
        seen_leaving = left[["at", "known"]].max(axis=1).groupby(left["stakeholder"]).min()
        ended = code.map(seen_leaving)
        lasts &= ended.isna() | (ended >= rows["as_of"])
    kept = rows.assign(stakeholder=code)[lasts].reset_index(drop=True)
    kept.insert(0, "row", kept.index.astype("int64"))
    return kept
