"""A sweep: each step is the decision at that value, more of a limit never loses, its price is what one more gains."""

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.errors import InputError, ParamsError
from rapport.policy.curve import budget_curve
from rapport.policy.decide import deliberate
from rapport.policy.limits import InfeasibleError
from rapport.policy.what_if import CONTACTS, Step, sweep, usual_key, value_of, with_value
from told import CALM, Told, crowd, people, told

CAPACITY = "interventions.arms.call.capacity"


def test_each_step_is_what_would_be_assigned_at_that_value() -> None:
    noisy = {"holdout": 0.1, "exploration": 0.1, "budget": 300.0}
    table = crowd(400, 3)
    for step in sweep(told(noisy), table, "decision.budget", [800.0, 300.0, 100.0]):
        made = deliberate(told({**noisy, "budget": step.value}), table)
        arm, rows = made.arm, np.arange(len(table))
        assert step.given == dict(zip(["none", "call", "mail"], np.bincount(arm, minlength=3).tolist(), strict=True))
        assert step.gain == pytest.approx(np.nansum(made.offer.gain[rows, arm]))
        assert step.spend == pytest.approx(made.offer.cost[rows, arm].sum())
        assert step.error == pytest.approx(np.nansum(made.offer.error[rows, arm]))
        assert step.price == made.plan.prices["decision.budget"]
        assert step.now == (step.value == 300.0)
        assert step.treated == int((arm > 0).sum())


def test_values_are_taken_in_order_once_each() -> None:
    steps = list(sweep(told(CALM), people(9), "decision.budget", [50.0, 10.0, 50.0]))
    assert [step.value for step in steps] == [10.0, 50.0]


@pytest.mark.parametrize("key", ["decision.budget", CAPACITY, CONTACTS])
def test_the_grid_reaches_from_nothing_to_all_that_is_used_and_more_never_loses(key: str) -> None:
    table = crowd(300, 4)
    steps = list(sweep(told(CALM), table, key))
    gains, prices = [step.gain for step in steps], [step.price for step in steps]
    free = deliberate(told(CALM), table)
    assert steps[0].value == 0.0
    assert (np.diff([step.value for step in steps]) > 0).all()
    assert (np.diff(gains) > -1e-9).all()
    assert prices[-1] == 0.0
    assert all(price is not None and price >= 0 for price in prices)
    assert gains[-1] == pytest.approx(free.plan.value)
    assert gains[0] < gains[-1]


def test_a_sweep_of_the_budget_is_the_exact_curve_of_budgets() -> None:
    """Against the path of all budgets at once (Sinha & Zoltners 1979): value within one arm's gain, and price."""
    table = crowd(600, 5)
    made = deliberate(told(CALM), table)
    curve = budget_curve(np.where(made.offer.today, made.offer.gain, np.nan), made.offer.cost)
    for step in sweep(told(CALM), table, "decision.budget", [200.0, 600.0, 1500.0]):
        point = curve.at(step.value)
        assert 0 <= point.value - step.gain < 30.0
        assert step.price == pytest.approx(point.price, rel=0.1)
        assert step.spend <= step.value


def test_the_price_of_a_capacity_is_what_one_more_gains() -> None:
    """Ten calls worth 1 … 10 and no other arm: with k of them allowed, one more is worth the next."""
    table = people(10, effect_call=10.0 + np.arange(1.0, 11.0), effect_mail=0.0)
    steps = list(sweep(told(CALM), table, CAPACITY, [0, 3, 4, 10]))
    assert [step.gain for step in steps] == pytest.approx([0.0, 27.0, 34.0, 55.0])
    for step, low, high in zip(steps, [10.0, 7.0, 6.0, 0.0], [10.0, 8.0, 7.0, 0.0], strict=True):  # nothing: the best
        assert step.price is not None
        assert low - 1e-6 <= step.price <= high + 1e-6


def test_the_price_of_what_is_not_allowed_is_what_the_first_would_gain_over_the_next_best() -> None:
    table = people(10, effect_call=10.0 + np.arange(1.0, 11.0), effect_mail=4.0)
    (none,) = sweep(told(CALM), table, CAPACITY, [0])
    assert none.price == pytest.approx(10.0 - 3.0)
    (of_money,) = sweep(told(CALM), table, "decision.budget", [0])
    assert of_money.price == pytest.approx(3.0), "a mail gains 3 for 1, a call at most 10 for 10"
    (beside,) = sweep(told({**CALM, "budget": 0.0}), table, CAPACITY, [0])
    assert beside.price == 0.0, "without money another call is worth nothing"


def test_one_more_of_a_quota_costs() -> None:
    """Of ten people five gain 5 by a call and five lose 2: the quota is free up to five calls."""
    table = people(10, effect_call=[15.0] * 5 + [8.0] * 5, effect_mail=-9.0)
    steps = list(sweep(told(CALM), table, "decision.limits.contacts.at_least", [0.0, 5.0, 6.0, 8.0]))
    assert [step.treated for step in steps] == [5, 5, 6, 8]
    assert steps[0].price == 0.0
    assert steps[-1].price == pytest.approx(-2.0)
    assert steps[-1].gain - steps[-2].gain == pytest.approx(2 * (steps[-1].price or 0.0))


def test_other_limits_that_bind_are_told_with_their_prices() -> None:
    bundle, table = told({**CALM, "budget": 15.0}), people(10, effect_call=30.0)
    tight, wide = sweep(bundle, table, CAPACITY, [1, 10])
    assert tight.binding["decision.budget"] == pytest.approx(1.0)
    assert set(wide.binding) == {"decision.budget"}
    assert next(sweep(bundle, table, "decision.budget", [5.0])).binding == {}


def test_any_number_of_decision_and_interventions_can_be_asked_about() -> None:
    table = people(10, effect_call=11.0)
    steps = list(sweep(told(CALM), table, "decision.caution", [0.0, 4.0]))
    assert [step.treated for step in steps] == [10, 0]
    assert {step.price for step in steps} == {None}
    dearer = list(sweep(told(CALM), people(10), "interventions.arms.call.cost", [10.0, 30.0]))
    assert [step.given["call"] for step in dearer] == [10, 0]


def test_limits_that_contradict_each_other_are_a_step_too() -> None:
    fine, wrong = sweep(told(CALM), people(10), "interventions.arms.call.quota", [2, 20])
    assert (fine.given["call"], fine.conflict) == (10, "")
    assert "interventions.arms.call.quota at least 20" in wrong.conflict
    assert wrong.given == {}
    with pytest.raises(InfeasibleError, match=r"interventions\.arms\.call\.quota at least 20"):
        list(sweep(told(CALM), people(10), "interventions.arms.call.quota", [20]))


def test_a_value_that_leaves_too_little_to_explore_is_a_step_too() -> None:
    bundle = told({"holdout": 0.0, "exploration": 0.2, "min_exploration": 0.1})
    none, all_ = sweep(bundle, people(60), "decision.budget", [0, 5000])
    assert "a share of at least 0.1 that explores" in none.conflict
    assert (none.treated, all_.conflict) == (0, "")


def test_a_missing_column_is_an_error_and_no_table_of_conflicts() -> None:
    with pytest.raises(InputError, match=r"interventions\.arms\.call\.cost"):
        list(sweep(told(CALM, call={"cost": "price"}), people(4), "decision.budget", [1.0, 2.0]))


def test_without_known_gains_neither_the_gain_nor_a_price_is_known() -> None:
    nothing = people(9, effect_call=np.nan, effect_mail=np.nan)
    found = list(sweep(told({**CALM, "exploration": 0.5}), nothing, "decision.budget", [0.0, 50.0]))
    assert [(step.gain, step.price, step.interval, step.binding) for step in found] == [(None, None, None, {})] * 2
    assert found[1].exploration == {"asked": 0.5, "found": 4 / 9, "open": 9, "too_few": 0, "no_room": 0,
                                    "held": 0, "closed": 0}  # fmt: skip
    assert found[1].treated > 0
    assert Step(**found[1].as_dict()) == found[1]
    assert [step.gain for step in sweep(told(CALM), nothing, "decision.budget")] == [None]
    closed = list(sweep(told(CALM), people(9, opted_out=True), "decision.budget", [50.0]))
    assert (closed[0].gain, closed[0].price) == (0.0, 0.0)  # nobody may receive any: that is known


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("decision.bugdet", [1.0], r"--limit decision.bugdet, decision.bugdet: expected no such key"),
        ("decision.budget", [-1.0], r"--limit decision.budget, decision.budget: expected greater than or equal to 0"),
        ("learner.rounds", [1.0], r"--limit learner.rounds: expected a key of decision or interventions"),
        ("interventions.arms.fax.capacity", [1.0], r"expected one of the arms call, mail; got 'fax'"),
        ("interventions.arms.call.quota", [], r"--values: expected the values of .*call.quota to try"),
        ("decision.caution", [], r"decision.caution: expected less than or equal to 5"),
    ],
)
def test_keys_that_cannot_be_are_refused(key: str, values: list[float], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        list(sweep(told(CALM), people(4), key, values))
    assert len(list(sweep(told(CALM), people(4), "decision.budget", [1.0]))) == 1


def test_params_are_left_as_they_are() -> None:
    before = told({**CALM, "budget": 7.0}).params
    after = with_value(before, "decision.limits.mine.at_most", 3)
    assert value_of(before, "decision.budget") == 7.0
    assert value_of(before, "decision.limits.mine.at_most") is None
    assert value_of(after, "decision.limits.mine.at_most") == 3.0


def test_an_entry_of_a_list_is_named_by_its_position() -> None:
    """Who has had a mail in 30 days may get another arm only where two contacts are allowed."""
    bundle = told({**CALM, "contacts": [{"most": 1, "days": 30}]})
    table = people(4, contact_call_count_30d=0.0, contact_mail_count_30d=[1.0, 1.0, 0.0, 0.0])
    steps = list(sweep(bundle, table, "decision.contacts.0.most", [1, 2]))
    assert [(step.treated, step.now) for step in steps] == [(2, True), (4, False)]
    for key in ("decision.contacts.1.most", "decision.contacts.most.0", "decision.contacts.0"):
        with pytest.raises(ParamsError, match=rf"--limit {key}: expected a number, or one of an entry that there is"):
            with_value(bundle.params, key, 2)


def test_the_usual_key_is_the_budget_unless_nothing_costs() -> None:
    assert usual_key(told(CALM).params) == "decision.budget"
    assert usual_key(told(CALM, call={"cost": "price"}).params) == "decision.budget"
    free = told(CALM, call={"cost": 0.0}, mail={"cost": 0.0})
    assert usual_key(free.params) == CONTACTS
    steps = list(sweep(free, people(10), CONTACTS))
    assert [step.treated for step in steps][:2] == [0, 2]
    assert steps[-1].treated == 10


@pytest.mark.parametrize(
    ("mine", "key"),
    [
        ({"at_most": 5}, CONTACTS),
        ({"at_most": 5, "where": "kind == 'customer'"}, "decision.limits.all_contacts.at_most"),
        ({"by": "kind", "at_most": {"customer": 5}}, "decision.limits.all_contacts.at_most"),
    ],
)
def test_a_limit_that_params_name_contacts_is_swept_only_where_it_is_one_on_all(
    mine: dict[str, object], key: str
) -> None:
    free = told({**CALM, "limits": {"contacts": mine}}, call={"cost": 0.0}, mail={"cost": 0.0})
    assert usual_key(free.params) == key
    steps = list(sweep(free, people(10), usual_key(free.params), [0, 5, 10]))
    assert [step.treated for step in steps] == ([0, 5, 10] if key == CONTACTS else [0, 5, 5])


def test_predictions_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[pd.DataFrame] = []
    predict = Told.predict
    monkeypatch.setattr(Told, "predict", lambda self, table: asked.append(table) or predict(self, table))
    assert len(list(sweep(told(CALM), crowd(50, 1), "decision.budget"))) > 3
    assert len(asked) == 1


def test_the_order_of_rows_is_irrelevant() -> None:
    table = crowd(200, 8)
    turned = table.sample(frac=1.0, random_state=2)
    bundle = told({"holdout": 0.1, "exploration": 0.2})
    assert list(sweep(bundle, turned, "decision.budget", [90.0])) == list(
        sweep(bundle, table, "decision.budget", [90.0])
    )


def test_the_widest_interval() -> None:
    low, high = Step(1.0, False, gain=100.0, error=10.0).interval
    assert (low, high) == pytest.approx((80.4, 119.6), abs=0.01)
