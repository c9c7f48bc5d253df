"""Our predicted gains from out-of-fold decisions: how well they rank, whether they hold, what budgets buy, for whom."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.params import Params
from ..models.scores import doubly_robust_scores
from .budget_curves import budget_grid, value_per_budget
from .gain_calibration import expected_gain_error, gain_line, gain_table, promises
from .held import Held
from .policies import chosen
from .slices import slices
from .uplift_ranking import gained_by, ranking_figures

BUDGETS = 5


def gain_scorecard(held: Held, iteration: NDArray[np.int64], params: Params) -> dict[str, Any]:
    """Return ranking, calibration, promises by iteration and the value of budgets.

    Everyone is ranked by the gain of the arm that is best for them, whether it pays or not.

    Args:
        held: n out-of-fold decisions.
        iteration: in which each was taken, shape (n,).
        params: seed, bootstrap replicates.
    """
    log = held.log
    best, priority = best_arms(held.worth)
    gained = gained_by(log, best)
    figures = ranking_figures(gained, priority, log.cluster, params.seed, params.evaluation.bootstrap)
    offset, slope = gain_line(gained, priority, log.cluster)
    table = gain_table(gained, priority, log.cluster)
    points = value_per_budget(log, held.worth, budget_grid(held.worth, log.cost, BUDGETS))
    return {
        "ranking": {name: each.as_dict() for name, each in figures.items()},
        "offset": offset.as_dict(),
        "slope": slope.as_dict(),
        "expected_gain_error": expected_gain_error(table),
        "bins_held": sum(each.held for each in table) / len(table),
        "tenths": [each.as_dict() for each in table],
        "promises": [each.as_dict() for each in promises(*_as_logged(held), log.cluster, iteration)],
        "budgets": [each.as_dict() for each in points],
    }


def group_scorecard(held: Held, attributes: pd.DataFrame, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the policy by groups of each attribute.

    Args:
        held: n out-of-fold decisions.
        attributes: groups of the same rows, a column for each attribute.
        names: of the arms.
    """
    policy, _ = chosen(held.worth, held.log.cost, held.constraints)
    predicted = (policy * np.nan_to_num(held.worth)).sum(axis=1)

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


def _as_logged(held: Held) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each decision gained over the control as it was carried out, and what our gains predict of it."""
    log, rows = held.log, np.arange(len(held.log.arm))
    control = doubly_robust_scores(log.value, log.arm, log.propensity, log.mu)[:, 0]
    return log.value - log.cost[rows, log.arm] - control, np.nan_to_num(held.worth[rows, log.arm])
