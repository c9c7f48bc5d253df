"""How much policies still gain as they age: earlier ones, left unrenewed, and the champion, on newer decisions.

A policy that was learned before a decision was drawn cannot have chosen by its outcome, so people may stand on both
sides: the draw of the arm, whose propensity is known, is new. Gains are over nobody, doubly robust, net of cost, under
today's rules and limits, money per decision.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.params import Params
from ..models.bundle import Bundle
from ..models.logged import logged_decisions
from ..models.scores import FloatArray, logged_propensity
from ..models.uplift import LEAST_DECISIONS, fit_uplift
from ..policy.constraints import constraints_of
from ..policy.eligibility import eligible
from .baselines import nobody
from .estimate import Estimate
from .held import Held, chosen, worth_of
from .policy_value import difference
from .views import Incumbent

MOST_AGES = 3  # earlier policies, the latest of them


def value_staleness(held: Held, decisions: pd.DataFrame, bundle: Bundle, population: int) -> list[dict[str, Any]]:
    """Return what today's policy gains on the latest iteration's decisions, then earlier ones, left unrenewed.

    An earlier policy is learned from the decisions up to an iteration whose horizon was over when the latest one began.
    Today's is held out by stakeholder.

    Args:
        held: n out-of-fold decisions.
        decisions: features and keys of the same decisions.
        bundle: today's params, features and how trees are grown.
        population: stakeholders for whom the limits are meant.

    Returns:
        age_days from the last decision learned from to the first that is judged, 0 for today's policy; decisions
        learned from; gain with its interval. Empty where no earlier policy could have been learned.
    """
    iteration = decisions["iteration"].to_numpy(dtype=np.int64)
    newest, as_of = iteration == iteration.max(), decisions["as_of"]
    began = as_of[newest].min()
    over = (as_of + pd.Timedelta(days=bundle.params.clock.horizon_days) <= began).to_numpy(dtype=bool)
    lots = [over & (iteration <= each) for each in np.unique(iteration[over])[::-1]]
    lots = [learnt for learnt in lots if learnt.sum() >= LEAST_DECISIONS][:MOST_AGES]
    if not lots:
        return []
    renewed = _gain(held, held.worth, newest, decisions, (bundle.params, population))
    found = [{"age_days": 0, "decisions": len(decisions), "gain": renewed.as_dict()}]
    for learnt in lots:
        worth = _worth_of_old(held, decisions, learnt, bundle)
        gain = _gain(held, worth, newest, decisions, (bundle.params, population))
        age = int((began - as_of[learnt].max()).days)
        found.append({"age_days": age, "decisions": int(learnt.sum()), "gain": gain.as_dict()})
    return found


def champion_staleness(held: Held, rival: Incumbent | None, decisions: pd.DataFrame, params: Params,
                       population: int) -> list[dict[str, Any]]:  # fmt: skip
    """Return what the champion gains on each iteration's decisions that it has not learned from, in their order.

    Args:
        held, decisions, population: as in `value_staleness`.
        rival: the champion's view of them; None where there is none.
        params: today's.

    Returns:
        iteration; gain with its interval.
    """
    if rival is None:
        return []
    iteration, found = decisions["iteration"].to_numpy(dtype=np.int64), []
    for each in np.unique(iteration[rival.fresh]):
        gain = _gain(held, rival.worth, rival.fresh & (iteration == each), decisions, (params, population))
        found.append({"iteration": int(each), "gain": gain.as_dict()})
    return found


def _worth_of_old(held: Held, decisions: pd.DataFrame, learnt: NDArray[np.bool_], bundle: Bundle) -> FloatArray:
    """Return the worth of every arm by a model of the learnt decisions, (n, arms), NaN where it may not be received."""
    params, log = bundle.params, held.log
    may = eligible(decisions["kind"], params.interventions)
    known = decisions.assign(propensity=logged_propensity(log.arm, log.propensity))
    logged = logged_decisions(known, bundle.encoding, may, params)
    model = fit_uplift(logged.take(learnt), bundle.training)
    _, effect, error = model.predict(logged.X, logged.retention_value, params.threads)
    return worth_of(effect, error, log.cost, held.eligible, params)


def _gain(held: Held, worth: FloatArray, rows: NDArray[np.bool_], decisions: pd.DataFrame,
          limits: tuple[Params, int]) -> Estimate:  # fmt: skip
    params, population = limits
    log, n = held.log.take(rows), int(rows.sum())
    policy, _ = chosen(worth[rows], log.cost, constraints_of(decisions[rows], params, n / max(population, 1)))
    return difference(log, policy, nobody(n, worth.shape[1]))
