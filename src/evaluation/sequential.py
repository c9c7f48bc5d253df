"""Error spent over repeated looks: every iteration judges a challenger, each time with another chance to win by luck.

The looks share one probability of error. Look t = 1, 2, … spends error / (t (t + 1)), which sums to `error` over any
number of looks, so by the union bound the chance that a challenger without merit is ever promoted stays below it,
whatever the looks have in common: data, models, or that one decides what is logged next. Spending by a schedule fixed
beforehand is Lan & DeMets (1983, Biometrika 70); this one, free of a last look, is that of Foster & Stine (2008, JRSS
B 70). With `error` 0.05 the first look's one-sided bound is the lower end of the ordinary two-sided 95 % interval.
"""

import math

from scipy.special import stdtrit


def error_at(look: int, error: float) -> float:
    """Return the one-sided error that a look may spend.

    Raises:
        ValueError: `look` is below 1, or `error` is not between 0 and 1.

    >>> [round(error_at(look, 0.05), 5) for look in (1, 2, 3)]
    [0.025, 0.00833, 0.00417]
    """
    if look < 1:
        raise ValueError(f"look: expected 1 or more; got {look}")
    if not 0 < error < 1:
        raise ValueError(f"error: expected between 0 and 1; got {error}")
    return error / (look * (look + 1))


def critical(look: int, error: float, freedom: float = math.inf) -> float:
    """Return by how many standard errors a gain must exceed its margin at a look; errors as in `error_at`.

    Args:
        look: from 1.
        error: of all looks together.
        freedom: degrees of freedom of the standard error (Student's t).

    >>> [round(critical(look, 0.05), 3) for look in (1, 2, 3, 10)]
    [1.96, 2.394, 2.638, 3.317]
    >>> round(critical(1, 0.05, 9), 3)
    2.262
    """
    return float(stdtrit(freedom, 1 - error_at(look, error)))
