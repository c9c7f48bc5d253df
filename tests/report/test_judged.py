"""The tables of how gains were judged, by hand and on a finished run."""

from dataclasses import replace

import pytest

from rapport.contracts.params import Evaluation
from rapport.report.judged import alarms, change_tables, gain_tables, group_tables, judged_tables
from rapport.report.page import render_page
from rapport.store.documents import read_json
from rapport.store.project import EVALUATION

LEVELS = Evaluation()


def estimate(value, low, high):
    return {"value": value, "low": low, "high": high, "se": 1.0, "n": 10}


GAINS = {
    "value_resampled": estimate(12.0, 10.5, 13.0),
    "ranking": {name: estimate(1.5, 1.0, 2.0) for name in ("auuc", "qini", "autoc", "uplift_at_10", "uplift_at_30")},
    "offset": estimate(-0.5, -1.0, 0.0),
    "slope": estimate(0.9, 0.5, 1.3),
    "expected_gain_error": 2.25,
    "gain_noise": 3.5,
    "bins_held": 0.9,
    "tenths": [],
    "promises": [
        {
            "iteration": 1,
            "predicted": 900.0,
            "realised": estimate(1000.0, 800.0, 1200.0),
            "ratio": estimate(0.9, 0.75, 1.125),
        }
    ],
    "cost_curve": {
        "area": estimate(0.75, 0.7, 0.8),
        "points": [{"share": 0.1, "spend": 0.5, "gained": estimate(3.0, 2.0, 4.0)}],
    },
    "budgets": [{"budget": 2.0, "spend": 1.9, "treated": 0.25, "gain": estimate(3.0, 2.0, 4.0)}],
}
SHARES = {"none": estimate(0.75, 0.7, 0.8), "sales_call": estimate(0.25, 0.2, 0.3)}
GROUPS = {
    "slices": {"region": [{"group": "<north>", "decisions": 1234, "stakeholders": 900, "value": estimate(9, 8, 10),
                           "gain": estimate(2, 1, 3), "surplus": estimate(-0.25, -1, 0.5),
                           "slope": estimate(None, None, None), "treated": SHARES}]},
    "proxies": {"gender": [{"group": "f", "auc": estimate(0.8, 0.75, 0.85), "feature": "seats"},
                           {"group": "x", "auc": estimate(0.55, 0.45, 0.65), "feature": "plan"},
                           {"group": "y", "auc": estimate(None, None, None), "feature": ""}]},
}  # fmt: skip
CHANGE = {
    "scores": {"churn_risk": {"psi": 0.3, "noise": 0.01}, "best_gain": {"psi": 0.3, "noise": 0.5}},
    "outcomes": {
        "by_instant": [{"as_of": "2025-01-01", "rows": 500, "churned": estimate(0.1, 0.08, 0.12),
                        "value": estimate(370.0, 360.0, 380.0)}],
        "drift": {"value": {"psi": 0.15, "noise": 0.02}},
    },
    "staleness": [{"age_days": 90, "auc": estimate(0.7, 0.6, 0.8)}],
    "policy_staleness": {
        "learned": [{"age_days": 0, "decisions": 1500, "gain": estimate(3, 2, 4)},
                    {"age_days": 90, "decisions": 1000, "gain": estimate(1, -1, 3)}],
        "champion": [{"iteration": 2, "gain": estimate(2, 1, 3)}],
    },
}  # fmt: skip


def test_gains_by_hand():
    ranking, calibration, promised, spending, bought = gain_tables(GAINS)
    assert [row[1:] for row in ranking.rows] == [("1.50", "1.00 to 2.00")] * 5
    assert [row[1] for row in calibration.rows] == [
        "0.90 (0.50 to 1.30)",
        "-0.50 (-1.00 to 0.00)",
        "2.25; 3.50",
        "90 %",
    ]
    assert promised.rows == [("1", "900", "1,000", "800 to 1,200", "0.90 (0.75 to 1.12)")]
    assert spending.rows == [("10 %", "500", "3,000", "2,000 to 4,000")]
    assert "0.75 (0.70 to 0.80), where 0.5 is spending at random" in spending.caption
    assert bought.rows == [("2,000", "1,900", "25.0 %", "3,000", "2,000 to 4,000")]
    assert all(len(table.head) == len(table.rows[0]) for table in (ranking, calibration, promised, spending, bought))
    assert promised.head[-1] == "predicted / realised"
    assert "1 is right, above 1 more was predicted than came" in promised.caption
    free = {"cost_curve": {**GAINS["cost_curve"], "points": []}, "budgets": [{**GAINS["budgets"][0], "budget": 0.0}]}
    assert len(list(gain_tables({**GAINS, **free}))) == 3


def test_what_the_area_of_the_cost_curve_lacks_is_said():
    def caption(area):
        curve = {**GAINS["cost_curve"], "area": area}
        return next(each for each in gain_tables({**GAINS, "cost_curve": curve}) if each.name == "Cost curve").caption

    assert "no interval" not in caption(estimate(0.75, 0.7, 0.8))
    told = caption(estimate(0.75, None, None))
    assert told.endswith(
        "in shares of both: 0.75, where 0.5 is spending at random; it has no interval, since in some resamples the "
        "gain of all is not above 0, and shares of it mean nothing."
    )
    assert caption(estimate(None, None, None)).endswith(
        "Shares of the gain, and the area under them, mean nothing, since the gain of all is not above 0."
    )


def test_groups_and_proxies_by_hand():
    gains, arms, proxies = group_tables(GROUPS)
    assert gains.rows == [
        ("<north>", "1,234", "9.00 (8.00 to 10.00)", "2.00 (1.00 to 3.00)", "-0.25 (-1.00 to 0.50)", "–")
    ]
    assert arms.rows == [("<north>", "75.0 % (70.0 % to 80.0 %)", "25.0 % (20.0 % to 30.0 %)")]
    assert arms.head == ("group", "none", "sales call")
    assert proxies.rows == [("gender: f", "0.800 (0.750 to 0.850)", "seats", "yes"),
                            ("gender: x", "0.550 (0.450 to 0.650)", "plan", "not shown"),
                            ("gender: y", "–", "", "–")]  # fmt: skip
    assert all(len(table.head) == len(table.rows[0]) for table in (gains, arms, proxies))
    assert list(group_tables({"slices": {}, "proxies": {}})) == []


def test_change_by_hand():
    moved, instants, aged, policies, champion = change_tables(CHANGE, LEVELS)
    assert moved.rows == [
        ("churn risk", "0.300", "0.010", "strong"),
        ("gain of the best arm", "0.300", "0.500", "none"),
        ("value", "0.150", "0.020", "some"),
    ]
    assert instants.rows == [("2025-01-01", "500", "10.0 % (8.0 % to 12.0 %)", "370.00 (360.00 to 380.00)")]
    assert aged.rows == [("90 days", "0.700 (0.600 to 0.800)")]
    assert policies.rows == [("this one, held out", "1,500", "3.00 (2.00 to 4.00)"),
                             ("90 days old", "1,000", "1.00 (-1.00 to 3.00)")]  # fmt: skip
    assert champion.rows == [("2", "2.00 (1.00 to 3.00)")]
    assert "Their AUCs compare with one another, not with that of this run's churn risk" in aged.caption
    assert alarms(CHANGE, LEVELS) == ["Strong drift of churn risk (PSI 0.30, noise 0.01)."]
    assert alarms(CHANGE, Evaluation(drift_strong=0.35)) == []


def test_the_page_shows_them_escaped(finished):
    uplift = {"gains": GAINS, "policies": {"rapport": {"doubly_robust": estimate(12.0, 11.0, 13.5)}}}
    tables = judged_tables({"uplift": uplift}, GROUPS, CHANGE, LEVELS)
    assert tables[0].rows == [("influence function, clustered", "12.00", "11.00 to 13.50"),
                              ("resampling of stakeholders", "12.00", "10.50 to 13.00")]  # fmt: skip
    assert "checks the first, which is the one to quote" in tables[0].caption
    page = render_page(replace(finished, judged=tables, alarms=alarms(CHANGE, LEVELS)))
    assert "<north>" not in page
    assert "&lt;north&gt;" in page
    assert "Strong drift of churn risk" in page
    assert "No attribute is audited" in page
    assert "How the gains were judged" not in render_page(finished)


def test_a_run_without_decisions_has_no_gains():
    change = {**CHANGE, "policy_staleness": {"learned": [], "champion": []}}
    names = [table.name for table in judged_tables({}, {"slices": {}, "proxies": {}}, change, LEVELS)]
    assert names == ["Drift of scores and outcomes", "Outcomes over time", "Age of churn risk"]


@pytest.mark.parametrize("name", ["groups.json", "change.json"])
def test_a_finished_run_has_them(small_run, name):
    found = read_json(small_run / EVALUATION / name)
    if name == "groups.json":
        assert list(found["slices"]) == ["kind"]
        assert sum(each["decisions"] for each in found["slices"]["kind"]) > 1000
    else:
        assert set(found["scores"]) == {"churn_risk", "best_gain"}
        assert [each["age_days"] for each in found["staleness"]] == [90, 180, 270]
        assert found["policy_staleness"] == {"learned": [], "champion": []}  # one iteration of decisions, no champion
