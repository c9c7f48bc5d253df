"""The champion's view: its arms by name, today's costs and rules, and only decisions it has not learned from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.errors import InputError
from rapport.contracts.params import Params, parse_params
from rapport.evaluation.held import Held
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.views import incumbent, is_refresh, not_learned_from, view_of
from rapport.models.bundle import Predictions
from rapport.policy.limits import Constraints


def params(**changes) -> Params:
    return parse_params({
        "source": {"kind": "files"},
        "clock": {"as_of": "2025-01-01", "horizon_days": 90},
        "outcome": {"churn": {"event": "churned"}, "value": {}, "retention_value": 40.0},
        "interventions": {"control": "none", "arms": {"call": {"cost": 5.0}, "mail": {"cost": 1.0}}},
        **changes,
    })  # fmt: skip


@dataclass(frozen=True)
class Champion:
    """A bundle that expects the same effects of everyone, or finds a feature missing."""

    params: Params
    effect: tuple[float, ...] = ()
    success: float | None = None

    def predict(self, table: pd.DataFrame) -> Predictions:
        if not self.effect:
            raise InputError("feature table", "the columns x", "a table without them", "build it anew")
        effect = np.tile(self.effect, (len(table), 1))
        success = {} if self.success is None else {"retained": np.full(effect.shape, self.success)}
        return Predictions(np.zeros(len(table)), effect, effect, success)


INSTANTS = pd.to_datetime(["2024-10-02", "2024-10-03", "2024-10-04", "2025-02-01"])
DECISIONS = pd.DataFrame({"stakeholder_id": list("abcd"), "kind": "customer", "as_of": INSTANTS})
MAY = np.array([[True, True, True], [True, True, False], [True, True, True], [True, False, True]])
COST = np.tile([0.0, 5.0, 1.0], (4, 1))
LOG = LoggedDecisions(np.zeros(4), np.zeros(4, dtype=int), np.ones(4), COST, np.zeros((4, 3)), np.arange(4))
HELD = Held(LOG, COST, MAY, Constraints(), np.zeros(4, dtype=int), np.zeros(4), np.ones(4, dtype=bool), COST)


def test_arms_are_matched_by_name_and_charged_todays_cost():
    arms = {"control": "none", "arms": {"mail": {"cost": 3.0}, "visit": {"cost": 9.0}, "call": {"cost": 2.0}}}
    champion = Champion(params(interventions=arms), (0.0, 20.0, 10.0, 99.0))  # none, call, mail, visit
    found = incumbent(champion, DECISIONS, HELD, params(), 8)
    expected = [[0.0, 15.0, 9.0], [0.0, 15.0, np.nan], [0.0, 15.0, 9.0], [0.0, np.nan, 9.0]]
    np.testing.assert_array_equal(found.worth, expected)


def test_a_view_has_every_gain_less_its_cost_once_and_the_worth_only_where_allowed():
    found = view_of(Champion(params(), (0.0, 20.0, 10.0)), DECISIONS, HELD, params())
    assert found.gain.tolist() == [[0.0, 15.0, 9.0]] * 4
    expected = [[0.0, 15.0, 9.0], [0.0, 15.0, np.nan], [0.0, 15.0, 9.0], [0.0, np.nan, 9.0]]
    np.testing.assert_array_equal(found.worth, expected)


def test_it_chooses_by_the_success_that_it_expects_itself():
    """A call of 5 that is due if they stay: the champion expects a tenth to stay, the challenger's costs say all."""
    arms = {"control": "none", "arms": {"call": {"cost": 5.0, "cost_on": "retained"}, "mail": {"cost": 1.0}}}
    today = params(interventions=arms)
    found = incumbent(Champion(today, (0.0, 4.0, 3.0), 0.1), DECISIONS, HELD, today, 8)
    assert found.worth[0].tolist() == [0.0, 3.5, 2.0]
    untold = incumbent(Champion(params(), (0.0, 4.0, 3.0)), DECISIONS, HELD, today, 8)
    assert untold.worth[0].tolist() == [0.0, -1.0, 2.0]  # made when no cost hung on success: today's expectation


def test_an_arm_it_does_not_know_is_never_given():
    champion = Champion(params(interventions={"control": "none", "arms": {"mail": {"cost": 3.0}}}), (0.0, 10.0))
    found = incumbent(champion, DECISIONS, HELD, params(), 8)
    assert np.isnan(found.worth[:, 1]).all()
    assert (found.worth[:, 0] == 0).all()


def test_decisions_are_fresh_whose_horizon_ends_after_it_was_made():
    # made on 1 January with a horizon of 90 days: what was decided on 3 October or before was over
    champion = Champion(params(), (0.0, 1.0, 1.0))
    assert not_learned_from(champion, DECISIONS["as_of"]).tolist() == [False, False, True, True]
    assert incumbent(champion, DECISIONS, HELD, params(), 8).fresh.tolist() == [False, False, True, True]


def test_limits_are_in_proportion_to_the_fresh_decisions_and_caution_is_ours():
    champion = Champion(params(), (0.0, 10.0, 10.0))
    bound = params(decision={"budget": 40.0, "caution": 0.5})
    found = incumbent(champion, DECISIONS, HELD, bound, 8)
    (budget,) = found.constraints.limits
    assert budget.bound == 10.0  # two of eight
    assert found.worth[0].tolist() == [0.0, 0.0, 4.0]  # less half a standard error, which this one puts at 10


def test_a_champion_that_cannot_be_asked_has_nothing_fresh():
    found = incumbent(Champion(params()), DECISIONS, HELD, params(), 8)
    assert found.worth.shape == COST.shape
    assert not found.fresh.any()
    assert found.reason.startswith("feature table: expected the columns x; got a table without them.")
    assert incumbent(Champion(params(), (0.0, 1.0, 1.0)), DECISIONS, HELD, params(), 8).reason == ""


def test_a_customers_lifetime_value_is_never_refreshed():
    clv = params(outcome={"churn": {"event": "churned"}, "value": {"order": 0.3}, "retention_value": "clv"})
    assert not is_refresh(clv, clv)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"clock": {"as_of": "2026-01-01", "horizon_days": 90, "iteration": 5}}, True),
        ({"gate": {"error": 0.1}}, True),
        ({"seed": 2}, False),
        ({"decision": {"budget": 10.0}}, False),
        ({"learner": {"rounds": 10}}, False),
    ],
)
def test_a_refresh_differs_in_the_clock_alone(changes, same):
    assert is_refresh(params(), params(**changes)) == same
