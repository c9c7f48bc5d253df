"""Why a stakeholder has the arm, in the contract's words: the last rule, price or draw that decided."""

import numpy as np
from numpy.typing import NDArray

from .choose import Choice, charge
from .explore import Floats
from .limits import Constraints, Integers
from .rules import Rule

Texts = NDArray[np.str_]
_WIDTH = "U16"


def best_arm(gain: Floats, allowed: NDArray[np.bool_]) -> Integers:
    """Return the arm with the highest gain among those allowed, the control where none gains, shape (n,)."""
    best: Integers = np.where(allowed & ~np.isnan(gain), gain, -np.inf).argmax(axis=1)
    return best


def reasons_of_limits(gain: Floats, cost: Floats, today: NDArray[np.bool_], constraints: Constraints,
                      plan: Choice) -> Texts:  # fmt: skip
    """Return the reason of each planned arm, shape (n,): `best_gain`, `no_gain`, or the limit that decided.

    Args:
        gain: what arms are compared by, money, shape (n, arms).
        cost: money, same shape.
        today: arms allowed today, same shape.
        constraints: of the plan.
        plan: its arms and prices.
    """
    reason = np.where(plan.arm == 0, "no_gain", "best_gain").astype(_WIDTH)
    now = best_arm(gain, today)
    moved = np.flatnonzero(plan.arm != now)
    reason[moved] = _limiting(gain, cost, constraints, plan, moved, now[moved])
    return reason


def reasons_of_rules(gain: Floats, today: NDArray[np.bool_], may: NDArray[np.bool_], rules: list[Rule],
                     planned: Integers) -> Texts:  # fmt: skip
    """Return the rule that decided, shape (n,), the first of several; "" where no rule kept the best arm away.

    It is `unknown_gain` where the control is planned and no gain of an arm that they may receive is known.

    Args:
        gain: what arms are compared by, money, shape (n, arms).
        today, may: arms allowed today, and at all, same shape.
        rules: applied.
        planned: arms, shape (n,); where a limit has moved it from today's best arm, the limit decided last.
    """
    best, now = best_arm(gain, may), best_arm(gain, today)
    reason = np.zeros(len(gain), dtype=_WIDTH)
    kept = np.flatnonzero((planned == now) & (now != best))
    for rule in reversed(rules):
        reason[kept[rule.forbids[kept, best[kept]]]] = rule.reason
    reason[(planned == 0) & ~(may & ~np.isnan(gain))[:, 1:].any(axis=1)] = "unknown_gain"
    reason[~may[:, 1:].any(axis=1)] = "not_eligible"
    return reason


def _limiting(gain: Floats, cost: Floats, constraints: Constraints, plan: Choice, rows: Integers,
              wanted: Integers) -> Texts:  # fmt: skip
    """Return what kept some rows from the arms they wanted: the limit whose price tells most between the two arms.

    The directions of a bound on rates charge a group against one another, so that it tells by their sum.
    A member of a household who would have been worth the prices gave way to another. Where no price tells, rounding
    decided, and the tightest limit that the wanted arm uses is named.
    """
    given = plan.arm[rows]
    reason = np.full(len(rows), "capacity", dtype=_WIDTH)
    tightest, worth = np.full(len(rows), np.inf), gain[rows, wanted].copy()
    told: dict[str, tuple[str, Floats]] = {}
    for limit, use in zip(constraints.limits, plan.uses, strict=True):
        code = None if limit.group is None else constraints.groups[limit.group][rows]
        wants, gets = (charge(limit, use.price, code, arm, cost[rows, arm]) for arm in (wanted, given))
        worth -= wants
        of = limit.group if limit.group is not None and limit.reason == "rate_gap" else limit.name
        told[of] = limit.reason, wants - gets + (told[of][1] if of in told else 0.0)
        left = abs(limit.bound - use.used) / max(abs(limit.bound), 1.0)
        uses = charge(limit, 1.0, code, wanted, cost[rows, wanted]) - charge(limit, 1.0, code, given, cost[rows, given])
        tighter = (uses > 0) & (left < tightest)
        reason[tighter] = limit.reason
        tightest = np.where(tighter, left, tightest)
    most = np.full(len(rows), 1e-12)
    for of_limit, money in told.values():
        reason[money > most] = of_limit
        most = np.maximum(most, money)
    if constraints.household is not None:
        house = constraints.household
        lucky = np.unique(house[(plan.arm > 0) & (house >= 0)])
        reason[(given == 0) & (worth > 1e-9) & np.isin(house[rows], lucky)] = "household"
    return reason
