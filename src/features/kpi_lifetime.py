"""Customer lifetime value among the KPIs: purchases as whole days, models fitted anew at each instant.

The models learn from everyone who had bought before the instant, those who have left since included: without them,
nobody would seem ever to leave. Stakeholders who opted out teach nothing, but have a value.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.params import Params
from ..contracts.time import MICROS_PER_DAY
from .history import AMOUNT_UNITS
from .kpi_counts import Ingredients
from .lifetime_fit import FEWEST_REPEATERS
from .lifetime_value import Purchases, fit_purchasing, fit_spend, lifetime_value

Floats = NDArray[np.float64]


def purchase_history(
    bought: pd.DataFrame, counts: pd.DataFrame, made: Ingredients, as_of: NDArray[np.int64]
) -> dict[str, Floats]:
    """Return frequency, recency_days, age_days and mean_spend of each row, shape (n,); NaN without a purchase.

    Spend is margin: of the purchases after the first day, less all that was taken back, per repeat purchase.

    Args:
        bought: of `purchases_expression`, in the order of the rows.
        counts: of `counts_expression`, likewise.
        made: bought and taken_back.
        as_of: microseconds, shape (n,).
    """
    frequency, first = bought["bought_days"].to_numpy() - 1, bought["first"].to_numpy()
    money = np.zeros(len(bought))
    for name, (_, margin) in made.bought.items():
        money += margin * (bought[f"all_{name}"] - bought[f"first_{name}"]).to_numpy() / AMOUNT_UNITS
    for name, (_, margin) in made.taken_back.items():
        money += margin * counts[f"back_{name}"].fillna(0.0).to_numpy() / AMOUNT_UNITS
    spend = np.divide(money, frequency, out=np.full(len(bought), np.nan), where=frequency > 0)
    age = (as_of // MICROS_PER_DAY).astype(np.float64) - first
    return {"frequency": frequency, "recency_days": bought["last"].to_numpy() - first, "age_days": age,
            "mean_spend": spend}  # fmt: skip


def lifetime_values(
    rows: pd.DataFrame, learned: NDArray[np.bool_], params: Params
) -> tuple[Floats, list[dict[str, Any]]]:
    """Return each row's lifetime value, money, and the models of each instant.

    Args:
        rows: as_of (microseconds), present and what `purchase_history` returns.
        learned: whether a row may teach the models, shape (n,).
        params: clock and kpis.

    Returns:
        value, shape (n,): NaN for those who never bought or have left, and for all where an instant has no models;
        per instant `as_of`, `purchasing`, `spending` (JSON-ready, or None) and `notes`.
    """
    value, models = np.full(len(rows), np.nan), []
    moments, bought = rows["as_of"].to_numpy(dtype=np.int64), rows["frequency"].notna().to_numpy()
    for instant in np.unique(moments).tolist():
        has_bought = np.flatnonzero((moments == instant) & bought)
        taught = customers_of(rows, has_bought[learned[has_bought]])
        purchasing, spending = fit_purchasing(taught), fit_spend(taught)
        valued = has_bought[rows["present"].to_numpy()[has_bought]]
        ahead, discount = params.kpis.lifetime_days, params.kpis.yearly_discount
        value[valued] = lifetime_value(purchasing, spending, customers_of(rows, valued), ahead, discount)
        notes = [note for model in (purchasing, spending) if model is not None for note in model.notes]
        if purchasing is None or spending is None:
            few = f"fewer than {FEWEST_REPEATERS} who bought again for money, so lifetime values are missing"
            notes.append(few)
        models.append({
            "as_of": pd.Timestamp(instant, unit="us").isoformat(),
            "purchasing": None if purchasing is None else purchasing.as_dict(),
            "spending": None if spending is None else spending.as_dict(),
            "notes": notes,
        })  # fmt: skip
    return value, models


def customers_of(rows: pd.DataFrame, at: NDArray[np.intp]) -> Purchases:
    """Return the rows at these positions as the models take them; each has bought."""
    part = rows[["frequency", "recency_days", "age_days", "mean_spend"]].take(at)
    return Purchases(*(part[name].to_numpy() for name in part))
