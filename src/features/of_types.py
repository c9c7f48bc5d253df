"""Features of each event type: how many and how lately, how the pace changes, and what the values say."""

from itertools import pairwise
from typing import Any

from .declare import Feature, Material, Pair
from .measures import Windows, days, ratio, value
from .side_by_side import Measured


def type_features(material: Material, measured: Measured) -> list[Pair]:
    """Return the features of every type in `material.activity`, type by type."""
    pairs: list[Pair] = []
    for name in material.activity:
        pairs += [_count(name, window, measured) for window in material.windows.days]
        if material.windows.shortest < material.windows.longest:
            pairs.append(_trend(name, material.windows, measured))
        pairs += [days_since(name, f"days since the latest {name}", name, measured.of(name, "youngest"))]
        pairs += rhythm(
            name, f"{name} events", measured.of(name, "n"), measured.of(name, "oldest"), measured.of(name, "youngest")
        )
        if name in material.valued:
            pairs += _values(name, "valued" if name in material.partly else "n", material.windows, measured)
    return pairs


def days_since(prefix: str, meaning: str, source: str, youngest: Any) -> Pair:
    """Return the recency of an age in microseconds."""
    return Feature(f"{prefix}_days_since", meaning, "days", source), days(youngest)


def rhythm(prefix: str, events: str, n: Any, oldest: Any, youngest: Any) -> list[Pair]:
    """Return the mean gap between events, and today's silence in such gaps: above 1 it is longer than usual.

    Args:
        prefix: of the names.
        events: what the events are, for people.
        n: their number.
        oldest: age of the first, microseconds.
        youngest: age of the latest, microseconds.
    """
    gap = ratio(oldest - youngest, n - 1)
    return [
        (Feature(f"{prefix}_gap_days", f"mean days between {events}", "days", prefix), days(gap)),
        (Feature(f"{prefix}_silence", f"days since the latest of the {events} over their mean gap", "ratio", prefix),
         youngest.cast("float64") / gap.nullif(0.0)),
    ]  # fmt: skip


def _count(name: str, window: int, measured: Measured) -> Pair:
    meaning = f"{name} events in the last {window} days"
    return Feature(f"{name}_count_{window}d", meaning, "events", name, window, "zero"), measured.of(name, f"n_{window}")


def _trend(name: str, windows: Windows, measured: Measured) -> Pair:
    short, long = windows.shortest, windows.longest
    meaning = f"{name} events per day in the last {short} days minus those in the last {long}"
    recent, usual = (measured.of(name, f"n_{window}").cast("float64") / float(window) for window in (short, long))
    return Feature(f"{name}_trend", meaning, "events per day", name, long, "zero"), recent - usual


def _values(name: str, counted: str, windows: Windows, measured: Measured) -> list[Pair]:
    """Return the features of a type's values; `counted` is the measure that counts them."""
    long = windows.longest
    pairs: list[Pair] = [
        (Feature(f"{name}_sum_{window}d", f"sum of {name} values in the last {window} days", "value", name, window,
                 "zero"), value(measured.of(name, f"sum_{window}")))
        for window in windows.days
    ]  # fmt: skip
    mean = ratio(value(measured.of(name, f"sum_{long}")), measured.of(name, f"{counted}_{long}"))
    pairs.append((Feature(f"{name}_mean_{long}d", f"mean {name} value in the last {long} days", "value", name, long),
                  mean))  # fmt: skip
    pairs.append(
        (Feature(f"{name}_last", f"value of the latest {name}", "value", name), value(measured.of(name, "last")))
    )
    if len(windows.days) > 1:
        pairs.append(_slope(name, counted, windows, measured))
    return pairs


def _slope(name: str, counted: str, windows: Windows, measured: Measured) -> Pair:
    """Return the least-squares slope of the values on time, each value placed at the middle of its part of the windows.

    The parts lie between one window's start and the next's. With x the middles (days before the instant, negative),
    n and v the number and sum of a part's values: slope = (N Σxv − Σnx Σv) / (N Σnx² − (Σnx)²), N = Σn.
    """
    starts = [0, *windows.days]
    middles = [-(near + far) / 2.0 for near, far in zip(starts, windows.days, strict=False)]

    def parts(measure: str) -> list[Any]:
        whole = [measured.of(name, f"{measure}_{window}") for window in windows.days]
        return [whole[0].cast("float64"), *((b - a).cast("float64") for a, b in pairwise(whole))]

    n, v = parts(counted), parts("sum")
    count, total = sum(n[1:], n[0]), sum(v[1:], v[0])
    nx = sum((part * x for part, x in zip(n[1:], middles[1:], strict=True)), n[0] * middles[0])
    nxx = sum((part * (x * x) for part, x in zip(n[1:], middles[1:], strict=True)), n[0] * (middles[0] * middles[0]))
    xv = sum((part * x for part, x in zip(v[1:], middles[1:], strict=True)), v[0] * middles[0])
    slope = (count * xv - nx * total) / (count * nxx - nx * nx).nullif(0.0)
    meaning = f"how fast {name} values rise over the last {windows.longest} days"
    feature = Feature(f"{name}_slope", meaning, "value per 30 days", name, windows.longest)
    return feature, value(slope) * 30.0
