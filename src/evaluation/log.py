"""The log that policies are valued by, and how far it can speak about one.

Conventions: n decisions, k arms in catalogue order with the control at 0. A policy is an (n, k) matrix of
probabilities, one-hot when deterministic. Logged values are money before costs.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.scores import FloatArray, IntArray, checked_array, checked_log, logged_propensity
from .estimate import cluster_codes


@dataclass(frozen=True, eq=False)
class LoggedDecisions:
    """A log with all that the estimators need, checked when it is made.

    Args:
        value: money before costs, shape (n,); where a cost hangs on the outcome, less by what was due beyond `cost`.
        arm: index of the logged arm, shape (n,).
        propensity: probability of each arm under the logging policy, shape (n, k), rows sum to at most 1; or
            of the logged arm alone, shape (n,). Above 0 for the logged arm.
        cost: money each arm would charge, or is expected to, shape (n, k).
        mu: out-of-fold prediction of `value` under each arm, money before costs, shape (n, k).
        cluster: ids of those whose outcomes hang together, of any sortable type, shape (n,); kept as codes from 0.
        supported: whether each arm could have been chosen, shape (n, k), the logged one always; None: where its
            propensity is above 0, or unknown where the log has the logged arm's alone.

    Raises:
        ValueError: names the argument, what was expected and what arrived.
    """

    value: FloatArray
    arm: IntArray
    propensity: FloatArray
    cost: FloatArray
    mu: FloatArray
    cluster: NDArray[Any]
    supported: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        value, arm, propensity, mu = checked_log(self.value, self.arm, self.propensity, self.mu)
        checked = {
            "value": value,
            "arm": arm,
            "propensity": propensity,
            "mu": mu,
            "cost": checked_array("cost", self.cost, mu.shape),
            "cluster": cluster_codes(self.cluster, len(value)),
            "supported": _checked_support(self.supported, arm, propensity, mu.shape),
        }
        for name, array in checked.items():  # frozen to callers; the checked form replaces what was given
            object.__setattr__(self, name, array)

    def take(self, rows: NDArray[np.bool_]) -> "LoggedDecisions":
        """Return the rows of a mask, shape (n,)."""
        given = [each.name for each in fields(self) if getattr(self, each.name) is not None]
        return LoggedDecisions(**{name: getattr(self, name)[rows] for name in given})

    def resting_on_model(self, policy: FloatArray) -> FloatArray | None:
        """Return the probability of each row, shape (n,), that a policy, (n, k), gives an arm without support.

        There it is valued by `mu` alone. None where support is unknown. Of the difference of two policies, whose
        entries may be below 0, it is the probability that either does where both differ, at most 1.
        """
        if self.supported is None:
            return None
        alone: FloatArray = np.minimum((np.abs(policy) * ~self.supported).sum(axis=1), 1.0)
        return alone


@dataclass(frozen=True)
class Overlap:
    """How far a log can speak about a policy: the weaker, the less IPW and SNIPS are worth.

    Attributes:
        unsupported: mean probability that the policy chooses an arm that could not have been logged; for a
            deterministic policy the share of such rows. IPW and SNIPS know nothing there, DR relies on `mu`
            alone. None where the log's support is unknown.
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


def overlap(log: LoggedDecisions, policy: FloatArray) -> Overlap:
    """Return how much of `policy`, shape (n, k), the log supports; errors as in `ipw`."""
    policy = checked_policy("policy", policy, log.mu.shape)
    weight, alone = importance(log, policy), log.resting_on_model(policy)
    return Overlap(
        unsupported=None if alone is None else float(alone.mean()),
        effective_rows=effective_sample_size(weight),
        matched_rows=int(np.count_nonzero(weight)),
        max_weight=float(weight.max()),
    )


def _checked_support(supported: NDArray[np.bool_] | None, arm: IntArray, propensity: FloatArray,
                     shape: tuple[int, ...]) -> NDArray[np.bool_] | None:  # fmt: skip
    if supported is None:
        return propensity > 0 if propensity.ndim == 2 else None
    if supported.shape != shape or supported.dtype != np.bool_:
        raise ValueError(f"supported: expected bool of shape {shape}; got {supported.dtype} of {supported.shape}")
    impossible = np.flatnonzero(~supported[np.arange(len(arm)), arm])
    if len(impossible):
        raise ValueError(
            f"supported: expected every logged arm to be; got {len(impossible)} rows where it is not, "
            f"the first is row {impossible[0]}"
        )
    return supported


def effective_sample_size(weights: FloatArray) -> float:
    """Return (Σ w)² / Σ w², shape (n,): as many equal weights would say as much (Kish 1965).

    >>> effective_sample_size(np.array([1.0, 1.0, 0.0])), effective_sample_size(np.zeros(3))
    (2.0, 0.0)
    """
    weights = checked_array("weights", weights, (len(weights),))
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def checked_policy(name: str, policy: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return a policy as float64; ValueError naming it unless its rows, `shape`, are probabilities that sum to 1."""
    policy = checked_array(name, policy, shape)
    off = np.abs(policy @ np.ones(shape[1]) - 1) > 1e-6
    if off.any() or policy.min() < 0:
        wrong = np.flatnonzero(off | (policy < 0).any(axis=1))
        raise ValueError(
            f"{name}: expected probabilities whose rows sum to 1; got {policy[wrong[0]].tolist()} "
            f"in row {wrong[0]}, {len(wrong)} such rows"
        )
    return policy


def importance(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    """Return policy[i, arm_i] / propensity[i, arm_i], shape (n,)."""
    chosen = policy[np.arange(len(log.arm)), log.arm]
    weights: FloatArray = chosen / logged_propensity(log.arm, log.propensity)
    return weights
