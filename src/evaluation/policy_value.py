"""What a policy would have earned per decision, net of its costs, from decisions that another policy logged.

Conventions: n decisions, k arms in catalogue order with the control at 0. A policy is an (n, k) matrix of
probabilities, one-hot when deterministic. Logged values are money before costs: the log says what an
outcome was worth, not what the arm charged. Charges of the evaluated policy need no estimation (Σ_a
policy[i, a] cost[i, a] is known for every row), so every estimator corrects the value term only and
subtracts the exact charge row by row; weighting logged costs instead would add variance and, where the
overlap is poor, bias.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..models.scores import (
    FloatArray,
    IntArray,
    checked_array,
    checked_log,
    doubly_robust_scores,
    logged_propensity,
)
from .estimate import Estimate, cluster_codes, clustered_mean

Method = Literal["ipw", "snips", "doubly_robust"]


@dataclass(frozen=True, eq=False)
class LoggedDecisions:
    """A log with all that the estimators need, checked when it is made.

    Args:
        value: money before costs, shape (n,).
        arm: index of the logged arm, shape (n,).
        propensity: probability of each arm under the logging policy, shape (n, k), rows sum to at most 1; or
            of the logged arm alone, shape (n,). Above 0 for the logged arm.
        cost: money each arm would charge, shape (n, k).
        mu: out-of-fold prediction of `value` under each arm, money before costs, shape (n, k).
        cluster: stakeholder ids of any sortable type, shape (n,); kept as codes from 0.

    Raises:
        ValueError: names the argument, what was expected and what arrived.
    """

    value: FloatArray
    arm: IntArray
    propensity: FloatArray
    cost: FloatArray
    mu: FloatArray
    cluster: NDArray[Any]

    def __post_init__(self) -> None:
        value, arm, propensity, mu = checked_log(self.value, self.arm, self.propensity, self.mu)
        checked = {
            "value": value,
            "arm": arm,
            "propensity": propensity,
            "mu": mu,
            "cost": checked_array("cost", self.cost, mu.shape),
            "cluster": cluster_codes(self.cluster, len(value)),
        }
        for name, array in checked.items():  # frozen to callers; the checked form replaces what was given
            object.__setattr__(self, name, array)


@dataclass(frozen=True)
class Overlap:
    """How far a log can speak about a policy: the weaker, the less IPW and SNIPS are worth.

    Attributes:
        unsupported: mean probability that the policy chooses an arm whose logging propensity is 0; for a
            deterministic policy the share of such rows. IPW and SNIPS know nothing there, DR relies on `mu`
            alone. None when the log has the logged arm's propensity only.
        effective_rows: Kish's effective sample size of the importance weights.
        matched_rows: rows whose logged arm the policy may choose.
        max_weight: largest importance weight.
    """

    unsupported: float | None
    effective_rows: float
    matched_rows: int
    max_weight: float

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the fields as plain Python numbers, ready for JSON."""
        return asdict(self)


def ipw(log: LoggedDecisions, policy: FloatArray) -> Estimate:
    """Return the policy's net money per decision by inverse propensity weighting.

    V = (1/n) Σ_i [ω_i value_i − Σ_a policy[i, a] cost[i, a]], ω_i = policy[i, arm_i] / propensity[i, arm_i]
    (Horvitz & Thompson 1952, JASA 47). Unbiased when propensities are right and nothing is unsupported
    (`overlap`); unsupported probability counts as value 0. Undefined when no logged arm agrees with the
    policy.

    Args:
        log: the decisions.
        policy: probability of each arm under the evaluated policy, rows sum to 1, shape (n, k).

    Raises:
        ValueError: `policy` has the wrong shape or its rows do not sum to 1.

    >>> one, half, nothing = np.eye(2), np.full((2, 2), 0.5), np.zeros((2, 2))
    >>> value, arm, cluster = np.array([3.0, 4.0]), np.array([0, 1]), np.array([1, 2])
    >>> log = LoggedDecisions(value, arm, half, nothing, nothing, cluster)
    >>> ipw(log, one).value
    7.0
    """
    return _estimate("ipw", log, policy)


def snips(log: LoggedDecisions, policy: FloatArray) -> Estimate:
    """Return the policy's net money per decision by self-normalised inverse propensity weighting.

    V = R − (1/n) Σ_i Σ_a policy[i, a] cost[i, a], R = Σ_i ω_i value_i / Σ_i ω_i; the delta method gives row
    i the influence ω_i (value_i − R) / mean(ω) (Hájek 1971; Swaminathan & Joachims 2015, NeurIPS). Adding a
    constant to `value` adds it to V. Consistent, with a bias of order 1/n. Undefined when no logged arm
    agrees with the policy.

    Args and errors as in `ipw`.
    """
    return _estimate("snips", log, policy)


def doubly_robust(log: LoggedDecisions, policy: FloatArray) -> Estimate:
    """Return the policy's net money per decision by the doubly robust estimator.

    V = (1/n) Σ_i Σ_a policy[i, a] (score[i, a] − cost[i, a]) with `doubly_robust_scores` (Robins, Rotnitzky
    & Zhao 1994, JASA 89; Dudík, Erhan, Langford & Li 2014, Statistical Science 29). Unbiased when either
    the propensities or `mu` are right; `mu` must be out of fold. The interval takes estimated propensities
    as if they were known.

    Args and errors as in `ipw`.
    """
    return _estimate("doubly_robust", log, policy)


def difference(
    log: LoggedDecisions, policy: FloatArray, other: FloatArray, method: Method = "doubly_robust"
) -> Estimate:
    """Return net money per decision of `policy` minus that of `other`, both by `method` on the same rows.

    The rows are paired: what both policies share cancels, so the interval is far narrower than two apart.

    Args:
        log: the decisions.
        policy: shape (n, k), rows sum to 1.
        other: shape (n, k), rows sum to 1.
        method: the estimator.

    Raises:
        ValueError: a policy has the wrong shape or rows that do not sum to 1, or `method` is unknown.
    """
    ours, theirs = _rows(method, log, policy, "policy"), _rows(method, log, other, "other")
    if ours is None or theirs is None:
        return Estimate.undefined(len(log.value))
    return clustered_mean(ours - theirs, log.cluster)


def overlap(log: LoggedDecisions, policy: FloatArray) -> Overlap:
    """Return how much of `policy`, shape (n, k), the log supports; errors as in `ipw`."""
    policy = _checked_policy("policy", policy, log.mu.shape)
    weight = _weights(log, policy)
    full = log.propensity.ndim == 2
    return Overlap(
        unsupported=float(policy[log.propensity == 0].sum() / len(policy)) if full else None,
        effective_rows=effective_sample_size(weight),
        matched_rows=int(np.count_nonzero(weight)),
        max_weight=float(weight.max()),
    )


def effective_sample_size(weights: FloatArray) -> float:
    """Return (Σ w)² / Σ w², shape (n,): as many equal weights would say as much (Kish 1965).

    >>> effective_sample_size(np.array([1.0, 1.0, 0.0])), effective_sample_size(np.zeros(3))
    (2.0, 0.0)
    """
    weights = checked_array("weights", weights, (len(weights),))
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def _estimate(method: Method, log: LoggedDecisions, policy: FloatArray) -> Estimate:
    rows = _rows(method, log, policy, "policy")
    return Estimate.undefined(len(log.value)) if rows is None else clustered_mean(rows, log.cluster)


def _rows(method: Method, log: LoggedDecisions, policy: FloatArray, name: str) -> FloatArray | None:
    """Net contributions: their mean is the estimate, their deviations its influence; None if undefined."""
    if method not in _KERNELS:
        raise ValueError(f"method: expected one of {', '.join(_KERNELS)}; got {method!r}")
    policy = _checked_policy(name, policy, log.mu.shape)
    if method != "doubly_robust" and not _weights(log, policy).any():
        return None
    charge: FloatArray = (policy * log.cost).sum(axis=1)
    return _KERNELS[method](log, policy) - charge


def _checked_policy(name: str, policy: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    policy = checked_array(name, policy, shape)
    wrong = np.flatnonzero((np.abs(policy.sum(axis=1) - 1) > 1e-6) | (policy.min(axis=1) < 0))
    if len(wrong):
        raise ValueError(
            f"{name}: expected probabilities whose rows sum to 1; got {policy[wrong[0]].tolist()} "
            f"in row {wrong[0]}, {len(wrong)} such rows"
        )
    return policy


def _weights(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    chosen = policy[np.arange(len(log.arm)), log.arm]
    weights: FloatArray = chosen / logged_propensity(log.arm, log.propensity)
    return weights


def _ipw_rows(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    return _weights(log, policy) * log.value


def _snips_rows(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    weight = _weights(log, policy)
    ratio = float((weight * log.value).sum() / weight.sum())
    rows: FloatArray = ratio + weight * (log.value - ratio) / weight.mean()
    return rows


def _doubly_robust_rows(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    scores = doubly_robust_scores(log.value, log.arm, log.propensity, log.mu)
    rows: FloatArray = (policy * scores).sum(axis=1)
    return rows


_KERNELS: dict[Method, Callable[[LoggedDecisions, FloatArray], FloatArray]] = {
    "ipw": _ipw_rows,
    "snips": _snips_rows,
    "doubly_robust": _doubly_robust_rows,
}
