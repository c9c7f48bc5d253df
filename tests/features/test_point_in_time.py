"""A row sees what was known strictly before its instant: leaks planted on purpose, a slow oracle, and determinism."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
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
SINCE = defaultdict(
    lambda: AS_OF - 500 * DAY,
    {"ann": AS_OF - 900 * DAY, "bob": AS_OF - 100 * DAY, "cyd": AS_OF - 70 * DAY - 1, "dee": AS_OF - 400 * DAY},
)
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


def params(threads: int = 2, as_of: int = AS_OF, **features: Any) -> Params:
    sections = {"windows_days": WINDOWS, "snapshots": SNAPSHOTS, "snapshot_every_days": EVERY, **features}
    return parse_params(
        {
            "threads": threads,
            "source": {"kind": "files"},
            "clock": {"as_of": pd.Timestamp(as_of, unit="us").isoformat(), "horizon_days": HORIZON},
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


def assert_same_bytes(one: FeatureTables, other: FeatureTables, folder: Any) -> None:
    for name in TABLES:
        assert written(getattr(one, name), folder) == written(getattr(other, name), folder), name


def same_cells(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return where two tables of one shape hold the same, missing beside missing included."""
    return (one == other) | (one.isna() & other.isna())


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
    log = [Decided(f"d {who}", who, LATEST - DAY, ARMS[at % 3]) for at, who in enumerate(PEOPLE)]
    for number in range(decided):
        at = AS_OF - int(rng.integers(0, 90)) * DAY
        log.append(Decided(f"d{number:02}", str(rng.choice(PEOPLE)), at, str(rng.choice(ARMS))))
    return history, log


@cache
def base(seed: int) -> FeatureTables:
    """Return what a random past gives; tests share it, because building costs half a second."""
    return build(*random_past(seed))


# --- leaks: what comes at or after the instant changes no byte; one microsecond earlier it does -------------------


FUTURE = {
    "happens later": [
        Event("ann", AS_OF, AS_OF, "buy", 7.0),
        Event("bob", AS_OF + 5 * DAY, AS_OF + 5 * DAY, "score", 7.0),
        Event("cyd", AS_OF, AS_OF - 50 * DAY, "buy", 7.0),  # announced before
        Event("cyd", AS_OF + DAY, AS_OF - 50 * DAY, "buy", 7.0),
        Event("dee", AS_OF, AS_OF, "left"),
    ],
    "known later": [
        Event("ann", AS_OF - 40 * DAY, AS_OF, "buy", 7.0),
        Event("bob", AS_OF - 40 * DAY, AS_OF + DAY, "visit"),
        Event("cyd", AS_OF - 40 * DAY, AS_OF, "left"),
        Event("dee", AS_OF - 1, AS_OF, "score", 7.0),
    ],
    "new columns": [
        Event("ann", AS_OF + DAY, AS_OF + DAY, "webinar", 7.0),
        Event("ann", AS_OF, AS_OF - 40 * DAY, "renewal", 7.0),  # announced before
        Event("bob", AS_OF - 40 * DAY, AS_OF, "survey", 7.0),
        Event("cyd", AS_OF - 40 * DAY, AS_OF, "visit", 7.0),  # the first visit with a value
    ],
    "the whole history again": [Event(e.who, e.at, AS_OF + at % 9, e.kind, e.value)
                                for at, e in enumerate(random_past(1)[0])],
}  # fmt: skip


@pytest.mark.parametrize("extra", FUTURE.values(), ids=FUTURE.keys())
def test_events_of_the_future_change_no_byte(extra, tmp_path):
    events, log = random_past(1)
    before, after = base(1), build([*events, *extra], log)
    assert after.features == before.features
    assert_same_bytes(after, before, tmp_path)


def test_one_microsecond_earlier_they_change_the_population():
    events, log = random_past(1)
    extra = [
        Event("ann", AS_OF - 1, AS_OF - 1, "buy", 7.0),
        Event("bob", AS_OF - 40 * DAY, AS_OF - 1, "buy", 7.0),
        Event("cyd", AS_OF - 40 * DAY, AS_OF - 1, "left"),
    ]
    before, after = (each.population.set_index("stakeholder_id") for each in (base(1), build([*events, *extra], log)))
    assert after.index.tolist() == ["ann", "bob", "dee"]
    changed = ~same_cells(before.loc[after.index], after)
    assert set(changed.columns[changed.loc["ann"]]) == {
        *("buy_count_7d", "buy_count_60d", "buy_sum_7d", "buy_sum_60d", "buy_last", "buy_days_since")
    }
    assert (
        {"buy_count_60d", "buy_sum_60d"}
        <= set(changed.columns[changed.loc["bob"]])
        <= {*("buy_count_60d", "buy_sum_60d", "buy_last", "buy_days_since")}
    )
    assert not changed.loc["dee"].any()


def test_one_microsecond_earlier_they_make_columns():
    events, log = random_past(1)
    extra = [
        Event("bob", AS_OF - 40 * DAY, AS_OF - 1, "survey", 7.0),
        Event("cyd", AS_OF - 40 * DAY, AS_OF - 1, "visit", 7.0),
    ]
    new = set(feature_names(build([*events, *extra], log))) - set(feature_names(base(1)))
    assert new == {
        *("survey_count_7d", "survey_count_60d", "survey_sum_7d", "survey_sum_60d", "survey_last", "survey_days_since"),
        *("visit_sum_7d", "visit_sum_60d", "visit_last"),
    }


SIGHTS = [  # (happened, known, seen by a row at LATEST)
    (LATEST, LATEST, False),
    (LATEST + 3 * DAY, LATEST + 3 * DAY, False),
    (LATEST - 20 * DAY, LATEST, False),
    (LATEST - 20 * DAY, LATEST + 1, False),
    (LATEST, LATEST - 9 * DAY, False),
    (LATEST + 1, LATEST - 9 * DAY, False),
    (LATEST - 1, LATEST - 1, True),
    (LATEST - 20 * DAY, LATEST - 1, True),
]


def test_rows_of_the_past_see_only_their_own_past(tmp_path):
    """One person per sight and event type. The instant lies before as_of: outcomes may change, features may not."""
    cases = [(kind, *sight) for kind in ("buy", "visit", "score") for sight in SIGHTS]
    people = [f"p{number:02}" for number in range(len(cases))]
    habit = [Event(who, LATEST - 70 * DAY, LATEST - 70 * DAY, kind, None if kind == "visit" else 1.0)
             for who in people for kind in ("buy", "visit", "score")]  # fmt: skip
    extra = [Event(who, at, known, kind, None if kind == "visit" else 7.0)
             for who, (kind, at, known, _) in zip(people, cases, strict=True)]  # fmt: skip
    log = [Decided(f"d {who}", who, LATEST, "none") for who in people]
    before, after = build(habit, log, people, snapshots=1), build([*habit, *extra], log, people, snapshots=1)
    seen = np.array([case[-1] for case in cases])
    names = feature_names(before)
    assert feature_names(after) == names
    for table in ("decisions", "snapshots"):
        one, other = getattr(before, table), getattr(after, table)
        assert one["stakeholder_id"].tolist() == people
        hidden = [each.loc[~seen, names].reset_index(drop=True) for each in (one, other)]
        assert written(hidden[0], tmp_path) == written(hidden[1], tmp_path)
        assert (~same_cells(one[names], other[names])).any(axis=1).tolist() == seen.tolist()
        bought = [3.5 if kind == "buy" and at >= LATEST else 0.0 for kind, at, _, _ in cases]
        assert (other["money"] - one["money"]).tolist() == bought, "the outcome does see what the features must not"


@pytest.mark.parametrize("changes", [False, True])
def test_decisions_of_the_future_change_no_byte(changes, tmp_path):
    """Decided at as_of: nothing. One microsecond earlier: the contact history of those who were contacted."""
    at = AS_OF - 1 if changes else AS_OF
    arms = {"ann": "call", "bob": "none", "cyd": "mail"}
    new = [Decided(f"new {who}", who, at, arm) for who, arm in arms.items()]
    later = [Decided("later", "dee", AS_OF + 3 * DAY, "call")]
    events, log = random_past(1)
    before, after = base(1), build(events, [*log, *new, *later])
    for name in ("decisions", "snapshots"):
        # Contacts of the last microsecond fall into outcome windows, so only there may anything but features differ.
        one, other = (getattr(each, name)[feature_names(before)] if changes else getattr(each, name)
                      for each in (before, after))  # fmt: skip
        assert written(one, tmp_path) == written(other, tmp_path), name
    changed = (~same_cells(before.population, after.population)).any(axis=1)
    assert before.population["stakeholder_id"][changed].tolist() == (["ann", "cyd"] if changes else [])
    same = written(after.population, tmp_path) == written(before.population, tmp_path)
    assert same != changes


def test_a_decision_is_not_in_its_own_contact_history():
    log = [
        Decided("first", "ann", LATEST - 1, "call"),
        Decided("same instant", "ann", LATEST - 1, "mail"),
        Decided("next", "ann", LATEST, "none"),
        Decided("other", "bob", LATEST, "call"),
    ]
    rows = build([], log).decisions.set_index("decision_id")
    assert rows["contact_call_count_7d"].to_dict() == {"first": 0, "same instant": 0, "next": 1, "other": 0}
    assert rows["contact_mail_count_7d"].to_dict() == {"first": 0, "same instant": 0, "next": 1, "other": 0}
    assert rows["contact_call_days_since"].dropna().to_dict() == {"next": 1 / DAY}


# --- a row does not depend on the rows beside it --------------------------------------------------------------------


@pytest.mark.parametrize("who", ["ann", "cyd"])
def test_a_stakeholder_alone_gets_the_features_it_gets_among_others(who):
    events, log = random_past(1)
    everyone = base(1)
    alone = build([e for e in events if e.who == who], [d for d in log if d.who == who], [who])
    assert feature_names(alone) == feature_names(everyone)
    for name in TABLES:
        batch = getattr(everyone, name)
        mine = batch[batch["stakeholder_id"] == who].reset_index(drop=True)
        assert 0 < len(mine) < len(batch)
        pd.testing.assert_frame_equal(getattr(alone, name), mine, check_exact=True)


def test_a_snapshot_does_not_depend_on_the_other_snapshots():
    events, log = random_past(1)
    three, one = base(1).snapshots, build(events, log, snapshots=1).snapshots
    latest = three[three["as_of"] == three["as_of"].max()].reset_index(drop=True)
    assert len(three) > len(one) > 0
    pd.testing.assert_frame_equal(one, latest, check_exact=True)


def test_a_decision_a_snapshot_and_the_population_at_one_instant_agree():
    """One definition of a feature: the three tables differ in keys alone."""
    events, _ = random_past(1)
    log = [Decided(f"d {who}", who, LATEST, "none") for who in PEOPLE]
    built = build(events, log)
    names = feature_names(built)
    latest = built.snapshots[built.snapshots["as_of"] == built.snapshots["as_of"].max()].reset_index(drop=True)
    assert len(latest) == len(PEOPLE)
    shared = [*names, "churned", "money", "value", "contacts"]
    pd.testing.assert_frame_equal(built.decisions[shared], latest[shared], check_exact=True)
    then = build(events, log, as_of=LATEST).population
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


# No shrinking: at a third of a second per example it takes minutes, and the examples are small as they are.
@settings(max_examples=6, phases=[Phase.explicit, Phase.generate])
@given(EVENTS, DECIDED)
def test_features_and_rows_agree_with_loops(events, log):
    assert_agrees_with_the_oracle(events, log)


@pytest.mark.parametrize("seed", range(2))
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
        Event("ann", at, at + 9, "score"),
    ]
    other = [Event("bob", at, at + 1, "score", 1.0), Event("bob", at, at + 5, "score", 9.0)]
    assert build([*tied, *other], []).population["score_last"].tolist()[:2] == [1.0, 9.0]


# --- determinism ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [2, 1])
def test_two_runs_and_any_number_of_threads_give_the_same_bytes(threads, tmp_path):
    again = build(*random_past(1), threads=threads)
    assert again is not base(1)
    assert again.features == base(1).features
    assert_same_bytes(again, base(1), tmp_path)


def test_the_order_of_the_input_does_not_matter(tmp_path):
    events, log = random_past(1)
    first = base(1)
    rng = np.random.default_rng(0)
    shuffled = build([events[at] for at in rng.permutation(len(events))], [log[at] for at in rng.permutation(len(log))])
    assert shuffled.features == first.features
    for name in ("snapshots", "population"):
        assert written(getattr(shuffled, name), tmp_path) == written(getattr(first, name), tmp_path), name
    # Decision rows keep the order of the decisions table, which the ingest stage sorts.
    assert shuffled.decisions["decision_id"].tolist() != first.decisions["decision_id"].tolist()
    one, other = (each.decisions.sort_values("decision_id", ignore_index=True) for each in (first, shuffled))
    assert written(one, tmp_path) == written(other, tmp_path)
