"""Size of a pilot: against a textbook, against draws, and in words."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rapport.contracts.rules import Interventions
from rapport.evaluation.pilot import pilot_message, pilot_of, pilot_size, propose_pilot


def test_size_by_hand():
    # (1.959964 + 0.841621)² = 7.848880; twice that over 0.2²: 392.4
    assert pilot_size(1.0, 0.2) == 393
    assert pilot_size(10.0, 2.0) == 393
    # (2.575829 + 1.281552)² = 14.879388; twice that over 0.5²
    assert pilot_size(1.0, 0.5, power=0.9, level=0.01) == 120


def test_a_pilot_of_that_size_finds_the_gain_as_often_as_it_says():
    # 99.9 % band of Binomial(2000, 0.8)
    rng, n = np.random.default_rng(131), pilot_size(2.0, 0.7)
    one, two = rng.normal(0.0, 2.0, (2000, n)), rng.normal(0.7, 2.0, (2000, n))
    found = int((stats.ttest_ind(one, two, axis=1).pvalue < 0.05).sum())
    low, high = stats.binom.ppf([0.0005, 0.9995], 2000, 0.8)
    assert low <= found <= high


def test_the_proposal_seeks_the_dearest_cost_or_a_tenth_of_the_spread():
    value = pd.Series([0.0, 10.0, 20.0])  # sd 10
    dear = propose_pilot(value, 2.0, 3)
    assert dear == {"gain": 2.0, "value_sd": 10.0, "per_arm": pilot_size(10.0, 2.0), "arms": 3,
                    "stakeholders": 3 * pilot_size(10.0, 2.0)}  # fmt: skip
    assert propose_pilot(value, 0.5, 3)["gain"] == pytest.approx(1.0)


@pytest.mark.parametrize("value", [pd.Series([5.0]), pd.Series([5.0, 5.0]), pd.Series([], dtype=float)])
def test_values_that_do_not_vary_give_no_size(value):
    found = propose_pilot(value, 2.0, 3)
    assert (found["per_arm"], found["stakeholders"], found["value_sd"]) == (0, 0, 0.0)
    assert "whose size cannot be told" in pilot_message({"pilot": found})


def test_the_message_tells_size_arms_and_gain():
    found = propose_pilot(pd.Series([0.0, 10.0, 20.0]), 2.0, 3)
    message = pilot_message({"pilot": found})
    assert message.startswith("too few logged decisions: uplift needs a randomised pilot of 1,179")
    assert "of 1,179 stakeholders (393 for each of 3 arms" in message
    assert "a mean gain of 2.00 per stakeholder" in message


def test_the_message_tells_decisions_that_are_all_the_control_from_too_few():
    pilot = propose_pilot(pd.Series([0.0, 10.0, 20.0]), 2.0, 3)

    def message(*decisions):
        arms = {name: {"decisions": count, "known": False} for name, count in zip("nab", decisions, strict=True)}
        return pilot_message({"uplift": {"arms": arms}, "pilot": pilot})

    few = pilot_message({"pilot": pilot})
    assert message(400, 0, 1) == message(0, 9, 8) == few
    assert message(400, 0, 0) == few.replace("too few logged decisions", "all logged decisions are the control")
    assert pilot_message({"uplift": {}}) == ""


def test_a_gain_of_nothing_is_refused():
    assert pilot_size(1.0, 1.0) == 16
    for gain in (0.0, -1.0):
        with pytest.raises(ValueError, match="gain: expected above 0; got"):
            pilot_size(1.0, gain)


def test_the_pilot_of_a_run_is_for_the_dearest_arm_that_someone_may_receive():
    population = pd.DataFrame({"stakeholder_id": ["a", "b"], "kind": ["customer", "partner"], "fee": [3.0, np.nan]})
    arms = {"call": {"cost": "fee", "kinds": ["customer"]}, "mail": {"cost": 0.5},
            "visit": {"cost": 2.0, "kinds": ["investor"]}}  # fmt: skip
    interventions = Interventions.model_validate({"control": "none", "arms": arms})
    value = pd.Series(np.tile([0.0, 10.0], 50))
    assert pilot_of(value, population, interventions) == propose_pilot(value, 3.0, 4)
    others = population.assign(kind="partner")
    assert pilot_of(value, others, interventions) == propose_pilot(value, 0.5, 4)
