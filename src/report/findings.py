"""What a run's metrics say, in sentences and rows that the page and the terminal share.

A policy is judged against a baseline by the interval of their paired difference, never by two intervals apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..contracts.params import Params
from ..evaluation.policies import CHAMPION, CURRENT, OURS
from ..evaluation.promise import total_gain
from ..policy.rules import STANDING
from .formats import interval, money, number, words

PER = 1000  # stakeholders in the headline
MEANING_OF_POLICY = {
    "nobody": "everyone gets the control",
    "best_single_arm": "one arm, the one that earned most on other folds, for all who may receive it",
    "random": "an arm drawn at random from those allowed, the control included",
    "risk_ranking": "one arm for those likeliest to leave, as many as this policy treats",
    "response_ranking": "one arm for those of highest predicted value, as many as this policy treats",
    CURRENT: "what was done in these decisions",
    CHAMPION: "the registered policy, on decisions that it has not learned from",
}

EFFECT_OF_WHOM = (
    "The average effect is that on all who may receive the arm, by held-out decisions, doubly robust; its cost is not "
    "taken off."
)
_TOTAL_OR_HEADLINE = (
    f"Quote this total for what these assignments bring; the gain per {PER:,} stakeholders is that of the policy on "
    "the logged decisions, by models that held them out, without holdout and draws: quote it against other policies."
)


@dataclass(frozen=True)
class PolicyRow:
    """One policy's value, net money per decision.

    Attributes:
        label: for people.
        meaning: what the policy does.
        ours: whether it is the one that assigned.
        value, snips, ipw: estimates (value, low, high, …); `value` is the doubly robust one.
        ahead: our value minus this one's, paired.
        treated: share that gets another arm than the control.
        cost: money per decision.
        effective_rows: rows that the log is worth for this policy (Kish).
        apart: whether it stands on fewer decisions than all others: those that it has not learned from.
    """

    label: str
    meaning: str
    ours: bool
    value: Mapping[str, Any]
    snips: Mapping[str, Any]
    ipw: Mapping[str, Any]
    ahead: Mapping[str, Any]
    treated: float
    cost: float
    effective_rows: float
    apart: bool


def policy_rows(uplift: Mapping[str, Any], control: str, policy_name: str) -> list[PolicyRow]:
    """Return our policy, then the baselines in the order of the scorecard.

    Args:
        uplift: `uplift` of metrics.json.
        control: name of the control arm.
        policy_name: the name under which our decisions are logged.
    """
    rows = []
    for key, found in uplift["policies"].items():
        ours, decisions = key == OURS, found["doubly_robust"]["n"]
        label, does = (policy_name, "this policy") if ours else (words(key), MEANING_OF_POLICY.get(key, ""))
        rows.append(PolicyRow(
            label, does, ours, found["doubly_robust"], found["snips"], found["ipw"], found["ours_minus_this"],
            1.0 - found["arm_shares"].get(control, 0.0), found["cost_per_decision"],
            found["overlap"]["effective_rows"], key == CHAMPION and 0 < decisions < uplift["decisions"],
        ))  # fmt: skip
    return rows


@dataclass(frozen=True)
class ChurnBaseline:
    """One simple way to rank by churn risk.

    Attributes:
        label: for people.
        what: what it ranks by.
        auc: its AUC (value, low, high, …).
        ahead: the AUC of our churn risk minus this one, paired.
    """

    label: str
    what: str
    auc: Mapping[str, Any]
    ahead: Mapping[str, Any]


def churn_baselines(churn: Mapping[str, Any]) -> list[ChurnBaseline]:
    """Return the baselines of `churn` in metrics.json, in the order of the scorecard."""
    return [
        ChurnBaseline(words(key), found["what"], found["auc"], found["ours_minus_this"])
        for key, found in churn["baselines"].items()
    ]


@dataclass(frozen=True)
class ArmEffect:
    """An arm's average effect, money, and its 95 % interval, as texts."""

    value: str
    within: str


def average_effects(metrics: Mapping[str, Any]) -> dict[str, ArmEffect]:
    """Return what each arm does on average, or that too few decisions tell it, by arm; {} without decisions.

    >>> call = {"value": 2.0, "low": 1.0, "high": 3.0, "n": 90}
    >>> mail = {"value": None, "low": None, "high": None, "n": 4}
    >>> found = average_effects({"uplift": {"average_effects": {"call": call, "mail": mail}}})
    >>> found["call"], found["mail"].value
    (ArmEffect(value='2.00', within='1.00 to 3.00'), 'too few decisions of it or of the control: 4')
    """
    found = metrics.get("uplift", {}).get("average_effects", {})  # earlier versions did not write it
    return {arm: ArmEffect(_effect(each), interval(each)) for arm, each in found.items()}


def _effect(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None:
        return f"too few decisions of it or of the control: {number(estimate['n'])}"
    return money(estimate["value"])


def opening(metrics: Mapping[str, Any], pilot: str, horizon_days: int) -> tuple[str, str]:
    """Return the headline and how the policy stands against its strongest rival; the pilot and nothing if there is one.

    Args:
        metrics: metrics.json.
        pilot: the sentence about the randomised pilot, without its stop; empty where an effect is known.
        horizon_days: of the outcome.
    """
    if pilot:
        return f"{pilot}.", ""
    return headline(metrics["uplift"], horizon_days), strongest_rival(metrics["uplift"])


def headline(uplift: Mapping[str, Any], horizon_days: int) -> str:
    """Return in one sentence what the policy is worth per 1,000 stakeholders against contacting nobody.

    >>> ahead = {"value": 2.0, "low": 1.0, "high": 3.0}
    >>> headline({"policies": {"nobody": {"ours_minus_this": ahead}}}, 90)
    'For every 1,000 stakeholders, this policy earns 2,000 more than contacting nobody, costs paid, over 90 days \
(95 % interval: 1,000 to 3,000).'
    """
    ahead = uplift["policies"]["nobody"]["ours_minus_this"]
    if ahead["low"] is None:
        return "What the policy is worth against contacting nobody cannot be estimated from these decisions."
    if ahead["low"] == ahead["high"] == 0:
        return "On these decisions this policy contacts nobody, so there is nothing to compare with contacting nobody."
    amount, within = number(PER * abs(ahead["value"])), interval(ahead, 0, PER)
    who, over = f"For every {PER:,} stakeholders", f"costs paid, over {horizon_days} days"
    if ahead["low"] > 0:
        return f"{who}, this policy earns {amount} more than contacting nobody, {over} (95 % interval: {within})."
    if ahead["high"] < 0:
        return f"{who}, this policy loses {amount} against contacting nobody, {over} (95 % interval: {within})."
    return (
        f"It is not yet clear that this policy is better than contacting nobody: for every {PER:,} stakeholders it "
        f"makes {number(PER * ahead['value'])}, {over}, and the 95 % interval ({within}) includes nothing at all."
    )


def strongest_rival(uplift: Mapping[str, Any]) -> str:
    """Return in one sentence how the policy stands against the baseline of highest value, or nothing without one.

    The champion is none: it is valued on fresh decisions alone.
    """
    rivals = {key: found for key, found in uplift["policies"].items() if key not in (OURS, CHAMPION)}
    known = [key for key, found in rivals.items() if found["ours_minus_this"]["low"] is not None]
    if not known:
        return ""
    best = max(known, key=lambda key: float(rivals[key]["doubly_robust"]["value"]))
    ahead = rivals[best]["ours_minus_this"]
    verdict = (
        "clearly better" if ahead["low"] > 0 else "clearly worse" if ahead["high"] < 0 else "not clearly different"
    )
    return (
        f"Against the strongest simple rule, {words(best)}, it is {verdict}: {number(PER * ahead['value'])} per "
        f"{PER:,} stakeholders (95 % interval: {interval(ahead, 0, PER)})."
    )


def total_sentence(assignments: pd.DataFrame, params: Params, metrics: Mapping[str, Any]) -> str:
    """Return what these assignments gain in all, and when to quote it rather than the headline's gain, or why that is
    unknown; nothing without decisions."""
    if "uplift" not in metrics:
        return ""
    if assignments[[f"gain_{arm}" for arm in params.interventions.arms]].isna().all(axis=None):
        if closed := _open_to_nobody(assignments["reason"]):
            return closed
        logged = (f"{words(arm)} {number(each['decisions'])}" for arm, each in metrics["uplift"]["arms"].items())
        return (
            "What these assignments gain is unknown, since no arm's gain is known yet: too few decisions of each, or "
            f"of the control, to learn it from ({', '.join(logged)})."
        )
    total = total_gain(assignments, params.interventions.control, metrics["uplift"]["gain_per_treated"])
    expected = f"The expected gains of these assignments add up to {number(total['expected'])}"
    if total["low"] is None:
        return f"{expected}; too few are treated by plan, here or held out, to tell whether that will come."
    return (
        f"{expected}; by what held-out decisions gain, doubly robust, and what the model of all decisions chooses "
        f"better than theirs, they bring {number(total['value'])} over contacting nobody, costs paid, over "
        f"{params.clock.horizon_days} days (95 % interval: {interval(total, 0)}). {_TOTAL_OR_HEADLINE}"
    )


def _open_to_nobody(reasons: pd.Series) -> str:
    """Return in one sentence that no arm may be given to anybody; nothing where one may, or all are held out."""
    count = reasons.value_counts()
    kept = {reason: int(count[reason]) for reason in (*STANDING, "holdout") if reason in count}
    if sum(kept.values()) < len(reasons) or not kept.keys() & {*STANDING}:
        return ""
    told = ", ".join(f"{words(reason)} {number(each)}" for reason, each in kept.items())
    return f"These assignments gain nothing over contacting nobody, since no arm may be given to anybody ({told})."
