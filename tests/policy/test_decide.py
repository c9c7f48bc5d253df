"""One assignment per stakeholder: its propensity is the frequency, its limits hold, its reason is the true one."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from rapport.contracts.errors import InputError
from rapport.contracts.schemas import assignments_schema
from rapport.policy.choose import Choice, choose
from rapport.policy.decide import decide, decision_ids
from rapport.policy.limits import Constraints
from told import AS_OF, CALM, Told, crowd, people, told


def reasons(bundle: Told, table: pd.DataFrame) -> list[tuple[str, str]]:
    result = decide(bundle, table)
    return list(zip(result["intervention"], result["reason"], strict=True))


# ---- why each has its arm ----


def test_best_gain_and_no_gain() -> None:
    table = people(3, effect_call=[20.0, 5.0, 10.0], effect_mail=[2.0, 3.0, 1.0])
    assert reasons(told(CALM), table) == [("call", "best_gain"), ("mail", "best_gain"), ("none", "no_gain")]


def test_budget() -> None:
    table = people(3, effect_call=[20.0, 30.0, 20.5], effect_mail=0.0)
    given = reasons(told({**CALM, "budget": 25.0}), table)
    assert given == [("none", "budget"), ("call", "best_gain"), ("call", "best_gain")]
    assert reasons(told({**CALM, "budget": 30.0}), table) == [("call", "best_gain")] * 3


def test_budget_may_leave_the_second_best() -> None:
    given = reasons(told({**CALM, "budget": 11.0}), people(2, effect_call=[20.0, 30.0]))
    assert given == [("mail", "budget"), ("call", "best_gain")]


def test_capacity() -> None:
    bundle = told(CALM, call={"capacity": 1})
    given = reasons(bundle, people(3, effect_call=[20.0, 30.0, 20.5], effect_mail=[0.0, 0.0, 2.0]))
    assert given == [("none", "capacity"), ("call", "best_gain"), ("mail", "capacity")]


def test_cooldown() -> None:
    table = people(3, contact_call_days_since=[29.9, 30.0, 5.0], effect_mail=[2.0, 2.0, 0.0])
    result = decide(told(CALM), table)
    assert list(result["intervention"]) == ["mail", "call", "none"]
    assert list(result["reason"]) == ["cooldown", "best_gain", "cooldown"]
    assert list(result["best_intervention"]) == ["call"] * 3


def test_of_cooldown_and_budget_the_last_to_decide_is_named() -> None:
    table = people(2, contact_call_days_since=5.0, effect_mail=[2.0, 3.0])
    given = reasons(told({**CALM, "budget": 1.0}), table)
    assert given == [("none", "budget"), ("mail", "cooldown")]


def test_opted_out_gets_the_control_with_certainty_whatever_else_holds() -> None:
    table = people(200, opted_out=np.arange(200) % 2 == 0)
    result = decide(told({"holdout": 0.4, "exploration": 0.4}), table)
    out = table["opted_out"].to_numpy()
    assert (result.loc[out, "intervention"] == "none").all()
    assert (result.loc[out, "best_intervention"] == "none").all()
    assert (result.loc[out, "propensity"] == 1.0).all()
    assert (result.loc[out, "reason"] == "opted_out").all()
    assert set(result.loc[~out, "reason"]) == {"best_gain", "explore", "holdout"}
    assert (result.loc[~out, "propensity"] < 1.0).all()


@pytest.mark.parametrize("decision", [CALM, {"holdout": 0.0, "exploration": 0.5}])
def test_not_eligible(decision: dict[str, object]) -> None:
    """Whoever may receive no arm at all has nothing to explore either."""
    bundle = told(decision, call={"kinds": ["customer"]}, mail={"kinds": ["customer"]})
    result = decide(bundle, people(40, kind=["customer", "investor"] * 20))
    others = result.iloc[1::2]
    assert set(zip(others["intervention"], others["reason"], strict=True)) == {("none", "not_eligible")}
    assert (others["propensity"] == 1.0).all()
    assert (others["best_intervention"] == "none").all()
    assert (result.iloc[::2]["reason"] != "not_eligible").all()


def test_an_arm_for_another_kind_is_neither_best_nor_given() -> None:
    result = decide(told(CALM), people(2, kind=["employee", "customer"]))
    assert list(result["intervention"]) == list(result["best_intervention"]) == ["mail", "call"]
    assert np.isnan(result["gain_call"][0])
    assert np.isnan(result["gain_se_call"][0])
    assert result.loc[1, ["gain_call", "gain_se_call"]].tolist() == [10.0, 0.5]


def test_explore() -> None:
    result = decide(told({"holdout": 0.0, "exploration": 0.3}), people(100))
    explored = result[result["reason"] == "explore"]
    assert explored["intervention"].value_counts().to_dict() == {"none": 10, "call": 10, "mail": 10}
    assert explored.loc[explored["intervention"] == "mail", "propensity"].to_numpy() == pytest.approx([0.1] * 10)
    assert explored.loc[explored["intervention"] == "call", "propensity"].to_numpy() == pytest.approx([0.8] * 10)
    assert set(result.loc[result["reason"] != "explore", "intervention"]) == {"call"}


def test_holdout() -> None:
    result = decide(told({"holdout": 0.5, "exploration": 0.0}), people(100))
    held = result["reason"] == "holdout"
    assert 30 <= held.sum() <= 70
    assert (result["intervention"] == np.where(held, "none", "call")).all()
    assert (result["propensity"] == 0.5).all()
    later = decide(told({"holdout": 0.5, "exploration": 0.0}), people(100, iteration=9))
    assert ((later["reason"] == "holdout") == held).all()
    anew = decide(told({"holdout": 0.5, "exploration": 0.0}, seed=9), people(100))
    assert ((anew["reason"] == "holdout") == held).all(), "no seed holds out other people"


def test_an_unknown_effect_is_never_planned_but_may_be_explored() -> None:
    table = people(100, effect_call=np.nan)
    result = decide(told({"holdout": 0.0, "exploration": 0.3}), table)
    called = result["intervention"] == "call"
    assert (result.loc[called, "reason"] == "explore").all()
    assert called.sum() == 10
    assert (result["best_intervention"] == "mail").all()


# ---- probabilities ----


def test_logged_propensities_are_the_frequencies_over_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 replays of 60 people under a fixed plan whose budget binds, another seed and holdout each time.

    The plan is solved once, and that no seed asks for another is part of the test. Each frequency is compared with its
    exact binomial; over all pairs of person and arm a right program fails for at most 1 of 100 choices of the seeds
    (Bonferroni).
    """
    plans: dict[bytes, Choice] = {}

    def solved_once(gain: np.ndarray, cost: np.ndarray, constraints: Constraints, key: np.ndarray) -> Choice:
        problem = gain.tobytes() + cost.tobytes() + repr(constraints).encode()
        if problem not in plans:
            plans[problem] = choose(gain, cost, constraints, key)
        return plans[problem]

    monkeypatch.setattr("rapport.policy.decide.choose", solved_once)
    n, replays, table = 60, 2000, crowd(60, 5)
    decision = {"holdout": 0.15, "exploration": 0.6, "budget": 220.0}
    names = np.array(["none", "call", "mail"])
    counts, logged, explored = np.zeros((n, 3), dtype=int), np.full((n, 3), np.nan), np.zeros((n, 3), dtype=bool)
    for seed in range(replays):
        monkeypatch.setattr("rapport.policy.explore.HOLDOUT_SALT", f"holdout {seed}")
        result = decide(told(decision, seed, mail={"capacity": 25}), table)
        arm = (result["intervention"].to_numpy()[:, None] == names).argmax(axis=1)
        rows = np.arange(n)
        before = logged[rows, arm]
        now = result["propensity"].to_numpy()
        assert (np.isnan(before) | (before == now)).all(), "the plan is fixed, so the propensity of an arm is too"
        counts[rows, arm] += 1
        logged[rows, arm] = now
        explored[rows, arm] |= result["reason"] == "explore"
    assert len(plans) == 1
    assert next(iter(plans.values())).prices["decision.budget"] > 0
    possible = ~np.isnan(logged)
    chance = np.nan_to_num(logged)
    assert chance.sum(axis=1) == pytest.approx(np.ones(n))
    assert possible.sum() > 1.5 * n, "the population must have mixtures, or this test shows nothing"
    assert (explored.sum(axis=0) >= 10).all(), "each arm must be explored by some"
    sure = possible & (chance > 1 - 1e-12)
    assert (counts[sure] == replays).all()
    mixed = possible & ~sure
    k, p = counts[mixed], chance[mixed]
    tails = 2 * np.minimum(binom.cdf(k, replays, p), binom.sf(k - 1, replays, p))
    assert tails.min() > 0.01 / len(k)


def test_holdout_and_exploration_are_drawn_independently(monkeypatch: pytest.MonkeyPatch) -> None:
    """Explorers are held out as often as others: 60 replays of 300 people, at four standard deviations."""
    held = explored = both = 0
    for seed in range(60):
        monkeypatch.setattr("rapport.policy.explore.HOLDOUT_SALT", f"holdout {seed}")
        with_holdout = decide(told({"holdout": 0.3, "exploration": 0.3}, seed), people(300))
        without = decide(told({"holdout": 0.0, "exploration": 0.3}, seed), people(300))
        out, drawn = with_holdout["reason"] == "holdout", without["reason"] == "explore"
        held, explored, both = held + out.sum(), explored + drawn.sum(), both + (out & drawn).sum()
    n = 60 * 300
    expected = held / n * explored / n
    assert abs(both / n - expected) < 4 * np.sqrt(expected / n)


# ---- limits ----


@pytest.mark.parametrize("seed", range(25))
def test_spend_and_counts_never_exceed_the_limits(seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    budget, calls, mails = float(rng.uniform(0, 900)), int(rng.integers(0, 60)), int(rng.integers(0, 120))
    decision = {"holdout": 0.1, "exploration": float(rng.uniform(0, 0.5)), "budget": budget}
    table = crowd(300, seed).assign(price=rng.uniform(5, 15, 300))
    bundle = told(decision, seed, call={"cost": "price", "capacity": calls}, mail={"capacity": mails})
    arm = decide(bundle, table)["intervention"]
    assert (arm == "call").sum() <= calls
    assert (arm == "mail").sum() <= mails
    spent = table.loc[arm == "call", "price"].sum() + (arm == "mail").sum()
    assert spent <= budget + 1e-6
    assert not ((arm == "call") & table["kind"].isin(["employee"])).any()
    assert not ((arm == "call") & (table["contact_call_days_since"] < 30)).any()
    assert not ((arm != "none") & table["opted_out"]).any()


def test_a_cost_column_is_charged_to_its_own_row() -> None:
    bundle = told({**CALM, "budget": 7.0}, call={"cost": "price"})
    result = decide(bundle, people(3, price=[12.0, 7.0, 19.0], effect_mail=0.0))
    assert list(result["gain_call"]) == [8.0, 13.0, 1.0]
    assert list(result["intervention"]) == ["none", "call", "none"]


def test_a_missing_cost_column_is_refused() -> None:
    with pytest.raises(InputError, match=r"interventions.arms.call.cost: expected .*; got 'price'"):
        decide(told(CALM, call={"cost": "price"}), people(3))
    assert len(decide(told(CALM, call={"cost": "price"}), people(3, price=1.0))) == 3


# ---- the table out ----


def test_the_table_keeps_the_contract() -> None:
    result = decide(told({"holdout": 0.1, "exploration": 0.1, "policy": "pilot"}), people(60))
    schema = assignments_schema(["none", "call", "mail"])
    assert list(result.columns) == list(schema.columns)
    pd.testing.assert_frame_equal(schema.validate(result), result)
    assert set(result["policy"]) == {"pilot"}
    assert set(result["model_digest"]) == {"f00d"}
    assert (result["decided_at"] == AS_OF).all()
    assert (result["iteration"] == 2).all()
    assert (result["churn_risk"] == 0.25).all()


def test_gains_are_net_of_cost_and_the_expected_gain_is_that_of_the_arm() -> None:
    result = decide(told({"holdout": 0.1, "exploration": 0.3}), people(60))
    assert (result["gain_call"] == 10.0).all()
    assert (result["gain_mail"] == 1.0).all()
    worth = result["intervention"].map({"none": 0.0, "call": 10.0, "mail": 1.0})
    assert set(worth) == {0.0, 10.0, 1.0}
    assert (result["expected_gain"] == worth).all()


def test_the_order_of_rows_is_irrelevant_and_the_table_is_sorted() -> None:
    table = crowd(120, 3)
    bundle = told({"holdout": 0.1, "exploration": 0.2, "budget": 200.0})
    result = decide(bundle, table)
    turned = table.sample(frac=1.0, random_state=1)
    assert list(turned["stakeholder_id"]) != list(table["stakeholder_id"])
    pd.testing.assert_frame_equal(decide(bundle, turned), result, check_exact=True)
    assert list(result["stakeholder_id"]) == sorted(table["stakeholder_id"])


def test_decision_ids_are_unique_and_depend_on_stakeholder_instant_and_iteration_alone() -> None:
    decision = {"holdout": 0.1, "exploration": 0.2}
    first = decide(told(decision), people(50))["decision_id"]
    assert first.is_unique
    again = decide(told({**decision, "budget": 5.0}, seed=9), people(50, effect_call=-3.0))["decision_id"]
    assert list(again) == list(first)
    alone = decide(told(decision), people(50).iloc[[7]])["decision_id"]
    assert alone.item() == first[7]
    later = people(50, as_of=AS_OF + pd.Timedelta(microseconds=1))
    assert not set(decision_ids(later)) & set(first)
    assert not set(decision_ids(people(50, iteration=3))) & set(first)


def test_what_is_expected_of_one_row_does_not_depend_on_the_others() -> None:
    """Limits and exploration are shared, so the arm may differ; risk, gains, best arm and id may not."""
    table = crowd(60, 4)
    bundle = told({"holdout": 0.1, "exploration": 0.2, "budget": 50.0})
    whole = decide(bundle, table)
    columns = ["decision_id", "stakeholder_id", "best_intervention", "churn_risk", "gain_call", "gain_se_call",
               "gain_mail", "gain_se_mail"]  # fmt: skip
    for row in range(0, 60, 7):
        alone = decide(bundle, table.iloc[[row]])
        pd.testing.assert_frame_equal(alone[columns], whole.loc[[row], columns].reset_index(drop=True))


def test_nobody_at_all() -> None:
    result = decide(told({"holdout": 0.1, "exploration": 0.2, "budget": 5.0}), people(0))
    assert len(result) == 0
    assert list(result.columns) == list(assignments_schema(["none", "call", "mail"]).columns)


def test_ties_between_stakeholders_do_not_depend_on_who_else_is_there() -> None:
    """Twenty are worth the same and ten may be called; those left out are the same when forty without hope join."""
    bundle = told(CALM, call={"capacity": 10}, mail={"capacity": 0})
    few = decide(bundle, people(20))
    hopeless = people(40, stakeholder_id=[f"a{at}" for at in range(40)], effect_call=0.0)
    many = decide(bundle, pd.concat([people(20), hopeless]))
    called = few.loc[few["intervention"] == "call", "stakeholder_id"]
    assert len(called) == 10
    assert set(many.loc[many["intervention"] == "call", "stakeholder_id"]) == set(called)
