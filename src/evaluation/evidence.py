"""What stands behind a paired gain: how well its standard error is known, and by how many stakeholders.

Where an arm is logged rarely its few rows weigh a hundred times, and payments are skewed: then the rows that earned
little, and look alike, give a low value and a small standard error at once, and a bound of 1.96 of them proves what is
not so in one world of eight. Against that the gate uses

- the larger of two standard errors: the clustered one, and one in which a row's residual has the spread that residuals
  have on all rows where the policies differ, whatever arm was logged: that one does not know which rows were lucky;
- Student's t with Satterthwaite's degrees of freedom, few where few stakeholders carry the variance;
- no proof where either policy's arms were received by fewer than LEAST_STAKEHOLDERS;
- no credit for arms that could not have been chosen when the decision was taken: there the model alone would speak.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.scores import FloatArray, IntArray
from .estimate import Estimate, clustered_mean, degrees_of_freedom
from .log import LoggedDecisions, checked_policy, effective_sample_size, importance

LEAST_STAKEHOLDERS = 10.0  # by whom either side of a difference is seen, below which nothing is proven


@dataclass(frozen=True)
class Evidence:
    """A paired gain, money per decision, with what its lower bound rests on.

    Attributes:
        gain: of one policy over the other, doubly robust.
        counted: the gain without what the model alone says in the policy's favour; None where undefined.
        se: standard error for proof, at least that of `gain`; None where undefined.
        freedom: degrees of freedom of `se`; None where undefined.
        stakeholders: effective number of those who received what one of the policies gives where both differ, of the
            policy that fewer did; all of the log where they never differ.
        unsupported: share of the decisions in which either gives an arm without support where they differ
            (`LoggedDecisions.supported`); None where support is unknown.
    """

    gain: Estimate
    counted: float | None
    se: float | None
    freedom: float | None
    stakeholders: float
    unsupported: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return what is behind the gain as plain Python numbers, ready for JSON; the gain itself stands beside it."""
        return {name: value for name, value in vars(self).items() if name != "gain"}

    @classmethod
    def none(cls) -> "Evidence":
        """Return the evidence of no decision at all."""
        return cls(Estimate.undefined(0), None, None, None, 0.0, None)


def evidence(log: LoggedDecisions, policy: FloatArray, other: FloatArray | None) -> Evidence:
    """Return the evidence that `policy` is worth more than `other`.

    With d[i, a] = policy[i, a] − other[i, a], the doubly robust gain is the mean over rows of
    Σ_a d[i, a] (mu[i, a] − cost[i, a]) + ω_i (value_i − mu[i, arm_i]), ω_i = d[i, arm_i] / propensity[i, arm_i]. The
    second standard error takes the variance of the first term from the data and that of the second as Σ ω_i² s² / n²,
    s² the mean squared residual of rows weighted by Σ_a |d[i, a]|. Where arms without support are
    given, the part of the first term that is above 0 does not count in proportion to their probability.

    Args:
        log: n decisions.
        policy: shape (n, k), rows sum to 1.
        other: shape (n, k), rows sum to 1; None: the policy that logged, which needs no weights.

    Raises:
        ValueError: a policy has the wrong shape or rows that do not sum to 1.
    """
    codes, n = log.cluster, len(log.arm)
    ahead, weight = _ahead(log, policy, other)
    model = np.einsum("ij,ij->i", ahead, log.mu - log.cost)
    residual = log.value - log.mu[np.arange(n), log.arm]
    rows, alone = model + weight * residual, log.resting_on_model(ahead)
    gain, differs = clustered_mean(rows, codes), np.abs(ahead) @ np.ones(ahead.shape[1])
    stakeholders = _stakeholders(weight, codes) if differs.any() else float(codes.max() + 1)
    unsupported = None if alone is None else float(alone.mean())
    if gain.value is None or gain.se is None:
        return Evidence(gain, None, None, None, stakeholders, unsupported)
    spread = float(np.average(residual**2, weights=differs)) if differs.any() else 0.0
    borrowed = (clustered_mean(model, codes).se or 0.0) ** 2 + spread * float((weight**2).sum()) / n**2
    uncounted = 0.0 if alone is None else float((alone * np.maximum(model, 0.0)).mean())
    return Evidence(gain, gain.value - uncounted, max(gain.se, math.sqrt(borrowed)), degrees_of_freedom(rows, codes),
                    stakeholders, unsupported)  # fmt: skip


def _ahead(log: LoggedDecisions, policy: FloatArray, other: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Return by how much likelier each arm is under the policy, (n, k), and the weights of the residuals, (n,)."""
    mine, weight = checked_policy("policy", policy, log.mu.shape), importance(log, policy)
    if other is None:
        return mine - np.eye(mine.shape[1])[log.arm], weight - 1.0
    return mine - checked_policy("other", other, mine.shape), weight - importance(log, other)


def _stakeholders(weight: FloatArray, codes: IntArray) -> float:
    """Return Kish's effective number of stakeholders by the weights above 0, or below 0 if they are fewer."""
    sides: tuple[NDArray[Any], ...] = (np.maximum(weight, 0.0), np.maximum(-weight, 0.0))
    each = (np.bincount(codes, weights=side).astype(np.float64) for side in sides)
    return min(effective_sample_size(summed) for summed in each)
