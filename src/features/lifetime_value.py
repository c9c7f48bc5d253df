"""Customer lifetime value: who still buys and how often (BG/NBD), what a purchase brings (gamma-gamma), worth today.

Conventions: `frequency` (x) counts repeat purchases, since the first one starts the clock; `recency_days` (t_x) runs
from the first purchase to the last, `age_days` (T) from the first purchase to now; `mean_spend` is the mean of the
repeat purchases, in money. Parameters are maximum-likelihood estimates, their standard errors come from the observed
information by the delta method. The order of the customers changes no bit of a fit, and a customer alone gets the value
it gets in a crowd. Too few repeaters give no model (None), and without a model the value is missing, never zero.
"""

import numpy as np

from .lifetime_customers import Purchases
from .lifetime_fit import Floats
from .lifetime_purchasing import PurchaseModel, fit_purchasing
from .lifetime_spending import SpendModel, fit_spend

__all__ = [
    "PurchaseModel",
    "Purchases",
    "SpendModel",
    "fit_purchasing",
    "fit_spend",
    "lifetime_value",
    "value_after",
]


def lifetime_value(
    purchasing: PurchaseModel | None,
    spending: SpendModel | None,
    p: Purchases,
    days: float,
    yearly_discount: float,
    margin: float = 1.0,
) -> Floats:
    """Return the margin to expect of each customer in the next `days`, discounted to today, in money, shape (n,).

    margin × expected_spend × ∫₀^days (1 + yearly_discount)^(−u/365) dE(u), with E(u) the purchases to expect in the
    next u days: continuous discounting. What was already earned does not count.

    Args:
        purchasing, spending: the fitted models; where one is None the value is missing (NaN) for all.
        p: the customers.
        days: how far ahead, ≥ 0.
        yearly_discount: 0.1 makes money in a year worth 1/1.1 today.
        margin: money kept of each unit of money spent.

    Raises:
        InputError: as PurchaseModel.expected_purchases.

    >>> purchasing = PurchaseModel(0.243, 30.9, 0.793, 2.426, -14363.5, 2357, 946)
    >>> spending = SpendModel(6.25, 3.74, 15.44, -4055.9, 946, 0, 0.1)
    >>> lifetime_value(purchasing, spending, Purchases([2], [213], [272], [22.35]), 3 * 365, 0.1).round(2).tolist()
    [77.93]
    """
    if purchasing is None or spending is None:
        return np.full(len(p), np.nan)
    return margin * spending.expected_spend(p) * purchasing.expected_purchases(p, days, yearly_discount)


def value_after(
    purchasing: PurchaseModel, spending: SpendModel, p: Purchases, days: tuple[float, float], yearly_discount: float
) -> Floats:
    """Return the margin to expect between two numbers of days ahead of customers alive at the first, money, shape (n,).

    Discounted to today as in `lifetime_value`: the value of `days[1]` is the value of `days[0]` plus the probability of
    being alive then times this.

    Raises:
        InputError: as PurchaseModel.purchases_after.

    >>> purchasing = PurchaseModel(0.243, 30.9, 0.793, 2.426, -14363.5, 2357, 946)
    >>> spending = SpendModel(6.25, 3.74, 15.44, -4055.9, 946, 0, 0.1)
    >>> value_after(purchasing, spending, Purchases([2], [213], [272], [22.35]), (90, 3 * 365), 0.1).round(2).tolist()
    [101.08]
    """
    worth: Floats = spending.expected_spend(p) * purchasing.purchases_after(p, *days, yearly_discount)
    return worth
