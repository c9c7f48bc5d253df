"""The value of our policy from out-of-fold predictions, beside every baseline and the champion, net money per decision.

The limits of the assignment hold for the evaluated decisions in proportion to their number over the population's, the
upper ones for the baselines too. The champion is compared on the decisions that it has not learned from, where alone it
is as much a stranger to the outcomes as we are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .estimate import Estimate
from .evidence import Evidence, evidence
from .held import Floats, Held, chosen, upper_limits
from .log import LoggedDecisions, Overlap, overlap
from .policies import CHAMPION, CURRENT, OURS, policies
from .policy_value import clipped, direct, doubly_robust, ipw, logged_policy, snips, switch
from .promise import gain_per_treated
from .propensities import propensity_scorecard
from .views import Incumbent, View

_ESTIMATORS = {"doubly_robust": doubly_robust, "snips": snips, "ipw": ipw, "direct": direct, "switch": switch,
               "clipped": clipped}  # fmt: skip


def policy_scorecard(
    held: Held, names: tuple[str, ...], whole: View, incumbent: Incumbent | None = None
) -> dict[str, Any]:
    """Return value, difference to ours, arms and overlap of every policy, which arms are known, what those gain whom
    ours treats, and the quality of the propensities.

    Args:
        held: n out-of-fold decisions.
        names: of the arms.
        whole: what the model of all decisions expects, which assigns.
        incumbent: the champion; None where there is none.
    """
    compared, left_out = policies(held)
    contests = _contests(held, compared, incumbent)
    return {
        "decisions": len(held.log.value),
        "clusters": len(np.unique(held.log.cluster)),
        "limits_left_out": left_out,
        "policies": {name: _policy(contest, names) for name, contest in contests.items()},
        "arms": {name: _arm(held, at) for at, name in enumerate(names)},
        "gain_per_treated": _gain_per_treated(held, compared[OURS], whole).as_dict(),
        "propensity": propensity_scorecard(held),
    }


def _gain_per_treated(held: Held, ours: Floats, whole: View) -> Estimate:
    assigned, left_out = chosen(whole.worth, held.log.cost, held.constraints)
    if left_out or held.ours[1]:  # both within the limits that both can keep
        upper = upper_limits(held.constraints)
        ours, assigned = (chosen(each.worth, held.log.cost, upper)[0] for each in (held, whole))
    return gain_per_treated(held.log, held.fold, ours, assigned, whole.gain)


def gains_over_rivals(scorecard: Mapping[str, Any]) -> dict[str, Evidence]:
    """Return the evidence of our paired gain over each rival of a scorecard, by name."""
    policies = scorecard["policies"]
    return {
        name: Evidence(Estimate(**found["ours_minus_this"]), **found["evidence"])
        for name, found in policies.items()
        if name != OURS
    }


def evidence_over_rivals(held: Held, incumbent: Incumbent | None = None) -> dict[str, Evidence]:
    """Return what `gains_over_rivals` finds in the scorecard, without all else that it holds; arguments as there."""
    contests = _contests(held, policies(held)[0], incumbent)
    return {name: _evidence(contest) for name, contest in contests.items() if name != OURS}


@dataclass(frozen=True)
class _Contest:
    """Ours and another policy, None: the one that logged, on the rows by which both may be compared, None: no such."""

    log: LoggedDecisions | None
    ours: Floats
    other: Floats | None
    reason: str = ""


def _contests(held: Held, compared: Mapping[str, Floats], incumbent: Incumbent | None) -> dict[str, _Contest]:
    ours = compared[OURS]
    found = {name: _Contest(held.log, ours, policy) for name, policy in compared.items()}
    found[CURRENT] = _Contest(held.log, ours, None)
    if incumbent is not None:
        found[CHAMPION] = _of_champion(held, incumbent)
    return found


def _of_champion(held: Held, incumbent: Incumbent) -> _Contest:
    fresh = incumbent.fresh
    if not fresh.any():
        return _Contest(None, held.worth[:0], held.worth[:0], incumbent.reason)
    log = held.log.take(fresh)
    ours, theirs = (chosen(each[fresh], log.cost, incumbent.constraints)[0] for each in (held.worth, incumbent.worth))
    return _Contest(log, ours, theirs)


def _evidence(contest: _Contest) -> Evidence:
    return Evidence.none() if contest.log is None else evidence(contest.log, contest.ours, contest.other)


def _arm(held: Held, arm: int) -> dict[str, Any]:
    """Return how often an arm was logged, and whether its gain is known of anyone who may receive it."""
    known = np.isfinite(held.worth[:, arm]).any() or not held.eligible[:, arm].any()
    return {"decisions": int((held.log.arm == arm).sum()), "known": bool(known)}


def _policy(contest: _Contest, names: tuple[str, ...]) -> Mapping[str, Any]:
    """Return what there is to say of the other policy of a contest."""
    found, log, policy = _evidence(contest), contest.log, contest.other
    ahead = {"ours_minus_this": found.gain.as_dict(), "evidence": found.as_dict()}
    if log is None:
        return {**_unknown(names), **ahead, "reason": contest.reason}
    if policy is None:
        return {**_current(log, names), **ahead}
    return {
        **{name: estimator(log, policy).as_dict() for name, estimator in _ESTIMATORS.items()},
        **ahead,
        "arm_shares": {name: float(policy[:, at].mean()) for at, name in enumerate(names)},
        "cost_per_decision": float((policy * log.cost).sum(axis=1).mean()),
        "overlap": overlap(log, policy).as_dict(),
    }


def _unknown(names: tuple[str, ...]) -> dict[str, Any]:
    """A champion by whose side no decision stands that it has not learned from."""
    return {
        **dict.fromkeys(_ESTIMATORS, Estimate.undefined(0).as_dict()),
        "arm_shares": dict.fromkeys(names, 0.0) | {names[0]: 1.0},
        "cost_per_decision": 0.0,
        "overlap": Overlap(None, 0.0, 0, 0.0).as_dict(),
    }


def _current(log: LoggedDecisions, names: tuple[str, ...]) -> dict[str, Any]:
    """The policy that logged: its value is a plain mean, by whatever estimator."""
    rows = np.arange(len(log.arm))
    return {
        **dict.fromkeys(_ESTIMATORS, logged_policy(log).as_dict()),
        "arm_shares": {name: float((log.arm == at).mean()) for at, name in enumerate(names)},
        "cost_per_decision": float(log.cost[rows, log.arm].mean()),
        "overlap": Overlap(0.0, float(len(rows)), len(rows), 1.0).as_dict(),
    }
