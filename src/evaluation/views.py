"""What finished bundles, the champion's or our own, expect of the logged decisions, under today's rules and costs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.errors import InputError
from ..contracts.params import Params
from ..models.bundle import Bundle
from ..policy.constraints import constraints_of
from ..policy.eligibility import costs, expected_costs
from ..policy.limits import Constraints
from .held import Held, worth_of

_NO_REFRESH = {"clock", "source", "kpis", "gate", "registry", "engine", "memory_gb", "threads"}


@dataclass(frozen=True)
class View:
    """What a bundle expects of n decisions, whether it has learned from them or not.

    Attributes:
        worth: gain net of cost, less caution, shape (n, arms), NaN where unknown or not to be received.
        gain: net of cost, whatever rules and caution say; shape (n, arms), NaN where unknown.
    """

    worth: NDArray[np.float64]
    gain: NDArray[np.float64]


@dataclass(frozen=True)
class Incumbent:
    """What the champion expects of n decisions.

    Attributes:
        worth: gain net of cost, less caution, shape (n, arms), NaN where unknown or not to be received.
        fresh: decisions whose outcome it has not learned from, shape (n,); none where it cannot be asked.
        constraints: of the assignment, in proportion to the fresh decisions.
        reason: why it cannot be asked; empty where it can.
    """

    worth: NDArray[np.float64]
    fresh: NDArray[np.bool_]
    constraints: Constraints
    reason: str = ""


def incumbent(champion: Bundle, decisions: pd.DataFrame, held: Held, params: Params, population: int) -> Incumbent:
    """Return the champion's view under today's rules; arms that it does not know are never given.

    Args:
        champion: its bundle.
        decisions: features and `as_of` of n decisions.
        held: the same decisions, with their costs and who may receive what today.
        params: today's, which say what the arms are.
        population: stakeholders for whom the limits are meant.
    """
    try:
        worth = view_of(champion, decisions, held, params).worth
    except InputError as fault:  # what it was made for is no longer made
        return Incumbent(np.zeros_like(held.worth), np.zeros(len(decisions), dtype=bool), Constraints(), str(fault))
    fresh = not_learned_from(champion, decisions["as_of"])
    return Incumbent(worth, fresh, constraints_of(decisions[fresh], params, int(fresh.sum()) / max(population, 1)))


def view_of(bundle: Bundle, decisions: pd.DataFrame, held: Held, params: Params) -> View:
    """Return what a bundle expects of decisions under today's rules; arguments as in `incumbent`.

    Raises:
        InputError: a feature that it was made for is absent.
    """
    predicted = bundle.predict(decisions)
    effect, error = (_aligned(part, bundle.params, params) for part in (predicted.effect, predicted.effect_se))
    success = {kind: _aligned(part, bundle.params, params) for kind, part in predicted.success.items()}
    cost = held.log.cost
    if set(params.interventions.successes) <= set(success):  # it chooses by the costs that it expects itself
        cost = expected_costs(costs(decisions, params.interventions), success, params.interventions)
    gain = effect - cost
    gain[:, 0] = 0.0
    return View(worth_of(effect, error, cost, held.eligible, params), gain)


def _aligned(matrix: NDArray[np.float64], theirs: Params, ours: Params) -> NDArray[np.float64]:
    """Return a matrix of the champion's arms in the order of ours, NaN for those it does not have."""
    named = pd.DataFrame(matrix, columns=list(theirs.interventions.names))
    return named.reindex(columns=list(ours.interventions.names)).to_numpy(dtype=np.float64)


def not_learned_from(champion: Bundle, decided_at: pd.Series) -> NDArray[np.bool_]:
    """Return the decisions whose horizon was not over when the champion was made, shape (n,)."""
    clock = champion.params.clock
    over = decided_at + pd.Timedelta(days=clock.horizon_days)
    later: NDArray[np.bool_] = (over > pd.Timestamp(clock.as_of)).to_numpy(dtype=bool)
    return later


def is_refresh(champion: Params, challenger: Params) -> bool:
    """Return whether both were made under the same params, the clock and what decides nothing aside.

    With a retention value of `clv` none is: `kpis`, which a bundle does not hold, say what its outcome was then.
    """
    if challenger.outcome.retention_value == "clv":
        return False
    return champion.model_dump(exclude=_NO_REFRESH) == challenger.model_dump(exclude=_NO_REFRESH)
