"""Value at risk by hand: who may leave by when, times what leaving costs."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from rapport.contracts.params import Params, parse_params
from rapport.models.bundle import Bundle
from rapport.models.churn import ChurnModel
from rapport.models.churn_curve import ChurnCurve
from rapport.models.encoding import Encoding
from rapport.models.margin import Margin
from rapport.policy.at_risk import value_at_risk


def params(curve_days: list[int]) -> Params:
    return parse_params({
        "source": {"kind": "files"},
        "clock": {"as_of": "2025-01-01", "horizon_days": 90, "curve_days": curve_days},
        "outcome": {"churn": {"event": "churned"}, "value": {}, "retention_value": 300.0},
        "interventions": {"control": "none", "arms": {"call": {"cost": 5.0}}},
    })  # fmt: skip


def people() -> pd.DataFrame:
    return pd.DataFrame({"stakeholder_id": ["b", "a"], "as_of": pd.Timestamp("2025-01-01"), "use": [1.0, 2.0]})


def bundle(margin: float) -> Bundle:
    """Risk 0.2 within 90 days, a quarter of it within 30; of those who stay, half leave within 180."""
    curve = ChurnCurve(90, {30: ChurnModel.constant(float(logit(0.25))), 180: ChurnModel.constant(0.0)})
    risk = ChurnModel.constant(float(logit(0.2)))
    return Bundle(params([30, 180]), Encoding(("use",), {}), risk, None, "f00d", curve, Margin(margin))


def test_by_hand() -> None:
    found = value_at_risk(bundle(50.0), people())
    assert found["stakeholder_id"].tolist() == ["a", "b"]
    assert list(found.columns) == ["stakeholder_id", "as_of", "churn_risk", "churn_risk_30d", "churn_risk_180d",
                                   "retention_value", "margin", "value_at_risk"]  # fmt: skip
    expected = {"churn_risk": 0.2, "churn_risk_30d": 0.05, "churn_risk_180d": 0.6, "retention_value": 300.0,
                "margin": 50.0, "value_at_risk": 70.0}  # fmt: skip
    for name, value in expected.items():
        assert found[name].tolist() == pytest.approx([value] * 2)


def test_a_margin_below_zero_makes_nobody_worth_less_than_being_retained() -> None:
    found = value_at_risk(bundle(-80.0), people())
    assert found["margin"].tolist() == [-80.0] * 2
    assert found["value_at_risk"].tolist() == pytest.approx([60.0] * 2)


def test_without_curve_and_margin_there_is_the_horizon_and_the_retention_value() -> None:
    plain = Bundle(params([]), Encoding(("use",), {}), ChurnModel.constant(0.0), None)
    found = value_at_risk(plain, people())
    assert not [name for name in found if name.endswith("d") and name.startswith("churn_risk_")]
    np.testing.assert_allclose(found["value_at_risk"], 150.0)


def test_each_may_be_worth_something_else() -> None:
    """With lifetime values the worth stands in the table."""
    clv = params([]).outcome.model_copy(update={"retention_value": "clv"})
    made = Bundle(
        params([]).model_copy(update={"outcome": clv}), Encoding(("use",), {}), ChurnModel.constant(0.0), None
    )
    found = value_at_risk(made, people().assign(retention_value=[80.0, 20.0]))
    assert found["retention_value"].tolist() == [20.0, 80.0]
    assert found["value_at_risk"].tolist() == pytest.approx([10.0, 40.0])
