"""Features, rows and outcomes by their definitions: loops over plain records, slow and obvious, the tests' oracle."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import nan

import pandas as pd

from histories import ARMS, DAY, PEOPLE, SINCE, Built, Decided, Event
from rapport.contracts.params import Params
from rapport.features.history import slug

WEEK = 7 * DAY


@dataclass(frozen=True)
class Seen:
    """What one row sees of its stakeholder: events before the instant, known before it; contacts apart."""

    as_of: int
    events: list[Event]
    contacts: list[Decided]

    def ages(self, kinds: Sequence[str]) -> list[int]:
        return [self.as_of - e.at for e in self.events if slug(e.kind) in kinds]

    def ages_of_contacts(self, arms: Sequence[str]) -> list[int]:
        return [self.as_of - d.at for d in self.contacts if d.arm in arms]


@dataclass(frozen=True)
class Choice:
    """Which event types and channels become features."""

    kinds: list[str]
    valued: list[str]
    channels: list[str]


def instant(params: Params) -> int:
    return int(pd.Timestamp(params.clock.as_of, tz="UTC").timestamp()) * 1_000_000


def most_frequent(names: list[str], most: int, always: Sequence[str] = (), first: Sequence[str] = ()) -> list[str]:
    count = Counter(names)
    kept = [name for name in count if name in always]
    others = sorted(count.keys() - {*kept}, key=lambda name: (name not in first, -count[name], name))
    return sorted([*kept, *others[: max(most - len(kept), 0)]])


def slow_choice(events: list[Event], params: Params) -> Choice:
    as_of, leaving = instant(params), params.outcome.churn.event
    known = [e for e in events if e.at < as_of and e.known < as_of and e.kind != leaving]
    answers = [slug(each) for each in (*params.features.responses, *params.features.refusals)]
    valuable = [slug(each) for each in params.outcome.value]
    kinds = most_frequent([slug(e.kind) for e in known], params.features.max_event_types, answers, valuable)
    return Choice(
        kinds,
        [kind for kind in kinds if any(slug(e.kind) == kind and e.value is not None for e in known)],
        most_frequent([e.channel for e in known if e.channel is not None], params.features.max_channels),
    )


def slow_features(who: str, as_of: int, events: list[Event], log: list[Decided], params: Params) -> dict[str, float]:
    """Return the features of one row in column order, attributes aside."""
    seen = Seen(
        as_of,
        [e for e in events if e.who == who and e.at < as_of and e.known < as_of],
        [d for d in log if d.who == who and d.at < as_of and d.arm != ARMS[0]],
    )
    choice, windows = slow_choice(events, params), sorted({*params.features.windows_days})
    row = {"tenure_days": (as_of - SINCE[who]) / DAY}
    for kind in choice.kinds:
        row |= of_type(kind, seen, kind in choice.valued, windows)
    if choice.kinds:
        row |= of_activity(choice, seen, windows)
        row |= of_worth(choice, seen, windows, params)
    row |= of_contacts(seen, windows, params)
    for what, named in (("responses", params.features.responses), ("refusals", params.features.refusals)):
        row |= of_answers(what, [slug(name) for name in named if slug(name) in choice.kinds], seen, windows)
    return row


def of_type(kind: str, seen: Seen, valued: bool, windows: list[int]) -> dict[str, float]:
    ages = seen.ages([kind])
    row = counts(kind, ages, windows)
    if len(windows) > 1:
        short, long = windows[0], windows[-1]
        row[f"{kind}_trend"] = row[f"{kind}_count_{short}d"] / short - row[f"{kind}_count_{long}d"] / long
    row |= recency(kind, ages) | rhythm(kind, ages)
    return row | (of_values(kind, seen, windows) if valued else {})


def counts(prefix: str, ages: list[int], windows: list[int]) -> dict[str, float]:
    return {f"{prefix}_count_{days}d": float(sum(1 for age in ages if age <= days * DAY)) for days in windows}


def recency(prefix: str, ages: list[int]) -> dict[str, float]:
    return {f"{prefix}_days_since": min(ages) / DAY if ages else nan}


def rhythm(prefix: str, ages: list[int]) -> dict[str, float]:
    gaps = [older - younger for younger, older in zip(sorted(ages)[:-1], sorted(ages)[1:], strict=True)]
    mean = sum(gaps) / len(gaps) if gaps else nan  # exact up to the division: whole microseconds
    return {f"{prefix}_gap_days": mean / DAY, f"{prefix}_silence": min(ages) / mean if gaps and mean else nan}


def of_values(kind: str, seen: Seen, windows: list[int]) -> dict[str, float]:
    told = [(e.at, e.known, units(e)) for e in seen.events if slug(e.kind) == kind and e.value is not None]
    row, long = {}, windows[-1]
    for days in windows:
        row[f"{kind}_sum_{days}d"] = sum(amount for at, _, amount in told if seen.as_of - at <= days * DAY) / 10_000
    recent = [amount for at, _, amount in told if seen.as_of - at <= long * DAY]
    row[f"{kind}_mean_{long}d"] = sum(recent) / 10_000 / len(recent) if recent else nan
    row[f"{kind}_last"] = max(told)[2] / 10_000 if told else nan
    if len(windows) > 1:
        row[f"{kind}_slope"] = slope([(seen.as_of - at, amount) for at, _, amount in told], windows)
    return row


def units(event: Event) -> int:
    assert event.value is not None
    return round(event.value * 10_000)


def slope(told: list[tuple[int, int]], windows: list[int]) -> float:
    """Return the least-squares slope through the points (middle of its part of the windows, value), in fractions."""
    starts, points = [0, *windows], []
    for age, amount in told:
        for near, far in zip(starts, windows, strict=False):
            if near * DAY < age <= far * DAY:
                points.append((-Fraction(near + far, 2), Fraction(amount)))
    if not points:
        return nan
    middle, level = (sum(column, Fraction(0)) / len(points) for column in zip(*points, strict=True))
    spread = sum((x - middle) ** 2 for x, _ in points)
    if not spread:
        return nan
    return float(sum((x - middle) * (v - level) for x, v in points) / spread) / 10_000 * 30


def of_activity(choice: Choice, seen: Seen, windows: list[int]) -> dict[str, float]:
    ages, long = seen.ages(choice.kinds), windows[-1]
    row = recency("activity", ages) | rhythm("activity", ages)
    for weeks in (13, 52):
        ends = [k * WEEK for k in range(weeks)]
        row[f"active_weeks_{weeks}"] = float(sum(1 for end in ends if any(end < age <= end + WEEK for age in ages)))
    told = [e.channel for e in seen.events if slug(e.kind) in choice.kinds and seen.as_of - e.at <= long * DAY]
    every = sum(1 for channel in told if channel in choice.channels)
    for channel in choice.channels:
        row[f"channel_{slug(channel)}_share"] = told.count(channel) / every if every else nan
    return row


def of_worth(choice: Choice, seen: Seen, windows: list[int], params: Params) -> dict[str, float]:
    margins = {slug(name): margin for name, margin in params.outcome.value.items() if slug(name) in choice.valued}
    if not margins:
        return {}
    ages, money = seen.ages([*margins]), 0.0
    for kind, margin in margins.items():
        money += of_values(kind, seen, windows)[f"{kind}_sum_{windows[-1]}d"] * margin
    frequency = counts("rfm", ages, windows)[f"rfm_count_{windows[-1]}d"]
    return {
        "rfm_recency_days": recency("rfm", ages)["rfm_days_since"],
        "rfm_frequency": frequency,
        "rfm_monetary": money,
    }


def of_contacts(seen: Seen, windows: list[int], params: Params) -> dict[str, float]:
    row: dict[str, float] = {}
    groups = {f"contact_{arm}": [arm] for arm in sorted(params.interventions.arms)}
    for prefix, arms in (groups | {"contacts": [*params.interventions.arms]}).items():
        ages = seen.ages_of_contacts(arms)
        row |= counts(prefix, ages, windows) | recency(prefix, ages)
    return row


def of_answers(what: str, kinds: list[str], seen: Seen, windows: list[int]) -> dict[str, float]:
    if not kinds:
        return {}
    long = windows[-1] * DAY
    answers = sum(1 for age in seen.ages(kinds) if age <= long)
    contacts = sum(1 for d in seen.contacts if seen.as_of - d.at <= long)
    per_contact = answers / contacts if contacts else nan
    return {f"{what}_per_contact": per_contact} | recency(what, seen.ages(kinds))


def slow_outcome(who: str, as_of: int, events: list[Event], log: list[Decided], params: Params) -> dict[str, float]:
    """Return what became of one row, as known at the instant of learning."""
    cutoff, end, churn = instant(params), as_of + params.clock.horizon_days * DAY, params.outcome.churn
    mine = [e for e in events if e.who == who and e.known < cutoff]
    window = [e for e in mine if as_of <= e.at < end]
    money = 0.0
    for name, margin in params.outcome.value.items():
        told = [units(e) for e in window if slug(e.kind) == slug(name) and e.value is not None]
        money += margin * (sum(told) / 10_000)
    if churn.event is not None:
        churned = any(e.kind == churn.event and e.at < end for e in mine)
    else:
        assert churn.inactive_days is not None
        churned = not any(e.kind in churn.activity and e.at >= end - churn.inactive_days * DAY for e in window)
    assert not isinstance(params.outcome.retention_value, str)
    return {
        "churned": churned,
        "money": money,
        "value": money + params.outcome.retention_value * (not churned),
        "contacts": sum(1 for d in log if d.who == who and d.at == as_of and d.arm != ARMS[0]),
    }


def slow_rows(
    events: list[Event], log: list[Decided], params: Params, people: Sequence[str] = PEOPLE
) -> dict[str, list[tuple[str, int]]]:
    """Return (who, instant) of every row of the three tables, in order."""
    as_of, horizon = instant(params), params.clock.horizon_days * DAY

    def lasts(who: str, at: int) -> bool:
        gone = [e for e in events if e.kind == params.outcome.churn.event and e.at < at and e.known < at]
        return SINCE[who] < at and all(e.who != who for e in gone)

    back = range(params.features.snapshots)
    regular = [as_of - horizon - step * params.features.snapshot_every_days * DAY for step in back]
    mature = [(d.who, d.at) for d in log if d.at + horizon <= as_of and lasts(d.who, d.at)]
    return {
        "decisions": sorted(mature),
        "snapshots": sorted((who, at) for at in regular for who in people if lasts(who, at)),
        "population": [(who, as_of) for who in people if lasts(who, as_of)],
    }


def assert_agrees(
    built: Built, events: list[Event], log: list[Decided], params: Params, people: Sequence[str] = PEOPLE
) -> None:
    """Compare every feature and outcome of every row exactly.

    Nothing is rounded on the way to the last division or product, in the tables and here alike: counts, microseconds
    and amounts are whole numbers below 2⁵³, and the remaining operations are the same ones in the same order.
    """
    for name, rows in slow_rows(events, log, params, people).items():
        table = getattr(built, name)
        found_at = table["as_of"].astype("datetime64[us]").astype("int64")
        assert list(zip(table["stakeholder_id"], found_at, strict=True)) == rows, name
        if not rows:
            continue
        expected = pd.DataFrame([slow_features(who, at, events, log, params) for who, at in rows])
        assert built.names == ["kind", *expected.columns]
        assert [*table.columns[-len(built.features) :]] == built.names
        pd.testing.assert_frame_equal(table[[*expected.columns]], expected, check_exact=True, obj=name)
        if name != "population":
            became = pd.DataFrame([slow_outcome(who, at, events, log, params) for who, at in rows])
            pd.testing.assert_frame_equal(table[[*became.columns]], became, check_exact=True, obj=name)
