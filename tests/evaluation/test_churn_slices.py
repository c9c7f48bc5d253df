"""Slices and horizons of churn risk: what is parted how, and that a slice's fault is found where it is."""

import json

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.params import Params, parse_params
from rapport.evaluation.churn_slices import churn_slices, curve_scorecard, slice_columns
from rapport.evaluation.groups import LEAST_ROWS, OTHERS
from rapport.evaluation.ranking import auc


def params(audit_only: tuple[str, ...] = ()) -> Params:
    return parse_params({
        "seed": 3,
        "source": {"kind": "files"},
        "clock": {"as_of": "2025-01-01", "horizon_days": 90},
        "outcome": {"churn": {"event": "churned"}, "value": {}, "retention_value": 40.0},
        "interventions": {"control": "none", "arms": {"call": {"cost": 5.0}}},
        "features": {"audit_only": list(audit_only)},
        "evaluation": {"bootstrap": 50},
    })  # fmt: skip


def held_out(rows: int = 3000) -> pd.DataFrame:
    """Return calibrated risks, but twice too high for the last third, whose ranking is a guess."""
    rng = np.random.default_rng(1)
    risk = rng.uniform(0.05, 0.45, rows)
    wrong = np.arange(rows) >= 2 * rows // 3
    truth = np.where(wrong, 0.125, risk)
    return pd.DataFrame({
        "cluster": [f"s{at:04d}" for at in range(rows)],
        "as_of": pd.Timestamp("2024-10-03"),
        "churned": rng.random(rows) < truth,
        "churn_risk": risk,
    })  # fmt: skip


def test_the_slice_that_is_wrong_is_found() -> None:
    rows = held_out()
    part = pd.DataFrame({"kind": np.where(np.arange(3000) < 2000, "customer", "partner")})
    right, wrong = churn_slices(rows, part, params())
    assert (right["by"], right["value"], right["rows"], wrong["value"]) == ("kind", "customer", 2000, "partner")
    assert right["too_high"]["low"] < 0 < right["too_high"]["high"]
    assert wrong["too_high"]["low"] > 0.08
    assert right["auc"]["low"] > 0.6
    assert wrong["auc"]["value"] < 0.57
    first = rows[:2000]
    expected = auc(first["churned"].to_numpy(), first["churn_risk"].to_numpy(), first["cluster"].to_numpy(), 3, 50)
    assert right["auc"] == expected.as_dict()
    assert right["observed"] == pytest.approx(first["churned"].mean())
    assert right["churned"] == first["churned"].sum()
    assert right["predicted"] == pytest.approx(first["churn_risk"].mean())
    assert json.loads(json.dumps([right, wrong], allow_nan=False)) == [right, wrong]


def test_a_slice_of_few_leavers_is_not_judged_by_its_ranking() -> None:
    rows = held_out(60)
    rows["churned"] = np.arange(60) < 9
    (found,) = churn_slices(rows, pd.DataFrame({"kind": ["customer"] * 60}), params())
    assert found["auc"]["value"] is None
    assert found["too_high"]["value"] == pytest.approx(rows["churn_risk"].mean() - 0.15)
    rows["churned"] = np.arange(60) < 10
    (found,) = churn_slices(rows, pd.DataFrame({"kind": ["customer"] * 60}), params())
    assert found["auc"]["value"] is not None


def test_slices_stand_by_falling_rows_then_by_name_the_others_last() -> None:
    rows = held_out(200)
    names = pd.DataFrame({"region": ["west"] * 50 + ["east"] * 50 + ["north"] * 20 + [OTHERS] * 80})
    found = churn_slices(rows, names, params())
    assert [(each["value"], each["rows"]) for each in found] == [
        ("east", 50), ("west", 50), ("north", 20), (OTHERS, 80)
    ]  # fmt: skip


def test_kind_tenure_segment_and_audited_attributes_part_the_rows() -> None:
    """Tenure by hand: 89, 90, 364, 365 and 2000 days, so often that each band is a group of its own."""
    as_of = pd.Series([pd.Timestamp("2024-10-03")] * 5 * LEAST_ROWS)
    ids = pd.Series(["e", "d", "c", "b", "a"] * LEAST_ROWS)
    days = {"a": 89, "b": 90, "c": 364, "d": 365, "e": 2000}
    people = pd.DataFrame({
        "stakeholder_id": list(days),
        "kind": ["customer", "partner", "customer", "customer", "partner"],
        "since": pd.Timestamp("2024-10-03", tz="UTC") - pd.to_timedelta(list(days.values()), unit="D"),
        "gender": pd.array(["f", "m", None, "f", "m"], dtype="str"),
        "plan": "basic",
    })  # fmt: skip
    found = slice_columns(ids, as_of, people, params(("gender",)))
    assert list(found.columns) == ["kind", "tenure", "gender"]
    assert found["kind"][:5].tolist() == ["partner", "customer", "customer", "partner", "customer"]
    assert found["tenure"][:5].tolist() == ["1095 on days", "365 to 1095 days", "90 to 365 days", "90 to 365 days",
                                            "below 90 days"]  # fmt: skip
    assert found["gender"][:5].tolist() == ["m", "f", "unknown", "m", "f"]


def test_each_of_the_curves_days_is_judged_on_its_own_rows() -> None:
    rows = pd.concat([held_out(900).assign(days=30), held_out(300).assign(days=180)], ignore_index=True)
    month, half_year = curve_scorecard(rows, params())
    assert (month["days"], month["rows"], month["as_of"]) == (30, 900, "2024-10-03")
    assert (half_year["days"], half_year["rows"]) == (180, 300)
    assert sum(each["n"] for each in month["deciles"]) == 900
    assert json.loads(json.dumps([month, half_year], allow_nan=False)) == [month, half_year]
    assert curve_scorecard(rows[:0], params()) == []
