"""The policies compared on the logged decisions: ours, the baselines within our limits, and the champion's."""

from collections.abc import Callable

import numpy as np

from ..models.scores import doubly_robust_scores
from .baselines import best_single_arm, nobody, random, response_ranking, risk_ranking
from .held import Floats, Held, upper_limits
from .limits import cut_to_limits, one_per_household, thinned_to_limits

Ranking = Callable[..., Floats]
OURS = "rapport"
CURRENT = "current_policy"
CHAMPION = "champion"


def policies(held: Held) -> tuple[dict[str, Floats], list[str]]:
    """Return our policy and the five baselines that could be carried out, and the limits left out as `chosen` does.

    Baselines give arms that the log supports: of what nobody could have received nothing is known, and a rival that
    nobody can value could never be beaten.
    """
    log, n = held.log, len(held.log.value)
    scores = doubly_robust_scores(log.value, log.arm, log.propensity, log.mu)
    ours, left_out = held.ours
    constraints = upper_limits(held.constraints) if left_out else held.constraints
    treated = int(ours[:, 1:].sum())
    within = held.eligible.copy()
    if log.supported is not None:
        within[:, 1:] &= log.supported[:, 1:]  # nobody is barred from the control
    anyone = one_per_household(within, np.zeros(n), constraints)

    def ranked(ranking: Ranking, priority: Floats) -> Floats:
        first = one_per_household(within, priority if priority.ndim == 1 else priority.max(axis=1), constraints)
        common = (held.fold, first, log.cost, scores, priority)
        return cut_to_limits(lambda count: ranking(*common, count), treated, log.cost, constraints)

    return {
        OURS: ours,
        "nobody": nobody(n, held.worth.shape[1]),
        "best_single_arm": thinned_to_limits(
            best_single_arm(held.fold, anyone, log.cost, scores), log.cost, constraints
        ),
        "random": thinned_to_limits(random(anyone), log.cost, constraints),
        "risk_ranking": ranked(risk_ranking, held.churn_risk),
        "response_ranking": ranked(response_ranking, log.mu),
    }, left_out
