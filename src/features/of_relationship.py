"""Features of the relationship as a whole: how alive it is, through which channels, and what it brings."""

from functools import reduce
from operator import add
from typing import Any

from .declare import Feature, Material, Pair
from .measures import WEEKS, days, ratio, value
from .of_types import days_since, rhythm
from .side_by_side import Measured

_QUARTER = 13  # weeks


def relationship_features(material: Material, measured: Measured) -> list[Pair]:
    """Return the features that all of `material.activity` makes together; none without activity."""
    names = list(material.activity)
    if not names:
        return []
    youngest, oldest = measured.least(names, "youngest"), measured.greatest(names, "oldest")
    pairs = [days_since("activity", "days since the latest event of any type, contacts aside", "activity", youngest)]
    pairs += rhythm("activity", "events of any type", measured.total(names, "n"), oldest, youngest)
    for weeks in (_QUARTER, WEEKS):
        meaning = f"weeks with an event among the last {weeks}"
        feature = Feature(f"active_weeks_{weeks}", meaning, "weeks", "activity", 7 * weeks, "zero")
        pairs.append((feature, measured.active_weeks(names, weeks)))
    return [*pairs, *_channel_mix(material, measured), *_worth(material, measured)]


def _channel_mix(material: Material, measured: Measured) -> list[Pair]:
    """Return each channel's share of the events that name one of these channels."""
    names, long = list(material.activity), material.windows.longest
    if not material.channels:
        return []
    counts = {channel: measured.total(names, f"on_{channel}") for channel in material.channels}
    every = reduce(add, counts.values())
    return [
        (Feature(f"channel_{channel}_share", f"share of {channel} among the events of the last {long} days", "share",
                 f"channel {channel}", long), ratio(count, every))
        for channel, count in counts.items()
    ]  # fmt: skip


def _worth(material: Material, measured: Measured) -> list[Pair]:
    """Return recency, frequency and monetary value of what the outcome credits with money."""
    names, long = list(material.worth), material.windows.longest
    if not names:
        return []
    source = " and ".join(names)
    money: Any = reduce(add, (value(measured.of(name, f"sum_{long}")) * margin
                              for name, margin in material.worth.items()))  # fmt: skip
    recency = Feature("rfm_recency_days", f"days since the latest {source}", "days", source)
    frequency = Feature("rfm_frequency", f"{source} events in the last {long} days", "events", source, long, "zero")
    monetary = Feature("rfm_monetary", f"money from {source} in the last {long} days", "money", source, long, "zero")
    return [
        (recency, days(measured.least(names, "youngest"))),
        (frequency, measured.total(names, f"n_{long}")),
        (monetary, money),
    ]
