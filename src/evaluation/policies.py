"""The policies compared on the logged decisions: ours, the baselines within our limits, and the champion's."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..models.scores import doubly_robust_scores
from ..policy.choose import choose
from ..policy.limits import Constraints, InfeasibleError
from .baselines import best_single_arm, nobody, random, response_ranking, risk_ranking
from .limits import cut_to_limits, thinned_to_limits
from .log import LoggedDecisions

Floats = NDArray[np.float64]
Ranking = Callable[..., Floats]
OURS = "rapport"
CURRENT = "current_policy"
CHAMPION = "champion"


@dataclass(frozen=True)
class Held:
    """Out-of-fold decisions as arrays.

    Attributes:
        log: value, arm, propensities, cost, mu and stakeholders.
        worth: out-of-fold gain net of cost, less caution, shape (n, arms), NaN where unknown or not eligible.
        eligible: by the rules, as if all were decided today, shape (n, arms).
        constraints: of the assignment, in proportion to these decisions.
        fold: shape (n,).
        churn_risk: shape (n,).
        propensity_logged: whether the log held the propensity, shape (n,).
    """

    log: LoggedDecisions
    worth: Floats
    eligible: NDArray[np.bool_]
    constraints: Constraints
    fold: NDArray[np.int64]
    churn_risk: Floats
    propensity_logged: NDArray[np.bool_]


def chosen(worth: Floats, cost: Floats, constraints: Constraints) -> tuple[Floats, list[str]]:
    """Return the assignment of highest worth within the limits, one-hot, shape (n, arms).

    The second part names the limits that these rows cannot keep, such as a quota of an arm that hardly anyone in the
    log may receive; only upper limits hold then.
    """
    eye = np.eye(worth.shape[1])
    try:
        return eye[choose(worth, cost, constraints).arm], []
    except InfeasibleError:
        left_out = [limit.name for limit in constraints.limits if not limit.upper]
        return eye[choose(worth, cost, upper_limits(constraints)).arm], left_out


def upper_limits(constraints: Constraints) -> Constraints:
    """Return the constraints without quotas and bounds on rates."""
    return replace(constraints, limits=tuple(limit for limit in constraints.limits if limit.upper))


def policies(held: Held) -> tuple[dict[str, Floats], list[str]]:
    """Return our policy and the five baselines that could be carried out, and the limits left out as `chosen` does."""
    log, n = held.log, len(held.log.value)
    scores = doubly_robust_scores(log.value, log.arm, log.propensity, log.mu)
    ours, left_out = chosen(held.worth, log.cost, held.constraints)
    constraints = upper_limits(held.constraints) if left_out else held.constraints
    treated = int(ours[:, 1:].sum())
    common = (held.fold, held.eligible, log.cost, scores)

    def ranked(ranking: Ranking, priority: Floats) -> Floats:
        return cut_to_limits(lambda count: ranking(*common, priority, count), treated, log.cost, constraints)

    return {
        OURS: ours,
        "nobody": nobody(n, held.worth.shape[1]),
        "best_single_arm": thinned_to_limits(best_single_arm(*common), log.cost, constraints),
        "random": thinned_to_limits(random(held.eligible), log.cost, constraints),
        "risk_ranking": ranked(risk_ranking, held.churn_risk),
        "response_ranking": ranked(response_ranking, log.mu),
    }, left_out
