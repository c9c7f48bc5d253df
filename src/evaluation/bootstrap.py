"""Intervals of policy value by resampling stakeholders: slower than the influence function, not bound to normality."""

import numpy as np

from ..models.scores import FloatArray
from .estimate import Estimate
from .log import LoggedDecisions, checked_policy, importance
from .policy_value import Method, charge, net_rows


def resampled(log: LoggedDecisions, policy: FloatArray, method: Method, seed: int, replicates: int = 200) -> Estimate:
    """Return the policy's net money per decision by `method` with a cluster bootstrap percentile interval.

    Each replicate draws as many stakeholders as there are, with replacement, and all their rows (Field & Welsh 2007,
    JRSS B 69), and computes the estimator anew; a sample in which no logged arm agrees with the policy is left out. The
    se is the replicates' standard deviation. Undefined where the estimator is; one cluster gives a value alone.

    Quantiles stand at (replicates + 1) p, without which a hundred replicates cover a point or two too little (Davison &
    Hinkley 1997, "Bootstrap methods", ch. 2).

    Args:
        log: the decisions.
        policy: shape (n, k), rows sum to 1.
        method: the estimator.
        seed: of the bootstrap.
        replicates: bootstrap samples, at least 2.

    Raises:
        ValueError: as in `policy_value.net_rows`, or `replicates` is below 2.
    """
    if replicates < 2:
        raise ValueError(f"replicates: expected at least 2; got {replicates}")
    rows = net_rows(method, log, policy)
    n, clusters = len(log.value), int(log.cluster.max()) + 1
    if rows is None:
        return Estimate.undefined(n)
    if clusters < 2:
        return Estimate(float(rows.mean()), None, None, None, n)
    ratio = method == "snips"
    totals = _ratio_totals(log, checked_policy("policy", policy, log.mu.shape)) if ratio else _totals(log, rows)
    rng, draws = np.random.default_rng(seed), []
    for _ in range(replicates):
        sums = totals.T @ np.bincount(rng.integers(clusters, size=clusters), minlength=clusters)
        draws += [_value(sums)] if sums[1] > 0 else []
    low, high = np.quantile(draws, [0.025, 0.975], method="weibull")
    return Estimate(float(rows.mean()), float(low), float(high), float(np.std(draws, ddof=1)), n)


def _totals(log: LoggedDecisions, rows: FloatArray) -> FloatArray:
    """Sums of each stakeholder, shape (clusters, 2): contributions and rows."""
    return np.column_stack([np.bincount(log.cluster, weights=rows), np.bincount(log.cluster)])


def _ratio_totals(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    """Sums of each stakeholder, shape (clusters, 4): weighted values, weights, charges and rows."""
    weight = importance(log, policy)
    parts = (weight * log.value, weight, charge(log, policy), np.ones(len(weight)))
    return np.column_stack([np.bincount(log.cluster, weights=part) for part in parts])


def _value(sums: FloatArray) -> float:
    value = sums[0] / sums[1]
    return float(value if len(sums) == 2 else value - sums[2] / sums[3])
