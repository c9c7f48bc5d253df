"""Small problems with HiGHS: the linear relaxation with its prices, and the assignment in whole numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, hstack, identity, vstack

from .prepared import Prepared
from .problem import Block, Floats, Integers

_SLACK = 1e-7  # what the solver may break a limit by, in inner units


@dataclass(frozen=True)
class Options:
    """Pairs of row and arm, one variable each.

    Attributes:
        row, arm: shape (p,).
        unit: of the row: a household or a single stakeholder, shape (p,).
        units: how many.
        gain: money, times the weight of the row, shape (p,).
        used: of every limit, sparse, shape (limits, p).
    """

    row: Integers
    arm: Integers
    unit: Integers
    units: int
    gain: Floats
    used: Any

    def only(self, keep: NDArray[np.bool_]) -> "Options":
        """Return some of the pairs."""
        at = np.flatnonzero(keep)
        return Options(self.row[at], self.arm[at], self.unit[at], self.units, self.gain[at], self.used[:, at])


def options_of(prepared: Prepared, block: Block) -> Options:
    """Return all pairs that may be assigned, the control aside."""
    finite = ~np.isnan(block.gain)
    finite[0] = False
    row, arm = np.nonzero(finite.T)
    at = block.cell[row] * prepared.arms + arm
    weight = np.ones(len(block)) if block.weight is None else block.weight
    cost = np.ceil(block.cost[arm, row] * prepared.cost_unit - 1e-6) / prepared.cost_unit
    used = prepared.count_weight[:, at] + prepared.cost_weight[:, at].multiply(cost[None, :])
    used = csr_array(csr_array(used).multiply(weight[row][None, :])).tocsc()
    unit = np.arange(len(block)) if block.unit is None else block.unit
    units = int(unit.max(initial=-1)) + 1
    return Options(row, arm, unit[row], units, block.gain[arm, row] * weight[row], used)


@dataclass(frozen=True)
class Relaxed:
    """An optimal vertex of the relaxation: shares of the pairs, and the prices of the limits, at least 0."""

    share: Floats
    price: Floats


def relax(options: Options, bound: Floats, elastic: float | None = None) -> Relaxed | None:
    """Return the optimum of the linear relaxation, None when there is no feasible point.

    Args:
        options: p pairs.
        bound: of the limits, shape (limits,).
        elastic: no price may exceed this: a limit may be broken for so much per unit; None: it may not.
    """
    pairs, limits = len(options.row), len(bound)
    if pairs == 0:
        return Relaxed(np.zeros(0), np.zeros(limits)) if elastic is not None or (bound >= -_SLACK).all() else None
    scale = max(float(np.abs(options.gain).mean()), 1e-300)
    once = csr_array((np.ones(pairs), (options.unit, np.arange(pairs))), shape=(options.units, pairs))
    used, price_cap = options.used, np.zeros(0)
    if elastic is not None:
        used, price_cap = hstack([used, -identity(limits)]), np.full(limits, elastic / scale)
        once = hstack([once, csr_array((options.units, limits))])
    upper = np.concatenate([np.ones(pairs), np.full(len(price_cap), np.inf)])
    solved = linprog(
        np.concatenate([-options.gain / scale, price_cap]),
        A_ub=vstack([once, used]).tocsr(),
        b_ub=np.concatenate([np.ones(options.units), bound]),
        bounds=np.column_stack([np.zeros(len(upper)), upper]),
        method="highs",
    )
    if solved.status == 2:
        return None
    if solved.status != 0:
        raise RuntimeError(f"the linear programme of the assignment was not solved: {solved.message}")
    price = np.maximum(-solved.ineqlin.marginals[options.units :], 0.0) * scale
    return Relaxed(solved.x[:pairs], price)


def integers(options: Options, bound: Floats, slack: float) -> NDArray[np.bool_] | None:
    """Return the pairs of the best assignment in whole numbers, None when there is none.

    Args:
        options: p pairs.
        bound: of the limits.
        slack: money by which the result may miss the best one.
    """
    pairs = len(options.row)
    if pairs == 0:
        return np.zeros(0, dtype=bool) if (bound >= -_SLACK).all() else None
    used_units, place = np.unique(options.unit, return_inverse=True)
    once = csr_array((np.ones(pairs), (place.reshape(-1), np.arange(pairs))), shape=(len(used_units), pairs))
    scale = max(float(np.abs(options.gain).max()), 1e-300)
    most = float(np.maximum(options.gain, 0.0).sum())
    for tightened in (0.0, 1e-6, 1e-5):
        room = bound - tightened * np.maximum(1.0, np.abs(bound))
        solved = milp(
            -options.gain / scale,
            integrality=np.ones(pairs),
            bounds=Bounds(0, 1),
            constraints=[LinearConstraint(once, -np.inf, 1), LinearConstraint(options.used.tocsr(), -np.inf, room)],
            options={"mip_rel_gap": min(slack / max(most, 1e-300), 0.01), "node_limit": 20_000},
        )
        if solved.x is None:
            return None
        chosen: NDArray[np.bool_] = solved.x > 0.5
        if (options.used @ chosen <= bound + 1e-9 * np.maximum(1.0, np.abs(bound))).all():
            return chosen
    return None
