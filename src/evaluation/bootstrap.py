"""Intervals of policy value by resampling stakeholders: slower than the influence function, not bound to normality."""

import numpy as np

from ..models.scores import FloatArray
from .estimate import Estimate
from .log import LoggedDecisions, checked_policy, importance
from .policy_value import Method, charge, net_rows, seen_by_one
from .resample import percentile_interval, resamples


def resampled(log: LoggedDecisions, policy: FloatArray, method: Method, seed: int, replicates: int = 200) -> Estimate:
    """Return the policy's net money per decision by `method` with a cluster bootstrap percentile interval.

    Each replicate computes the estimator anew; a sample in which no logged arm agrees with the policy is left out.
    Undefined where the estimator is; one cluster gives a value alone.

    Args:
        log: the decisions.
        policy: shape (n, k), rows sum to 1.
        method: the estimator.
        seed: of the bootstrap.
        replicates: bootstrap samples, at least 2.

    Raises:
        ValueError: as in `policy_value.net_rows`, or `replicates` is below 2.
    """
    rows = net_rows(method, log, policy)
    drawn = resamples(log.cluster, seed, replicates)
    if rows is None:
        return Estimate.undefined(len(log.value))
    ratio = method == "snips"
    if ratio and seen_by_one(log, policy):
        return Estimate(float(rows.mean()), None, None, None, len(rows))
    totals = _ratio_totals(log, checked_policy("policy", policy, log.mu.shape)) if ratio else _totals(log, rows)
    draws = np.array([_value(totals.T @ times) for times in drawn])
    return percentile_interval(float(rows.mean()), draws, len(rows))


def _totals(log: LoggedDecisions, rows: FloatArray) -> FloatArray:
    """Sums of each stakeholder, shape (clusters, 2): contributions and rows."""
    return np.column_stack([np.bincount(log.cluster, weights=rows), np.bincount(log.cluster)])


def _ratio_totals(log: LoggedDecisions, policy: FloatArray) -> FloatArray:
    """Sums of each stakeholder, shape (clusters, 4): weighted values, weights, charges and rows."""
    weight = importance(log, policy)
    parts = (weight * log.value, weight, charge(log, policy), np.ones(len(weight)))
    return np.column_stack([np.bincount(log.cluster, weights=part) for part in parts])


def _value(sums: FloatArray) -> float:
    """The estimate from sums over a sample; NaN where no logged arm of it agrees with the policy."""
    if sums[1] <= 0:
        return float("nan")
    value = sums[0] / sums[1]
    return float(value if len(sums) == 2 else value - sums[2] / sums[3])
