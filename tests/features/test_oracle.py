"""Every feature, row and outcome agrees with loops over plain records, on random histories full of ties."""

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from histories import (
    ARMS,
    AS_OF,
    DAY,
    PEOPLE,
    SNAPSHOT_INSTANTS,
    Decided,
    Event,
    at_the_edges,
    build,
    params,
    random_past,
)
from slow_features import assert_agrees

SILENCE = {"churn": {"inactive_days": 10, "activity": ["visit", "buy"]}}
WORTH = {"value": {"score": -0.3, "buy": 0.7, "visit": 0.1, "unheard": 5.0}}
KINDS = ["buy", "visit", "score", "Offer viewed!"]
CHANNELS = [None, "web", "phone", "Post office"]
SETTINGS: dict[str, dict[str, Any]] = {
    "two windows": {},
    "one window": {"windows_days": (9,), "outcome": SILENCE, "max_channels": 0, "responses": ["visit"]},
    "three windows": {
        "windows_days": (90, 10, 30),
        "outcome": WORTH,
        "max_channels": 2,
        "responses": ["Offer viewed!", "score", "unheard"],
        "refusals": ["visit"],
    },
    "two types": {"max_event_types": 2, "max_channels": 1, "outcome": WORTH, "refusals": ["buy", "score"]},
}
EVERYTHING = [Event("old", AS_OF - 390 * DAY - at, AS_OF - 380 * DAY, kind, 1.0, channel)
              for at, (kind, channel) in enumerate(zip(KINDS, CHANNELS, strict=True))]  # fmt: skip
CROWD = [*PEOPLE, *(f"p{number}" for number in range(6))]
EVERYONE = sorted([*CROWD, "old"])

ANCHORS = [AS_OF, *SNAPSHOT_INSTANTS]
TIMES = st.builds(
    lambda anchor, days, micros: anchor - days * DAY + micros,
    st.sampled_from(ANCHORS),
    st.sampled_from([0, 0, 1, 7, 10, 14, 30, 60, 90, 91, 300, 364, -2]),
    st.sampled_from([-1, 0, 0, 1]),
)
EVENTS = st.lists(
    st.builds(
        lambda who, at, delay, kind, value, channel: Event(who, at, at + delay, kind, value, channel),
        st.sampled_from([who for who in CROWD if who != "dee"]),
        TIMES,
        st.sampled_from([0, 0, 1, DAY, 7 * DAY, 40 * DAY, -DAY]),
        st.sampled_from([*KINDS, "buy"] * 4 + ["left"]),
        st.none() | st.integers(-50_000, 50_000).map(lambda units: units / 10_000),
        st.sampled_from(CHANNELS),
    ),
    min_size=20,
    max_size=150,
)
DECIDED = st.lists(st.tuples(st.sampled_from(CROWD), TIMES, st.sampled_from(ARMS)), max_size=30).map(
    lambda drawn: [Decided(f"d{number}", *each) for number, each in enumerate(sorted(drawn))]
)


# A table costs half a second, whatever its size: few examples of many people each, and no shrinking.
@pytest.mark.parametrize("name", SETTINGS)
@settings(max_examples=4, phases=[Phase.explicit, Phase.generate])
@given(EVENTS, DECIDED)
def test_random_histories_agree_with_loops(name, events, log):
    """Every type and channel occurs, so that all examples have the same columns and compile once."""
    how, events = SETTINGS[name], EVERYTHING + events
    assert_agrees(build(events, log, EVERYONE, **how), events, log, params(**how), EVERYONE)


@settings(max_examples=3, phases=[Phase.explicit, Phase.generate])
@given(EVENTS.map(lambda events: events[:5]), DECIDED)
def test_histories_without_some_of_the_types_agree_with_loops(events, log):
    assert_agrees(build(events, log, CROWD), events, log, params(), CROWD)


@pytest.mark.parametrize("name", ["one window", "three windows"])
def test_long_histories_agree_with_loops(name):
    """Five hundred events on few days and at the ends of windows: ties, late records; cyd has left, known later."""
    events, log = random_past(len(name), events=500, decided=40)
    events += [*at_the_edges(KINDS), Event("cyd", AS_OF - 45 * DAY, AS_OF - 20 * DAY, "left")]
    how = SETTINGS[name]
    assert_agrees(build(events, log, **how), events, log, params(**how))


@pytest.mark.parametrize("name", ["two windows", "three windows"])
def test_no_event_and_no_decision_agree_with_loops(name):
    how = SETTINGS[name]
    assert_agrees(build([], [], **how), [], [], params(**how))


def test_the_comparison_can_fail():
    events, log = random_past(1)
    built = build(events, log)
    assert_agrees(built, events, log, params())
    built.population.loc[1, "score_last"] += 1e-9
    with pytest.raises(AssertionError, match=r'population.iloc\[:, .*"score_last"'):
        assert_agrees(built, events, log, params())
