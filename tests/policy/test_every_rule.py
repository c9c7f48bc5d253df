"""Every rule on at once, from params to the assignment: against brute force, and over replays of the draws."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from rapport.contracts.errors import InputError
from rapport.contracts.params import parse_params
from rapport.contracts.schemas import assignments_schema
from rapport.policy.choose import Choice, choose
from rapport.policy.constraints import constraints_of
from rapport.policy.decide import Decided, decide, deliberate
from rapport.policy.limits import Constraints, InfeasibleError, broken
from rapport.policy.reserve import raised_quota
from told import CALM, Told, crowd, people, told

SEEDS = st.integers(0, 2**32 - 1)
QUIET = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
ARMS = ("none", "call", "mail")


def ruled(rows: int, seed: int) -> pd.DataFrame:
    """Return people of every kind with the columns that the rules below read."""
    rng = np.random.default_rng(seed)

    def some(*values: Any) -> list[Any]:
        return [values[at] for at in rng.integers(0, len(values), rows)]

    def days(share: float) -> np.ndarray:
        return np.where(rng.random(rows) < share, np.nan, rng.uniform(0, 60, rows))

    columns = {
        "region": some("north", "south", "east"),
        "gender": some("f", "m"),
        "home": some(*[f"h{at}" for at in range(rows // 2)], *[None] * rows),
        "agrees": some(True, True, True, False),
        "size": rng.uniform(0, 10, rows),
        "price": np.round(rng.uniform(5, 15, rows), 2),
        "contact_mail_days_since": days(0.5),
        "contact_call_count_50d": rng.integers(0, 2, rows).astype(float),
        "contact_mail_count_50d": rng.integers(0, 2, rows).astype(float),
        "refusals_days_since": days(0.8),
    }
    return crowd(rows, seed).assign(**columns)


def every_rule(rows: int, seed: int, rng: np.random.Generator, **decision: Any) -> Told:
    """Return a bundle under every kind of rule, the bounds at random and now and then contradictory."""
    limits = {
        "of_regions": {"of": "cost", "by": "region", "at_most": {"north": float(rng.uniform(0, 4) * rows)}},
        "large": {"where": "size > 5", "at_most": int(rng.integers(0, rows))},
        "south": {"where": "region == 'south'", "channel": "post", "at_least": int(rng.random() < 0.3)},
    }
    phone = {"capacity": int(rng.integers(0, rows)), "cooldown_days": 10}
    rules = {
        "channels": {"phone": phone, "post": {"consent": "agrees"}},
        "teams": {"one": {"capacity": int(rng.integers(rows // 2, rows))}},
    }
    call = {"cost": "price", "channel": "phone", "team": "one", "where": "size > 1", "not_after": {"mail": 4}}
    mail = {"channel": "post", "team": "one", "quota": int(rng.integers(0, 2)), "available_from": "2025-01-01"}
    every = {
        **CALM,
        "budget": float(rng.uniform(0, 6) * rows),
        "caution": 0.5,
        "one_per": "home",
        "rest_after_refusal_days": 9,
        "contacts": [{"most": 2, "days": 50}],
        "limits": limits,
        "rate_gaps": {"fair": {"by": "gender", "most": float(rng.uniform(0.3, 1.0)), "least": 1}},
        **decision,
    }
    return told(every, seed, rules, call=call, mail=mail)


def kept(table: pd.DataFrame, arm: np.ndarray, constraints: Constraints, cost: np.ndarray) -> bool:
    """Return whether an assignment keeps limits and households, row by row."""
    for limit in constraints.limits:
        total = 0.0
        for row, chosen in enumerate(arm):
            code = 0 if limit.group is None else constraints.groups[limit.group][row]
            total += limit.weight[code, chosen] * (cost[row, chosen] if limit.of_cost else 1.0)
        if broken(total, limit):
            return False
    homes = [
        home for home, chosen in zip(table["home"], arm, strict=True) if chosen and home is not None and home == home
    ]
    return len(homes) == len(set(homes))


def attempt(bundle: Told, table: pd.DataFrame) -> Decided | None:
    try:
        return deliberate(bundle, table)
    except InfeasibleError:
        return None


@QUIET
@given(SEEDS)
def test_tiny_populations_get_the_best_assignment_that_keeps_every_rule(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table, bundle = ruled(6, seed), every_rule(6, 1, rng)
    found = attempt(bundle, table)
    table = table.sort_values("stakeholder_id", ignore_index=True)
    if found is None:
        with pytest.raises(InfeasibleError, match=r"keeps '(decision|interventions)\."):
            deliberate(bundle, table)
        return
    best = -np.inf
    worth = np.where(found.offer.today, found.offer.worth, np.nan)
    for arms in product(range(3), repeat=6):
        total = float(worth[np.arange(6), arms].sum())
        if total > best and kept(table, np.array(arms), found.constraints, found.offer.cost):
            best = total
    assert kept(table, found.arm, found.constraints, found.offer.cost)
    assert float(worth[np.arange(6), found.arm].sum()) == pytest.approx(best, abs=1e-6)


def test_some_of_these_are_infeasible_and_most_are_limited() -> None:
    """Or the test above shows little."""
    every = [attempt(every_rule(6, 1, np.random.default_rng(seed)), ruled(6, seed)) for seed in range(30)]
    found = [each for each in every if each is not None]
    assert 1 <= len(every) - len(found) <= 20
    assert max(sum(use.binding for use in each.plan.uses) for each in found) >= 3


@QUIET
@given(SEEDS)
def test_a_further_rule_never_raises_the_value_and_more_budget_never_lowers_it(seed: int) -> None:
    rng, table = np.random.default_rng(seed), ruled(7, seed)
    whole = every_rule(7, 1, rng).params
    decision = whole.decision.model_copy(
        update={"limits": {}, "rate_gaps": {}, "one_per": None, "budget": None, "contacts": ()}
    )
    values, looser = [], whole.model_copy(update={"decision": decision})
    for key in ("contacts", "budget", "one_per", "limits", "rate_gaps"):
        decision = decision.model_copy(update={key: getattr(whole.decision, key)})
        looser = whole.model_copy(update={"decision": decision})
        found = attempt(replace(every_rule(7, 1, np.random.default_rng(seed)), params=looser), table)
        values.append(-np.inf if found is None else found.plan.value)
    assert (np.diff([value for value in values if np.isfinite(value)]) <= 1e-6).all()
    assert np.isfinite(values).tolist() == sorted(np.isfinite(values).tolist(), reverse=True)
    budgets = []
    for budget in (0.0, 5.0, 15.0, 40.0, None):
        params = whole.model_copy(update={"decision": whole.decision.model_copy(update={"budget": budget})})
        found = attempt(replace(every_rule(7, 1, np.random.default_rng(seed)), params=params), table)
        budgets.append(-np.inf if found is None else found.plan.value)
    finite = [value for value in budgets if np.isfinite(value)]
    assert (np.diff(finite) >= -1e-6).all()


@pytest.mark.parametrize("seed", range(3))
def test_permuting_rows_or_arms_changes_nothing(seed: int) -> None:
    """Not a bit, whoever is held out or explores."""
    table = ruled(120, seed)
    bundle = every_rule(120, 1, np.random.default_rng(seed + 2), holdout=0.1, exploration=0.2)
    first = decide(bundle, table)
    assignments_schema(ARMS).validate(first)  # reasons of the contract and no others among them
    turned = decide(bundle, table.sample(frac=1.0, random_state=seed))
    pd.testing.assert_frame_equal(turned, first, check_exact=True)
    document = bundle.params.model_dump(mode="json")
    document["interventions"]["arms"] = dict(reversed(document["interventions"]["arms"].items()))
    assert [*document["interventions"]["arms"]] != [*bundle.params.interventions.arms]
    moved = decide(replace(bundle, params=parse_params(document)), table)
    pd.testing.assert_frame_equal(moved, first, check_exact=True)


@pytest.mark.parametrize("rows", [7, 120])
@pytest.mark.parametrize("seed", range(3))
def test_the_solver_finds_the_same_value_with_its_columns_turned_round(seed: int, rows: int) -> None:
    """Catalogues turned round behind the params' back, which put arms in the order of their names."""
    table = ruled(rows, seed)
    bundle = every_rule(rows, 1, np.random.default_rng(seed + 2))
    catalogue = bundle.params.interventions
    backwards = catalogue.model_copy(update={"arms": dict(reversed(list(catalogue.arms.items())))})
    moved = replace(bundle, params=bundle.params.model_copy(update={"interventions": backwards}))
    found = [attempt(each, table) for each in (bundle, moved)]
    assert (found[0] is None) == (found[1] is None)
    if found[0] is not None and found[1] is not None:
        assert found[1].plan.bound == pytest.approx(found[0].plan.bound, rel=1e-9)
        assert found[1].plan.value == pytest.approx(found[0].plan.value, rel=1e-9)


# ---- draws ----

ROWS = 240


def drawn_bundle(seed: int) -> Told:
    """Return a bundle of every rule and every randomness; its plan binds."""
    limits = {
        "of_regions": {"of": "cost", "by": "region", "at_most": {"north": 150.0, "south": 250.0}},
        "large": {"where": "size > 5", "arms": ["call"], "at_most": 25},
    }
    rules = {"channels": {"phone": {"capacity": 50, "cooldown_days": 10}, "post": {"consent": "agrees"}}}
    call = {"cost": "price", "channel": "phone", "where": "size > 1", "not_after": {"mail": 4}}
    decision = {
        "budget": 700.0, "holdout": 0.1, "exploration": 0.3, "explore_within": 30.0, "caution": 0.5, "one_per": "home",
        "rest_after_refusal_days": 9, "contacts": [{"most": 2, "days": 50}], "limits": limits,
        "rate_gaps": {"fair": {"by": "gender", "most": 0.15, "least": 5}},
    }  # fmt: skip
    return told(decision, seed, rules, call=call, mail={"channel": "post", "quota": 2, "capacity": 40})


def test_logged_propensities_and_hard_limits_over_replays_of_every_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 replays of 240 people, another draw each time: no draw breaks a limit, and every probability is right.

    The seed and the salt of the holdout change. Frequencies of (person, arm), and of (person, reason) for holdout and
    exploration, are compared with their exact binomial; a right program fails for at most 1 of 100 choices of the seeds
    (Bonferroni over all comparisons). Rates are bounded in probability, not in each draw.
    """
    plans: dict[bytes, Choice] = {}

    def solved_once(gain: np.ndarray, cost: np.ndarray, constraints: Constraints, key: np.ndarray) -> Choice:
        problem = gain.tobytes() + cost.tobytes() + repr(constraints.limits).encode()
        if problem not in plans:
            plans[problem] = choose(gain, cost, constraints, key)
        return plans[problem]

    monkeypatch.setattr("rapport.policy.decide.choose", solved_once)
    table, replays, rows = ruled(ROWS, 8).sort_values("stakeholder_id", ignore_index=True), 2000, np.arange(ROWS)
    counts, held, explored = np.zeros((ROWS, 3), dtype=int), np.zeros(ROWS, dtype=int), np.zeros(ROWS, dtype=int)
    bundle = drawn_bundle(0)
    first = deliberate(bundle, table)
    monkeypatch.setattr("rapport.policy.decide.make_offer", lambda *_: first.offer)  # no seed in them
    monkeypatch.setattr("rapport.policy.decide.constraints_of", lambda *_: first.constraints)
    upper = [limit for limit in first.constraints.limits if limit.reason != "rate_gap"]
    hard = Constraints(tuple(upper), first.constraints.groups, None)
    for seed in range(replays):
        monkeypatch.setattr("rapport.policy.explore.HOLDOUT_SALT", f"holdout {seed}")
        found = deliberate(replace(bundle, params=bundle.params.model_copy(update={"seed": seed})), table)
        np.testing.assert_array_equal(found.probability, first.probability)
        counts[rows, found.arm] += 1
        held += found.reason == "holdout"
        explored += (found.exploration.arm >= 0) & ~found.held & (found.reason == "explore")
        assert not (~found.offer.today[rows, found.arm]).any()
        assert not any(broken(hard.used(limit, found.arm, found.offer.cost), limit) for limit in upper)
        house = first.constraints.household
        assert house is not None
        lucky = house[(found.arm > 0) & (house >= 0)]
        assert len(lucky) == len(np.unique(lucky))
    assert len(plans) == 1
    chance = first.probability
    np.testing.assert_allclose(chance.sum(axis=1), 1.0)
    out = table["opted_out"].to_numpy(dtype=bool)
    fits = first.offer.may[:, 1:].any(axis=1) & ~out
    exploring = np.where(fits, 0.9 * first.exploration.probability.sum(axis=1), 0.0)
    k = np.concatenate([counts.ravel(), held, explored])
    p = np.clip(np.concatenate([chance.ravel(), np.where(out, 0.0, 0.1), exploring]), 0.0, 1.0)
    sure = (p < 1e-12) | (p > 1 - 1e-12)
    np.testing.assert_array_equal(k[sure], np.rint(p[sure] * replays))
    k, p = k[~sure], p[~sure]
    tails = 2 * np.minimum(binom.cdf(k, replays, p), binom.sf(k - 1, replays, p))
    assert tails.min() > 0.01 / len(k)
    assert len(k) > 2 * ROWS
    assert (exploring > 0).sum() > 20
    assert sum(use.binding for use in first.plan.uses) >= 3
    assert {limit.reason for limit in first.constraints.limits} == {"budget", "capacity", "quota", "rate_gap"}


def test_rates_are_bounded_as_probabilities() -> None:
    """Calls are worth it for the one group alone."""
    table = ruled(400, 3).assign(kind="customer", effect_mail=-9.0)
    table["effect_call"] = np.where(table["gender"] == "f", 25.0, 5.0)
    decision = {"holdout": 0.1, "exploration": 0.3}
    gap = {"fair": {"by": "gender", "most": 0.05, "least": 1}}

    def difference(**more: Any) -> float:
        found = deliberate(told({**decision, **more}), table)
        treated = found.probability[:, 1:].sum(axis=1)
        return abs(treated[table["gender"] == "f"].mean() - treated[table["gender"] == "m"].mean())

    assert difference() > 0.1
    assert difference(rate_gaps=gap) <= 0.05 + 1e-9


def test_a_bound_on_rates_changes_nothing_where_the_plan_keeps_it() -> None:
    """Some of each group have nothing to draw, as the opted-out, so that not everyone explores as often."""
    table = ruled(600, 5)
    drawn = {"holdout": 0.05, "exploration": 0.05}
    free = deliberate(told(drawn), table)
    treated = free.probability[:, 1:].sum(axis=1)
    women = free.table["gender"] == "f"
    gap = abs(treated[women].mean() - treated[~women].mean())
    bounded = deliberate(told({**drawn, "rate_gaps": {"fair": {"by": "gender", "most": gap + 1e-6}}}), table)
    assert len(np.unique(free.exploration.probability.sum(axis=1))) > 1
    np.testing.assert_array_equal(bounded.arm, free.arm)
    assert bounded.plan.value == pytest.approx(free.plan.value)
    assert treated.mean() > 0.4


def test_rates_are_bounded_where_hardly_two_explore_alike() -> None:
    """Forty branches of 11 to 50 with a limit each; calls are worth it for the one group alone."""
    branch = np.repeat([f"b{at}" for at in range(40)], np.arange(11, 51))
    table = people(len(branch), branch=branch, gender=["f", "m"] * (len(branch) // 2), effect_mail=-9.0)
    table["effect_call"] = np.where(table["gender"] == "f", 25.0, 5.0)
    roomy = {"by": "branch", "at_most": {f"b{at}": 90 for at in range(40)}}
    gap = {"fair": {"by": "gender", "most": 0.05}}
    found = deliberate(told({"exploration": 0.3, "limits": {"of_branches": roomy}, "rate_gaps": gap}), table)
    treated = found.probability[:, 1:].sum(axis=1)
    assert len(np.unique(found.exploration.probability.sum(axis=1).round(9))) > 16
    assert 0.04 < treated[table["gender"] == "f"].mean() - treated[table["gender"] == "m"].mean() <= 0.05 + 1e-9


def test_a_quota_is_met_after_holdout_and_exploration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gains by a mail, and every draw leaves the ten that must be given."""
    table = people(300, effect_call=0.0, effect_mail=0.0)
    for seed in range(40):
        monkeypatch.setattr("rapport.policy.explore.HOLDOUT_SALT", f"holdout {seed}")
        given = decide(told({"holdout": 0.3, "exploration": 0.2}, seed, mail={"quota": 10}), table)["intervention"]
        assert (given == "mail").sum() >= 10


@pytest.mark.parametrize(("quota", "lost"), [(1, 0.05), (10, 0.3), (50, 0.1), (500, 0.145)])
def test_a_raised_quota_fails_as_rarely_as_said(quota: int, lost: float) -> None:
    """Against the exact binomial; one fewer would do, but not half of the surplus."""
    planned = raised_quota(quota, lost)
    assert binom.cdf(quota - 1, planned, 1 - lost) <= 1e-9
    assert binom.cdf(quota - 1, quota + (planned - quota) // 2, 1 - lost) > 1e-9


# ---- edges ----


def test_a_conflict_names_a_smallest_set_by_key() -> None:
    bundle = told({**CALM, "budget": 25.0}, call={"quota": 3}, mail={"capacity": 2})
    with pytest.raises(InfeasibleError) as fault:
        decide(bundle, people(10))
    assert fault.value.names == ("decision.budget", "interventions.arms.call.quota")
    assert (decide(told({**CALM, "budget": 30.0}, call={"quota": 3}), people(10))["intervention"] == "call").sum() == 3


def test_a_conflict_quotes_params_and_tells_what_is_planned() -> None:
    """Fifty calls are fewer than sixty, but not after the surplus for those drawn away and the room for explorers."""
    drawn = {"holdout": 0.05, "exploration": 0.05}
    room = r"in the plan, to leave room for holdout and exploration\)"
    got = rf"call\.capacity at most 60 \(57 {room} together with .*call\.quota at least 50 \(77 {room}, which"
    with pytest.raises(InfeasibleError, match=got):
        decide(told(drawn, call={"quota": 50, "capacity": 60}), people(400))
    assert (decide(told(CALM, call={"quota": 50, "capacity": 60}), people(400))["intervention"] == "call").sum() == 60
    with pytest.raises(InfeasibleError, match=r"budget at most 400 together with .*quota at least 50, which"):
        decide(told({**CALM, "budget": 400.0}, call={"quota": 50}), people(400))


def test_a_negative_cost_is_income_that_widens_no_budget() -> None:
    bundle = told({**CALM, "budget": 10.0}, mail={"cost": -5.0})
    result = decide(bundle, people(4, effect_call=[20.0, 20.0, 0.0, 0.0], effect_mail=[-99.0, -99.0, 0.0, 0.0]))
    assert result["intervention"].value_counts().to_dict() == {"mail": 2, "call": 1, "none": 1}
    assert result["expected_gain"].tolist().count(5.0) == 2


def test_a_capacity_of_zero_closes_the_arm() -> None:
    result = decide(told(CALM, call={"capacity": 0}), people(4))
    assert set(zip(result["intervention"], result["reason"], strict=True)) == {("mail", "capacity")}


def test_all_opted_out_all_unknown_one_arm_and_one_stakeholder() -> None:
    randomised = {"holdout": 0.1, "exploration": 0.2, "budget": 5.0}
    out = decide(told(randomised), people(5, opted_out=True))
    assert set(zip(out["intervention"], out["reason"], out["propensity"], strict=True)) == {("none", "opted_out", 1.0)}
    unknown = decide(told(CALM), people(5, effect_call=np.nan, effect_mail=np.nan))
    assert set(zip(unknown["intervention"], unknown["reason"], strict=True)) == {("none", "unknown_gain")}
    alone = decide(told({**CALM, "budget": 5.0, "one_per": "home"}), people(1, home="a"))
    assert alone[["intervention", "reason", "propensity"]].to_numpy().tolist() == [["mail", "budget", 1.0]]
    only = told(CALM, call={"capacity": 3}, mail={"capacity": 0})
    assert decide(only, people(5))["intervention"].value_counts().to_dict() == {"call": 3, "none": 2}


def test_a_quota_that_opted_out_or_unknown_people_cannot_meet() -> None:
    for table in (people(5, opted_out=True), people(5, effect_mail=np.nan), people(0)):
        with pytest.raises(InfeasibleError, match=r"keeps 'interventions.arms.mail.quota'"):
            decide(told(CALM, mail={"quota": 2}), table)
    assert (decide(told(CALM, mail={"quota": 2}), people(5))["intervention"] == "mail").sum() == 2


def test_too_little_exploration_is_refused() -> None:
    bundle = told({"holdout": 0.0, "exploration": 0.2, "min_exploration": 0.15}, call={"capacity": 0})
    with pytest.raises(InputError, match=r"decision.min_exploration: expected a share of at least 0.15"):
        decide(bundle, people(30))
    roomier = told({"holdout": 0.0, "exploration": 0.2, "min_exploration": 0.15})
    assert (decide(roomier, people(30))["reason"] == "explore").sum() == 6


def test_a_cost_may_be_missing_where_the_arm_may_not_be_received() -> None:
    """The second may not be called by condition, the third not by kind."""
    bundle = told(CALM, call={"cost": "price", "where": "region == 'north'"})
    table = people(3, region=["north", "south", "north"], kind=["customer", "customer", "employee"],
                   price=[5.0, np.nan, np.nan])  # fmt: skip
    made = decide(bundle, table)
    assert made["intervention"].tolist() == ["call", "mail", "mail"]
    assert made["gain_call"].tolist() == pytest.approx([15.0, np.nan, np.nan], nan_ok=True)
    with pytest.raises(InputError, match=r"column price, stakeholder s0001: .* got no finite number"):
        decide(bundle, table.assign(region="north"))


def test_limits_that_only_whole_numbers_cannot_keep_are_not_called_a_contradiction_of_them_all() -> None:
    """One contact for any two of a, b, c, and of d, e, f: half a contact each are three, in whole numbers two are."""
    pairs = ["ab", "bc", "ac", "de", "ef", "df"]
    limits = {two: {"where": f"letter in ['{two[0]}', '{two[1]}']", "at_most": 1} for two in pairs}
    table = people(72, letter=[*"abcdef"] * 12)
    with pytest.raises(InfeasibleError, match="none found in whole numbers, though one in fractions; perhaps only"):
        decide(told({**CALM, "limits": {**limits, "all": {"at_least": 3}}}), table)
    made = decide(told({**CALM, "limits": {**limits, "all": {"at_least": 2}}}), table)
    assert (made["intervention"] != "none").sum() == 2


@pytest.mark.parametrize(("rows", "explorers"), [(1, 0), (19, 0), (20, 1), (1010, 50)])
def test_the_least_exploration_can_be_the_share_itself_for_any_number_of_people(rows: int, explorers: int) -> None:
    """People are whole: 0.05 of 1,010 is 50, and of a request for one person nobody."""
    equal = told({"holdout": 0.0, "exploration": 0.05, "min_exploration": 0.05})
    assert (decide(equal, people(rows))["reason"] == "explore").sum() == explorers


def test_only_arms_that_are_nearly_as_good_are_explored() -> None:
    """A call is worth 10, a mail 1 and nothing 0, each ± 0.5; or ± 20."""
    within = {"holdout": 0.0, "exploration": 0.5, "explore_within": 2.0}
    surely = decide(told(within), people(300))
    assert set(surely["reason"]) == {"best_gain"}
    close = decide(told(within), people(300, effect_mail=10.0))
    assert set(close.loc[close["reason"] == "explore", "intervention"]) == {"call", "mail"}
    vaguely = decide(told(within), people(300, error=20.0))
    assert set(vaguely.loc[vaguely["reason"] == "explore", "intervention"]) == set(ARMS)
    unknown = decide(told(within), people(300, effect_mail=np.nan))
    assert set(unknown.loc[unknown["reason"] == "explore", "intervention"]) == {"call", "mail"}


def test_a_share_of_the_population_has_a_share_of_the_limits() -> None:
    bundle = told({**CALM, "budget": 10.0, "limits": {"few": {"at_most": 7}}}, call={"capacity": 5, "quota": 3})
    limits = constraints_of(people(4), bundle.params, 0.5).limits
    assert [(limit.name, limit.bound) for limit in limits] == [
        ("decision.budget", 5.0), ("interventions.arms.call.capacity", 2.0), ("interventions.arms.call.quota", 1.0),
        ("decision.limits.few.at_most", 3.0),
    ]  # fmt: skip
