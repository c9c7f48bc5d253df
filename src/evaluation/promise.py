"""What assignments gain in all, told by held-out decisions rather than by the model that chose.

The arm of the highest expected gain is chosen for what its estimate has by luck too (the winner's curse), and a shrunk
estimate errs to the other side, so expected gains do not add up to what comes. On decisions that no part of the model
has seen, doubly robust scores tell what the arms it would choose truly gain, whatever was expected of them: the
cross-fitted value of a policy (Chernozhukov et al. 2018, Econometrics Journal 21; Athey & Wager 2021, Econometrica 89).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..models.scores import FloatArray, doubly_robust_scores
from .estimate import Estimate, cluster_codes, clustered_mean
from .log import LoggedDecisions

LEAST_TREATED = 30  # rows below which a mean of scores is not trusted to be near normal


def gain_per_treated(log: LoggedDecisions, policy: FloatArray) -> Estimate:
    """Return what a stakeholder whom a policy treats gains by it over the control, net of cost, on average.

    Mean over rows with arm a > 0 of (score[a] − cost[a]) − (score[0] − cost[0]), scores of `doubly_robust_scores`,
    clustered by stakeholder. Undefined with fewer than LEAST_TREATED such rows.

    Args:
        log: n decisions, `mu` out of fold.
        policy: one-hot rows, shape (n, k), the control at 0; chosen out of fold.
    """
    arm = policy.argmax(axis=1)
    treated = np.flatnonzero(arm > 0)
    if len(treated) < LEAST_TREATED:
        return Estimate.undefined(len(treated))
    net = doubly_robust_scores(log.value, log.arm, log.propensity, log.mu)[treated] - log.cost[treated]
    gained = net[np.arange(len(treated)), arm[treated]] - net[:, 0]
    return clustered_mean(gained, cluster_codes(log.cluster[treated], len(treated)))


def total_gain(assignments: pd.DataFrame, control: str, per_treated: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what the assignments gain in all over leaving everybody alone, with its 95 % interval.

    Everyone treated by plan gains the mean of `gain_per_treated`; an arm drawn to explore was not chosen by its
    estimate and gains what is expected of it. The interval covers what the held-out decisions leave uncertain.

    Args:
        assignments: intervention, reason and expected_gain, money; rows whose gain is unknown do not count.
        control: its name.
        per_treated: `gain_per_treated` as a dict.

    Returns:
        expected: sum of the expected gains, money; value, low, high: money, None where someone is treated by plan and
        `per_treated` is undefined.

    >>> rows = pd.DataFrame({"intervention": ["call"] * 2, "reason": "best_gain", "expected_gain": [10.0, 6.0]})
    >>> total_gain(rows, "none", {"value": 7.0, "low": 6.0, "high": 8.0})
    {'expected': 16.0, 'value': 14.0, 'low': 12.0, 'high': 16.0}
    """
    gain = assignments["expected_gain"].to_numpy(dtype=float)
    treated = (assignments["intervention"] != control).to_numpy(dtype=bool) & ~np.isnan(gain)
    explored = treated & (assignments["reason"] == "explore").to_numpy(dtype=bool)
    planned, drawn = int((treated & ~explored).sum()), float(gain[explored].sum())
    each = {name: per_treated[name] if planned else 0.0 for name in ("value", "low", "high")}
    told = {name: None if mean is None else drawn + planned * mean for name, mean in each.items()}
    return {"expected": float(gain[treated].sum()), **told}
