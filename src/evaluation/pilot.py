"""How large a randomised pilot must be before effects can be learned."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from scipy.stats import norm

from ..contracts.rules import Interventions
from ..policy.eligibility import costs, eligible


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


def pilot_of(value: pd.Series, population: pd.DataFrame, interventions: Interventions) -> dict[str, float]:
    """Return the pilot that finds a gain as large as the highest cost of an arm that someone may receive.

    Args:
        value: outcomes' value in money of a snapshot's stakeholders.
        population: stakeholders of today, with the columns of costs.
        interventions: the arms.
    """
    may = eligible(population["kind"], interventions)
    dearest = float(costs(population, interventions, may)[may].max(initial=0.0))
    return propose_pilot(value, dearest, len(interventions.names))


def propose_pilot(value: pd.Series, dearest: float, arms: int) -> dict[str, float]:
    """Return the size of the randomised pilot from which effects could be learned.

    Args:
        value: outcomes' value in money of a snapshot's stakeholders.
        dearest: the highest cost of an arm, money.
        arms: the control included.

    Returns:
        gain to be found, money: `dearest`, or a tenth of the value's standard deviation where that is more; value_sd;
        per_arm; arms; stakeholders in all. Sizes are 0 where the values do not vary, so that none can be told.
    """
    sd = float(value.std()) if len(value) > 1 else 0.0
    gain = max(dearest, 0.1 * sd)
    per_arm = pilot_size(sd, gain) if sd > 0 else 0
    return {"gain": gain, "value_sd": sd, "per_arm": per_arm, "arms": arms, "stakeholders": per_arm * arms}


def pilot_message(metrics: Mapping[str, Any]) -> str:
    """Return why no effect is known, and the pilot's size, in a sentence without its stop; nothing where one is.

    Args:
        metrics: metrics.json.
    """
    pilot, uplift = metrics.get("pilot"), metrics.get("uplift")
    if pilot is None:
        return ""
    decided = [] if uplift is None else [each["decisions"] for each in uplift["arms"].values()]  # the control first
    only_control = uplift is not None and not any(decided[1:])
    why = "all logged decisions are the control" if only_control else "too few logged decisions"
    need = f"{why}: uplift needs a randomised pilot"
    if pilot["per_arm"] == 0:
        return f"{need}, whose size cannot be told because the outcomes so far do not vary"
    return (
        f"{need} of {pilot['stakeholders']:,} stakeholders "
        f"({pilot['per_arm']:,} for each of {pilot['arms']} arms, the control included) to find a mean gain of "
        f"{pilot['gain']:.2f} per stakeholder with 80 % power; the exploration share draws people for one, and assign "
        "says how many"
    )
