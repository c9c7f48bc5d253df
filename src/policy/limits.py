"""Limits of an assignment as data: what one assignment uses of each, and how much there is.

A limit is Σ_i weight[g(i), arm(i)] · (1 or cost[i, arm(i)]) ≤ bound, or ≥ bound, where g(i) is the group of stakeholder
i in a grouping such as region, team or an audited attribute. Matrices have one column per arm, the control at 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..contracts.errors import InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Kind = Literal["le", "ge"]
TOLERANCE = 1e-9  # of the bound, or of 1: what floating-point sums may exceed a limit by


@dataclass(frozen=True)
class Limit:
    """One linear limit.

    Attributes:
        name: for people.
        bound: how much there is ("le") or must be ("ge"), in units of the weight.
        weight: what one assignment uses, shape (groups, arms); one row when `group` is None.
        kind: at most, or at least.
        group: the grouping of stakeholders whose codes choose the row of `weight`; None: all are one group.
        of_cost: the weight is multiplied by the cost of the assignment.
        reason: of the contract, where the limit keeps a stakeholder from the best arm.
        stated: the bound that params set, where the plan's is another one; None: it is the bound.
    """

    name: str
    bound: float
    weight: Floats
    kind: Kind = "le"
    group: str | None = None
    of_cost: bool = False
    reason: str = "capacity"
    stated: float | None = None

    @property
    def upper(self) -> bool:
        """Whether less use is always as good: a budget or a capacity, no quota and no bound on rates."""
        return self.kind == "le" and self.reason != "rate_gap"


@dataclass(frozen=True)
class Constraints:
    """Everything an assignment of n stakeholders must keep beside one arm for each.

    Attributes:
        limits: budgets, capacities, quotas and bounds on differences of rates.
        groups: codes of the groupings the limits name, shape (n,) each.
        household: those with the same code ≥ 0 get at most one arm between them, shape (n,); −1: alone.
    """

    limits: tuple[Limit, ...] = ()
    groups: Mapping[str, Integers] = field(default_factory=dict)
    household: Integers | None = None

    def weights(self, limit: Limit) -> Floats:
        """Return what one assignment of each arm to each stakeholder counts, money aside, shape (n or 1, arms)."""
        return limit.weight if limit.group is None else limit.weight[self.groups[limit.group]]

    def empty(self) -> list[str]:
        """Return the names of limits that count nobody, as those of a value that no stakeholder has."""
        grouped = [(limit, self.groups[limit.group]) for limit in self.limits if limit.group is not None]
        return [limit.name for limit, code in grouped if not limit.weight[np.unique(code)].any()]

    def used(self, limit: Limit, arm: NDArray[np.int64], cost: Floats) -> float:
        """Return what an assignment, shape (n,), uses of a limit; cost in money, shape (n, arms)."""
        rows = np.arange(len(arm))
        code = np.zeros(len(arm), dtype=np.int64) if limit.group is None else self.groups[limit.group]
        weight = limit.weight[code, arm]
        return float((weight * np.maximum(cost[rows, arm], 0.0)).sum() if limit.of_cost else weight.sum())


@dataclass(frozen=True)
class LimitUse:
    """What an assignment uses of a limit, and what one more unit of it would be worth.

    Attributes:
        name, kind, bound: of the limit.
        used: in units of the bound.
        price: money of gain per unit by which the limit is relaxed, at least 0.
        binding: the price is not 0, or nothing is left.
    """

    name: str
    kind: Kind
    bound: float
    used: float
    price: float
    binding: bool


class InfeasibleError(InputError):
    """No assignment keeps all the limits; `names` is a smallest set that contradict one another, or all
    where none is found in whole numbers alone.
    """

    def __init__(self, names: Sequence[str], got: str) -> None:
        self.names = tuple(names)
        listed = ", ".join(repr(name) for name in names)
        super().__init__("the limits of the assignment", f"an assignment that keeps {listed}", got,
                         "relax or remove one of them")  # fmt: skip


def at_most(name: str, bound: float, arms: ArrayLike, *, of_cost: bool = False) -> Limit:
    """Return a limit over everyone: a budget, or the capacity of the arms of a channel or team.

    Args:
        name: for people.
        bound: money if `of_cost`, otherwise assignments.
        arms: what one assignment of each arm counts, shape (arms,).
        of_cost: count money.

    >>> at_most("calls", 10, [0, 1, 0]).weight
    array([[0., 1., 0.]])
    """
    weight = np.asarray(arms, dtype=np.float64)[None, :]
    return Limit(name, float(bound), weight, "le", None, of_cost, "budget" if of_cost else "capacity")


def at_least(name: str, bound: float, arms: ArrayLike, *, of_cost: bool = False) -> Limit:
    """Return a quota over everyone; arguments as in `at_most`."""
    return Limit(name, float(bound), np.asarray(arms, dtype=np.float64)[None, :], "ge", None, of_cost, "quota")


def in_group(limit: Limit, group: str, code: int, groups: int) -> Limit:
    """Return the limit for the members of one group alone.

    Args:
        limit: over everyone.
        group: the grouping.
        code: of the group in it.
        groups: number of groups in it.
    """
    weight = np.zeros((groups, limit.weight.shape[1]))
    weight[code] = limit.weight[0]
    return replace(limit, weight=weight, group=group)


def rate_gaps(group: str, sizes: Mapping[str, int], most: float, arms: ArrayLike, prefix: str = "") -> list[Limit]:
    """Return the limits |rate_g − rate_h| ≤ most for all pairs of groups, a rate being the share that gets the arms.

    Args:
        group: the grouping; its codes follow the order of `sizes`.
        sizes: members of each group, by name; groups without members are left out.
        most: the largest difference of rates, 0 … 1.
        arms: which arms count, shape (arms,).
        prefix: of the limits' names; "": rate of the grouping.
    """
    flags, limits = np.asarray(arms, dtype=np.float64), []
    present = [(code, name, size) for code, (name, size) in enumerate(sizes.items()) if size > 0]
    for code, name, size in present:
        for other_code, other, other_size in present:
            if code != other_code:
                weight = np.zeros((len(sizes), len(flags)))
                weight[code] = flags / size
                weight[other_code] = -flags / other_size
                title = f"{prefix or f'rate of {group}'} {name} over {other}"
                limits.append(Limit(title, most, weight, "le", group, reason="rate_gap"))
    return limits


def broken(used: float, limit: Limit) -> bool:
    """Return whether so much use breaks the limit."""
    room = limit.bound - used if limit.kind == "le" else used - limit.bound
    return room < -TOLERANCE * max(1.0, abs(limit.bound))
