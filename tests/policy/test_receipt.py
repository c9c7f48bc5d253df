"""A receipt says what decided, is checked by deciding again, and refuses what deciding again does not give."""

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.errors import ArtifactError, InputError
from rapport.policy.assigned import Assigned, Outcome, row_of
from rapport.policy.decide import decide
from rapport.policy.receipt import Receipt, receipt, replay
from told import CALM, Told, crowd, people, told


def receipts(bundle: Told, table: pd.DataFrame) -> list[Receipt]:
    assignments = decide(bundle, table)
    decided = replay(bundle, table, assignments)
    return [receipt(bundle, decided, assignments, row) for row in range(len(assignments))]


def test_the_arms_stand_with_gain_interval_cost_and_worth() -> None:
    (made,) = receipts(told(CALM), people(1))
    none, call, mail = made.considered
    assert (call.arm, call.expected.gain, call.expected.error, call.cost) == ("call", 10.0, 0.5, 10.0)
    assert (call.expected.low, call.expected.high) == pytest.approx((9.02, 10.98), abs=0.001)
    assert (none.expected.gain, none.worth, mail.worth, call.worth) == (0.0, 0.0, 1.0, 10.0)
    assert (made.runner_up, made.lead) == ("mail", 9.0)
    assert (call.probability, made.assigned.propensity, made.prices, made.replayed) == (1.0, 1.0, {}, 1)
    assert made.assigned == Assigned.of(decide(told(CALM), people(1)).iloc[0])


def test_the_price_that_decided_is_charged() -> None:
    """A budget of one call among three: the price is at least what the second-best call would gain per money."""
    bundle = told({**CALM, "budget": 10.0})
    best, second, _ = receipts(bundle, people(3, effect_call=[30.0, 24.0, 20.0], effect_mail=0.0))
    price = best.prices["decision.budget"]
    assert 1.4 - 1e-9 <= price <= 2.0 + 1e-9
    assert (best.assigned.reason, second.assigned.reason) == ("best_gain", "budget")
    call = second.considered[1]
    assert call.charges == {"decision.budget": pytest.approx(10.0 * price)}
    assert call.worth == pytest.approx(14.0 - 10.0 * price)
    assert (second.randomness.planned, second.runner_up) == ("none", "mail")
    assert second.lead == pytest.approx(1.0 + price)


def test_the_rules_that_forbid_an_arm_are_named_and_it_has_no_worth() -> None:
    resting, employee, out = receipts(told(CALM), people(3, contact_call_days_since=[5.0, np.nan, np.nan],
                                                         kind=["customer", "employee", "customer"],
                                                         opted_out=[False, False, True]))  # fmt: skip
    assert resting.considered[1].forbidden == ("interventions.arms.call.cooldown_days",)
    assert (resting.considered[1].worth, resting.considered[1].expected.gain) == (None, 10.0)
    assert employee.considered[1].forbidden == ("interventions.arms.call.kinds",)
    assert employee.considered[1].expected.gain is None
    assert all(each.forbidden == ("opted_out",) for each in out.considered[1:])
    assert (out.randomness.holdout, out.randomness.planned_share, out.runner_up) == (1.0, 0.0, None)


def test_what_is_charged_explains_every_planned_arm() -> None:
    """Over random people and binding limits: nothing is worth more than the planned arm, but for rounding."""
    bundle = told({"holdout": 0.1, "exploration": 0.1, "budget": 400.0}, mail={"capacity": 30})
    made = receipts(bundle, crowd(300, 2))
    leads = np.array([each.lead for each in made if each.lead is not None])
    assert len(leads) > 200
    assert (leads < -1e-6).sum() <= 2, "as many as limits bind, at most"
    assert set(made[0].prices) == {"decision.budget", "interventions.arms.mail.capacity"}


def test_probabilities_add_up_and_the_propensity_is_the_arms() -> None:
    for made in receipts(told({"holdout": 0.2, "exploration": 0.3}), crowd(120, 6)):
        of_arm = {each.arm: each.probability for each in made.considered}
        random = made.randomness
        assert sum(of_arm.values()) == pytest.approx(1.0)
        assert of_arm[made.assigned.intervention] == made.assigned.propensity
        planned = random.planned_share + (1 - random.holdout) * random.explored.get(random.planned, 0.0)
        held = random.holdout if random.planned == "none" else 0.0
        assert of_arm[random.planned] == pytest.approx(planned + held)
        if made.assigned.reason == "explore":
            assert random.drawn == made.assigned.intervention
        if made.assigned.reason == "holdout":
            assert random.held


def test_an_unknown_gain_is_told_as_unknown() -> None:
    (made,) = receipts(told(CALM), people(1, effect_call=np.nan))
    assert made.considered[1].expected.gain is None
    assert made.considered[1].worth is None
    assert (made.runner_up, made.explained) == ("none", "mail")
    (nothing,) = receipts(told(CALM), people(1, effect_call=np.nan, effect_mail=np.nan))
    assert (nothing.runner_up, nothing.explained) == (None, None)


def test_the_gain_that_is_explained_is_the_arms_or_the_best_ones() -> None:
    called, left_alone = receipts(told(CALM), people(2, effect_call=[20.0, 5.0], effect_mail=[2.0, 0.5]))
    assert (called.assigned.intervention, called.explained) == ("call", "call")
    assert (left_alone.assigned.intervention, left_alone.explained) == ("none", "mail")


def test_replaying_gives_the_same_whatever_the_order_of_the_population() -> None:
    bundle, table = told({"holdout": 0.1, "exploration": 0.2, "budget": 200.0}), crowd(120, 3)
    assignments = decide(bundle, table)
    again = replay(bundle, table.sample(frac=1.0, random_state=1), assignments)
    assert again.table["stakeholder_id"].tolist() == assignments["stakeholder_id"].tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"propensity": 0.5}, r"decision \w+, column propensity: expected 1.0, as decided again; got 0.5; 1 row"),
        ({"intervention": "mail", "expected_gain": 1.0},
         r"column intervention: expected call, .*; got mail; 1 rows differ, in intervention, expected_gain"),
        ({"gain_call": np.nan}, r"column gain_call: expected 10.0, as decided again; got nan"),
    ],
)  # fmt: skip
def test_an_altered_assignment_is_named(change: dict[str, object], message: str) -> None:
    assignments = decide(told(CALM), people(3))
    altered = assignments.copy()
    altered.loc[1, list(change)] = list(change.values())
    with pytest.raises(ArtifactError, match=message):
        replay(told(CALM), people(3), altered)
    replay(told(CALM), people(3), assignments)


def test_other_features_other_people_and_other_bundles_are_named() -> None:
    assignments = decide(told(CALM), people(3))
    with pytest.raises(ArtifactError, match=r"column intervention: expected none, as decided again; got call; 3 rows"):
        replay(told(CALM), people(3, effect_call=1.0, effect_mail=0.0), assignments)
    with pytest.raises(ArtifactError, match=r"column decision_id: expected one for each .*; got 0 of others, 1 absent"):
        replay(told(CALM), people(4), assignments)
    with pytest.raises(ArtifactError, match=r"column model_digest: expected the bundle at hand, f00d; got beef"):
        replay(told(CALM), people(3), assignments.assign(model_digest="beef"))


def test_a_decision_is_found_by_its_id_or_an_unambiguous_beginning() -> None:
    table = decide(told(CALM), people(40))
    ids = list(table["decision_id"])
    assert row_of(table, ids[7]) == row_of(table, ids[7][:12]) == 7
    assert row_of(table, "nobody") is None
    assert row_of(table, "") is None
    alike = table.assign(decision_id=["12345678" + each for each in ids])
    with pytest.raises(InputError, match="decision 12345678: expected the beginning of one decision_id; got 40, such"):
        row_of(alike, "12345678")


def test_a_stakeholders_id_and_a_few_characters_are_no_beginning() -> None:
    """Stakeholder 7 is not whoever's decision begins with 7, nor is a longer id; it stands for its own decision."""
    table = decide(told(CALM), people(4))
    begins = table["decision_id"].iloc[0]
    assert row_of(table, begins[:1]) is row_of(table, begins[:7]) is None
    assert row_of(table, begins[:8]) == 0
    assert row_of(table, "s0002") == 2
    named = table.assign(stakeholder_id=["a", begins[:8], "b", "c"])
    assert row_of(named, begins[:8]) == 1
    assert row_of(named, begins[:9]) == 0


def test_what_people_said_may_be_missing() -> None:
    told_by = pd.Series({"status": "overridden", "delivered_intervention": "mail", "status_reason": np.nan, "x": 1})
    assert Outcome.of(told_by) == Outcome("overridden", "mail", None)
    assert Outcome.of(pd.Series({"x": 1})) == Outcome()


def test_limits_of_groups_quotas_and_households_are_charged_where_they_hold() -> None:
    table = people(12, effect_call=20.0 + np.arange(12.0), effect_mail=0.5, region=["north", "south"] * 6,
                   house=[f"h{at // 3}" for at in range(12)])  # fmt: skip
    north = {"north": {"by": "region", "at_most": {"north": 1}}}
    made = receipts(told({**CALM, "limits": north}, mail={"quota": 2}), table)
    of_north, of_south = made[8], made[9]
    assert set(made[0].prices) == {"decision.limits.north.at_most.north", "interventions.arms.mail.quota"}
    assert "decision.limits.north.at_most.north" in of_north.considered[1].charges
    assert "decision.limits.north.at_most.north" not in of_south.considered[1].charges
    assert of_south.considered[2].charges["interventions.arms.mail.quota"] < 0, "a quota pays"
    assert all(each.lead is not None and each.lead > -1e-6 for each in made)
    together = receipts(told({**CALM, "one_per": "house"}), table)
    assert [each.assigned.reason for each in together[:3]] == ["household", "household", "best_gain"]
    assert together[0].lead == pytest.approx(-10.0), "a call would be worth more, but another member has it"
