"""How large a randomised pilot must be before effects can be learned."""

import math

from scipy.stats import norm


def pilot_size(value_sd: float, gain: float, power: float = 0.8, level: float = 0.05) -> int:
    """Return the stakeholders needed per arm, the control included, to tell a mean gain from zero.

    Two-sided comparison of two means: n = 2·((z_{1−level/2} + z_{power})·sd / gain)² (Cohen 1988, Statistical power
    analysis, ch. 2).

    Args:
        value_sd: standard deviation of the outcome's value, money.
        gain: mean difference in value to be found, money, > 0.
        power: probability of finding it.
        level: probability of a false alarm.

    Raises:
        ValueError: `gain` is not above zero.

    >>> pilot_size(value_sd=1.0, gain=0.5)
    63
    """
    if not gain > 0:
        raise ValueError(f"gain: expected above 0; got {gain}")
    z = norm.ppf(1 - level / 2) + norm.ppf(power)
    return math.ceil(2 * (float(z) * value_sd / gain) ** 2)
