"""A row sees what was known strictly before its instant: leaks planted on purpose, a slow oracle, and determinism."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.contracts.cells import Origin
from rapport.contracts.params import Params, parse_params
from rapport.contracts.tables import canonical_decisions, canonical_events, canonical_stakeholders
from rapport.features.build import FeatureTables, featurize
from rapport.store.frames import write_frame

DAY = 86_400_000_000
AS_OF = int(pd.Timestamp("2025-04-01", tz="UTC").timestamp()) * 1_000_000
HORIZON, WINDOWS, SNAPSHOTS, EVERY = 30, (7, 60), 3, 40
SNAPSHOT_INSTANTS = [AS_OF - (HORIZON + EVERY * back) * DAY for back in (2, 1, 0)]
LATEST = SNAPSHOT_INSTANTS[-1]  # the last instant whose horizon is over at AS_OF
PEOPLE = ["ann", "bob", "cyd", "dee"]
SINCE = {"ann": AS_OF - 900 * DAY, "bob": AS_OF - 100 * DAY, "cyd": AS_OF - 70 * DAY - 1, "dee": AS_OF - 400 * DAY}
ARMS = ("none", "call", "mail")
TABLES = ("decisions", "snapshots", "population")


@dataclass(frozen=True)
class Event:
    """An event in plain numbers: times in microseconds."""

    who: str
    at: int
    known: int
    kind: str
    value: float | None = None


@dataclass(frozen=True)
class Decided:
    """A decision in plain numbers."""

    name: str
    who: str
    at: int
    arm: str


def params(threads: int = 2, **features: Any) -> Params:
    sections = {"windows_days": WINDOWS, "snapshots": SNAPSHOTS, "snapshot_every_days": EVERY, **features}
    return parse_params(
        {
            "threads": threads,
            "source": {"kind": "files"},
            "clock": {"as_of": "2025-04-01", "horizon_days": HORIZON},
            "outcome": {"churn": {"event": "left"}, "value": {"buy": 0.5}, "retention_value": 100.0},
            "interventions": {"control": "none", "arms": {"call": {}, "mail": {}}},
            "features": sections,
        }
    )


def instants(micros: list[int]) -> pd.Series:
    return pd.Series(pd.to_datetime(np.array(micros, dtype="int64"), unit="us", utc=True))


def stakeholder_table(people: list[str]) -> pd.DataFrame:
    raw = pd.DataFrame(
        {"stakeholder_id": people, "kind": "customer", "since": instants([SINCE[who] for who in people])}
    )
    return canonical_stakeholders(raw, Origin("stakeholders"))


def event_table(events: list[Event]) -> pd.DataFrame:
    raw = pd.DataFrame(
        {
            "stakeholder_id": [event.who for event in events],
            "occurred_at": instants([event.at for event in events]),
            "known_at": instants([event.known for event in events]),
            "event_type": [event.kind for event in events],
            "value": pd.Series([event.value for event in events], dtype="float64"),
        }
    )
    if raw.empty:  # the contract refuses an export without events; filtered histories may have none
        one = Event("ann", 0, 0, "buy")
        return event_table([one]).iloc[:0]
    return canonical_events(raw, Origin("events"))


def decision_table(decided: list[Decided]) -> pd.DataFrame:
    raw = pd.DataFrame(
        {
            "decision_id": pd.Series([each.name for each in decided], dtype="str"),
            "stakeholder_id": pd.Series([each.who for each in decided], dtype="str"),
            "decided_at": instants([each.at for each in decided]),
            "intervention": pd.Series([each.arm for each in decided], dtype="str"),
            "propensity": pd.Series([0.5] * len(decided), dtype="float64"),
            "iteration": pd.Series([1] * len(decided), dtype="int64"),
            "policy": pd.Series(["test"] * len(decided), dtype="str"),
        }
    )
    return canonical_decisions(raw, ARMS, Origin("decisions"))


def build(events: list[Event], decided: list[Decided], people: list[str] = PEOPLE, **how: Any) -> FeatureTables:
    return featurize(stakeholder_table(people), event_table(events), decision_table(decided), params(**how))


def feature_names(built: FeatureTables) -> list[str]:
    return [feature.name for feature in built.features]


def written(frame: pd.DataFrame, folder: Any) -> bytes:
    """Return the bytes of the table as the store writes it."""
    path = folder / "table.parquet"
    write_frame(path, frame)
    content: bytes = path.read_bytes()
    return content


def random_past(seed: int, events: int = 120, decided: int = 16) -> tuple[list[Event], list[Decided]]:
    """Return a history full of ties in time and late records; nobody leaves."""
    rng = np.random.default_rng(seed)
    kinds, values = ["buy", "visit", "score"], [None, 0.0, 1.25, -3.5, 10.0001, 99.99]
    history = []
    for _ in range(events):
        at = AS_OF - int(rng.integers(0, 150)) * DAY - int(rng.integers(0, 2))
        known = at + int(rng.choice([0, 0, 0, 1, DAY, 35 * DAY]))
        kind = str(rng.choice(kinds))
        value = None if kind == "visit" else values[int(rng.integers(len(values)))]
        history.append(Event(str(rng.choice(PEOPLE)), at, known, kind, value))
    log = []
    for number in range(decided):
        at = AS_OF - int(rng.integers(0, 90)) * DAY
        log.append(Decided(f"d{number:02}", str(rng.choice(PEOPLE)), at, str(rng.choice(ARMS))))
    return history, log


# --- leaks: what comes at or after the instant changes no byte; one microsecond earlier it does -------------------


FUTURE = {
    "happens at as_of": Event("ann", AS_OF, AS_OF, "buy", 7.0),
    "happens later": Event("ann", AS_OF + 5 * DAY, AS_OF + 5 * DAY, "score", 7.0),
    "announced before, happens later": Event("ann", AS_OF + DAY, AS_OF - 50 * DAY, "buy", 7.0),
    "known at as_of": Event("ann", AS_OF - 40 * DAY, AS_OF, "buy", 7.0),
    "known later": Event("ann", AS_OF - 40 * DAY, AS_OF + DAY, "buy", 7.0),
    "leaves at as_of": Event("ann", AS_OF, AS_OF, "left"),
    "left, known at as_of": Event("ann", AS_OF - 40 * DAY, AS_OF, "left"),
    "a new type, later": Event("ann", AS_OF + DAY, AS_OF + DAY, "webinar", 7.0),
    "a new type, known at as_of": Event("ann", AS_OF - 40 * DAY, AS_OF, "webinar", 7.0),
    "a value for a type without values": Event("ann", AS_OF - 40 * DAY, AS_OF, "visit", 7.0),
}


@pytest.mark.parametrize("extra", FUTURE.values(), ids=FUTURE.keys())
def test_an_event_of_the_future_changes_no_byte(extra, tmp_path):
    events, log = random_past(1)
    before, after = build(events, log), build([*events, extra], log)
    assert after.features == before.features
    for name in TABLES:
        assert written(getattr(after, name), tmp_path) == written(getattr(before, name), tmp_path), name


PLANTED = {
    "happens at as_of − 1 µs": Event("ann", AS_OF - 1, AS_OF - 1, "buy", 7.0),
    "known at as_of − 1 µs": Event("ann", AS_OF - 40 * DAY, AS_OF - 1, "buy", 7.0),
    "leaves at as_of − 1 µs": Event("ann", AS_OF - 1, AS_OF - 1, "left"),
    "a new type at as_of − 1 µs": Event("ann", AS_OF - 40 * DAY, AS_OF - 1, "webinar", 7.0),
    "a value for a type without values": Event("ann", AS_OF - 40 * DAY, AS_OF - 1, "visit", 7.0),
}


@pytest.mark.parametrize("extra", PLANTED.values(), ids=PLANTED.keys())
def test_one_microsecond_earlier_turns_the_alarm_on(extra, tmp_path):
    events, log = random_past(1)
    before, after = build(events, log), build([*events, extra], log)
    assert written(after.population, tmp_path) != written(before.population, tmp_path)


def test_many_future_events_at_once_change_no_byte(tmp_path):
    events, log = random_past(2)
    late = [replace(event, known=AS_OF + at % 9) for at, event in enumerate(events)]
    later = [replace(event, at=2 * AS_OF - event.at, known=AS_OF) for event in events]
    before, after = build(events, log), build([*late, *events, *later], log)
    for name in TABLES:
        assert written(getattr(after, name), tmp_path) == written(getattr(before, name), tmp_path), name


OWN = {"decisions": [Decided("d", "ann", LATEST, "none")], "snapshots": []}


@pytest.mark.parametrize("table", OWN)
@pytest.mark.parametrize(
    ("at", "known", "seen"),
    [
        (LATEST, LATEST, False),
        (LATEST + 3 * DAY, LATEST + 3 * DAY, False),
        (LATEST - 20 * DAY, LATEST, False),
        (LATEST - 20 * DAY, LATEST + 1, False),
        (LATEST + 1, LATEST - 9 * DAY, False),
        (LATEST - 1, LATEST - 1, True),
        (LATEST - 20 * DAY, LATEST - 1, True),
    ],
)
@pytest.mark.parametrize("kind", ["buy", "visit", "score"])
def test_rows_of_the_past_see_only_their_own_past(table, at, known, seen, kind, tmp_path):
    """The rows' instant lies before as_of: here the outcome may change, the features only through the planted ones."""
    events, _ = random_past(3)
    value = None if kind == "visit" else 7.0
    before, after = build(events, OWN[table]), build([*events, Event("ann", at, known, kind, value)], OWN[table])
    names = feature_names(before)
    latest = [getattr(each, table).loc[lambda rows: rows["as_of"] == rows["as_of"].max()] for each in (before, after)]
    one, other = (written(rows[names].reset_index(drop=True), tmp_path) for rows in latest)
    assert feature_names(after) == names
    assert (one != other) == seen


def test_outcomes_do_see_what_the_features_must_not(tmp_path):
    """The passing twin of the tests above: the same event is not simply lost."""
    events, _ = random_past(3)
    log = OWN["decisions"]
    before, after = build(events, log), build([*events, Event("ann", LATEST, LATEST, "buy", 7.0)], log)
    assert after.decisions["money"].tolist() == [before.decisions["money"].item() + 3.5]


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize(("at", "changes"), [(AS_OF, False), (AS_OF + 3 * DAY, False), (AS_OF - 1, True)])
def test_a_decision_of_the_future_changes_no_byte(arm, at, changes, tmp_path):
    events, log = random_past(4)
    before, after = build(events, log), build(events, [*log, Decided("new", "ann", at, arm)])
    for name in ("decisions", "snapshots"):
        assert written(getattr(after, name), tmp_path) == written(getattr(before, name), tmp_path), name
    same = written(after.population, tmp_path) == written(before.population, tmp_path)
    assert same != (changes and arm != "none"), "the control is no contact"


def test_a_decision_is_not_in_its_own_contact_history():
    log = [
        Decided("first", "ann", LATEST - 1, "call"),
        Decided("same instant", "ann", LATEST - 1, "mail"),
        Decided("next", "ann", LATEST, "none"),
        Decided("other", "bob", LATEST, "call"),
    ]
    rows = build([Event("ann", AS_OF - 9 * DAY, AS_OF - 9 * DAY, "buy", 1.0)], log).decisions.set_index("decision_id")
    assert rows["contact_call_count_7d"].to_dict() == {"first": 0, "same instant": 0, "next": 1, "other": 0}
    assert rows["contact_mail_count_7d"].to_dict() == {"first": 0, "same instant": 0, "next": 1, "other": 0}
    assert rows.loc["next", "contact_call_days_since"] == 1 / DAY
    assert rows["contact_call_days_since"].isna().to_dict() == {
        "first": True,
        "same instant": True,
        "next": False,
        "other": True,
    }


# --- a row does not depend on the rows beside it --------------------------------------------------------------------


@pytest.mark.parametrize("who", PEOPLE)
def test_a_stakeholder_alone_gets_the_features_it_gets_among_others(who):
    events, log = random_past(5)
    everyone = build(events, log)
    alone = build([e for e in events if e.who == who], [d for d in log if d.who == who], [who])
    names = feature_names(everyone)
    assert feature_names(alone) == names
    for name in TABLES:
        batch = getattr(everyone, name)
        mine = batch[batch["stakeholder_id"] == who].reset_index(drop=True)
        assert len(mine) > 0
        pd.testing.assert_frame_equal(getattr(alone, name), mine, check_exact=True)


def test_a_snapshot_does_not_depend_on_the_other_snapshots():
    events, log = random_past(6)
    three, one = build(events, log).snapshots, build(events, log, snapshots=1).snapshots
    latest = three[three["as_of"] == three["as_of"].max()].reset_index(drop=True)
    assert len(three) > len(one) > 0
    pd.testing.assert_frame_equal(one, latest, check_exact=True)


def test_a_decision_a_snapshot_and_the_population_at_one_instant_agree():
    """One definition of a feature: the three tables differ in keys alone."""
    events, _ = random_past(7)
    log = [Decided(f"d {who}", who, LATEST, "none") for who in PEOPLE]
    built = build(events, log)
    names = feature_names(built)
    latest = built.snapshots[built.snapshots["as_of"] == built.snapshots["as_of"].max()].reset_index(drop=True)
    pd.testing.assert_frame_equal(built.decisions[names], latest[names], check_exact=True)
    outcome = ["churned", "money", "value", "contacts"]
    pd.testing.assert_frame_equal(built.decisions[outcome], latest[outcome], check_exact=True)
    moved = params().model_copy(
        update={"clock": params().clock.model_copy(update={"as_of": pd.Timestamp(LATEST, unit="us")})}
    )
    then = featurize(stakeholder_table(PEOPLE), event_table(events), decision_table(log), moved).population
    pd.testing.assert_frame_equal(then[names], latest[names], check_exact=True)


# --- a slow oracle: loops over plain records ------------------------------------------------------------------------


def slow_row(
    who: str, as_of: int, events: list[Event], log: list[Decided], valued: dict[str, bool]
) -> dict[str, float]:
    """Return the features of one row by the words of the contract, one event after another."""
    past = [e for e in events if e.who == who and e.at < as_of and e.known < as_of]
    past += [Event(who, d.at, d.at, f"contact_{d.arm}") for d in log if d.who == who and d.at < as_of]
    row = {"tenure_days": (as_of - SINCE[who]) / DAY}
    for kind, has_values in valued.items():
        mine = [e for e in past if e.kind == kind]
        for days in WINDOWS:
            row[f"{kind}_count_{days}d"] = float(sum(1 for e in mine if e.at >= as_of - days * DAY))
        if has_values:
            priced = sorted((e.at, e.known, e.value) for e in mine if e.value is not None)
            for days in WINDOWS:
                units = sum(round(value * 10_000) for at, _, value in priced if at >= as_of - days * DAY)
                row[f"{kind}_sum_{days}d"] = units / 10_000
            row[f"{kind}_last"] = priced[-1][2] if priced else float("nan")
        row[f"{kind}_days_since"] = (as_of - max(e.at for e in mine)) / DAY if mine else float("nan")
    return row


def slow_kinds(events: list[Event], log: list[Decided]) -> dict[str, bool]:
    """Return the event types known at AS_OF with whether they carry values, most frequent first, then the contacts."""
    known = [e for e in events if e.at < AS_OF and e.known < AS_OF and e.kind != "left"]
    kinds = {
        kind: any(e.value is not None for e in known if e.kind == kind) for kind in sorted({e.kind for e in known})
    }
    return {**kinds, "contact_call": False, "contact_mail": False}


def slow_rows(events: list[Event], log: list[Decided]) -> dict[str, list[tuple[str, int]]]:
    """Return (who, instant) of every row of the three tables, in order."""

    def lasts(who: str, as_of: int) -> bool:
        gone = [e for e in events if e.who == who and e.kind == "left" and e.at < as_of and e.known < as_of]
        return SINCE[who] < as_of and not gone

    return {
        "decisions": [(d.who, d.at) for d in log if d.at + HORIZON * DAY <= AS_OF and lasts(d.who, d.at)],
        "snapshots": [(who, at) for at in SNAPSHOT_INSTANTS for who in PEOPLE if lasts(who, at)],
        "population": [(who, AS_OF) for who in PEOPLE if lasts(who, AS_OF)],
    }


def assert_agrees_with_the_oracle(events: list[Event], log: list[Decided]) -> None:
    built = build(events, log)
    valued = slow_kinds(events, log)
    for name, rows in slow_rows(events, log).items():
        table = getattr(built, name)
        found_at = table["as_of"].astype("datetime64[us]").astype("int64")
        assert list(zip(table["stakeholder_id"], found_at, strict=True)) == rows
        expected = pd.DataFrame([slow_row(who, at, events, log, valued) for who, at in rows])
        if rows:
            pd.testing.assert_frame_equal(table[expected.columns.tolist()], expected, check_exact=True)
            assert ["kind", *expected.columns] == feature_names(built)
            assert list(table.columns[-len(built.features) :]) == feature_names(built)


ANCHORS = [AS_OF, *SNAPSHOT_INSTANTS]
TIMES = st.builds(
    lambda anchor, days, micros: anchor - days * DAY + micros,
    st.sampled_from(ANCHORS),
    st.sampled_from([0, 0, 1, *WINDOWS, 300, -2]),
    st.sampled_from([-1, 0, 0, 1]),
)
EVENTS = st.lists(
    st.builds(
        lambda who, at, delay, kind, value: Event(who, at, at + delay, kind, value),
        st.sampled_from(PEOPLE[:3]),  # dee never has an event
        TIMES,
        st.sampled_from([0, 0, 1, DAY, 7 * DAY, 40 * DAY, -DAY]),
        st.sampled_from(["buy", "buy", "visit", "score", "left"]),
        st.none() | st.integers(-50_000, 50_000).map(lambda units: units / 10_000),
    ),
    max_size=25,
)
DECIDED = st.lists(st.tuples(st.sampled_from(PEOPLE), TIMES, st.sampled_from(ARMS)), max_size=8).map(
    lambda drawn: [Decided(f"d{number}", *each) for number, each in enumerate(drawn)]
)


@given(EVENTS, DECIDED)
def test_features_and_rows_agree_with_loops(events, log):
    assert_agrees_with_the_oracle(events, log)


@pytest.mark.parametrize("seed", range(5))
def test_long_histories_agree_with_loops(seed):
    """Five hundred events on few days: many ties, many late records."""
    events, log = random_past(seed, events=500, decided=40)
    rng = np.random.default_rng(seed)
    leaving = [Event("bob", AS_OF - 45 * DAY, AS_OF - int(rng.integers(0, 45)) * DAY, "left")]
    assert_agrees_with_the_oracle(events + leaving, log)


def test_no_event_and_no_decision_at_all():
    built = build([], [])
    assert built.decisions.empty
    names = feature_names(built)
    assert names[:2] == ["kind", "tenure_days"]
    assert {name.split("_")[0] for name in names[2:]} == {"contact"}, "the catalogue's arms always have their columns"
    assert_agrees_with_the_oracle([], [])
    counts = built.population[[name for name in names if "_count_" in name]]
    assert (counts == 0).all(axis=None)
    assert built.population["contact_call_days_since"].isna().all()
    assert set(built.decisions.columns) >= {*names, "churned", "money", "value", "contacts", "propensity", "arm"}


def test_among_ties_in_time_the_last_value_is_the_one_known_last():
    at = AS_OF - 3 * DAY
    tied = [
        Event("ann", at, at + 5, "score", 1.0),
        Event("ann", at, at + 1, "score", 9.0),
        Event("ann", at, at, "score"),
    ]
    assert build(tied, []).population["score_last"].iloc[0] == 1.0
    assert build([tied[1], tied[2]], []).population["score_last"].iloc[0] == 9.0


# --- determinism ------------------------------------------------------------------------------------------------------


def test_two_runs_and_any_number_of_threads_give_the_same_bytes(tmp_path):
    events, log = random_past(8)
    first = build(events, log)
    for other in (build(events, log), build(events, log, threads=1), build(events, log, threads=3)):
        assert other.features == first.features
        for name in TABLES:
            assert written(getattr(other, name), tmp_path) == written(getattr(first, name), tmp_path), name


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_input_does_not_matter(seed, tmp_path):
    events, log = random_past(9, events=300)
    first = build(events, log)
    rng = np.random.default_rng(seed)
    shuffled = build([events[at] for at in rng.permutation(len(events))], [log[at] for at in rng.permutation(len(log))])
    assert shuffled.features == first.features
    for name in ("snapshots", "population"):
        assert written(getattr(shuffled, name), tmp_path) == written(getattr(first, name), tmp_path), name
    # Decision rows keep the order of the decisions table, which the ingest stage sorts.
    one, other = (each.decisions.sort_values("decision_id", ignore_index=True) for each in (first, shuffled))
    assert written(one, tmp_path) == written(other, tmp_path)


def test_an_event_in_the_table_twice_counts_twice(tmp_path):
    """The passing twin of the shuffle: other content does change the bytes."""
    events, log = random_past(9)
    first, other = build(events, log), build([*events, events[0]], log)
    assert any(written(getattr(first, name), tmp_path) != written(getattr(other, name), tmp_path) for name in TABLES)
