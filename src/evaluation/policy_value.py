"""What a policy would have earned per decision, net of its costs, from decisions that another policy logged.

Conventions as in `log`: n decisions, k arms, the control at 0; a policy is an (n, k) matrix of probabilities. Charges
of the evaluated policy need no estimation (Σ_a policy[i, a] cost[i, a] is known for every row), so every estimator
corrects the value term only and subtracts the exact charge row by row; weighting logged costs instead would add
variance and, where the overlap is poor, bias. Where a cost hangs on the outcome, `cost` is what is expected and the
logged value is net of what was due beyond it, so the charge is corrected by what came just as the value is.
ω_i = policy[i, arm_i] / propensity[i, arm_i] is the importance weight.

Intervals are of the influence function, clustered by stakeholder; `resampled` in `bootstrap` gives those of a cluster
bootstrap.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from ..models.scores import FloatArray, doubly_robust_scores
from .estimate import Estimate, clustered_mean
from .log import LoggedDecisions, checked_policy, importance

Method = Literal["ipw", "snips", "direct", "doubly_robust", "switch", "clipped"]
_ALL = 1e-9  # share of the others in Σ ω, below which a stakeholder has it all, and R does not change without them
CAP = 10.0  # importance weight from which `switch` trusts the model alone, and which `clipped` does not exceed


def ipw(log: LoggedDecisions, policy: FloatArray) -> Estimate:
    """Return the policy's net money per decision by inverse propensity weighting.

    V = (1/n) Σ_i [ω_i value_i − Σ_a policy[i, a] cost[i, a]] (Horvitz & Thompson 1952, JASA 47). Unbiased when
    propensities are right and nothing is unsupported (`overlap`); unsupported probability counts as value 0. Undefined
    when no logged arm agrees with the policy. Where propensities were estimated the interval is wider than need be,
    as it takes them for known (Hirano, Imbens & Ridder 2003, Econometrica 71).

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

    V = R − (1/n) Σ_i Σ_a policy[i, a] cost[i, a], R = Σ_i ω_i value_i / Σ_i ω_i (Hájek 1971; Swaminathan & Joachims
    2015, NeurIPS). Row i of stakeholder g has the influence ω_i (value_i − R) / mean(ω) / (1 − h_g), h_g the share of g
    in Σ ω: that is by how much R changes without g (the jackknife; Efron & Stein 1981, Annals of Statistics 9), where
    the delta method, with h = 0, makes too little of few large weights. Adding a constant to `value` adds it to V.
    Consistent, with a bias of order 1/n. Undefined when no logged arm agrees with the policy.

    Args and errors as in `ipw`.
    """
    return _estimate("snips", log, policy)


def direct(log: LoggedDecisions, policy: FloatArray) -> Estimate:
    """Return the policy's net money per decision by the model alone.

    V = (1/n) Σ_i Σ_a policy[i, a] (mu[i, a] − cost[i, a]). As biased as `mu`, and its interval knows nothing of that
    bias: beside the others it shows how far the model carries them.

    Args and errors as in `ipw`.
    """
    return _estimate("direct", log, policy)


def doubly_robust(log: LoggedDecisions, policy: FloatArray) -> Estimate:
    """Return the policy's net money per decision by the doubly robust estimator.

    V = (1/n) Σ_i Σ_a policy[i, a] (score[i, a] − cost[i, a]) with `doubly_robust_scores` (Robins, Rotnitzky
    & Zhao 1994, JASA 89; Dudík, Erhan, Langford & Li 2014, Statistical Science 29). Unbiased when either
    the propensities or `mu` are right; `mu` must be out of fold. The interval takes estimated propensities
    as if they were known, which cross-fitting allows (Chernozhukov et al. 2018, Econometrics J. 21).

    Args and errors as in `ipw`.
    """
    return _estimate("doubly_robust", log, policy)


def switch(log: LoggedDecisions, policy: FloatArray) -> Estimate:
    """Return net money per decision, doubly robust where ω ≤ CAP and by the model alone elsewhere.

    V = direct + (1/n) Σ_i 1{ω_i ≤ CAP} ω_i (value_i − mu[i, arm_i]) (Wang, Agarwal & Dudík 2017, ICML). Less variance
    than doubly robust where overlap is poor, for a bias where the model errs.

    Args and errors as in `ipw`.
    """
    return _estimate("switch", log, policy)


def clipped(log: LoggedDecisions, policy: FloatArray) -> Estimate:
    """Return net money per decision, doubly robust with min(ω, CAP) in place of ω.

    V = direct + (1/n) Σ_i min(ω_i, CAP) (value_i − mu[i, arm_i]) (pessimistic shrinkage of Su, Dimakopoulou,
    Krishnamurthy & Dudík 2020, ICML). Between `switch` and doubly robust.

    Args and errors as in `ipw`.
    """
    return _estimate("clipped", log, policy)


def logged_policy(log: LoggedDecisions) -> Estimate:
    """Return the net money per decision of the policy that logged: the mean of value less the logged arm's cost.

    Nothing is weighted, so it holds whatever the propensities are.
    """
    return clustered_mean(_logged_rows(log), log.cluster)


def difference(
    log: LoggedDecisions, policy: FloatArray, other: FloatArray | None, method: Method = "doubly_robust"
) -> Estimate:
    """Return net money per decision of `policy` minus that of `other`, both by `method` on the same rows.

    The rows are paired: what both policies share cancels, so the interval is far narrower than two apart.

    Args:
        log: the decisions.
        policy: shape (n, k), rows sum to 1.
        other: shape (n, k), rows sum to 1; None: the policy that logged.
        method: the estimator.

    Raises:
        ValueError: a policy has the wrong shape or rows that do not sum to 1, or `method` is unknown.
    """
    ours = net_rows(method, log, policy, "policy")
    theirs = _logged_rows(log) if other is None else net_rows(method, log, other, "other")
    if ours is None or theirs is None:
        return Estimate.undefined(len(log.value))
    return clustered_mean(ours - theirs, log.cluster)


def net_rows(method: Method, log: LoggedDecisions, policy: FloatArray, name: str = "policy") -> FloatArray | None:
    """Return net contributions, shape (n,): their mean is the estimate, their deviations its influence.

    None if undefined. Raises as `difference`; `name` is the policy's in messages.
    """
    if method not in _KERNELS:
        raise ValueError(f"method: expected one of {', '.join(_KERNELS)}; got {method!r}")
    policy = checked_policy(name, policy, log.mu.shape)
    if method in ("ipw", "snips") and not importance(log, policy).any():
        return None
    return _KERNELS[method](log, policy) - charge(log, policy)


def charge(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    """Return what the policy charges each row, money, shape (n,)."""
    charged: FloatArray = (policy * log.cost).sum(axis=1)
    return charged


def _estimate(method: Method, log: LoggedDecisions, policy: FloatArray) -> Estimate:
    rows = net_rows(method, log, policy)
    if rows is None:
        return Estimate.undefined(len(log.value))
    if method == "snips" and seen_by_one(log, policy):
        return Estimate(float(rows.mean()), None, None, None, len(rows))
    return clustered_mean(rows, log.cluster)


def seen_by_one(log: LoggedDecisions, policy: FloatArray) -> bool:
    """Return whether one stakeholder alone has received what the policy gives: a ratio of one has no spread to see."""
    return bool(len(np.unique(log.cluster[importance(log, policy) > 0])) == 1)


def _logged_rows(log: LoggedDecisions) -> FloatArray:
    rows: FloatArray = log.value - log.cost[np.arange(len(log.arm)), log.arm]
    return rows


def _ipw_rows(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    return importance(log, policy) * log.value


def _snips_rows(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    weight = importance(log, policy)
    ratio = float((weight * log.value).sum() / weight.sum())
    others = 1.0 - (np.bincount(log.cluster, weights=weight) / weight.sum())[log.cluster]
    influence = weight * (log.value - ratio) / weight.mean() / np.where(others > _ALL, others, 1.0)
    rows: FloatArray = ratio + influence - influence.mean()
    return rows


def _direct_rows(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    rows: FloatArray = (policy * log.mu).sum(axis=1)
    return rows


def _doubly_robust_rows(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    scores = doubly_robust_scores(log.value, log.arm, log.propensity, log.mu)
    rows: FloatArray = (policy * scores).sum(axis=1)
    return rows


def _corrected_rows(log: LoggedDecisions, policy: FloatArray, weight: FloatArray) -> FloatArray:
    residual = log.value - log.mu[np.arange(len(log.arm)), log.arm]
    return _direct_rows(log, policy) + weight * residual


def _switch_rows(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    weight = importance(log, policy)
    return _corrected_rows(log, policy, np.where(weight <= CAP, weight, 0.0))


def _clipped_rows(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    return _corrected_rows(log, policy, np.minimum(importance(log, policy), CAP))


_KERNELS: dict[Method, Callable[[LoggedDecisions, FloatArray], FloatArray]] = {
    "ipw": _ipw_rows,
    "snips": _snips_rows,
    "direct": _direct_rows,
    "doubly_robust": _doubly_robust_rows,
    "switch": _switch_rows,
    "clipped": _clipped_rows,
}
