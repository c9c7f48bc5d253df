"""Relationship KPIs of each stakeholder at regular instants: engagement, satisfaction, loyalty, cost, their quotient.

Point in time: each instant, the snapshots and as_of, sees what had happened and was known strictly before it. What is
unknown is missing (NaN), never zero. docs/kpis.md defines every KPI.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.columns import check_columns
from ..contracts.errors import ParamsError
from ..contracts.params import Params
from ..contracts.time import MICROS_PER_DAY, from_micros, instant_micros
from .engine import Engine
from .history import AMOUNT_UNITS, Codes
from .kpi_counts import QUARTER, QUARTERS, YEAR, Ingredients, counts_expression, ingredients, purchases_expression
from .kpi_lifetime import lifetime_values, purchase_history
from .spine import Relationships, everyone_spine, in_spine_order, regular_instants, relationships

Floats = NDArray[np.float64]
NOT_STATED = "not stated"


@dataclass(frozen=True)
class Measured:
    """The KPIs of everyone who had begun before an instant, by stakeholder and time.

    Attributes:
        rows: one row per stakeholder and instant: stakeholder_id, as_of, kind, segment (null without one), `present`
            (the relationship lasts at the instant), the columns of `PER_STAKEHOLDER`, `retained` (of those present
            one horizon before: 1 or 0), purchases_year (days of the last year with a purchase), and per survey
            latest_<slug>, answers_<slug>, top_<slug>.
        lifetime: per instant the fitted models, or None, and notes; JSON-ready.
        astray: answers known at as_of that are off their survey's scale, by its slug.
    """

    rows: pd.DataFrame
    lifetime: list[dict[str, Any]]
    astray: dict[str, int]

    def stakeholders(self) -> pd.DataFrame:
        """Return the KPIs of the relationships that last, one row per stakeholder and instant."""
        lasting = self.rows[self.rows["present"]]
        return lasting[[*KEYS, *PER_STAKEHOLDER]].reset_index(drop=True)


KEYS = ("stakeholder_id", "as_of", "kind", "segment")
PER_STAKEHOLDER = ("engagement", "satisfaction", "satisfaction_from", "loyalty", "cost", "relationship_value",
                   "relationship_index", "lifetime_value")  # fmt: skip


def measure(stakeholders: pd.DataFrame, codes: Codes, engine: Engine, arm_costs: Floats, params: Params) -> Measured:
    """Return the KPIs at each instant.

    Args:
        stakeholders: canonical, in stakeholder_id order.
        codes: of the history.
        engine: over the history of the same stakeholders, contacts included.
        arm_costs: money of each arm for each stakeholder, shape (n, arms), in the order of `Interventions.names`.
        params: clock, outcome, interventions, features.snapshots and snapshot_every_days, kpis.

    Raises:
        ParamsError: params name no column; `kpis.segment` has too many values; event types of one list are alike.
    """
    check_columns(stakeholders.columns, params)
    people = relationships(stakeholders, codes, engine, params)
    made = ingredients(codes, params)
    segment = segments(stakeholders, params)
    queries = [engine.compile(each) for each in (counts_expression(made, params), purchases_expression(made))]
    parts = []
    for spine, found in engine.query_parts(queries, everyone_spine(people, instants(params))):
        counts, bought = (in_spine_order(table.to_pandas(), spine) for table in found)
        parts.append(_row_kpis(spine, counts, bought, arm_costs, made, people, params))
    rows = pd.concat(parts, ignore_index=True)
    code = rows.pop("stakeholder").to_numpy()
    texts = stakeholders[["stakeholder_id", "kind"]].assign(segment=segment).take(code).reset_index(drop=True)
    texts.insert(1, "as_of", rows.pop("as_of"))
    rows = pd.concat([texts, rows], axis=1)
    learned = ~stakeholders["opted_out"].to_numpy()[code]
    rows["lifetime_value"], lifetime = lifetime_values(rows, learned, params)
    latest = rows["as_of"] == rows["as_of"].max()
    astray = {name: int(rows.loc[latest, f"astray_{name}"].sum()) for name in made.surveys}
    rows = _related(rows.assign(as_of=from_micros(rows["as_of"])))
    return Measured(rows, lifetime, astray)


def instants(params: Params) -> list[int]:
    """Return the snapshots' instants and as_of, ascending, in microseconds."""
    return [*regular_instants(params), instant_micros(params.clock.as_of)]


def segments(stakeholders: pd.DataFrame, params: Params) -> pd.Series:
    """Return each stakeholder's segment as text, shape (n,): NOT_STATED where the attribute is blank, null without one.

    Raises:
        ParamsError: `kpis.segment` has more than `features.max_categories` values.
    """
    name, most = params.kpis.segment, params.features.max_categories
    if name is None:
        return pd.Series(None, index=stakeholders.index, dtype="str")
    if stakeholders[name].nunique() > most:
        raise ParamsError("params.yaml, kpis.segment", f"an attribute of at most {most} values",
                          f"{name!r} with {stakeholders[name].nunique():,}", "choose another, or null")  # fmt: skip
    text = stakeholders[name].astype("str")
    return text.mask(stakeholders[name].isna(), NOT_STATED)


def _row_kpis(
    spine: pd.DataFrame, counts: pd.DataFrame, bought: pd.DataFrame, arm_costs: Floats, made: Ingredients,
    people: Relationships, params: Params,
) -> pd.DataFrame:  # fmt: skip
    """Return what the counts of a row alone make."""
    code, told = spine["stakeholder"].to_numpy(), 1.0 if made.activity else np.nan
    tenure = spine["as_of"].to_numpy() - people.since.to_numpy()[code]
    columns = spine[["stakeholder", "as_of"]].assign(
        **_lasting(spine, tenure, counts, people, params),
        engagement=told * _bits(counts["periods"], params.kpis.periods) / params.kpis.periods,
        satisfaction=satisfaction(counts, made),
        loyalty=told * loyalty(counts["quarters"], tenure),
        cost=_cost(counts, arm_costs[code], made, params),
        purchases_year=bought["bought_year"].fillna(0.0),
        **purchase_history(bought, counts, made, spine["as_of"].to_numpy()),
    )
    kept = [f"{what}_{name}" for name in made.surveys for what in ("latest", "answers", "top", "astray")]
    return pd.concat(
        [columns, counts[kept].fillna({name: 0.0 for name in kept if not name.startswith("latest_")})], axis=1
    )


def _lasting(
    spine: pd.DataFrame, tenure: NDArray[np.int64], counts: pd.DataFrame, people: Relationships, params: Params
) -> dict[str, NDArray[Any]]:
    """Return who is there at the instant, and of those there one horizon before, who still is (1) and who is not (0).

    Where churn is an event, it ends the relationship from when it is known. Where it is silence, the relationship goes
    on, and to be retained is to show a sign of life in the last `inactive_days`; those there before had shown one by
    then, or had begun within them.
    """
    horizon = params.clock.horizon_days * MICROS_PER_DAY
    as_of, begun = spine["as_of"].to_numpy(), tenure > horizon
    if params.outcome.churn.inactive_days is not None:
        fresh = tenure <= horizon + params.outcome.churn.inactive_days * MICROS_PER_DAY
        before = begun & (fresh | (counts["alive_before"].fillna(0) > 0).to_numpy())
        stays, present = (counts["alive"].fillna(0) > 0).to_numpy(), np.ones(len(spine), dtype=bool)
    else:
        ends = people.leaving[["at", "known"]].max(axis=1).groupby(people.leaving["stakeholder"]).min()
        ended = spine["stakeholder"].map(ends).astype("float64").fillna(np.inf).to_numpy()
        before, stays, present = begun & (ended >= as_of - horizon), ended >= as_of, ended >= as_of
    return {"present": present, "retained": np.where(before, stays.astype(np.float64), np.nan)}


def _bits(calendar: pd.Series, most: int | NDArray[np.int64]) -> Floats:
    """Return how many of the first `most` bits are set, shape (n,)."""
    mask = (np.int64(1) << np.asarray(most, dtype=np.int64)) - 1
    bits: Floats = np.bitwise_count(calendar.fillna(0).to_numpy().astype(np.int64) & mask).astype(np.float64)
    return bits


def satisfaction(counts: pd.DataFrame, made: Ingredients) -> Floats:
    """Return the mean over surveys of the latest answer of a year, scaled to [0, 1], shape (n,); NaN without one."""
    total, answered = np.zeros(len(counts)), np.zeros(len(counts))
    for name, survey in made.surveys.items():
        level = (counts[f"level_{name}"].to_numpy() / AMOUNT_UNITS - survey.low) / (survey.high - survey.low)
        total += np.nan_to_num(level)
        answered += ~np.isnan(level)
    mean: Floats = np.divide(total, answered, out=np.full(len(counts), np.nan), where=answered > 0)
    return mean


def loyalty(quarters: pd.Series, tenure: NDArray[np.int64]) -> Floats:
    """Return (quarters with activity ÷ quarters, of the last four the relationship has) × tenure/(tenure + a year).

    Args:
        quarters: bit k set for activity in the k-th quarter (91.25 days) before the instant, shape (n,).
        tenure: microseconds since the relationship began, > 0, shape (n,).

    >>> loyalty(pd.Series([0b1101]), np.array([3 * YEAR])).tolist()  # 3/4 × 3/4
    [0.5625]
    """
    had = np.minimum(-(-tenure // QUARTER), QUARTERS)
    share: Floats = _bits(quarters, had) / had * tenure / (tenure + float(YEAR))
    return share


def _cost(counts: pd.DataFrame, arm_costs: Floats, made: Ingredients, params: Params) -> Floats:
    """Return the money that each relationship cost in the window, shape (n,)."""
    cost = np.full(len(counts), params.kpis.base_cost)
    for name, (_, money) in made.priced.items():
        cost += money * counts[f"priced_{name}"].fillna(0.0).to_numpy()
    for at, arm in enumerate(made.contacts, start=1):
        cost += arm_costs[:, at] * counts[f"contact_{arm}"].fillna(0.0).to_numpy()
    return cost


def _related(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with relationship value, its index (mean at as_of = 100) and where satisfaction is from.

    Who never answered stands in the relationship value with the mean of those of the same kind and segment at the same
    instant who did, else with everyone's; where nobody answered, satisfaction is left out of the product.
    """
    known = rows["satisfaction"].where(rows["present"])
    own, group = rows["satisfaction"], known.groupby([rows[key] for key in KEYS[1:]], dropna=False).transform("mean")
    everyone = known.groupby(rows["as_of"]).transform("mean")
    filled = own.fillna(group).fillna(everyone).fillna(1.0)
    origin = np.select([own.notna(), group.notna(), everyone.notna()], ["own", "group", "everyone"], "none")
    value = rows["engagement"] * filled * rows["loyalty"] / rows["cost"]
    today = value[rows["present"] & (rows["as_of"] == rows["as_of"].max())].mean()
    index = 100 * value / today if today > 0 else value * np.nan
    return rows.assign(satisfaction_from=pd.Series(origin, index=rows.index, dtype="str"), relationship_value=value,
                       relationship_index=index)  # fmt: skip
