"""The logged decisions with their out-of-fold predictions as arrays, under today's rules and costs, and our policy."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import clusters
from ..contracts.errors import ArtifactError
from ..contracts.params import Params
from ..contracts.rules import Interventions
from ..policy.choose import choose
from ..policy.constraints import constraints_of
from ..policy.eligibility import costs, expected_costs
from ..policy.limits import Constraints, InfeasibleError
from ..policy.rules import permitted, rules_of
from .log import LoggedDecisions
from .support import supported

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Held:
    """Out-of-fold decisions as arrays.

    Attributes:
        log: value less what a cost due on success exceeded its expectation by, arm, propensities, expected cost, mu
            and stakeholders.
        worth: out-of-fold gain net of cost, less caution, shape (n, arms), NaN where unknown or not eligible.
        eligible: by the rules, as if all were decided today, shape (n, arms).
        constraints: of the assignment, in proportion to these decisions.
        fold: shape (n,).
        churn_risk: shape (n,).
        propensity_logged: whether the log held the propensity, shape (n,).
        gain: out of fold, net of cost, whatever today's rules and caution say; shape (n, arms), NaN where unknown.
    """

    log: LoggedDecisions
    worth: Floats
    eligible: NDArray[np.bool_]
    constraints: Constraints
    fold: NDArray[np.int64]
    churn_risk: Floats
    propensity_logged: NDArray[np.bool_]
    gain: Floats

    @cached_property
    def ours(self) -> tuple[Floats, list[str]]:
        """What our policy gives these decisions, and the limits left out; as `chosen` returns them."""
        return chosen(self.worth, self.log.cost, self.constraints)


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


def held_out(rows: pd.DataFrame, decisions: pd.DataFrame, params: Params, population: int) -> Held:
    """Return the decisions that were predicted out of fold.

    Args:
        rows: out-of-fold predictions of n decisions, as training makes them.
        decisions: features and keys of the same decisions in the same order.
        params: today's rules, costs and limits.
        population: stakeholders for whom the limits are meant.

    Raises:
        ArtifactError: the two tables are of different decisions.
    """
    if not rows["decision_id"].equals(decisions["decision_id"]):
        raise ArtifactError("out-of-fold predictions", "those of the decisions in data/features, in their order",
                            "others", "run `dvc repro`")  # fmt: skip
    catalogue, names = params.interventions, params.interventions.names
    full = costs(decisions, catalogue)
    cost = expected_costs(full, {kind: _by_arm(rows, kind, names) for kind in catalogue.successes}, catalogue)
    may = permitted(rules_of(decisions.assign(as_of=params.clock.as_of, opted_out=False), params), cost.shape)[1]
    arm = rows["arm"].to_numpy(dtype=np.int64)
    value = rows["value"].to_numpy(dtype=float) - _overrun(full, cost, arm, decisions, catalogue)
    log = LoggedDecisions(value, arm, rows["propensity"].to_numpy(dtype=float), cost, _by_arm(rows, "mu", names),
                          clusters(decisions, params.decision.one_per).to_numpy(dtype=object),
                          supported(decisions, arm, params))  # fmt: skip
    gain = _by_arm(rows, "effect", names) - cost
    gain[:, 0] = 0.0
    worth = worth_of(_by_arm(rows, "effect", names), _by_arm(rows, "effect_se", names), cost, may, params)
    constraints = constraints_of(decisions, params, len(decisions) / max(population, 1))
    return Held(log, worth, may, constraints, rows["fold"].to_numpy(dtype=np.int64),
                rows["churn_risk"].to_numpy(dtype=float), rows["propensity_logged"].to_numpy(dtype=bool),
                gain)  # fmt: skip


def worth_of(effect: Floats, error: Floats, cost: Floats, may: NDArray[np.bool_], params: Params) -> Floats:
    """Return the gain net of cost, less caution, shape (n, arms), NaN where unknown or not to be received.

    Args:
        effect, error, cost: of each arm, money, shape (n, arms).
        may: who may receive what, shape (n, arms).
        params: today's caution.
    """
    worth = np.where(may, effect - cost - params.decision.caution * np.nan_to_num(error), np.nan)
    worth[:, 0] = 0.0
    return worth


def _overrun(full: Floats, expected: Floats, arm: NDArray[np.int64], decisions: pd.DataFrame,
             catalogue: Interventions) -> Floats:  # fmt: skip
    """Return by how much what was really due for the logged arm exceeds what was expected of it, money, shape (n,).

    It is 0 where costs are due on assignment. Taken off the value, it makes value less expected cost what was really
    left, while policies are charged what is expected: the difference is corrected like that of value and `mu`.
    """
    came = {"retained": ~decisions["churned"].to_numpy(dtype=bool), "paying": decisions["money"].to_numpy() > 0}
    met = {kind: np.broadcast_to(came[kind][:, None], full.shape) for kind in catalogue.successes}
    rows = np.arange(len(arm))
    overrun: Floats = (expected_costs(full, met, catalogue) - expected)[rows, arm]
    return overrun


def _by_arm(rows: pd.DataFrame, name: str, arms: tuple[str, ...]) -> Floats:
    """Return the columns of a prediction, one for each arm, shape (n, arms)."""
    return rows[[f"{name}_{arm}" for arm in arms]].to_numpy(dtype=float)
