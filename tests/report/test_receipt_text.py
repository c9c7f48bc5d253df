"""A receipt in words: for each reason the sentence names what decided, with its numbers."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from rapport.policy.assigned import Assigned, Outcome
from rapport.policy.decide import decide
from rapport.policy.receipt import Receipt, receipt, replay
from rapport.report.receipt import (
    Drivers,
    RiskDrivers,
    because,
    chances,
    forbidding,
    past_parts,
    receipt_parts,
    risk_of,
)
from rapport.report.terminal import show
from told import CALM, Told, people, told


def made(bundle: Told, table: pd.DataFrame, reason: str) -> Receipt:
    """Return the receipt of the first assignment with a reason."""
    assignments = decide(bundle, table)
    row = int((assignments["reason"] == reason).to_numpy().argmax())
    assert assignments["reason"].iloc[row] == reason
    return receipt(bundle, replay(bundle, table, assignments), assignments, row)


def printed(parts: list) -> str:  # type: ignore[type-arg]
    into = io.StringIO()
    show(parts, Console(file=into, width=120, force_terminal=False, _environ={}))
    return into.getvalue()


def test_the_best_arm_is_told_with_its_lead() -> None:
    assert because(made(told(CALM), people(1), "best_gain")) == (
        "The arm with the highest expected gain. The planned arm, call, is ahead of mail by 9.00 after prices."
    )


def test_a_price_is_told_with_what_it_takes_off() -> None:
    table = people(3, effect_call=[30.0, 24.0, 20.0], effect_mail=0.0)
    text = because(made(told({**CALM, "budget": 10.0}), table, "budget"))
    assert text.startswith(
        "A better arm did not fit into the budget. call would gain 14.00; prices take off decision.budget"
    )
    assert "none is worth 0.00" in text


def test_a_rule_is_told_by_its_key() -> None:
    resting = made(told(CALM), people(1, contact_call_days_since=5.0), "cooldown")
    assert "call would gain 10.00, and interventions.arms.call.cooldown_days forbids it now." in because(resting)
    assert forbidding(resting.considered) == ["interventions.arms.call.cooldown_days forbids call."]
    out = made(told(CALM), people(1, opted_out=True), "opted_out")
    assert forbidding(out.considered) == ["opted_out forbids call, mail."]


@pytest.mark.parametrize(("reason", "decision"), [("holdout", {"holdout": 0.5, "exploration": 0.0}),
                                                  ("explore", {"holdout": 0.0, "exploration": 0.5})])  # fmt: skip
def test_draws_are_told_with_the_plan_they_replaced(reason: str, decision: dict[str, float]) -> None:
    assert "Without that, call was planned." in because(made(told(decision), people(60), reason))


def test_probabilities_are_told_as_they_come_about() -> None:
    text = chances(made(told({"holdout": 0.1, "exploration": 0.3}), people(100), "explore"))
    assert "Held out with probability 0.1000 (not held out)" in text
    assert "explores none 0.1000, call 0.1000, mail 0.1000 (drawn: " in text
    assert "otherwise the plan, call: 0.6300." in text
    assert chances(made(told(CALM), people(1), "best_gain")).endswith("Over all of it call has probability 1.000000.")


def risk(calibration: str = "platt", seats: float = 0.7) -> RiskDrivers:
    """Return drivers that sum to log-odds of -1 where seats add 0.7."""
    names, adds = ["baseline", "seats", "plan"], [-1.5, seats, -0.2]
    return RiskDrivers(
        calibration, pd.DataFrame({"feature": names, "value": [None, 28.0, "[b]p[/b]"], "contribution": adds})
    )


def test_a_risk_is_told_with_what_counts_most() -> None:
    assigned = made(told(CALM), people(1), "best_gain").assigned
    # exp(-1) = 0.368 and exp(0.7) = 2.01
    assert risk_of(assigned, risk()) == (
        "25.0 %, which is log-odds -1.00, odds 0.368. seats (28) counts most: it multiplies the odds of leaving by "
        "2.01, against the average row learned from."
    )
    assert risk_of(assigned, risk("isotonic")).startswith("25.0 %, by an isotonic calibration of log-odds -1.00, odds")
    assert risk_of(assigned, risk("constant", 0.0)).startswith("25.0 % for everyone: ")


def test_a_constant_risk_has_no_table_of_drivers() -> None:
    receipt_of = made(told(CALM), people(1), "best_gain")
    varied, constant = (printed(receipt_parts(receipt_of, each, None, {}, {})) for each in (risk(), risk("constant")))
    assert "adds, log-odds" in varied
    assert "adds, log-odds" not in constant
    assert "25.0 % for everyone" in constant


def test_nothing_in_the_data_is_taken_for_markup_and_drivers_end_in_their_sum() -> None:
    table = people(1, stakeholder_id=pd.array(["[red]s[/red]"], dtype="str"))
    names = ["baseline", "cost", *(f"f{at}" for at in range(12))]
    drivers = Drivers("call", pd.DataFrame({
        "feature": names, "value": [None, None, "[b]x[/b]", 2.5, *[None] * 10],
        "contribution": [9.0, -10.0, 6.0, 3.0, *[0.2] * 10],
    }))  # fmt: skip
    meanings = {"f0": "the [i]first[/i]"}
    text = printed(receipt_parts(made(told(CALM), table, "best_gain"), risk(), drivers, meanings, {"model": "f00d"}))
    for part in ("call for [red]s[/red]", "[b]x[/b]", "[b]p[/b]", "the [i]first[/i]", "Deciding again",
                 "model        f00d"):  # fmt: skip
        assert part in text
    rows = [line.split() for line in text.splitlines()]
    assert ["all", "others", "0.80"] in [row[:3] for row in rows]
    assert ["gain", "10.00"] in [row[:2] for row in rows]
    assert ["seats", "0.70", "2.01", "28"] in rows
    assert ["churn", "risk", "-1.00", "0.368"] in rows


@pytest.mark.parametrize(("adds", "alike"), [(0.0, True), (0.001, True), (-0.2, False)])
def test_a_gain_that_no_feature_changes_is_told_in_a_sentence(adds: float, alike: bool) -> None:
    drivers = Drivers("call", pd.DataFrame({
        "feature": ["baseline", "cost", "seats", "plan"], "value": [None, None, 3.0, "a"],
        "contribution": [12.0, -10.0, adds, 0.0],
    }))  # fmt: skip
    text = printed(receipt_parts(made(told(CALM), people(1), "best_gain"), risk("constant"), drivers, {}, {}))
    sentence = (
        "No feature is known to change what call does: its effect is 12.00, and after the cost of 10.00 the gain is "
    )
    assert (sentence in text) == alike
    assert ("adds, money" in text) != alike


def test_a_past_decision_is_told_with_what_people_made_of_it() -> None:
    assigned = Assigned.of(decide(told(CALM), people(1, effect_mail=np.nan)).iloc[0])
    text = printed(past_parts(assigned, Outcome("overridden", "mail", "asked for it")))
    for part in ("call for s0000", "People: overridden, delivered mail, because: asked for it", "Not replayed", "f00d"):
        assert part in text
    assert "People: not said" in printed(past_parts(assigned, Outcome()))
