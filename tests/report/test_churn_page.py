"""The section on churn: totals that add up, drivers in order, names escaped."""

from dataclasses import replace

import pandas as pd
import pytest

from rapport.contracts.params import Params
from rapport.report.churn import at_risk_rows, churn_page, driver_rows, unit_of
from rapport.report.page import FinishedRun, render_page

HOSTILE = "<script>alert(1)</script>"
DRIVERS = {"churn_risk": {"use": 0.4, "age": 0.1, "plan": 0.0}, "call": {"use": 1.0, "age": 9.0, "plan": 0.0}}


def on_curve(params: Params) -> Params:
    clock = params.clock.model_copy(update={"curve_days": (30,)})
    return params.model_copy(update={"clock": clock, "kpis": params.kpis.model_copy(update={"segment": "plan"})})


def risk() -> pd.DataFrame:
    return pd.DataFrame({
        "stakeholder_id": list("abcd"),
        "churn_risk": [0.1, 0.3, 0.2, 0.4],
        "churn_risk_30d": [0.0, 0.1, 0.1, 0.2],
        "retention_value": 300.0,
        "margin": [0.0, 100.0, -50.0, 200.0],
        "value_at_risk": [30.0, 120.0, 60.0, 200.0],
    })  # fmt: skip


def population() -> pd.DataFrame:
    people = {"kind": ["partner", "customer", "customer", "partner"], "plan": ["pro", HOSTILE, None, "pro"]}
    return pd.DataFrame(people, index=pd.Index(list("dcba"), name="stakeholder_id"))


def test_groups_add_up_to_everyone_and_the_dearest_come_first(params: Params) -> None:
    people = population().loc[list("abcd")].reset_index(drop=True)
    rows = at_risk_rows(risk(), {"kind": people["kind"], "plan": people["plan"]}, on_curve(params))
    assert [(row.by, row.value, row.count, row.at_risk) for row in rows] == [
        ("all", "everyone", 4, 410.0),
        ("kind", "partner", 2, 230.0), ("kind", "customer", 2, 180.0),
        ("plan", "pro", 2, 230.0), ("plan", "missing", 1, 120.0), ("plan", HOSTILE, 1, 60.0),
    ]  # fmt: skip
    assert rows[0].worth == 4 * 300.0 + 300.0, "a margin below 0 is no worth"
    assert rows[1].risk == {30: pytest.approx(0.1), 90: pytest.approx(0.25)}


def test_the_strongest_of_each_come_first_and_what_drives_nothing_not_at_all() -> None:
    rows = driver_rows(DRIVERS, {"use": "how often"})
    assert [(row.feature, row.meaning) for row in rows] == [("age", ""), ("use", "how often")]
    assert rows[1].size == {"churn_risk": 0.4, "call": 1.0}
    assert (unit_of("churn_risk"), unit_of("call")) == ("log-odds", "money")


def test_the_page_shows_the_section_and_escapes_what_the_data_call_their_groups(finished: FinishedRun) -> None:
    estimate = {"value": 0.71, "low": 0.6, "high": 0.8, "se": 0.05, "n": 9}
    quality = {"rows": 90, "churned": 9, "predicted": 0.12, "observed": 0.1, "auc": estimate, "too_high": estimate}
    churn = {
        **finished.metrics["churn"],
        "curve": [{"days": 30, "as_of": "2025-01-01", "expected_calibration_error": 0.0042,
                   "calibration_noise": 0.0057, **quality}],
        "slices": [{"by": "plan", "value": HOSTILE, **quality}],
    }  # fmt: skip
    params = on_curve(finished.params)
    section = churn_page(churn, risk(), population(), params, DRIVERS, {})
    page = render_page(replace(finished, params=params, churn=section))
    for text in (
        "Churn within other days",
        "0.0042",
        "0.0057 by chance",
        "Value at risk",
        "410",
        "What drives churn risk and gains",
    ):
        assert text in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert "Value at risk" not in render_page(finished)
