"""Relationship KPIs in the report: the numbers told, what is unknown named, every text escaped."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from rapport.report.kpis import kpi_page, shown
from rapport.report.page import render_page

NAN = float("nan")
HOSTILE = "<script>alert(1)</script>"
EARLY, LATE = (pd.Timestamp(day, tz="UTC") for day in ("2025-01-01", "2025-04-01"))
MEASURES = {"engagement": "share", "satisfaction": "share", "relationship_value": "1/money", "churn_rate": "share",
            "lifetime_value": "money", "nps": "score"}  # fmt: skip


def document(label="{}", notes=()):
    kpis = [{"name": name, "label": label.format(name.replace("_", " ")), "unit": unit, "meaning": f"what {name} is",
             "n": "relationships"} for name, unit in MEASURES.items()]  # fmt: skip
    return {"kpis": kpis, "lifetime": [{"notes": ["an old note"]}, {"notes": list(notes)}]}


def summary(instants=(EARLY, LATE), kinds=("customer", "partner"), segments=("pro",)):
    groups = [(None, None), *((kind, None) for kind in kinds), *((kind, each) for kind in kinds for each in segments)]
    rows = [
        {"as_of": at, "kind": kind, "segment": segment, "kpi": name, "value": 0.25, "se": 0.01, "low": 0.2, "high": 0.3,
         "n": 1234}
        for at in instants for kind, segment in groups for name in MEASURES if name != "satisfaction"
    ]  # fmt: skip
    unknown = {"kpi": "satisfaction", "value": NAN, "low": NAN, "high": NAN, "n": 0}
    rows += [row | unknown for row in rows if row["kpi"] == "nps"]
    return pd.DataFrame(rows).astype({"kind": "str", "segment": "str"})


def text_of(page):
    return " ".join(re.sub(r"<[^>]*>", " ", page[page.index("</style>") :]).split())


def test_the_report_tells_them(finished):
    page = render_page(replace(finished, kpis=kpi_page(summary(), document(notes=["few bought again"]))))
    text = text_of(page)
    for told in (
        "Everyone measure value",
        "engagement 25.0 % 20.0 % to 30.0 % share 1,234",
        "relationship value 0.250 0.200 to 0.300 1/money 1,234",
        "lifetime value 0.25 0.20 to 0.30 money 1,234",
        "nps 0.2 0.2 to 0.3 score 1,234",
        "Not known from these data: satisfaction.",
        "Lifetime value: few bought again.",
        "Definitions of the 6 measures",
        "satisfaction share what satisfaction is relationships",
        "Partner by segment: 1 segments",
    ):
        assert told in text
    assert "old note" not in text
    assert page.count('aria-label="Relationship KPIs, ') == 5  # everyone, two kinds, a segment of each
    assert 'href="#relationships"' in page
    assert page.count('id="relationships"') == 1
    plain = render_page(finished)
    assert "relationships" not in plain.split("<body>")[1].split("<footer>")[0].replace("relationships decided", "")


def test_the_course_is_drawn_for_what_is_known():
    figure = kpi_page(summary(), document()).figure
    assert figure.count("<g transform") == 3  # engagement, lifetime value, NPS: the others are redundant or unknown
    assert figure.count("<polyline") == 3 * 3
    assert figure.count("<circle") == 3 * 2
    assert kpi_page(summary((LATE,)), document()).figure == ""


def test_one_kind_alone_is_everyone():
    page = kpi_page(summary(kinds=("investor",), segments=()), document())
    assert [group.title for group in page.groups] == ["everyone"]
    assert page.segments == {}
    assert list(page.legend) == ["everyone"]
    assert page.figure.count("<polyline") == 3


def test_values_without_an_interval_and_gaps_in_the_course():
    table = summary(segments=())
    table.loc[table["kpi"] == "nps", ["low", "high"]] = NAN
    table.loc[(table["kpi"] == "engagement") & (table["as_of"] == EARLY), ["value", "low", "high"]] = NAN
    page = kpi_page(table, document())
    told = {row.label: row.interval for row in page.groups[0].rows}
    assert told["nps"] == "–"
    assert told["engagement"] == "20.0 % to 30.0 %"
    assert "nan" not in page.figure


def test_nothing_measured_is_an_empty_section(finished):
    page = kpi_page(summary().iloc[:0], document())
    assert [len(group.rows) for group in page.groups] == [0]
    assert "Not known from these data: engagement" in text_of(render_page(replace(finished, kpis=page)))


def test_what_comes_from_data_is_escaped(finished):
    hostile = document(HOSTILE, [HOSTILE])
    hostile["kpis"] = [{**each, "meaning": HOSTILE, "n": HOSTILE} for each in hostile["kpis"]]
    page = render_page(replace(finished, kpis=kpi_page(summary(segments=(HOSTILE,)), hostile)))
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;") > 30


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.0, "1/money", "0.0"), (NAN, "share", "–"), (-12.34, "score", "-12.3"), (0.0000123, "1/money", "0.0000123"),
     (123.4, "index", "123.4"), (1234.5, "money", "1,234.50")],
)  # fmt: skip
def test_numbers_by_unit(value, unit, text):
    assert shown(value, unit) == text
