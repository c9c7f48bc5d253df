"""Our predicted gains from out-of-fold decisions: how well they rank, whether they hold, what budgets buy, for whom."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.params import Params
from ..models.scores import doubly_robust_scores
from .bootstrap import resampled
from .budget_curves import budget_grid, value_per_budget
from .cost_curve import cost_curve, gain_per_cost
from .gain_calibration import Promise, expected_gain_error, gain_line, gain_noise, gain_table, promises
from .held import Held
from .slices import slices
from .uplift_ranking import gained_by, ranking_figures

BUDGETS = 5


def gain_scorecard(held: Held, iteration: NDArray[np.int64], params: Params) -> dict[str, Any]:
    """Return the policy's value with a bootstrap interval, ranking, calibration, promises, cost curve and budgets.

    Everyone is ranked by the worth of the arm that is best for them, whether it pays or not; what is held against the
    gain that came is the gain that was expected, caution aside.

    Args:
        held: n out-of-fold decisions.
        iteration: in which each was taken, shape (n,).
        params: seed, bootstrap replicates.
    """
    log = held.log
    best, priority = best_arms(held.worth)
    gained, predicted, cost = gained_by(log, best), predicted_gain(held, best), (best * log.cost).sum(axis=1)
    draws = (params.seed, params.evaluation.bootstrap)
    figures = ranking_figures(gained, priority, log.cluster, *draws)
    offset, slope = gain_line(gained, predicted, log.cluster)
    table = gain_table(gained, predicted, log.cluster)
    spending = cost_curve(gained + cost, cost, gain_per_cost(predicted + cost, cost), log.cluster, *draws)
    policy, _ = held.ours
    budgets = budget_grid(policy, log.cost, BUDGETS)
    points = value_per_budget(log, held.worth, budgets, held.constraints)
    return {
        "value_resampled": resampled(log, policy, "doubly_robust", *draws).as_dict(),
        "ranking": {name: each.as_dict() for name, each in figures.items()},
        "offset": offset.as_dict(),
        "slope": slope.as_dict(),
        "expected_gain_error": expected_gain_error(table),
        "gain_noise": gain_noise(table),
        "bins_held": sum(each.held for each in table) / len(table),
        "tenths": [each.as_dict() for each in table],
        "promises": [each.as_dict() for each in _promises(held, iteration)],
        "cost_curve": spending.as_dict(),
        "budgets": [each.as_dict() for each in points],
    }


def group_scorecard(held: Held, attributes: pd.DataFrame, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the policy by groups of each attribute.

    Args:
        held: n out-of-fold decisions.
        attributes: groups of the same rows, a column for each attribute.
        names: of the arms.
    """
    policy, _ = held.ours
    predicted = predicted_gain(held, policy)

    def of(column: pd.Series) -> list[Mapping[str, Any]]:
        found = slices(held.log, policy, predicted, column.to_numpy(dtype=object), names)
        return [each.as_dict() for each in found]

    return {str(name): of(attributes[name]) for name in attributes.columns}


def best_arms(gain: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each row's best arm after the control, one-hot, and its gain; the control and 0 where there is none.

    >>> best_arms(np.array([[0.0, -2.0, -1.0], [0.0, np.nan, np.nan]]))[1].tolist()
    [-1.0, 0.0]
    """
    known = np.where(np.isnan(gain[:, 1:]), -np.inf, gain[:, 1:])
    best, highest = known.argmax(axis=1) + 1, known.max(axis=1, initial=-np.inf)
    none = np.isinf(highest)
    return np.eye(gain.shape[1])[np.where(none, 0, best)], np.where(none, 0.0, highest)


def predicted_gain(held: Held, policy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gain expected of what a policy gives each row, caution aside, money, shape (n,)."""
    gain: NDArray[np.float64] = (policy * np.nan_to_num(held.gain)).sum(axis=1)
    return gain


def _promises(held: Held, iteration: NDArray[np.int64]) -> list[Promise]:
    """Compare what each decision gained over the control as it was carried out with what our gains predict of it.

    Gains of arms of which too few were logged are unknown, so those decisions are in neither total; they are so few
    that what remains is still as good as drawn by the propensities.
    """
    log, rows = held.log, np.arange(len(held.log.arm))
    control = doubly_robust_scores(log.value, log.arm, log.propensity, log.mu)[:, 0]
    gained, predicted = log.value - log.cost[rows, log.arm] - control, held.gain[rows, log.arm]
    known = np.isfinite(predicted)
    return promises(gained[known], predicted[known], log.cluster[known], iteration[known]) if known.any() else []
