"""What retention is worth as lifetime value: by hand, against loops over plain records, and never from the future."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import integrate

from histories import (
    AS_OF,
    DAY,
    EVERY,
    HORIZON,
    LATEST,
    TABLES,
    Built,
    Decided,
    Event,
    decision_table,
    event_table,
    featurized,
    params,
    stakeholder_table,
    written,
)
from rapport.contracts.errors import InputError, ParamsError
from rapport.features import retention_worth
from rapport.features.lifetime_value import PurchaseModel, Purchases, SpendModel, fit_purchasing, fit_spend

PEOPLE = [f"p{number:03}" for number in range(90)]
MARGINS = {"buy": 0.5, "refund": -0.25}
KPIS = {"lifetime_days": 400, "yearly_discount": 0.2}
BETWEEN = LATEST - 15 * DAY  # a decision between two regular instants


def clv(**how: Any) -> dict[str, Any]:
    credited = {"value": MARGINS, "retention_value": "clv"}
    return {"outcome": credited, "kpis": KPIS, "snapshots": 2} | how


def made(events: Sequence[Event], log: Sequence[Decided] = (), people: Sequence[str] = PEOPLE, **how: Any) -> Built:
    return featurized(stakeholder_table(people), event_table(events), decision_table(log), params(**clv(**how)))


def shoppers(seed: int = 1, people: Sequence[str] = PEOPLE[2:]) -> list[Event]:
    """Return two years of purchases, some late to be known and some taken back; who buys at all does so repeatedly."""
    rng = np.random.default_rng(seed)
    events = []
    for who in people:
        gap, size = rng.gamma(2.0, 20.0), rng.lognormal(3.0, 0.6)
        at = AS_OF - int(rng.integers(200, 480)) * DAY + int(rng.integers(DAY))
        while at < AS_OF + 20 * DAY and rng.random() > 0.05:
            known = at + int(rng.choice([0, 0, 0, DAY, 9 * DAY]))
            events.append(Event(who, at, known, "buy", round(float(size * rng.gamma(4.0, 0.25)), 2)))
            if rng.random() < 0.1:
                events.append(Event(who, at + DAY, at + DAY, "refund", round(float(size / 3), 2)))
            at += int(rng.exponential(gap) * DAY) + 1
    return events


def log() -> list[Decided]:
    times = [(LATEST - 3 * EVERY * DAY, "early"), (BETWEEN, "between"), (LATEST, "at")]
    return [Decided(f"{name} {who}", who, at, "call") for at, name in times for who in PEOPLE[::9]]


@cache
def base() -> Built:
    return made(shoppers(), log())


def at_of(table: pd.DataFrame) -> list[int]:
    return [int(each) for each in table["as_of"].astype("datetime64[us]").astype("int64")]


# --- by hand --------------------------------------------------------------------------------------------------------


def test_a_customer_worked_by_hand(monkeypatch):
    """Three days of purchases, of which the second held two; nobody leaves, so that purchases go on at one rate.

    As of the instant: x = 2 repeats, age 72 days; (r + x)/(α + T) = (1 + 2)/(28 + 72) = 0.03 purchases a day. From day
    30 to day 130, 3 purchases. Margin of the repeats: 0.5 × (50 + 10 + 40) − 0.25 × 40 = 40, 20 each, so that a
    purchase is worth p(v + x·m̄)/(px + q − 1) = 6 × (15 + 2 × 20)/(6 × 2 + 4 − 1) = 22. Worth: 3 × 22 = 66.
    """
    midnight = AS_OF
    buys = [(72, 300.0), (50, 50.0), (50, 10.0), (12, 40.0)]
    events = [Event("ann", midnight - back * DAY, midnight - back * DAY, "buy", value) for back, value in buys]
    events.append(Event("ann", midnight - 5 * DAY, midnight - 5 * DAY, "refund", 40.0))
    staying = PurchaseModel(1.0, 28.0, 1e-9, 1e3, 0.0, 30, 30), SpendModel(6.0, 4.0, 15.0, 0.0, 30, 0, 0.0)
    monkeypatch.setattr(retention_worth, "_fit", lambda customers, instant: staying)
    kpis = {"lifetime_days": HORIZON + 100, "yearly_discount": 0.0}
    population = made(events, people=["ann", "bob"], kpis=kpis).population.set_index("stakeholder_id")
    assert population.loc["ann", "retention_value"] == pytest.approx(66.0, rel=1e-6)
    assert population.loc["bob", "retention_value"] == 0.0  # who has bought nothing


# --- against a slow oracle ------------------------------------------------------------------------------------------


def slow_history(who: str, at: int, events: Sequence[Event]) -> tuple[int, int, int, float] | None:
    """Return repeats, recency and age in days, and mean margin of a repeat; None without a purchase."""
    seen = [event for event in events if event.who == who and event.at < at and event.known < at]
    bought = [event for event in seen if event.kind == "buy"]
    if not bought:
        return None
    days = sorted({event.at // DAY for event in bought})
    money = sum(0.5 * (event.value or 0.0) for event in bought if event.at // DAY > days[0])
    money -= sum(0.25 * (event.value or 0.0) for event in seen if event.kind == "refund")
    repeats = len(days) - 1
    return repeats, days[-1] - days[0], at // DAY - days[0], money / repeats if repeats else np.nan


def slow_worth(who: str, at: int, events: Sequence[Event], models: tuple[PurchaseModel, SpendModel]) -> float:
    """Return ∫ from the horizon to lifetime_days of discounted purchases if alive at the horizon, times the spend."""
    history = slow_history(who, at, events)
    if history is None:
        return 0.0
    x, _, age, mean = history
    buys, spend = models
    clock, shape, a, b = buys.alpha_days + age, buys.r + x, buys.a, buys.b + x

    def over(of: Any) -> float:
        # p ~ Beta(a, b) up to a constant that cancels; p = t⁴ takes the edge off its density at 0, where a < 1
        return float(integrate.quad(lambda t: of(t**4) * 4 * t ** (4 * a - 1) * (1 - t**4) ** (b - 1), 0, 1)[0])

    def pace(day: float) -> float:
        return over(lambda p: shape / clock * (1 + p * day / clock) ** (-shape - 1)) * 1.2 ** (-day / 365)

    lasting = over(lambda p: (1 + p * HORIZON / clock) ** -shape)
    ahead = integrate.fixed_quad(np.vectorize(pace), HORIZON, KPIS["lifetime_days"], n=8)[0] / lasting
    spent = max(mean, 0.0) * x if x else 0.0
    return float(ahead * spend.p * (spend.v_money + spent) / (spend.p * x + spend.q - 1))


@cache
def slow_models(instant: int) -> tuple[PurchaseModel, SpendModel]:
    found = [slow_history(who, instant, shoppers()) for who in PEOPLE]
    customers = Purchases(*zip(*[each for each in found if each is not None], strict=True))
    models = fit_purchasing(customers), fit_spend(customers)
    assert models[0] is not None
    assert models[1] is not None
    return models[0], models[1]


def test_rows_agree_with_loops_over_plain_records():
    grid = [AS_OF, *(LATEST - back * EVERY * DAY for back in range(6))]
    events, checked = shoppers(), 0
    for name in TABLES:
        table = getattr(base(), name)
        for row, at in list(zip(table.index, at_of(table), strict=True))[::31]:
            who, models = table.loc[row, "stakeholder_id"], slow_models(max(each for each in grid if each <= at))
            expected = slow_worth(who, at, events, models)
            assert table.loc[row, "retention_value"] == pytest.approx(expected, rel=1e-4), (name, who)
            checked += expected > 0
    assert checked > 6


def test_the_value_of_an_outcome_is_its_money_and_the_worth_of_who_was_retained():
    for table in (base().decisions, base().snapshots):
        kept = ~table["churned"]
        np.testing.assert_allclose(table["value"], table["money"] + table["retention_value"] * kept)
    assert "retention_value" not in base().names  # it is no feature


def test_a_number_adds_no_column():
    numbers = made(shoppers(), log(), outcome={"value": MARGINS, "retention_value": 7.0})
    assert all("retention_value" not in getattr(numbers, name) for name in TABLES)
    assert (numbers.snapshots["value"] == numbers.snapshots["money"] + 7.0 * ~numbers.snapshots["churned"]).all()


# --- never from the future ------------------------------------------------------------------------------------------


def worths(built: Built) -> dict[str, bytes]:
    return {name: getattr(built, name)["retention_value"].to_numpy().tobytes() for name in TABLES}


def doubled(before: int, shift: int = 0) -> list[Event]:
    """Return purchases of half of the people, all known `shift` microseconds from an instant on."""
    return [Event(who, before + shift, before + shift, "buy", 99.0) for who in PEOPLE[2::2]]


def test_what_comes_at_or_after_as_of_changes_no_byte(tmp_path):
    late = [Event(who, LATEST - 60 * DAY, AS_OF, "buy", 500.0) for who in PEOPLE[2::3]]
    after = made([*shoppers(), *doubled(AS_OF), *late], log())
    assert worths(after) == worths(base())
    assert written(after.population, tmp_path) == written(base().population, tmp_path)


def test_one_microsecond_earlier_it_changes_the_population():
    before = made([*shoppers(), *doubled(AS_OF, -1)], log())
    assert worths(before)["population"] != worths(base())["population"]
    assert worths(before)["snapshots"] == worths(base())["snapshots"]


def test_models_of_a_row_learn_nothing_known_after_the_regular_instant_at_or_before_it():
    """What others buy from that instant on leaves the row's worth alone; one microsecond before, it does not."""
    regular = LATEST - EVERY * DAY
    mine = base().decisions["as_of"].astype("datetime64[us]").astype("int64") == BETWEEN
    others = ~base().decisions["stakeholder_id"].isin(PEOPLE[2::2])
    told = {shift: made([*shoppers(), *doubled(regular, shift)], log()).decisions for shift in (0, -1)}
    rows = mine & others
    assert rows.sum() > 3
    usual, learnt = base().decisions.loc[rows, "retention_value"], told[-1].loc[rows, "retention_value"]
    assert told[0].loc[rows, "retention_value"].tolist() == usual.tolist()
    assert ((learnt != usual) | (usual == 0)).all()
    assert (learnt != usual).any()


def test_who_opted_out_teaches_nothing_and_is_valued():
    stakeholders = stakeholder_table(PEOPLE)
    stakeholders["opted_out"] = stakeholders["stakeholder_id"].isin(PEOPLE[2:40:2])
    how, events = params(**clv()), [event for event in shoppers() if event.who not in PEOPLE[2:40:2]]
    shown = featurized(stakeholders, event_table(shoppers()), decision_table([]), how).population
    without = featurized(stakeholders, event_table(events), decision_table([]), how).population
    inside = ~shown["opted_out"]
    assert shown.loc[inside, "retention_value"].tolist() == without.loc[inside, "retention_value"].tolist()
    assert (shown.loc[~inside, "retention_value"] > 0).any()


# --- refusals -------------------------------------------------------------------------------------------------------


def test_what_cannot_be_valued_is_refused():
    with pytest.raises(ParamsError, match=r"expected event types of purchases in outcome\.value for clv; got 'clv'"):
        made(shoppers(), outcome={"value": {"refund": -1.0}, "retention_value": "clv"})
    with pytest.raises(ParamsError, match=r"expected kpis\.lifetime_days beyond the horizon of 30 days for clv; got"):
        made(shoppers(), kpis={"lifetime_days": HORIZON})
    few = [event for event in shoppers() if event.who in PEOPLE[:20]]
    with pytest.raises(InputError, match=r"lifetime value as of 2025-0.*: expected 30 or more who had bought again"):
        made(few)
    assert (made(shoppers(), kpis={"lifetime_days": HORIZON + 1}).population["retention_value"] > 0).any()


def test_an_attribute_of_that_name_stands_beside_it():
    stakeholders = stakeholder_table(PEOPLE).assign(retention_value=3.0)
    built = featurized(stakeholders, event_table(shoppers()), decision_table([]), params(**clv()))
    assert "attribute_retention_value" in built.names
    assert (built.population["attribute_retention_value"] == 3.0).all()
