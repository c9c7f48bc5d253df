"""Features of small histories worked out by hand, as a person would from their one line of meaning."""

import re

import pytest

from histories import AS_OF, DAY, Built, Event, build, params

WEEK = 7 * DAY


def visits(*days_ago: float, kind: str = "visit") -> list[Event]:
    return [Event("ann", AS_OF - int(days * DAY), AS_OF - int(days * DAY), kind) for days in days_ago]


def scores(*told: tuple[float, float | None], kind: str = "nps") -> list[Event]:
    """Return events of (days ago, value)."""
    return [Event("ann", AS_OF - int(days * DAY), AS_OF - int(days * DAY), kind, value) for days, value in told]


def ann(events: list[Event], **how: object) -> dict[str, float]:
    built: Built = build(events, [], ["ann"], **how)
    row: dict[str, float] = built.population.iloc[0].to_dict()
    return row


def test_rhythm_and_silence() -> None:
    """Every ten days, then thirty days of silence: three times as long as usual. Bought twice, at once: no rhythm."""
    row = ann(visits(30, 40, 50, 60) + visits(20, 20, kind="buy"))
    assert (row["visit_gap_days"], row["visit_silence"], row["visit_days_since"]) == (10.0, 3.0, 30.0)
    assert row["buy_gap_days"] == 0.0
    assert row["buy_silence"] != row["buy_silence"]
    assert (row["activity_gap_days"], row["activity_silence"]) == (8.0, 2.5)
    once = ann(visits(30))
    assert once["visit_gap_days"] != once["visit_gap_days"]


def test_trend_is_the_pace_of_late_less_the_usual() -> None:
    """Three events in the last 7 days, six in the last 60; one microsecond beyond 60 days is none of them."""
    row = ann([*visits(1, 2, 7, 8, 30, 60), *visits(60 + 1 / DAY)])
    assert (row["visit_count_7d"], row["visit_count_60d"]) == (3, 6)
    assert row["visit_trend"] == 3 / 7 - 6 / 60


def test_level_last_value_and_slope() -> None:
    """Windows of 10, 30 and 90 days have their middles 5, 20 and 60 days ago.

    Values 2 and 4 at −5, 6 at −20, 9 at −60: means x = −22.5, v = 5.25; Σ(x−x̄)(v−v̄) = −56.875 − 21.875 + 1.875
    − 140.625 = −217.5, Σ(x−x̄)² = 306.25 + 306.25 + 6.25 + 1406.25 = 2025.
    """
    row = ann(scores((1, 2.0), (10, 4.0), (11, 6.0), (90, 9.0), (91, 50.0), (0.5, None)), windows_days=(10, 30, 90))
    assert row["nps_slope"] == pytest.approx(-217.5 / 2025 * 30, rel=1e-12)
    assert row["nps_mean_90d"] == 5.25
    assert (row["nps_sum_10d"], row["nps_sum_30d"], row["nps_sum_90d"]) == (6.0, 12.0, 21.0)
    assert row["nps_last"] == 2.0, "the latest event has no value; the latest that has one counts"
    assert row["nps_count_10d"] == 3


def test_values_of_one_part_have_no_slope_and_none_at_all_have_no_level() -> None:
    row = ann([*scores((1, 2.0), (3, 9.0)), *scores((200, 7.0), kind="csat"), *scores((4, None), kind="csat")])
    assert row["nps_slope"] != row["nps_slope"]
    assert row["csat_last"] == 7.0
    assert row["csat_sum_60d"] == 0.0
    assert row["csat_mean_60d"] != row["csat_mean_60d"]


@pytest.mark.parametrize(
    ("ages", "quarter", "year"),
    [
        ([1], 1, 1),
        ([WEEK], 1, 1),
        ([WEEK, WEEK + 1], 2, 2),
        ([1, 2, WEEK - 1, WEEK], 1, 1),
        ([13 * WEEK], 1, 1),
        ([13 * WEEK + 1], 0, 1),
        ([52 * WEEK], 0, 1),
        ([52 * WEEK + 1], 0, 0),
        ([64 * WEEK + 3, 900 * WEEK], 0, 0),
        ([week * WEEK + 5 for week in range(80)], 13, 52),
    ],
)
def test_active_weeks_are_half_open_like_any_window(ages: list[int], quarter: int, year: int) -> None:
    """A week holds its beginning and not its end, so that 13 of them are the window of 91 days."""
    events = [Event("ann", AS_OF - age, AS_OF - age, ("visit", "buy")[at % 2]) for at, age in enumerate(ages)]
    row = ann([*events, *visits(4000), *visits(4000, kind="buy")])
    assert (row["active_weeks_13"], row["active_weeks_52"]) == (quarter, year)


def test_channel_shares_are_of_events_that_name_one_of_the_channels() -> None:
    told = [("web", 3), ("web", 60), ("phone", 5), (None, 6), ("web", 61), ("fax", 4)]
    events = [Event("ann", AS_OF - days * DAY, AS_OF - days * DAY, "visit", None, channel) for channel, days in told]
    row = ann(events)
    assert row["channel_web_share"] == 0.5
    assert row["channel_phone_share"] == row["channel_fax_share"] == 0.25
    row = ann([*events, *events], max_channels=2)
    assert "channel_phone_share" not in row, "a tie with fax, which comes first"
    assert (row["channel_web_share"], row["channel_fax_share"]) == (2 / 3, 1 / 3)


def test_recency_frequency_and_money_of_what_the_outcome_credits() -> None:
    how = {"outcome": {"value": {"Buy": 0.5, "refund": -1.0, "unheard": 9.0}}}
    row = ann(
        [*scores((3, 10.0), (60, 4.0), (61, 99.0), (2, None), kind="buy"), *scores((1, 2.5), kind="refund")], **how
    )
    assert row["rfm_recency_days"] == 1.0
    assert row["rfm_frequency"] == 4
    assert row["rfm_monetary"] == 0.5 * 14 - 2.5


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_values_add_up_exactly(sign: int) -> None:
    """Beyond 2⁵³ units a sum is rounded once, to the nearest number; a sum of doubles would be rounded each time."""
    told = [(day / 2, sign * 900_719_925_474.0993) for day in range(2, 12)] + [(1.0, sign * 0.0003)]
    units = sum(round(value * 10_000) for _, value in told)
    assert ann(scores(*told))["nps_sum_7d"] == float(units) / 10_000


def test_every_feature_declares_what_it_is() -> None:
    events = [*scores((3, 1.0), (20, 2.0)), *visits(1, 2)]
    built = build(events, [], ["ann"], responses=["visit"], outcome={"value": {"nps": 1.0}})
    units = {"category", "days", "events", "events per day", "money", "ratio", "share", "value", "value per 30 days",
             "weeks"}  # fmt: skip
    windows = {*params().features.windows_days, 91, 364}
    for feature in built.features:
        assert feature.unit in units, feature
        assert feature.missing in ("zero", "missing"), feature
        assert feature.window_days is None or feature.window_days in windows, feature
        assert feature.meaning, feature
        assert "\n" not in feature.meaning + feature.source, feature
        assert feature.source, feature
        in_name = re.search(r"_(\d+)d$", feature.name)
        assert in_name is None or int(in_name[1]) == feature.window_days, feature
    nobody = build(events, [], ["ann", "bob"]).population.iloc[1]
    for feature in build(events, [], ["ann", "bob"]).features[2:]:
        assert (nobody[feature.name] == 0.0) == (feature.missing == "zero"), "bob, who never did anything"
        assert (nobody[feature.name] != nobody[feature.name]) == (feature.missing == "missing"), feature
