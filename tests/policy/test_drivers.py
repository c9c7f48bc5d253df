"""Drivers as people read them: their contributions sum to the gain that decides, and the largest come first."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from rapport.contracts.errors import InputError
from rapport.contracts.params import parse_params
from rapport.models.bundle import Bundle
from rapport.models.training import Rows, train
from rapport.policy.decide import make_offer
from rapport.policy.drivers import BASELINE, CHURN_RISK, COST, average_drivers, churn_drivers, gain_drivers

FEATURES = [("kind", "category"), ("use", "value"), ("age", "days")]
PARAMS = parse_params({
    "source": {"kind": "files"},
    "clock": {"as_of": "2025-01-01", "horizon_days": 90},
    "outcome": {"churn": {"event": "churned"}, "value": {}, "retention_value": 100.0},
    "interventions": {"control": "none", "arms": {"call": {"cost": "call_cost"},
                                                  "mail": {"cost": 1.0, "kinds": ["partner"]}}},
    "learner": {"rounds": 20, "learning_rate": 0.1, "leaves": 7, "min_leaf_rows": 25, "folds": 2},
})  # fmt: skip


def people(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        "stakeholder_id": [f"s{at}" for at in range(rows)],
        "as_of": pd.Timestamp("2024-07-01", tz="UTC"),
        "kind": pd.array(np.array(["customer", "partner"], dtype=object)[rng.integers(0, 2, rows)], dtype="str"),
        "use": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)),
        "age": rng.exponential(100.0, rows),
        "opted_out": rng.random(rows) < 0.1,
        "call_cost": rng.uniform(2, 9, rows),
    })  # fmt: skip


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    rng = np.random.default_rng(2)
    snapshots, decisions = people(1200, 1), people(3000, 2)
    snapshots["contacts"], snapshots["money"] = 0, 0.0
    snapshots["churned"] = rng.random(1200) < expit(-1 - snapshots["use"].fillna(0))
    arm = rng.integers(0, 3, 3000)
    stays = expit(1 + decisions["use"].fillna(0) * (1 - 0.8 * (arm == 1)))
    decisions = decisions.assign(
        decision_id=decisions["stakeholder_id"], as_of=pd.Timestamp("2024-06-01"),
        arm=np.array(PARAMS.interventions.names)[arm], propensity=1 / 3, iteration=1, money=0.0,
        churned=rng.random(3000) > stays,
    )  # fmt: skip
    rows = Rows(decisions, snapshots, FEATURES, np.ones((3000, 3), dtype=bool))
    return train(rows, PARAMS, lambda line: None).bundle


@pytest.mark.parametrize("arm", ["call", "mail"])
def test_contributions_sum_to_the_gain_that_decides(bundle: Bundle, arm: str) -> None:
    table = people(40, 9)
    found = gain_drivers(bundle, table, arm)
    offer = make_offer(table.assign(kind="partner"), bundle.predict(table), PARAMS)
    gain = offer.gain[:, PARAMS.interventions.names.index(arm)]
    summed = found.groupby("stakeholder_id", sort=False)["contribution"].sum()
    assert list(summed.index) == list(table["stakeholder_id"])
    np.testing.assert_allclose(summed, gain, rtol=0, atol=1e-9)
    costs = found.loc[found["feature"] == COST, "contribution"].to_numpy()
    np.testing.assert_array_equal(costs, -table["call_cost"] if arm == "call" else np.full(40, -1.0))


def test_a_cost_due_on_success_counts_as_expected(bundle: Bundle) -> None:
    document = PARAMS.model_dump(mode="json")
    document["interventions"]["arms"]["call"]["cost_on"] = "retained"
    due = replace(bundle, params=parse_params(document))
    table = people(20, 9)
    found = gain_drivers(due, table, "call")
    offer = make_offer(table.assign(kind="partner"), due.predict(table), due.params)
    summed = found.groupby("stakeholder_id", sort=False)["contribution"].sum()
    np.testing.assert_allclose(summed, offer.gain[:, due.params.interventions.names.index("call")], rtol=0, atol=1e-9)
    costs = -found.loc[found["feature"] == COST, "contribution"].to_numpy()
    assert ((costs > 0) & (costs < table["call_cost"])).all()


def test_each_stakeholder_has_baseline_and_cost_and_then_features_by_size(bundle: Bundle) -> None:
    table = people(6, 9).assign(use=[np.nan, 1.5, 0, 0, 0, 0])
    found = gain_drivers(bundle, table, "call")
    for row, (_, mine) in enumerate(found.groupby("stakeholder_id", sort=False)):
        assert list(mine["feature"][:2]) == [BASELINE, COST]
        assert set(mine["feature"][2:]) == {"kind", "use", "age"}
        assert mine["contribution"].iloc[2:].abs().is_monotonic_decreasing
        values = dict(zip(mine["feature"], mine["value"], strict=True))
        assert values["kind"] == table["kind"][row]
        assert values["age"] == table["age"][row]
    assert found.loc[found["feature"] == "use", "value"].iloc[0] is None
    assert found.loc[found["feature"] == "use", "value"].iloc[1] == 1.5


def test_drivers_of_churn_sum_to_the_log_odds_of_its_risk(bundle: Bundle) -> None:
    table = people(20, 9)
    found = churn_drivers(bundle, table)
    summed = found.groupby("stakeholder_id", sort=False)["contribution"].sum()
    np.testing.assert_allclose(expit(summed), bundle.predict(table).churn_risk, rtol=1e-9)
    assert COST not in set(found["feature"])
    np.testing.assert_allclose(found["odds_factor"], np.exp(found["contribution"]))
    for _, mine in found.groupby("stakeholder_id", sort=False):
        assert mine["feature"].iloc[0] == BASELINE
        assert mine["contribution"].iloc[1:].abs().is_monotonic_decreasing


def test_drivers_of_an_isotonic_risk_sum_to_what_was_calibrated(bundle: Bundle) -> None:
    steps = ((-4.0, 0.01), (0.0, 0.2), (4.0, 0.9))
    calibrator = replace(bundle.churn.calibrator, kind="isotonic", steps=steps)
    stepped, table = replace(bundle, churn=replace(bundle.churn, calibrator=calibrator)), people(20, 9)
    summed = churn_drivers(stepped, table).groupby("stakeholder_id", sort=False)["contribution"].sum()
    risk = stepped.predict(table).churn_risk
    np.testing.assert_allclose(np.interp(summed, *zip(*steps, strict=True)), risk, rtol=1e-9)
    assert np.abs(expit(summed) - risk).max() > 0.01


def test_averages_name_what_moves_whom(bundle: Bundle) -> None:
    found = average_drivers(bundle, people(500, 9))
    assert set(found) == {CHURN_RISK, "call", "mail"}
    assert max(found[CHURN_RISK], key=lambda name: found[CHURN_RISK][name]) == "use"
    assert max(found["call"], key=lambda name: found["call"][name]) == "use"
    customers = people(500, 9).assign(kind="customer")
    assert set(average_drivers(bundle, customers)) == {CHURN_RISK, "call"}
    shuffled = people(500, 9).sample(frac=1, random_state=0)
    assert average_drivers(bundle, shuffled) == found
    assert average_drivers(bundle, people(5, 9).assign(opted_out=True)) == {}


def test_a_bundle_without_effects_has_no_drivers_of_gains(bundle: Bundle) -> None:
    with pytest.raises(InputError, match=r"drivers of a gain: expected a bundle with effects; got one without"):
        gain_drivers(replace(bundle, uplift=None), people(2, 9), "call")
    assert set(average_drivers(replace(bundle, uplift=None), people(20, 9))) == {CHURN_RISK}
