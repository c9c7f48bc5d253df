"""What the report says of churn beyond one number: other days, parts of the population, value at risk and drivers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..contracts.params import Params
from ..policy.drivers import CHURN_RISK
from .formats import words

TOP = 5  # drivers shown of churn risk and of each arm


@dataclass(frozen=True)
class AtRisk:
    """One group of stakeholders: how many, their mean risk by days, what they are worth and what of it is at risk."""

    by: str
    value: str
    count: int
    risk: Mapping[int, float]
    worth: float
    at_risk: float


@dataclass(frozen=True)
class Driver:
    """A feature and the mean size of its contributions by what it drives, None where that is not explained."""

    feature: str
    meaning: str
    size: Mapping[str, float]


@dataclass(frozen=True)
class ChurnPage:
    """The section.

    Attributes:
        curve: of metrics.json, by days.
        slices: of metrics.json, by part.
        at_risk: everyone first, then the groups by falling value at risk.
        days: of the curve in `at_risk`.
        drivers: the strongest features of churn risk and of each arm.
        driven: what they drive, churn risk first.
    """

    curve: Sequence[Mapping[str, Any]]
    slices: Sequence[Mapping[str, Any]]
    at_risk: Sequence[AtRisk]
    days: Sequence[int]
    drivers: Sequence[Driver]
    driven: Sequence[str]


def churn_page(churn: Mapping[str, Any], risk: pd.DataFrame, population: pd.DataFrame, params: Params,
               drivers: Mapping[str, Mapping[str, float]], meanings: Mapping[str, str]) -> ChurnPage:  # fmt: skip
    """Return the section.

    Args:
        churn: `churn` of metrics.json.
        risk: the table of policy.at_risk, one row per stakeholder.
        population: with kind, and the KPIs' segment where that is an attribute; stakeholder_id as index.
        params: clock and KPIs.
        drivers: of policy.drivers.average_drivers.
        meanings: of features, by name.
    """
    mine = population.loc[risk["stakeholder_id"]].reset_index(drop=True)
    groups = {by: mine[by] for by in ("kind", params.kpis.segment) if by is not None and by in mine}
    return ChurnPage(
        curve=churn.get("curve", []),
        slices=churn.get("slices", []),
        at_risk=at_risk_rows(risk, groups, params),
        days=params.clock.curve,
        drivers=driver_rows(drivers, meanings),
        driven=list(drivers),
    )


def at_risk_rows(risk: pd.DataFrame, groups: Mapping[str, pd.Series], params: Params) -> list[AtRisk]:
    """Return everyone, then each group's values by falling value at risk, ties by name; missing is a value too."""
    rows = [_at_risk("all", "everyone", risk, params)]
    for by, values in groups.items():
        text = values.map(str, na_action="ignore").fillna("missing")
        found = [_at_risk(words(by), value, risk[(text == value).to_numpy()], params) for value in sorted(set(text))]
        rows += sorted(found, key=lambda row: (-row.at_risk, row.value))
    return rows


def driver_rows(drivers: Mapping[str, Mapping[str, float]], meanings: Mapping[str, str]) -> list[Driver]:
    """Return the TOP features of each, those of the largest share over all first, ties by name."""
    shown: dict[str, float] = {}
    for sizes in drivers.values():
        total = sum(sizes.values()) or 1.0
        for name in sorted(sizes, key=lambda name: (-sizes[name], name))[:TOP]:
            if sizes[name] > 0:
                shown[name] = shown.get(name, 0.0) + sizes[name] / total
    return [
        Driver(name, meanings.get(name, ""), {what: sizes[name] for what, sizes in drivers.items()})
        for name in sorted(shown, key=lambda name: (-shown[name], name))
    ]


def unit_of(what: str) -> str:
    """Return the unit in which drivers of something are measured."""
    return "log-odds" if what == CHURN_RISK else "money"


def _at_risk(by: str, value: str, rows: pd.DataFrame, params: Params) -> AtRisk:
    horizon = params.clock.horizon_days
    columns = {days: "churn_risk" if days == horizon else f"churn_risk_{days}d" for days in params.clock.curve}
    mean = {days: float(rows[name].mean()) for days, name in columns.items() if name in rows}
    worth = float((rows["retention_value"] + rows["margin"].clip(lower=0.0)).sum())
    return AtRisk(by, value, len(rows), mean, worth, float(rows["value_at_risk"].sum()))
