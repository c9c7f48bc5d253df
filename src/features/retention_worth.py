"""What being retained at the end of the horizon is worth, row by row: money for all, or customer lifetime value.

Lifetime value is point in time: a row's purchases are those visible at its as-of instant, and its models learned what
was visible at the latest regular instant at or before it (the snapshots', continued backwards, and as_of). Whoever had
not bought by then is credited nothing: the models tell how repeat purchases go on, not whether there will be a first.
"""

from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.errors import InputError, ParamsError
from ..contracts.params import Params
from ..contracts.time import MICROS_PER_DAY, from_micros, instant_micros
from .engine import Engine
from .history import Codes
from .kpi_counts import Ingredients, ingredients, purchases_expression, taken_back_expression
from .kpi_lifetime import customers_of, purchase_history
from .lifetime_fit import FEWEST_REPEATERS, Floats
from .lifetime_value import PurchaseModel, Purchases, SpendModel, fit_purchasing, fit_spend, value_after
from .spine import Relationships, everyone_spine, in_spine_order

Models = tuple[PurchaseModel, SpendModel]
_WHERE = "params.yaml, outcome.retention_value"


class RetentionWorth:
    """Money credited to each row if it is retained; models of lifetime value are fitted once per instant."""

    def __init__(self, people: Relationships, codes: Codes, engine: Engine, params: Params) -> None:
        """Look at what may be valued; nothing is fitted yet.

        Args:
            people: the stakeholders.
            codes: of the history.
            engine: over the history of the same stakeholders.
            params: clock, outcome, features.snapshot_every_days and kpis (lifetime_days, yearly_discount).

        Raises:
            ParamsError: `clv` without an event type of purchases, or that looks no further ahead than the horizon.
        """
        self._people, self._codes, self._engine, self._params = people, codes, engine, params
        self._models: dict[int, Models] = {}
        if self.by_row:
            _refuse_unvaluable(bool(self._made.bought), params)

    @property
    def by_row(self) -> bool:
        """Tell whether rows differ in what their retention is worth."""
        return self._params.outcome.retention_value == "clv"

    def of(self, spine: pd.DataFrame) -> Floats:
        """Return each row's worth, money, shape (n,), ≥ 0 for lifetime value.

        Raises:
            InputError: the models of an instant cannot be fitted.
        """
        if not self.by_row:
            return np.full(len(spine), float(self._params.outcome.retention_value))
        worth, rows = np.zeros(len(spine)), self._histories(spine)
        ahead = (float(self._params.clock.horizon_days), float(self._params.kpis.lifetime_days))
        at = self._fitted_at(spine["as_of"].to_numpy())
        for instant in np.unique(at).tolist():
            models = self._fitted(instant)
            mine = np.flatnonzero((at == instant) & rows["frequency"].notna().to_numpy())
            customers, discount = customers_of(rows, mine), self._params.kpis.yearly_discount
            worth[mine] = value_after(*models, customers, ahead, discount)
        return worth

    def _fitted_at(self, as_of: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the latest regular instant at or before each row's, shape (n,)."""
        now, step = instant_micros(self._params.clock.as_of), self._params.features.snapshot_every_days * MICROS_PER_DAY
        latest = now - self._params.clock.horizon_days * MICROS_PER_DAY
        regular = latest - np.maximum(-((as_of - latest) // step), 0) * step
        return np.where(as_of >= now, now, regular)

    def _fitted(self, instant: int) -> Models:
        """Return the models of everyone who had bought before an instant, those who have left since included.

        Raises:
            InputError: too few of them bought again for money.
        """
        if instant not in self._models:
            teaches = ~self._people.stakeholders["opted_out"].to_numpy(dtype=bool)
            parts = []
            for spine in everyone_spine(self._people, [instant]):
                rows = self._histories(spine)
                parts.append(rows[teaches[spine["stakeholder"].to_numpy()] & rows["frequency"].notna().to_numpy()])
            taught = pd.concat(parts, ignore_index=True)
            self._models[instant] = _fit(customers_of(taught, np.arange(len(taught))), instant)
        return self._models[instant]

    def _histories(self, spine: pd.DataFrame) -> pd.DataFrame:
        """Return the purchases of each row, as `purchase_history`."""
        bought, back = (in_spine_order(self._engine.query(sql, spine).to_pandas(), spine) for sql in self._expressions)
        return pd.DataFrame(purchase_history(bought, back, self._made, spine["as_of"].to_numpy()))

    @cached_property
    def _made(self) -> Ingredients:
        return ingredients(self._codes, self._params)

    @cached_property
    def _expressions(self) -> tuple[str, str]:
        return (
            self._engine.compile(purchases_expression(self._made)),
            self._engine.compile(taken_back_expression(self._made)),
        )


def _fit(customers: Purchases, instant: int) -> Models:
    """Return both models of most likelihood.

    Raises:
        InputError: too few customers bought again for money.
    """
    purchasing, spending = fit_purchasing(customers), fit_spend(customers)
    if purchasing is None or spending is None:
        expected = f"{FEWEST_REPEATERS} or more who had bought again for money, as `clv` needs ({_WHERE})"
        fix = (
            "give retention_value as money, credit what customers buy in outcome.value, or let rows begin later "
            "(fewer features.snapshots, no decisions from before there were customers)"
        )
        when = from_micros(np.array([instant]))[0].isoformat()
        raise InputError(f"lifetime value as of {when}", expected, f"{int((customers.frequency > 0).sum())}", fix)
    return purchasing, spending


def _refuse_unvaluable(bought: bool, params: Params) -> None:
    """Refuse `clv` where nothing can be bought, or nothing lies beyond the horizon.

    Raises:
        ParamsError: one of these is so.
    """
    if not bought:
        fix = "credit purchases in outcome.value with 0 or more per unit, or give retention_value as money"
        raise ParamsError(_WHERE, "event types of purchases in outcome.value for clv", "'clv' and none", fix)
    if params.kpis.lifetime_days <= params.clock.horizon_days:
        fix = "raise kpis.lifetime_days, or give retention_value as money"
        expected = f"kpis.lifetime_days beyond the horizon of {params.clock.horizon_days} days for clv"
        raise ParamsError(_WHERE, expected, f"'clv' and {params.kpis.lifetime_days} days", fix)
