"""What an arm costs whom, who may receive it, and when its cool-down is over."""

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.errors import InputError
from rapport.contracts.rules import Arm, Interventions
from rapport.policy.eligibility import costs, eligible


def catalogue(**arms: Arm) -> Interventions:
    return Interventions(control="none", arms=arms)


PEOPLE = pd.DataFrame({
    "stakeholder_id": ["a", "b", "c"],
    "kind": ["customer", "employee", "investor"],
    "visit_cost": [10.0, 0.0, 31.5],
    "region": pd.array(["north", "south", "north"], dtype="str"),
    "contact_call_days_since": [29.9, 30.0, np.nan],
    "contact_mail_days_since": [0.0, 0.0, 0.0],
})  # fmt: skip


def test_costs_by_number_and_by_column() -> None:
    matrix = costs(PEOPLE, catalogue(call=Arm(cost=25), visit=Arm(cost="visit_cost"), mail=Arm()))
    assert matrix.tolist() == [[0, 25, 0, 10], [0, 25, 0, 0], [0, 25, 0, 31.5]], "arms by name"


def test_a_cost_column_of_whole_numbers_is_money_too() -> None:
    matrix = costs(PEOPLE.assign(visit_cost=[1, 2, 3]), catalogue(visit=Arm(cost="visit_cost")))
    assert matrix.dtype == np.float64
    assert matrix[:, 1].tolist() == [1.0, 2.0, 3.0]


def test_an_absent_cost_column_is_named_with_its_key() -> None:
    with pytest.raises(InputError, match=r"params.yaml, interventions.arms.visit.cost: expected .*; got 'price'"):
        costs(PEOPLE, catalogue(visit=Arm(cost="price")))
    assert costs(PEOPLE.assign(price=1.0), catalogue(visit=Arm(cost="price")))[:, 1].tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_stakeholder_without_a_cost_is_named(wrong: float) -> None:
    with pytest.raises(InputError, match=r"stakeholders, column visit_cost, stakeholder b: .* got no finite number"):
        costs(PEOPLE.assign(visit_cost=[1.0, wrong, wrong]), catalogue(visit=Arm(cost="visit_cost")))
    assert costs(PEOPLE, catalogue(visit=Arm(cost="visit_cost"))).shape == (3, 2)


def test_a_cost_column_of_text_is_refused() -> None:
    with pytest.raises(InputError, match=r"stakeholders, column region: expected the cost in money; got .*'north'"):
        costs(PEOPLE, catalogue(visit=Arm(cost="region")))
    assert costs(PEOPLE, catalogue(visit=Arm(cost="visit_cost"))).shape == (3, 2)


def test_a_negative_cost_is_income() -> None:
    assert costs(PEOPLE, catalogue(fee=Arm(cost=-3.0)))[:, 1].tolist() == [-3.0, -3.0, -3.0]


def test_kinds_decide_who_may_receive_what_and_everyone_may_get_the_control() -> None:
    arms = catalogue(call=Arm(kinds=("customer", "investor")), mail=Arm(), visit=Arm(kinds=("partner",)))
    may = eligible(PEOPLE["kind"], arms)
    assert may.tolist() == [[True, True, True, False], [True, False, True, False], [True, True, True, False]]


def test_nobody_at_all() -> None:
    arms = catalogue(call=Arm(cooldown_days=30), visit=Arm(cost="visit_cost"))
    nobody = PEOPLE.iloc[:0]
    assert costs(nobody, arms).shape == eligible(nobody["kind"], arms).shape == (0, 3)
