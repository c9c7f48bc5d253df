"""Each rule on its own: whom it keeps from which arm, what it is called, and how it is counted."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.errors import InputError, ParamsError
from rapport.policy.account import account_of
from rapport.policy.choose import Choice
from rapport.policy.decide import decide, deliberate
from rapport.policy.limits import Constraints, LimitUse, at_most, rate_gaps
from rapport.policy.reasons import reasons_of_limits
from rapport.policy.rules import permitted, rules_of
from told import AS_OF, CALM, params, people, told

FREE: dict[str, Any] = {"cooldown_days": 0, "kinds": ["customer", "partner", "employee", "investor"]}


def forbidden(table: pd.DataFrame, decision: dict[str, Any] | None = None, rules: dict[str, Any] | None = None,
              **arms: dict[str, Any]) -> dict[str, tuple[str, list[list[int]]]]:  # fmt: skip
    """Return key -> (reason, forbidden pairs of stakeholder and call or mail) of the rules that forbid anything."""
    call = {**FREE, **arms.get("call", {})}
    given = params({**CALM, **(decision or {})}, rules=rules, call=call, mail=arms.get("mail", {}))
    found = {rule.key: rule for rule in rules_of(table, given)}
    assert not any(rule.forbids[:, 0].any() for rule in found.values()), "the control is never forbidden"
    return {key: (rule.reason, rule.forbids[:, 1:].astype(int).tolist()) for key, rule in found.items()
            if rule.forbids.any()}  # fmt: skip


def test_no_rule_forbids_nothing() -> None:
    assert forbidden(people(3)) == {}


def test_opted_out() -> None:
    assert forbidden(people(2, opted_out=[True, False])) == {"opted_out": ("opted_out", [[1, 1], [0, 0]])}


def test_kinds_where_and_dates() -> None:
    table = people(3, kind=["customer", "employee", "customer"], size=[1.0, 5.0, np.nan])
    assert forbidden(table, call={"kinds": ["customer"]}) == {
        "interventions.arms.call.kinds": ("not_eligible", [[0, 0], [1, 0], [0, 0]])
    }
    assert forbidden(table, mail={"where": "size < 3"}) == {
        "interventions.arms.mail.where": ("not_eligible", [[0, 0], [0, 1], [0, 1]])
    }
    before, at, after = "2025-03-31", "2025-04-01", "2025-04-02"
    assert forbidden(people(1), call={"available_from": at, "available_until": after}) == {}
    never = {"not_eligible"}
    assert {reason for reason, _ in forbidden(people(1), call={"available_from": after}).values()} == never
    assert list(forbidden(people(1), call={"available_until": at})) == ["interventions.arms.call.available_until"]
    assert forbidden(people(1), call={"available_from": before}) == {}


def test_consent_and_opt_outs_of_arm_and_channel() -> None:
    """A missing cell is no consent, and no opt-out."""
    table = people(3, agrees=[True, False, None], refuses=["true", "false", None])
    rules = {"channels": {"phone": {"consent": "agrees"}, "post": {"opt_out": "refuses"}}}
    found = forbidden(table, rules=rules, call={"channel": "phone"}, mail={"channel": "post"})
    assert found == {
        "interventions.channels.phone.consent": ("not_eligible", [[0, 0], [1, 0], [1, 0]]),
        "interventions.channels.post.opt_out": ("not_eligible", [[0, 1], [0, 0], [0, 0]]),
    }
    assert list(forbidden(table, mail={"consent": "agrees"})) == ["interventions.arms.mail.consent"]
    with pytest.raises(InputError, match="column sure, row 1: expected true or false; got 'perhaps'"):
        forbidden(people(1, sure="perhaps"), mail={"consent": "sure"})


def test_a_cooldown_of_an_arm_is_over_after_exactly_its_days() -> None:
    table = people(3, contact_call_days_since=[29.9, 30.0, np.nan])
    assert forbidden(table, call={"cooldown_days": 30}) == {
        "interventions.arms.call.cooldown_days": ("cooldown", [[1, 0], [0, 0], [0, 0]])
    }


def test_a_cooldown_of_a_channel_counts_all_of_its_arms() -> None:
    table = people(3, contact_call_days_since=[5.0, np.nan, np.nan], contact_mail_days_since=[np.nan, 5.0, 20.0])
    rules = {"channels": {"phone": {"cooldown_days": 10}}}
    key = "interventions.channels.phone.cooldown_days"
    both = forbidden(table, rules=rules, call={"channel": "phone"}, mail={"channel": "phone"})
    assert both == {key: ("cooldown", [[1, 1], [1, 1], [0, 0]])}
    one = forbidden(table, rules=rules, call={"channel": "phone"}, mail={"channel": "post"})
    assert one == {key: ("cooldown", [[1, 0], [0, 0], [0, 0]])}


def test_an_arm_not_so_soon_after_another() -> None:
    table = people(2, contact_mail_days_since=[6.9, 7.0])
    assert forbidden(table, call={"not_after": {"mail": 7}}) == {
        "interventions.arms.call.not_after.mail": ("exclusion", [[1, 0], [0, 0]])
    }


def test_contacts_per_window_overall_and_by_channel() -> None:
    """The one to be decided counts too: at most two in 60 days forbid a third."""
    table = people(3, contact_call_count_60d=[1.0, 2.0, 0.0], contact_mail_count_60d=[1.0, 0.0, 1.0])
    assert forbidden(table, {"contacts": [{"most": 2, "days": 60}]}) == {
        "decision.contacts[0]": ("contact_limit", [[1, 1], [1, 1], [0, 0]])
    }
    phone = {"contacts": [{"most": 2, "days": 60, "channel": "phone"}]}
    assert forbidden(table, phone, call={"channel": "phone"}) == {
        "decision.contacts[0]": ("contact_limit", [[0, 0], [1, 0], [0, 0]])
    }
    with pytest.raises(InputError, match=r"params.yaml, decision.contacts\[0\]: .*no column 'contact_call_count_7d'"):
        forbidden(table, {"contacts": [{"most": 2, "days": 7}]})


def test_rest_after_a_refusal() -> None:
    table = people(3, refusals_days_since=[13.0, 14.0, np.nan])
    assert forbidden(table, {"rest_after_refusal_days": 14}) == {
        "decision.rest_after_refusal_days": ("refusal", [[1, 1], [0, 0], [0, 0]])
    }


def test_what_does_not_pass_is_told_from_what_does() -> None:
    table = people(2, kind=["employee", "customer"], contact_call_days_since=[1.0, 1.0])
    given = params(CALM, mail={"kinds": ["customer"]})
    may, today = permitted(rules_of(table, given), (2, 3))
    assert may.tolist() == [[True, False, False], [True, True, True]]
    assert today.tolist() == [[True, False, False], [True, False, True]]


@pytest.mark.parametrize(
    ("reason", "decision", "arms", "columns"),
    [
        ("exclusion", {}, {"call": {"not_after": {"mail": 7}}}, {"contact_mail_days_since": 2.0}),
        ("contact_limit", {"contacts": [{"most": 1, "days": 9}]}, {},
         {"contact_call_count_9d": 1.0, "contact_mail_count_9d": 0.0}),
        ("refusal", {"rest_after_refusal_days": 30}, {}, {"refusals_days_since": 1.0}),
    ],
)  # fmt: skip
def test_the_rule_is_the_reason(reason: str, decision: dict[str, Any], arms: dict[str, Any],
                                columns: dict[str, Any]) -> None:  # fmt: skip
    result = decide(told({**CALM, **decision}, **arms), people(1, **columns))
    assert result["reason"].tolist() == [reason]
    assert result["best_intervention"].tolist() == ["call"]
    assert decide(told(CALM), people(1, **columns))["reason"].tolist() == ["best_gain"]


def test_quota_household_and_rates_are_the_reason() -> None:
    calls = told(CALM, mail={"quota": 1})
    result = decide(calls, people(2, effect_call=[20.0, 30.0]))
    assert list(zip(result["intervention"], result["reason"], strict=True)) == [
        ("mail", "quota"), ("call", "best_gain")
    ]  # fmt: skip
    homes = people(3, effect_call=[20.0, 30.0, 15.0], home=["a", "a", None])
    together = decide(told({**CALM, "one_per": "home"}), homes)
    assert list(zip(together["intervention"], together["reason"], strict=True)) == [
        ("none", "household"), ("call", "best_gain"), ("call", "best_gain")
    ]  # fmt: skip
    gap = {"rate_gaps": {"fair": {"by": "group", "most": 0.2, "least": 1}}}
    table = people(20, group=["x", "y"] * 10, effect_call=[30.0, -99.0] * 10, effect_mail=-99.0)
    rated = decide(told({**CALM, **gap}), table)
    assert rated.groupby("intervention").size().to_dict() == {"call": 2, "none": 18}
    assert set(rated.loc[rated["intervention"] == "none", "reason"]) == {"rate_gap", "no_gain"}


@pytest.mark.parametrize(("back", "reason"), [(28.0, "budget"), (0.0, "rate_gap")])
def test_the_directions_of_a_bound_on_rates_tell_by_their_sum(back: float, reason: str) -> None:
    """A call costs 10 at 0.4; the one direction charges a woman 30 / 2 = 15 for it, the other gives `back` / 2."""
    calls = at_most("budget", 10.0, [0, 1], of_cost=True)
    constraints = Constraints((calls, *rate_gaps("sex", {"f": 2, "m": 1}, 0.0, [0, 1])), {"sex": np.array([0, 0, 1])})
    uses = [LimitUse(limit.name, limit.kind, limit.bound, 0.0, price, True)
            for limit, price in zip(constraints.limits, (0.4, 30.0, back), strict=True)]  # fmt: skip
    gain, cost = np.tile([0.0, 3.0], (3, 1)), np.tile([0.0, 10.0], (3, 1))
    plan = Choice(np.array([0, 0, 1]), 3.0, 3.0, tuple(uses))
    reasons = reasons_of_limits(gain, cost, np.ones((3, 2), dtype=bool), constraints, plan)
    assert reasons.tolist() == [reason, reason, "best_gain"]


def test_the_account_counts_pairs_and_stakeholders() -> None:
    table = people(4, kind=["employee", "customer", "customer", "customer"], opted_out=[True, False, False, False],
                   contact_call_days_since=[np.nan, 1.0, 50.0, np.nan])  # fmt: skip
    bundle = told({**CALM, "budget": 12.0})
    account = account_of(deliberate(bundle, table), bundle.params)
    assert {rule["key"]: (rule["pairs"], rule["alone"], rule["stakeholders"]) for rule in account["rules"]} == {
        "opted_out": (2, 1, 1),
        "interventions.arms.call.kinds": (1, 0, 1),
        "interventions.arms.call.cooldown_days": (1, 1, 1),
    }
    budget = account["limits"][0]
    assert (budget["name"], budget["bound"], budget["used"], budget["binding"]) == ("decision.budget", 12.0, 12.0, True)
    assert budget["price"] > 0
    assert account["spend"] == {"none": 0.0, "call": 10.0, "mail": 2.0}


def test_the_account_tells_how_many_of_those_drawn_to_explore_do_not() -> None:
    """Homes of two draw as one; where one of them has opted out, it is drawn too and stays with its own reason."""
    table = people(120, home=[f"h{at // 2}" for at in range(120)], opted_out=[False, True, False, False] * 30)
    bundle = told({"holdout": 0.4, "exploration": 0.5, "one_per": "home"})
    decided = deliberate(bundle, table)
    account = account_of(decided, bundle.params)["exploration"]
    of_drawn = [reason for reason, arm in zip(decided.reason, decided.exploration.arm, strict=True) if arm >= 0]
    assert {"holdout", "opted_out", "explore"} == {*of_drawn}
    assert account["held"] == of_drawn.count("holdout")
    assert account["closed"] == of_drawn.count("opted_out")
    assert account["found"] * account["open"] == pytest.approx(len(of_drawn))
    assert of_drawn.count("explore") == (decide(bundle, table)["reason"] == "explore").sum()
    nobody_held = told({**CALM, "exploration": 0.5})
    account = account_of(deliberate(nobody_held, people(40)), nobody_held.params)["exploration"]
    assert (account["found"], account["held"], account["closed"]) == (0.5, 0, 0)


def test_the_account_tells_bounded_rates_as_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    """They keep the bound in every draw, though the rates of most draws do not."""
    table = people(40, gender=["f", "m"] * 20, effect_call=[30.0, 5.0] * 20, effect_mail=-99.0)
    gap = {"fair": {"by": "gender", "most": 0.05, "least": 1}}
    scattered = 0
    for seed in range(10):
        monkeypatch.setattr("rapport.policy.explore.HOLDOUT_SALT", f"holdout {seed}")
        bundle = told({"holdout": 0.2, "exploration": 0.2, "rate_gaps": gap}, seed)
        decided = deliberate(bundle, table)
        limits = account_of(decided, bundle.params)["limits"]
        treated = decided.probability[:, 1:].sum(axis=1)
        assert limits[0]["used"] == pytest.approx(treated[::2].mean() - treated[1::2].mean())
        assert max(limit["used"] for limit in limits) <= 0.05 + 1e-9
        drawn = decided.arm > 0
        scattered += abs(drawn[::2].mean() - drawn[1::2].mean()) > 0.05 + 1e-9
    assert scattered >= 3


def test_limits_of_a_value_that_nobody_has_are_told() -> None:
    table = people(4, region=["north", "north", "south", None])
    limits = {"by_region": {"by": "region", "at_most": {"nroth": 1, "south": 1}},
              "old": {"where": "region == 'sout'", "at_most": 1}, "all": {"at_most": 3}}  # fmt: skip
    bundle = told({**CALM, "limits": limits})
    account = account_of(deliberate(bundle, table), bundle.params)
    assert account["empty"] == ["decision.limits.by_region.at_most.nroth", "decision.limits.old.at_most"]
    everywhere = account_of(deliberate(bundle, table.assign(region=["nroth", "sout", "south", None])), bundle.params)
    assert everywhere["empty"] == []


# ---- what arms are worth ----


def test_a_cost_due_on_success_is_weighed_with_its_probability() -> None:
    table = people(2, paying=[0.25, 1.0], effect_mail=0.0)
    bundle = told({**CALM, "budget": 9.0}, call={"cost_on": "paying"})
    result = decide(bundle, table)
    assert result["gain_call"].tolist() == [17.5, 10.0]
    assert result["intervention"].tolist() == ["call", "none"]
    assert decide(told(CALM), table)["gain_call"].tolist() == [10.0, 10.0]


def test_caution_chooses_by_the_lower_bound_and_tells_the_mean() -> None:
    """A call gains 10 ± 5, a mail 1 ± 0.1 … with 2 standard errors the mail is surer, with 4 the call is nothing."""
    table = people(1, error=5.0, effect_call=20.0, effect_mail=12.0)
    for caution, arm, gain in ((0.0, "mail", 11.0), (3.0, "none", 0.0)):
        result = decide(told({**CALM, "caution": caution}), table)
        assert result["intervention"].tolist() == [arm]
        assert result["expected_gain"].tolist() == [gain]
        assert result[["gain_call", "gain_mail"]].to_numpy().tolist() == [[10.0, 11.0]]
    assert decide(told({**CALM, "caution": 3.0}), table)["reason"].tolist() == ["no_gain"]


# ---- params that do not fit ----


@pytest.mark.parametrize(
    ("decision", "arms", "rules", "match"),
    [
        ({"limits": {"x": {}}}, {}, {}, "decision.limits.x: expected at_most, at_least or both"),
        ({"limits": {"x": {"at_most": 3, "arms": ["fax"]}}}, {}, {}, r"limits\.x: expected an arm of .*'fax'"),
        ({"limits": {"x": {"at_most": {"a": 3}}}}, {}, {}, "with `by` a bound for each value"),
        ({"limits": {"x": {"at_most": 3, "by": "region"}}}, {}, {}, "with `by` a bound for each value"),
        ({"limits": {"x": {"at_least": 3, "of": "cost"}}}, {}, {}, "at_least for contacts"),
        ({"limits": {"x": {"at_most": 3, "where": "1 +"}}}, {}, {}, "expected a condition such as"),
        ({"contacts": [{"most": 1, "days": 3, "channel": "fax"}]}, {}, {}, r"\[0\]: expected a channel .*'fax'"),
        ({"min_exploration": 0.2, "exploration": 0.1}, {}, {}, r"at most exploration \(0\.1\); got 0\.2"),
        ({}, {"call": {"where": "size"}}, {"channels": {"fax": {}}}, "channels: expected a channel that .*'fax'"),
        ({}, {"call": {"not_after": {"fax": 3}}}, {}, "arms.call.not_after: expected an arm of the catalogue .*'fax'"),
        ({}, {"call": {"capacity": 1, "quota": 2}}, {}, r"call\.quota: expected at most the capacity \(1\)"),
        (
            {},
            {"call": {"available_from": "2025-01-02", "available_until": "2025-01-01"}},
            {},
            "expected an instant before",
        ),
        ({}, {"call": {"cost_on": "luck"}}, {}, "cost_on: expected 'assignment', 'retained' or 'paying'"),
    ],
)
def test_params_that_do_not_fit_are_refused(decision: dict[str, Any], arms: dict[str, Any], rules: dict[str, Any],
                                            match: str) -> None:  # fmt: skip
    with pytest.raises(ParamsError, match=match):
        params({**CALM, **decision}, rules=rules, **arms)
    assert params(CALM).decision.limits == {}


def test_instants_without_a_zone_are_utc() -> None:
    table = people(1, as_of=pd.Series([AS_OF.tz_localize(None)]))
    assert forbidden(table, call={"available_from": "2025-04-01T02:00:00+02:00"}) == {}
