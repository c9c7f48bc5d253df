"""Policies as they age: a world that stays and one that turns, what may be learned by when, the champion by hand."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.params import Params, parse_params
from rapport.evaluation.held import Held
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.policy_value import difference
from rapport.evaluation.value_staleness import champion_staleness, value_staleness
from rapport.evaluation.views import Incumbent
from rapport.models.bundle import Bundle
from rapport.models.churn import ChurnModel
from rapport.models.encoding import Encoding
from rapport.policy.limits import Constraints

EACH, NAMES = 500, ("none", "call")


def params(**decision: object) -> Params:
    return parse_params({
        "source": {"kind": "files"},
        "clock": {"as_of": "2025-01-01", "horizon_days": 90},
        "outcome": {"churn": {"event": "churned"}, "value": {}, "retention_value": 0.0},
        "interventions": {"control": "none", "arms": {"call": {"cost": 1.0}}},
        "learner": {"rounds": 20, "learning_rate": 0.2, "leaves": 4, "min_leaf_rows": 20, "folds": 2},
        "decision": decision,
    })  # fmt: skip


def world(turned: bool, apart_days: int = 90, noise: float = 3.0) -> tuple[Held, pd.DataFrame]:
    """Return three iterations of the same people; a call gains 6 where use is above 0 and loses 6 where it is not.

    If the world has turned, it is the other way round in the last iteration. Today's gains are true.
    """
    rng, n = np.random.default_rng(131), 3 * EACH
    use, iteration, arm = np.tile(rng.normal(size=EACH), 3), np.repeat([0, 1, 2], EACH), rng.integers(2, size=n)
    effect = 6.0 * np.sign(use) * np.where((iteration == 2) & turned, -1, 1)
    money = 20.0 + effect * arm + rng.normal(0, noise, n)
    ids = [f"s{at}" for at in range(EACH)] * 3
    decisions = pd.DataFrame({
        "stakeholder_id": ids, "kind": "customer", "use": use, "arm": np.array(NAMES)[arm],
        "as_of": pd.Timestamp("2024-01-01") + pd.to_timedelta(iteration * apart_days, unit="D"),
        "propensity": np.nan, "money": money, "churned": False, "iteration": iteration,
    })  # fmt: skip
    cost, mu = np.tile([0.0, 1.0], (n, 1)), np.full((n, 2), 20.0)
    log = LoggedDecisions(money, arm, np.full((n, 2), 0.5), cost, mu, np.array(ids))
    gain = np.column_stack([np.zeros(n), effect - 1])
    return Held(log, gain, np.ones((n, 2), dtype=bool), Constraints(), np.zeros(n, dtype=int), np.zeros(n),
                np.ones(n, dtype=bool), gain), decisions  # fmt: skip


def bundle(decisions: pd.DataFrame, made_under: Params) -> Bundle:
    return Bundle(made_under, Encoding.fit(decisions, [("use", "value")], 8), ChurnModel.constant(0.0), None)


def test_a_policy_keeps_its_worth_in_a_world_that_stays_and_loses_it_in_one_that_turns() -> None:
    """Half are called and gain 5 each: 2.5 on average, with a standard error of 0.35 or so; turned, they lose 3.5."""
    found = {}
    for turned in (False, True):
        held, decisions = world(turned)
        found[turned] = value_staleness(held, decisions, bundle(decisions, params()), 3 * EACH)
        assert [(each["age_days"], each["decisions"]) for each in found[turned]] == [
            (0, 3 * EACH), (90, 2 * EACH), (180, EACH)
        ]  # fmt: skip
        assert json.loads(json.dumps(found[turned], allow_nan=False)) == found[turned]
    stays, turns = ([each["gain"]["value"] for each in found[turned]] for turned in (False, True))
    assert stays == pytest.approx([2.5] * 3, abs=1.2)
    assert turns == pytest.approx([2.5, -3.5, -3.5], abs=1.2)
    assert all(each["gain"]["low"] > 0 for each in found[False])
    assert all(each["gain"]["high"] < 0 for each in found[True][1:])


def test_what_was_not_known_when_the_latest_began_is_not_learned_from() -> None:
    held, decisions = world(False, apart_days=89)
    found = value_staleness(held, decisions, bundle(decisions, params()), 3 * EACH)
    assert [(each["age_days"], each["decisions"]) for each in found] == [(0, 3 * EACH), (178, EACH)]
    held, decisions = world(False, apart_days=44)
    assert value_staleness(held, decisions, bundle(decisions, params()), 3 * EACH) == []


def test_old_policies_keep_todays_rules_and_limits() -> None:
    held, decisions = world(False)
    closed = replace(held, eligible=np.tile([True, False], (3 * EACH, 1)))
    found = value_staleness(closed, decisions, bundle(decisions, params()), 3 * EACH)
    assert [each["gain"]["value"] for each in found[1:]] == [0.0, 0.0]
    few = value_staleness(held, decisions, bundle(decisions, params(budget=30.0)), 3 * EACH)  # 10 of the latest 500
    assert all(abs(each["gain"]["value"]) < 0.6 for each in few)
    dear = replace(held, log=replace(held.log, cost=np.tile([0.0, 9.0], (3 * EACH, 1))))
    unpaid = value_staleness(dear, decisions, bundle(decisions, params()), 3 * EACH)
    assert [each["gain"]["value"] for each in unpaid[1:]] == [0.0, 0.0]
    held, decisions = world(False, noise=22.0)  # two standard errors of an effect are more than the effect
    wary, bold = (value_staleness(held, decisions, bundle(decisions, params(caution=by)), 9) for by in (2.0, 0.0))
    assert [each["gain"]["value"] for each in wary[1:]] == [0.0, 0.0]
    assert [each["gain"]["value"] for each in bold[1:]] != [0.0, 0.0]


def test_the_champion_is_asked_by_iteration_about_what_it_has_not_learned() -> None:
    held, decisions = world(True)
    view = np.tile([0.0, 1.0], (3 * EACH, 1))  # calls everyone
    fresh = decisions["iteration"].to_numpy() > 0
    rival = Incumbent(view, fresh, Constraints())
    found = champion_staleness(held, rival, decisions, params(), 3 * EACH)
    assert [each["iteration"] for each in found] == [1, 2]
    for each in found:
        log = held.log.take((decisions["iteration"] == each["iteration"]).to_numpy())
        expected = difference(log, np.tile([0.0, 1.0], (EACH, 1)), np.tile([1.0, 0.0], (EACH, 1)))
        assert each["gain"] == expected.as_dict()
    assert champion_staleness(held, None, decisions, params(), 3 * EACH) == []
    assert champion_staleness(held, Incumbent(view, fresh & False, Constraints()), decisions, params(), 9) == []
