"""What the rules did to the assignments, as rows for people; made of rules.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .formats import money, number, percent


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
    value, bound, gap = money(plan["value"]), money(plan["bound"]), percent(plan["gap"], 3)
    return f"The plan, draws aside, is worth {value}; none under the limits is worth more than {bound} (gap {gap})."


def _amount(limit: Mapping[str, Any], key: str) -> str:
    if limit["reason"] == "rate_gap":
        return number(limit[key], 4)
    return money(limit[key]) if limit["reason"] == "budget" else number(limit[key])
