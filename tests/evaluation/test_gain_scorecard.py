"""The scorecard of gains: best arms by hand, and every part that of its own module."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.params import parse_params
from rapport.evaluation.bootstrap import resampled
from rapport.evaluation.cost_curve import cost_curve, gain_per_cost
from rapport.evaluation.gain_scorecard import BUDGETS, best_arms, gain_scorecard, group_scorecard
from rapport.evaluation.held import Held, chosen
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.policy_value import difference, logged_policy
from rapport.evaluation.uplift_ranking import gained_by, qini
from rapport.policy.limits import Constraints
from simple_limits import Limits

N = 600
NAMES = ("none", "call", "mail")


def params():
    return parse_params({
        "seed": 3,
        "source": {"kind": "files"},
        "clock": {"as_of": "2025-01-01", "horizon_days": 90},
        "outcome": {"churn": {"event": "churned"}, "value": {}, "retention_value": 40.0},
        "interventions": {"control": "none", "arms": {"call": {"cost": 5.0}, "mail": {"cost": 1.0}}},
        "evaluation": {"bootstrap": 50},
    })  # fmt: skip


@pytest.fixture
def held():
    rng = np.random.default_rng(111)
    effect = rng.normal(6, 4, N)
    arm = rng.integers(3, size=N)
    mean = np.column_stack([np.full(N, 20.0), 20.0 + effect, np.full(N, 22.0)])
    cost = np.tile([0.0, 5.0, 1.0], (N, 1))
    log = LoggedDecisions(mean[np.arange(N), arm] + rng.normal(0, 2, N), arm, np.full((N, 3), 1 / 3), cost,
                          np.full((N, 3), 20.0), np.arange(N) // 2)  # fmt: skip
    gain = mean - mean[:, :1] - cost
    worth = gain.copy()
    worth[:60, 1:] = np.nan  # may get nothing today
    return Held(log, worth, ~np.isnan(worth), Constraints(), np.arange(N) // 2 % 3, rng.random(N),
                np.ones(N, dtype=bool), gain)  # fmt: skip


def test_best_arms_by_hand():
    gain = np.array([[0.0, 2.0, 3.0], [0.0, -2.0, -3.0], [0.0, np.nan, -1.0], [0.0, np.nan, np.nan], [0.0, 1.0, 1.0]])
    policy, highest = best_arms(gain)
    assert policy.argmax(axis=1).tolist() == [2, 1, 2, 0, 1]
    assert (policy.sum(axis=1) == 1).all()
    assert highest.tolist() == [3.0, -2.0, -1.0, 0.0, 1.0]


def test_each_part_is_that_of_its_module(held):
    iteration = np.repeat([1, 2], N // 2)
    found = gain_scorecard(held, iteration, params())
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    ours, _ = chosen(held.worth, held.log.cost, held.constraints)
    assert found["value_resampled"] == resampled(held.log, ours, "doubly_robust", 3, 50).as_dict()
    best, priority = best_arms(held.worth)
    gained = gained_by(held.log, best)
    assert found["ranking"]["qini"]["value"] == pytest.approx(qini(gained, priority))
    assert found["ranking"]["qini"]["low"] > 0
    assert found["offset"]["value"] == pytest.approx(gained.mean() - (best * held.gain).sum(axis=1).mean())
    assert found["slope"]["low"] < 1 < found["slope"]["high"]
    assert sum(each["gained"]["n"] for each in found["tenths"]) == N
    assert 0.7 <= found["bins_held"] <= 1
    assert 0 < found["expected_gain_error"] < 2 * found["gain_noise"]
    assert [each["iteration"] for each in found["promises"]] == [1, 2]
    assert [each["budget"] for each in found["budgets"]] == pytest.approx(
        [found["budgets"][-1]["budget"] * step / BUDGETS for step in range(1, BUDGETS + 1)]
    )
    assert found["budgets"][-1]["gain"]["low"] > 0


def test_promises_are_of_the_decisions_as_carried_out(held):
    found = gain_scorecard(held, np.ones(N, dtype=int), params())["promises"][0]
    nobody = np.eye(3)[np.zeros(N, dtype=int)]
    log = held.log
    realised = difference(log, nobody, None)  # nobody less what was done
    assert found["realised"]["value"] == pytest.approx(-N * realised.value)
    assert found["realised"]["se"] == pytest.approx(N * realised.se)
    assert found["predicted"] == pytest.approx(held.gain[np.arange(N), log.arm].sum())
    assert logged_policy(log).value == pytest.approx((log.value - log.cost[np.arange(N), log.arm]).mean())


def test_neither_todays_rules_nor_caution_change_what_was_predicted(held):
    one = np.ones(N, dtype=int)
    promised = gain_scorecard(held, one, params())["promises"]
    closed = replace(held, worth=np.where(np.arange(3) == 2, np.nan, held.worth))
    wary = replace(held, worth=np.where(np.arange(3) == 0, 0.0, held.worth - 2.5))
    assert gain_scorecard(closed, one, params())["promises"] == promised
    cautious = gain_scorecard(wary, one, params())
    assert cautious["promises"] == promised
    assert cautious["offset"]["value"] == pytest.approx(gain_scorecard(held, one, params())["offset"]["value"])


def test_decisions_of_which_no_gain_is_known_are_in_neither_total(held):
    unknown = replace(held, gain=np.where(np.arange(3) == 2, np.nan, held.gain))
    found = gain_scorecard(unknown, np.ones(N, dtype=int), params())["promises"][0]
    known = held.log.arm != 2
    assert found["realised"]["n"] == known.sum()
    assert found["predicted"] == pytest.approx(held.gain[np.arange(N), held.log.arm][known].sum())
    nothing = replace(held, gain=np.full((N, 3), np.nan))
    assert gain_scorecard(nothing, np.ones(N, dtype=int), params())["promises"] == []


def test_the_cost_curve_is_of_gains_before_cost_in_the_order_of_gain_per_cost(held):
    best, _ = best_arms(held.worth)
    cost = (best * held.log.cost).sum(axis=1)
    gross, predicted = gained_by(held.log, best) + cost, (best * held.gain).sum(axis=1) + cost
    person = held.log.cluster
    expected = cost_curve(gross, cost, gain_per_cost(predicted, cost), person, 3, 50)
    assert gain_scorecard(held, np.ones(N, dtype=int), params())["cost_curve"] == expected.as_dict()
    assert expected.points[-1].gained.value == pytest.approx(gross.mean())
    assert expected.area.low > 0.5


def test_groups_are_valued_under_the_limits_of_the_whole(held):
    attributes = pd.DataFrame({"kind": ["customer"] * 300 + ["partner"] * 300, "region": ["n"] * N})
    free = group_scorecard(held, attributes, NAMES)
    assert list(free) == ["kind", "region"]
    assert [each["group"] for each in free["kind"]] == ["customer", "partner"]
    assert free["region"][0]["decisions"] == N
    assert free["region"][0]["surplus"]["low"] < 0 < free["region"][0]["surplus"]["high"]
    held = replace(held, constraints=Limits(300.0, [None] * 3).constraints)
    bound = group_scorecard(held, attributes, NAMES)["region"][0]["treated"]
    spent = N * (5 * bound["call"]["value"] + bound["mail"]["value"])
    assert spent <= 300.0 + 1e-9
    assert spent > 290.0
