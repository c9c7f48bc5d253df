"""What becomes a feature: types and channels by frequency up to `as_of`, answers to contacts, and what is refused."""

from typing import Any

import pytest

from histories import AS_OF, DAY, Decided, Event, build, decision_table, event_table, history_of, params
from histories import stakeholder_table as people
from rapport.contracts.errors import InputError, ParamsError
from rapport.features.declare import Material
from rapport.features.engine import open_engine
from rapport.features.material import material_of
from rapport.features.occurrences import occurrences

SILENCE = {"churn": {"inactive_days": 9, "activity": ["visit"]}}


def material(happened: dict[tuple[str, str | None], int], ago: int = 1, **how: Any) -> Material:
    """Return the material of events by (type, channel) and how many, `ago` microseconds before as_of, without value."""
    at = AS_OF - ago
    events = [Event("ann", at, at, *(kind, None, channel)) for (kind, channel), n in happened.items() for _ in range(n)]
    return material_from(events, **how)


def material_from(events: list[Event], **how: Any) -> Material:
    chosen = params(**how)
    history, codes = history_of(people(["ann"]), event_table(events), decision_table([]), chosen)
    with open_engine(history, chosen) as engine:
        return material_of(codes, occurrences(engine, chosen), chosen)


@pytest.mark.parametrize("most", [1, 2, 3, 9])
def test_the_most_frequent_types_and_channels_are_kept_and_ties_go_by_name(most: int) -> None:
    happened = {("zebra", "web"): 3, ("apple", "fax"): 3, ("common", None): 7, ("rare", "telex"): 1}
    found = material(happened, max_event_types=most, max_channels=most)
    assert list(found.activity) == sorted(["common", "apple", "zebra", "rare"][:most])
    assert list(found.channels) == sorted(["fax", "web", "telex"][:most])


def test_channels_of_types_left_out_count_and_no_channel_at_all_can_be_asked_for() -> None:
    happened = {("common", "web"): 3, ("rare", "fax"): 1, ("left", "door"): 9}
    assert list(material(happened, max_event_types=1).channels) == ["fax", "web"], "but those of leaving do not"
    assert not material(happened, max_channels=0).channels


def test_only_what_was_known_before_as_of_is_material() -> None:
    assert list(material({("visit", "web"): 1}).activity) == ["visit"]
    later = material({("visit", "web"): 1}, ago=0)
    assert not later.activity
    assert not later.channels
    assert list(later.contacts) == ["contact_call", "contact_mail"]


def test_a_type_has_values_once_one_event_of_it_has() -> None:
    at = AS_OF - DAY
    events = [
        Event("ann", at, at, "buy", None),
        Event("ann", at, at, "visit", 0.0),
        Event("ann", at, AS_OF, "buy", 1.0),
    ]
    assert material_from(events).valued == {"visit"}
    assert not material_from(events).worth, "buy is credited by params, but no value of it is known"
    assert material_from([*events, Event("ann", at, at, "buy", 2.0)]).worth == {"buy": 0.5}


def test_windows_are_sorted_and_each_stands_once() -> None:
    assert material({("visit", None): 1}, windows_days=(60, 7, 60)).windows.days == [7, 60]
    names = build([Event("ann", AS_OF - 1, AS_OF - 1, "visit")], [], ["ann"], windows_days=(7, 7)).names
    assert len({*names}) == len(names)
    assert "visit_trend" not in names, "one window has no trend"


def test_windows_end_within_a_century() -> None:
    """More microseconds than int64 holds would count nothing, or everything."""
    assert params(windows_days=(7, 36_500)).features.windows_days == (7, 36_500)
    long_ago = Event("ann", AS_OF - 400 * DAY, AS_OF - DAY, "visit")
    ann = build([long_ago], [], ["ann"], windows_days=(7, 36_500)).population.iloc[0]
    assert (ann["visit_count_7d"], ann["visit_count_36500d"]) == (0, 1)
    for days in (36_501, 200_000_000):
        with pytest.raises(ParamsError, match=rf"features\.windows_days\.1: expected less than .* 36500; got {days}"):
            params(windows_days=(7, days))
    with pytest.raises(ParamsError, match=r"features\.windows_days: expected at least 1 of them"):
        params(windows_days=())


# --- channels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "other"), [("Web", "web!"), ("E-Mail", "e mail"), ("!", "?")])
def test_channels_that_differ_in_case_and_signs_alone_are_refused(one: str, other: str) -> None:
    happened = {("visit", one): 1, ("buy", other): 1, ("visit", "fax"): 5}
    expected = r"events, column channel: expected channels that differ in letters or digits; got '.+' beside '.+'\."
    with pytest.raises(
        InputError, match=expected + " To mend it: write one channel in one way, or set features.max_ch"
    ):
        material(happened)
    with pytest.raises(InputError, match=expected):
        material(happened, max_channels=1)  # not only once the second is frequent enough
    assert not material(happened, max_channels=0).channels
    assert not material(happened, ago=0).channels, "what is not known yet stops nobody"


def test_channels_that_differ_are_features_of_their_own() -> None:
    found = material({("visit", "Web"): 1, ("visit", "web 2"): 1, ("visit", "Post office!"): 1})
    assert list(found.channels) == ["post_office", "web", "web_2"]
    assert len({*found.channels.values()}) == 3


# --- answers to contacts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["responses", "refusals"])
def test_answers_that_never_happened_are_passed_over(key: str) -> None:
    found = material({("Offer viewed", None): 1}, **{key: ["offer viewed!", "unheard of"]})
    assert getattr(found, key) == ["offer_viewed"]
    built = build([Event("ann", AS_OF - 1, AS_OF - 1, "visit")], [], ["ann"], **{key: ["unheard of"]})
    assert not [name for name in built.names if name.startswith(key)]


@pytest.mark.parametrize("key", ["responses", "refusals"])
@pytest.mark.parametrize("name", ["contact_call", "Contact mail", "Left"])
def test_a_contact_or_leaving_is_no_answer(key: str, name: str) -> None:
    happened = {("visit", None): 1, ("left", None): 1}
    expected = rf"features\.{key}: expected event types by which stakeholders react.*; got '{name.lower()[:4]}"
    with pytest.raises(ParamsError, match=expected):
        material(happened, **{key: ["visit", name]})
    assert getattr(material(happened, outcome=SILENCE, **{key: ["visit", "left"]}), key) == ["visit", "left"]


def test_an_answer_named_twice_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"features\.responses: expected each event type once; got visit, visit\."):
        material({("visit", None): 1}, responses=["visit", "Visit!"])
    found = material({("visit", None): 1, ("visits", None): 1}, responses=["visit", "visits"], refusals=["visit"])
    assert (found.responses, found.refusals) == (["visit", "visits"], ["visit"])


def test_answers_per_contact() -> None:
    """Two contacts and three answers in the window; those at its far end count, one microsecond more does not."""
    edge = AS_OF - 60 * DAY
    log = [Decided("a", "ann", edge, "call"), Decided("b", "ann", AS_OF - DAY, "mail"),
           Decided("c", "ann", edge - 1, "mail"), Decided("d", "ann", AS_OF - DAY, "none")]  # fmt: skip
    answers = [(edge, "reply"), (AS_OF - 3, "reply"), (AS_OF - 2, "click"), (edge - 1, "click"), (AS_OF - 1, "hang up")]
    events = [Event("ann", at, at, kind) for at, kind in answers]
    built = build(events, log, ["ann", "bob"], responses=["reply", "click"], refusals=["hang up"])
    ann, bob = built.population.iloc[0], built.population.iloc[1]
    assert ann["responses_per_contact"] == 3 / 2
    assert ann["responses_days_since"] == 2 / DAY
    assert ann["refusals_per_contact"] == 1 / 2
    assert ann["refusals_days_since"] == 1 / DAY
    assert bob[["responses_per_contact", "refusals_per_contact", "responses_days_since"]].isna().all()
