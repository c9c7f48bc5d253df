"""What assignments gain in all, told by held-out decisions rather than by the model that chose.

The arm of the highest expected gain is chosen for what its estimate has by luck too (the winner's curse), and a shrunk
estimate errs to the other side, so expected gains do not add up to what comes. On decisions that no part of the model
has seen, doubly robust scores tell what the arms it would choose truly gain, whatever was expected of them: the
cross-fitted value of a policy (Chernozhukov et al. 2018, Econometrics Journal 21; Athey & Wager 2021, Econometrica 89).
The model that assigns has learned from more than the held-out ones and chooses better; how much better is its own
expectation of its choice less that of theirs (docs/decisions/0035): a shrunk estimate, given the data, is right on
average whatever the choice was made by. Held-out outcomes cannot check that part.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..models.scores import FloatArray, IntArray, doubly_robust_scores
from .estimate import Estimate, cluster_codes, clustered_mean
from .log import LoggedDecisions

LEAST_TREATED = 30  # rows below which a mean of scores is not trusted to be near normal


def gain_per_treated(
    log: LoggedDecisions, fold: IntArray, policy: FloatArray, whole: FloatArray, gain: FloatArray
) -> Estimate:
    """Return what a stakeholder whom the model of all decisions treats gains over the control, net of cost, on average.

    Σ_i g_i / Σ_i 1{b_i > 0} with g = (score[a] − cost[a]) − (score[0] − cost[0]) + gain[b] − gain[a], a the arm chosen
    out of fold, b that of the whole model, scores of `doubly_robust_scores`. The ratio's linearised standard error is
    clustered by stakeholder. What is added, gain[b] − gain[a], is the model's own word: its error is taken to be that
    of a mean over folds that differ as these do beyond chance, and to go along with that of the rest, since the same
    outcomes teach and tell, so that the standard errors add. An error that all folds share does not show: a rule of
    thumb, checked by draws (decision 0037).
    Undefined where either policy treats fewer than LEAST_TREATED rows; n is the lesser number of treated.

    Args:
        log: n decisions, `mu` out of fold.
        fold: that held each row out, shape (n,).
        policy: one-hot rows, shape (n, k), the control at 0; chosen out of fold.
        whole: the same as the model of all decisions chooses.
        gain: that this model expects, net of cost, shape (n, k), NaN where unknown: there nothing is
            added.
    """
    arm, better, rows = policy.argmax(axis=1), whole.argmax(axis=1), np.arange(len(policy))
    treated, fewest = better > 0, min(int((arm > 0).sum()), int((better > 0).sum()))
    if fewest < LEAST_TREATED:
        return Estimate.undefined(fewest)
    net = doubly_robust_scores(log.value, log.arm, log.propensity, log.mu) - log.cost
    added = np.nan_to_num(gain[rows, better] - gain[rows, arm])
    gained = net[rows, arm] - net[:, 0] + added
    each, share = gained.sum() / treated.sum(), treated.mean()
    found = clustered_mean(each + (gained - each * treated) / share, cluster_codes(log.cluster, len(rows)))
    return replace(_wider(found, _between(added, fold) / share), n=fewest)


def _between(added: FloatArray, fold: IntArray) -> float:
    """Return the standard error of the mean of what is added as the folds' means tell it, less chance's part."""
    parts = [added[fold == k] for k in np.unique(fold)]
    if len(parts) < 2:
        return 0.0
    between = float(np.var([part.mean() for part in parts], ddof=1))
    chance = float(np.mean([part.var() / len(part) for part in parts]))
    return float(np.sqrt(max(0.0, between - chance) / len(parts)))


def _wider(found: Estimate, error: float) -> Estimate:
    """Return the estimate with another standard error on top of its own."""
    if not found.se or found.value is None or found.low is None or found.high is None:
        return found
    times = 1.0 + error / found.se
    low, high = (found.value + times * (end - found.value) for end in (found.low, found.high))
    return replace(found, low=low, high=high, se=found.se + error)


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
        `per_treated` is undefined, or none but explorers are treated.

    >>> rows = pd.DataFrame({"intervention": ["call"] * 2, "reason": "best_gain", "expected_gain": [10.0, 6.0]})
    >>> total_gain(rows, "none", {"value": 7.0, "low": 6.0, "high": 8.0})
    {'expected': 16.0, 'value': 14.0, 'low': 12.0, 'high': 16.0}
    """
    gain = assignments["expected_gain"].to_numpy(dtype=float)
    treated = (assignments["intervention"] != control).to_numpy(dtype=bool) & ~np.isnan(gain)
    explored = treated & (assignments["reason"] == "explore").to_numpy(dtype=bool)
    planned, drawn = int((treated & ~explored).sum()), float(gain[explored].sum())
    sure = 0.0 if not explored.any() else None  # of what explorers gain no held-out decision tells
    each = {name: per_treated[name] if planned else sure for name in ("value", "low", "high")}
    told = {name: None if mean is None else drawn + planned * mean for name, mean in each.items()}
    return {"expected": float(gain[treated].sum()), **told}
