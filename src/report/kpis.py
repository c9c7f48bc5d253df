"""Relationship KPIs in the report: a table for everyone, each kind and each segment, and their course over time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from ..contracts.section import KINDS
from . import formats
from .figures import WIDTH, _at, _line, _mark, _Scale, _svg, _text, _tick_texts, nice_ticks

EVERYONE = "everyone"
PLACES: dict[str, int] = {
    EVERYONE: 0,
    "customer": 2,
    "employee": 7,
    "partner": 4,
    "investor": 8,
}  # of each kind in the page's palette
NOT_DRAWN = ("relationship_value", "churn_rate")  # each is another KPI on another scale
_ACROSS, _PANEL, _HEIGHT = 3, WIDTH / 3, 150


@dataclass(frozen=True)
class KpiRow:
    """One KPI of one group as text: its name, unit, value, 95 % interval and how many it is of."""

    label: str
    unit: str
    value: str
    interval: str
    n: str


@dataclass(frozen=True)
class KpiGroup:
    """The KPIs of a group at as_of, those that are defined."""

    title: str
    rows: Sequence[KpiRow]


@dataclass(frozen=True)
class KpiPage:
    """What the report shows.

    Attributes:
        groups: everyone, then the kinds where there are several.
        segments: by kind, one group per segment.
        definitions: of definitions.json.
        unknown: labels of KPIs that are undefined for everyone.
        notes: on the models of lifetime value at as_of.
        figure: the course of each KPI over the instants; empty with fewer than two.
        legend: place in the palette by what a line stands for.
    """

    groups: Sequence[KpiGroup]
    segments: Mapping[str, Sequence[KpiGroup]]
    definitions: Sequence[Mapping[str, str]]
    unknown: Sequence[str]
    notes: Sequence[str]
    figure: Markup
    legend: Mapping[str, int]


def kpi_page(summary: pd.DataFrame, document: Mapping[str, Any]) -> KpiPage:
    """Return the KPIs as the report shows them.

    Args:
        summary: summary.parquet.
        document: definitions.json.
    """
    kpis = document["kpis"]
    latest = summary[summary["as_of"] == summary["as_of"].max()]
    kinds = sorted(latest["kind"].dropna().unique(), key=list(PLACES).index)
    by_kind = {kind: latest[latest["kind"] == kind] for kind in kinds}
    everyone = latest[latest["kind"].isna()]
    groups = [KpiGroup(EVERYONE, _rows(everyone, kpis))]
    if len(kinds) > 1:
        groups += [KpiGroup(kind, _rows(mine[mine["segment"].isna()], kpis)) for kind, mine in by_kind.items()]
    segments = {
        kind: [KpiGroup(str(name), _rows(part, kpis)) for name, part in mine.groupby("segment")]
        for kind, mine in by_kind.items()
        if mine["segment"].notna().any()
    }
    defined = set(everyone.loc[everyone["n"] > 0, "kpi"])
    lines = [EVERYONE, *kinds] if len(kinds) > 1 else [EVERYONE]
    return KpiPage(
        groups=groups,
        segments=segments,
        definitions=kpis,
        unknown=[each["label"] for each in kpis if each["name"] not in defined],
        notes=[note for each in document["lifetime"][-1:] for note in each["notes"]],
        figure=_course(summary, [each for each in kpis if each["name"] in defined]),
        legend={name: PLACES[name] for name in lines},
    )


def shown(value: float, unit: str) -> str:
    """Return a KPI's number as people read it.

    >>> shown(0.4306, "share"), shown(-2.43, "score"), shown(26.4609, "money"), shown(0.009160, "1/money")
    ('43.1 %', '-2.4', '26.46', '0.00916')
    """
    if unit == "share":
        return formats.percent(value)
    if unit == "money":
        return formats.money(value)
    if unit == "1/money" and value and not math.isnan(value):
        return formats.number(value, max(0, 2 - math.floor(math.log10(abs(value)))))
    return formats.number(value, 1)


def _rows(rows: pd.DataFrame, kpis: Sequence[Mapping[str, str]]) -> list[KpiRow]:
    found = {row["kpi"]: row for row in rows.to_dict("records") if row["n"] > 0}
    return [_row(found[kpi["name"]], kpi) for kpi in kpis if kpi["name"] in found]


def _row(row: Mapping[Any, Any], kpi: Mapping[str, str]) -> KpiRow:
    unit, interval = kpi["unit"], formats.NOTHING
    if not math.isnan(row["low"]):
        interval = f"{shown(row['low'], unit)} to {shown(row['high'], unit)}"
    return KpiRow(kpi["label"], unit, shown(row["value"], unit), interval, formats.number(row["n"]))


def _course(summary: pd.DataFrame, kpis: Sequence[Mapping[str, str]]) -> Markup:
    """Return small panels, one per KPI, with a line for everyone and one per kind; nothing below two instants."""
    whole = summary[summary["segment"].isna()]
    drawn = [kpi for kpi in kpis if kpi["name"] not in NOT_DRAWN]
    if whole["as_of"].nunique() < 2 or not drawn:
        return Markup()
    body: list[Markup] = []
    for k, kpi in enumerate(drawn):
        panel = _panel(whole[whole["kpi"] == kpi["name"]], kpi)
        corner = _at(k % _ACROSS * _PANEL), _at(k // _ACROSS * _HEIGHT)
        body.append(_mark('<g transform="translate({} {})">{}</g>', *corner, Markup("\n").join(panel)))
    return _svg(WIDTH, math.ceil(len(drawn) / _ACROSS) * _HEIGHT, "Relationship KPIs over the instants", body)


def _panel(rows: pd.DataFrame, kpi: Mapping[str, str]) -> list[Markup]:
    days = (rows["as_of"] - rows["as_of"].min()).dt.days
    everyone = rows["kind"].isna()
    known = pd.concat([rows["value"], rows.loc[everyone, "low"], rows.loc[everyone, "high"]]).dropna()
    scale = 100.0 if kpi["unit"] == "share" else 1.0
    ticks = nice_ticks(scale * known.min(), scale * known.max(), 3)
    across = _Scale(0.0, float(days.max()), 52, _PANEL - 16)
    up = _Scale(ticks[0], ticks[-1], 108, 28)
    body = [_text("label strong", 0, 14, kpi["label"])]
    for tick, text in zip(ticks, _tick_texts(ticks, " %" if scale == 100 else ""), strict=True):
        body += [_line("grid", 52, up(tick), _PANEL - 16, up(tick)), _text("tick end", 46, up(tick) + 4, text)]
    first, last = rows["as_of"].min(), rows["as_of"].max()
    body += [_text("tick", 52, 126, f"{first:%Y-%m-%d}"), _text("tick end", _PANEL - 16, 126, f"{last:%Y-%m-%d}")]
    several = rows["kind"].nunique() > 1
    for kind in [kind for kind in KINDS if several and kind in set(rows["kind"])]:
        mine = rows["kind"] == kind
        body.append(_curve(PLACES[kind], across, up, days[mine], scale * rows.loc[mine, "value"], kind))
    body.append(_curve(PLACES[EVERYONE], across, up, days[everyone], scale * rows.loc[everyone, "value"], EVERYONE))
    for at, row in rows[everyone & rows["value"].notna()].iterrows():
        x, y = across(float(days[at])), up(scale * row["value"])
        if not math.isnan(row["low"]):
            body.append(_line("whisker strong", x, up(scale * row["low"]), x, up(scale * row["high"])))
        dot = '<circle class="dot strong" cx="{}" cy="{}" r="3"><title>{}</title></circle>'
        body.append(_mark(dot, _at(x), _at(y), f"{row['as_of']:%Y-%m-%d}: {shown(row['value'], kpi['unit'])}"))
    return body


def _curve(place: int, across: _Scale, up: _Scale, days: pd.Series, values: pd.Series, hint: str) -> Markup:
    known = values.notna()
    pairs = zip(days[known], values[known], strict=True)
    points = " ".join(f"{_at(across(float(day)))},{_at(up(float(value)))}" for day, value in pairs)
    return _mark('<polyline class="line-{}" points="{}"><title>{}</title></polyline>', place, points, hint)
