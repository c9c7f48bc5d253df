"""What the rules did to a decision, as plain numbers: pairs each forbids, what each limit allows, uses and costs."""

from typing import Any

import numpy as np

from ..contracts.params import Params
from .decide import Decided
from .limits import Limit, LimitUse
from .rules import Rule


def account_of(decided: Decided, params: Params) -> dict[str, Any]:
    """Return the account, JSON-ready; `empty` are the names of limits that count nobody.

    Returns:
        stakeholders; rules: key, reason, `pairs` of stakeholder and arm it forbids, of these `alone` that no other rule
        does, `stakeholders` it keeps from some arm; limits: name, kind, bound, `used` by what is assigned (of rates: by
        the probabilities), `planned` and `allowed` before the draws, `price` (money of gain per unit) and whether it is
        `binding`; spend: expected money by arm; plan: its value, bound and gap, None where no gain is known;
        exploration (`exploration_of`) and holdout: share asked for and found.
    """
    n = len(decided.arm)
    times = np.stack([rule.forbids for rule in decided.offer.rules]).sum(axis=0)
    limits = [
        {**_use(use, limit.reason), "bound": limit.bound, "used": _used(decided, limit)}
        for limit, use in zip(decided.constraints.limits, decided.plan.uses, strict=True)
    ]
    paid = decided.offer.cost[np.arange(n), decided.arm]
    return {
        "stakeholders": n,
        "rules": [_rule(rule, times) for rule in decided.offer.rules],
        "limits": limits,
        "spend": {name: float(paid[decided.arm == at].sum()) for at, name in enumerate(params.interventions.names)},
        "plan": _plan(decided),
        "exploration": exploration_of(decided, params.decision.exploration),
        "empty": decided.constraints.empty(),
        "holdout": {"asked": params.decision.holdout, "found": float(decided.held.mean()) if n else 0.0},
    }  # fmt: skip


def exploration_of(decided: Decided, asked: float) -> dict[str, float | int]:
    """Return the account of the draw, and how many of those drawn do not explore all the same.

    Returns:
        `Exploration.account`, JSON-ready; `held`: those drawn who are in the holdout; `closed`: others, drawn with
        their household, to whom no arm is open.
    """
    of_drawn = decided.reason[decided.exploration.arm >= 0]
    held, explore = (int((of_drawn == reason).sum()) for reason in ("holdout", "explore"))
    return {**decided.exploration.account(asked), "held": held, "closed": len(of_drawn) - held - explore}


def _plan(decided: Decided) -> dict[str, float | None]:
    if not decided.offer.known:
        return {"value": None, "bound": None, "gap": None}
    value, bound = float(decided.plan.value), float(decided.plan.bound)
    return {"value": value, "bound": bound, "gap": max(bound - value, 0.0) / max(abs(bound), 1e-12)}


def _rule(rule: Rule, times: np.ndarray) -> dict[str, Any]:
    return {
        "key": rule.key,
        "reason": rule.reason,
        "pairs": int(rule.forbids.sum()),
        "alone": int((rule.forbids & (times == 1)).sum()),
        "stakeholders": int(rule.forbids.any(axis=1).sum()),
    }


def _used(decided: Decided, limit: Limit) -> float:
    """Return what is used of a limit; rates are bounded in probability, and those of one draw scatter around them."""
    if limit.reason == "rate_gap":
        return float((decided.probability * decided.constraints.weights(limit)).sum())
    return decided.constraints.used(limit, decided.arm, decided.offer.cost)


def _use(use: LimitUse, reason: str) -> dict[str, Any]:
    """Return the plan's part; a bound on rates is planned for in other weights than it is stated in."""
    return {"name": use.name, "kind": use.kind, "reason": reason, "allowed": use.bound, "planned": use.used,
            "price": use.price, "binding": use.binding}  # fmt: skip
