"""Numbers as people read them; the same number always gives the same text.

What is undefined (None or NaN) is an en dash. A minus is ASCII, so that no terminal can lose it.
"""

import math
from collections.abc import Mapping
from typing import Any

NOTHING = "–"


def number(value: float | None, digits: int = 0) -> str:
    """Return a number with thousands separated and `digits` decimals.

    >>> number(-1234.5, 1), number(-0.001, 2), number(None)
    ('-1,234.5', '0.00', '–')
    """
    if value is None or math.isnan(value):
        return NOTHING
    text = f"{value:,.{digits}f}"
    return text if any(digit in text for digit in "123456789") else text.removeprefix("-")


def money(value: float | None) -> str:
    """Return money with two decimals.

    >>> money(1234.567)
    '1,234.57'
    """
    return number(value, 2)


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share of 1 in percent.

    >>> percent(0.2684)
    '26.8 %'
    """
    return NOTHING if share is None or math.isnan(share) else f"{number(100 * share, digits)} %"


def interval(estimate: Mapping[str, Any], digits: int = 2, scale: float = 1.0) -> str:
    """Return an estimate's 95 % interval, its ends multiplied by `scale`.

    Args:
        estimate: a mapping with `low` and `high`, as Estimate.as_dict gives it.
        digits: decimals.
        scale: for example 1000 for money per 1,000 stakeholders.

    >>> interval({"low": -1.0, "high": 2.5}, 1), interval({"low": None, "high": None})
    ('-1.0 to 2.5', '–')
    """
    low, high = estimate["low"], estimate["high"]
    return (
        NOTHING if low is None or high is None else f"{number(scale * low, digits)} to {number(scale * high, digits)}"
    )


def with_interval(estimate: Mapping[str, Any], digits: int = 2) -> str:
    """Return an estimate and its 95 % interval.

    >>> with_interval({"value": 1.0, "low": 0.5, "high": 1.5}, 1)
    '1.0 (0.5 to 1.5)'
    """
    if estimate["low"] is None:
        return number(estimate["value"], digits)
    return f"{number(estimate['value'], digits)} ({interval(estimate, digits)})"


def words(name: str) -> str:
    """Return a name of the program as words.

    >>> words("best_single_arm")
    'best single arm'
    """
    return name.replace("_", " ")
