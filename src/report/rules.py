"""What the rules did to the assignments, as rows for people; made of rules.json."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .formats import money, number, percent

NEARLY = 0.95  # of the share asked for: whole numbers always take some of it off


@dataclass(frozen=True)
class RuleRow:
    """A rule: how many pairs of stakeholder and arm it forbids, `alone` those that no other does; numbers as text."""

    key: str
    reason: str
    pairs: str
    alone: str
    stakeholders: str


@dataclass(frozen=True)
class LimitRow:
    """A limit: what it allows, what is used, and the gain that a unit of slack would bring; numbers as text."""

    name: str
    allowed: str
    used: str
    price: str
    binding: bool


def rule_rows(account: Mapping[str, Any]) -> list[RuleRow]:
    """Return the rules that forbid anything, in their order.

    >>> account = {"rules": [{"key": "opted_out", "reason": "", "pairs": 0, "alone": 0, "stakeholders": 0}]}
    >>> rule_rows(account)
    []
    """
    return [RuleRow(rule["key"], rule["reason"], *(number(rule[key]) for key in ("pairs", "alone", "stakeholders")))
            for rule in account["rules"] if rule["pairs"]]  # fmt: skip


def limit_rows(account: Mapping[str, Any]) -> list[LimitRow]:
    """Return the limits in their order; of two groups the one with the higher rate over the other."""
    return [LimitRow(limit["name"], f"at {'most' if limit['kind'] == 'le' else 'least'} {_amount(limit, 'bound')}",
                     _amount(limit, "used"), money(limit["price"]) if limit["price"] else "", limit["binding"])
            for limit in account["limits"] if limit["reason"] != "rate_gap" or limit["used"] >= 0]  # fmt: skip


def plan_sentence(account: Mapping[str, Any]) -> str:
    """Return what the plan is worth, and what no plan under the limits exceeds (the dual bound).

    >>> plan_sentence({"plan": {"value": 1999.0, "bound": 2000.0, "gap": 0.0005}})
    'The plan, draws aside, is worth 1,999.00; none under the limits is worth more than 2,000.00 (gap 0.050 %).'
    """
    plan = account["plan"]
    if plan["value"] is None:
        return "No gain is known yet, so what a plan is worth is unknown."
    value, bound, gap = money(plan["value"]), money(plan["bound"]), percent(plan["gap"], 3)
    return f"The plan, draws aside, is worth {value}; none under the limits is worth more than {bound} (gap {gap})."


def exploration_sentence(found: Mapping[str, Any]) -> str:
    """Return how many explore, and why that is less than was asked for where it is; nothing where nobody shall.

    Documents of before they were counted lack `held` and `closed`.

    >>> drawn = {"asked": 0.05, "found": 0.02, "open": 900, "too_few": 540, "no_room": 0, "held": 1, "closed": 0}
    >>> exploration_sentence(drawn)
    'Of the 900 with arms to draw from 18 are drawn to explore (2.0 %) and 17 do (1 held out), where \
decision.exploration asks for 5.0 %: of each group alike in arms and limits it is a whole number, rounded down; 540 \
are in groups of fewer than 20, where nobody explores.'
    """
    if not found["asked"]:
        return ""
    if not found["open"]:
        return "Nobody explores, since nobody has two arms to draw from."
    told = f"Of the {number(found['open'])} with arms to draw from {_drawn(found)}"
    if found["found"] >= NEARLY * found["asked"]:
        return f"{told}; decision.exploration asks for {percent(found['asked'])}."
    why = [f"{told}, where decision.exploration asks for {percent(found['asked'])}: of each group alike in arms and "
           "limits it is a whole number, rounded down"]  # fmt: skip
    if found["too_few"]:
        least = math.ceil(1 / found["asked"] - 1e-9)
        why.append(f"{number(found['too_few'])} are in groups of fewer than {number(least)}, where nobody explores")
    if found["no_room"]:
        why.append(f"limits leave no room for {number(found['no_room'])} more")
    return f"{'; '.join(why)}."


def explorers(found: Mapping[str, Any]) -> int:
    """Return how many explore, as the reasons of the assignments count them: those drawn who are not held out."""
    drawn: float = found["found"] * found["open"]
    return round(drawn) - sum(_instead(found).values())


def _drawn(found: Mapping[str, Any]) -> str:
    share, explore = percent(found["found"]), number(explorers(found))
    why = ", ".join(f"{number(count)} {what}" for what, count in _instead(found).items() if count)
    if not why:
        return f"{explore} explore ({share})"
    return f"{number(found['found'] * found['open'])} are drawn to explore ({share}) and {explore} do ({why})"


def _instead(found: Mapping[str, Any]) -> dict[str, int]:
    """Return how many of those drawn do not explore, by why."""
    return {"held out": found.get("held", 0), "open to no arm": found.get("closed", 0)}


def _amount(limit: Mapping[str, Any], key: str) -> str:
    if limit["reason"] == "rate_gap":
        return number(limit[key], 4)
    return money(limit[key]) if limit["reason"] == "budget" else number(limit[key])
