"""What an arm costs whom, and whose kind may receive it; matrices have one column per name of `Interventions.names`."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.errors import InputError
from ..contracts.rules import Arm, Interventions

Floats = NDArray[np.float64]


def costs(table: pd.DataFrame, interventions: Interventions,
          may: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:  # fmt: skip
    """Return the money each arm costs each stakeholder when it is due, shape (n, arms); the control costs nothing.

    Args:
        table: n stakeholders with the columns of costs.
        interventions: arms and their costs.
        may: who may receive what, shape (n, arms); a cost missing elsewhere is 0. None: everyone may receive all.

    Raises:
        InputError: a cost column is absent, or holds text, a missing or an infinite cost of who may receive the arm.
    """
    matrix = np.zeros((len(table), len(interventions.names)))
    for at, (name, arm) in enumerate(interventions.arms.items(), start=1):
        matrix[:, at] = _cost(table, name, arm, np.ones(len(table), dtype=bool) if may is None else may[:, at])
    return matrix


def expected_costs(cost: Floats, success: Mapping[str, Floats], interventions: Interventions) -> Floats:
    """Return the cost expected of each assignment, money, shape (n, arms).

    Args:
        cost: when due, money, shape (n, arms).
        success: probability of each kind of success under each arm, shape (n, arms) each.
        interventions: `cost_on` of each arm says on what its cost is due.
    """
    expected = cost.copy()
    for at, arm in enumerate(interventions.arms.values(), start=1):
        if arm.cost_on != "assignment":
            expected[:, at] *= success[arm.cost_on][:, at]
    return expected


def eligible(kinds: pd.Series, interventions: Interventions) -> NDArray[np.bool_]:
    """Return whether each stakeholder's kind may receive each arm, shape (n, arms); everyone may get the control."""
    columns = [np.ones(len(kinds), dtype=bool)]
    columns += [kinds.isin(arm.kinds).to_numpy(dtype=bool) for arm in interventions.arms.values()]
    return np.column_stack(columns)


def _cost(table: pd.DataFrame, name: str, arm: Arm, due: NDArray[np.bool_]) -> NDArray[np.float64] | float:
    if isinstance(arm.cost, float):
        return arm.cost
    key = f"params.yaml, interventions.arms.{name}.cost"
    if arm.cost not in table.columns:
        raise InputError(key, "money, or a column of stakeholders", repr(arm.cost), "correct the column's name")
    try:
        cost = table[arm.cost].to_numpy(dtype=float)
    except (TypeError, ValueError) as fault:
        where = f"stakeholders, column {arm.cost}"
        raise InputError(where, "the cost in money", str(fault), f"give numbers, or correct {key}") from None
    wrong = np.flatnonzero(~np.isfinite(cost) & due)
    if len(wrong) > 0:
        where = f"stakeholders, column {arm.cost}, stakeholder {table['stakeholder_id'].iloc[wrong[0]]}"
        fix = "fill the cost in for every stakeholder who may receive the arm"
        raise InputError(where, "the cost in money", "no finite number", fix)
    return np.where(np.isfinite(cost), cost, 0.0)
