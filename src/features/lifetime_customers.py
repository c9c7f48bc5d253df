"""What the models of lifetime value know of a customer: four numbers, checked on arrival."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..contracts.errors import InputError
from .lifetime_fit import Floats


@dataclass(frozen=True, eq=False)
class Purchases:
    """What the models need to know of each customer; four arrays of one length n, checked on arrival.

    Attributes:
        frequency: repeat purchases, whole numbers ≥ 0.
        recency_days: days from the first purchase to the last, 0 where nothing was repeated.
        age_days: days from the first purchase to now.
        mean_spend: money per repeat purchase; not read where nothing was repeated (may be missing there).

    Raises:
        InputError: lengths differ, or a value is impossible; it names the column and the row (from 0).
    """

    frequency: Floats
    recency_days: Floats
    age_days: Floats
    mean_spend: Floats

    def __init__(
        self, frequency: ArrayLike, recency_days: ArrayLike, age_days: ArrayLike, mean_spend: ArrayLike
    ) -> None:
        given = (frequency, recency_days, age_days, mean_spend)
        x, recency, age, spend = (np.array(column, dtype=np.float64) for column in given)
        if {column.shape for column in (x, recency, age, spend)} != {(x.size,)}:
            got = f"shapes {x.shape}, {recency.shape}, {age.shape} and {spend.shape}"
            raise InputError("purchases", "four columns of one length", got, "give each customer one row")
        _refuse("frequency", x, np.isfinite(x) & (x >= 0) & (x == np.floor(x)), "a whole number ≥ 0")
        _refuse("age_days", age, np.isfinite(age) & (age >= 0), "days ≥ 0")
        _refuse("recency_days", recency, (recency >= 0) & (recency <= age), "days from 0 to age_days")
        _refuse("recency_days", recency, (x > 0) | (recency == 0), "0 where frequency is 0")
        _refuse("mean_spend", spend, np.isfinite(spend) | (x == 0), "money where frequency is above 0")
        for field, column in zip(fields(self), (x, recency, age, spend), strict=True):
            object.__setattr__(self, field.name, column)

    def __len__(self) -> int:
        return len(self.frequency)


def _refuse(column: str, values: Floats, good: NDArray[np.bool_], expected: str) -> None:
    if not good.all():
        row = int(np.argmin(good))
        raise InputError(f"purchases, column {column}, row {row}", expected, f"{values[row]:g}", "correct the history")
