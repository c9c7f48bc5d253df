"""Intake sets aside what cannot be used, counts it, refuses what is wrong, and does not depend on row order."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError, ParamsError
from rapport.contracts.params import Params, parse_params
from rapport.sources.intake import Intake, take_in
from rapport.sources.raw import RawTables

EVENT_COLUMNS = ["event_id", "stakeholder_id", "occurred_at", "event_type", "value"]
EVENTS = [
    ("e1", "b", "2024-05-01", "purchase", "5"),
    ("e2", "a", "2024-05-02", "login", ""),
    ("e3", "a", "2024-04-30", "login", ""),
]
DECISION_COLUMNS = ["decision_id", "stakeholder_id", "decided_at", "intervention", "propensity", "iteration", "policy"]
DECISIONS = [
    ("d1", "b", "2024-06-01", "call", "0.5", "0", "pilot"),
    ("d2", "a", "2024-06-01", "none", "0.5", "0", "pilot"),
]


def params(as_of: str = "2024-06-02") -> Params:
    return parse_params(
        {
            "source": {"kind": "files"},
            "clock": {"as_of": as_of, "horizon_days": 30},
            "outcome": {"churn": {"event": "churned"}, "value": {"purchase": 1.0}, "retention_value": 0.0},
            "interventions": {"control": "none", "arms": {"call": {}}},
        }
    )


def tables(events: list = EVENTS, decisions: list | None = DECISIONS, ids: tuple[str, ...] = ("b", "a")) -> RawTables:
    people = pd.DataFrame({"stakeholder_id": ids, "kind": "customer", "since": "2020-01-01"}, dtype="str")
    history = pd.DataFrame(events, columns=EVENT_COLUMNS, dtype="str")
    logged = None if decisions is None else pd.DataFrame(decisions, columns=DECISION_COLUMNS, dtype="str")
    return RawTables(people, history, logged, {"decisions": Origin("decisions.csv"), "events": Origin("events.csv")})


def same(one: Intake, other: Intake) -> None:
    for name in ("stakeholders", "events", "decisions"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))


def test_a_column_that_params_misspell_is_refused_before_anything_is_made_of_it() -> None:
    asked = params().model_dump() | {"features": {"audit_only": ["kind"]}}
    assert not take_in(tables(), parse_params(asked)).stakeholders.empty
    asked["features"]["audit_only"] = ["gender"]
    with pytest.raises(ParamsError, match=r"params\.yaml, features\.audit_only: expected a column of stakeholders "
                       r"\(stakeholder_id, kind, since, opted_out\); got 'gender'"):  # fmt: skip
        take_in(tables(), parse_params(asked))


def test_tables_come_out_sorted_and_counted() -> None:
    got = take_in(tables(), params())
    assert got.stakeholders["stakeholder_id"].tolist() == ["a", "b"]
    assert got.events["event_id"].tolist() == ["e3", "e2", "e1"]
    assert got.decisions["decision_id"].tolist() == ["d2", "d1"]
    assert got.quarantine.empty
    assert list(got.quarantine.columns) == ["table", "row", "stakeholder_id", "reason", "detail"]
    assert got.counts["events"] == got.counts["events_read"] == 3
    assert all(type(count) is int for count in got.counts.values())


def test_no_decisions_give_an_empty_table_of_the_same_types() -> None:
    got = take_in(tables(decisions=None), params("2024-05-20"))
    assert len(got.decisions) == got.counts["decisions"] == 0
    assert got.decisions.dtypes.equals(take_in(tables(), params()).decisions.dtypes)


def test_exact_repeats_are_dropped_and_counted() -> None:
    got = take_in(tables([*EVENTS, EVENTS[0], EVENTS[0]]), params())
    assert got.counts["events_repeated"] == 2
    same(got, take_in(tables(), params()))


def test_events_without_an_id_are_never_repeats() -> None:
    anonymous = ("", "a", "2024-05-05", "login", "")
    got = take_in(tables([*EVENTS, anonymous, anonymous]), params())
    assert got.counts["events"] == 5
    assert got.counts["events_repeated"] == 0


def test_an_id_with_two_contents_quarantines_all_its_rows() -> None:
    got = take_in(tables([*EVENTS, ("e1", "b", "2024-05-01", "purchase", "6"), EVENTS[0]]), params())
    assert got.quarantine["row"].tolist() == [1, 4, 5]
    assert set(got.quarantine["reason"]) == {"event_id_conflict"}
    assert got.quarantine["detail"].tolist() == ["event_id e1"] * 3
    assert got.events["event_id"].tolist() == ["e3", "e2"]
    assert got.counts["events_event_id_conflict"] == 3
    assert got.counts["events_repeated"] == 0


def test_rows_of_strangers_are_quarantined() -> None:
    stranger = ("d3", "z", "2024-06-01", "call", "0.5", "0", "pilot")
    got = take_in(tables([*EVENTS, ("e9", "z", "2024-05-01", "login", "")], [stranger, *DECISIONS]), params())
    assert got.quarantine.to_dict("list") == {
        "table": ["decisions", "events"],
        "row": [1, 4],
        "stakeholder_id": ["z", "z"],
        "reason": ["unknown_stakeholder"] * 2,
        "detail": ["intervention call", "event_type login"],
    }
    assert got.counts["events_unknown_stakeholder"] == got.counts["decisions_unknown_stakeholder"] == 1
    same(got, take_in(tables(), params()))


def test_only_strangers_is_a_mistake() -> None:
    with pytest.raises(InputError, match=r"^events\.csv: expected events of known stakeholders; got none"):
        take_in(tables(ids=("x", "y")), params())


def test_every_event_is_accounted_for() -> None:
    rows = [*EVENTS, EVENTS[1], ("e1", "b", "2024-05-01", "purchase", "6"), ("", "z", "2024-05-01", "x", "")]
    counts = take_in(tables(rows), params()).counts
    parts = ("events", "events_repeated", "events_event_id_conflict", "events_unknown_stakeholder")
    assert counts["events_read"] == len(rows) == sum(counts[name] for name in parts)


def test_ids_of_all_tables_meet_in_one_spelling() -> None:
    events = [("e1", "7", "2024-05-01", "login", ""), ("e2", " 7.0", "2024-05-02", "login", "")]
    got = take_in(tables(events, None, ids=("7.0",)), params("2024-05-20"))
    assert got.events["stakeholder_id"].tolist() == ["7", "7"]


def test_the_ledger_is_added() -> None:
    first = take_in(tables(), params())
    later_events = first.events.head(1).assign(event_id="l1", occurred_at=pd.Timestamp("2024-06-20", tz="UTC"),
                                               known_at=pd.Timestamp("2024-06-20", tz="UTC"))  # fmt: skip
    later = first.decisions.assign(
        decision_id=["m1", "m2"], decided_at=pd.Timestamp("2024-06-10", tz="UTC"), iteration=1
    )
    later.loc[0, "delivered_intervention"] = later["intervention"].iloc[1]
    got = take_in(tables(), params("2024-07-01"), [(later, later_events), (later.iloc[:0], later_events.iloc[:0])])
    assert got.counts["decisions_delivered_otherwise"] == 1
    assert got.counts["ledger_partitions"] == 2
    assert got.counts["decisions"] == 4
    assert got.counts["events"] == 4
    assert got.decisions["iteration"].tolist() == [0, 0, 1, 1]
    with pytest.raises(
        InputError, match=r"ledger partition 2, decisions, row 1: expected a decision_id of its own; got 'm1'"
    ):
        take_in(tables(), params("2024-07-01"), [(later, later_events), (later, later_events)])
    assert got.warnings == []


def test_decisions_of_ones_own_numbered_as_the_ledger_numbers_its_are_told() -> None:
    mine = [(*each[:5], str(iteration), each[6]) for each, iteration in zip(DECISIONS, (1, 2), strict=True)]
    (told,) = take_in(tables(decisions=mine), params()).warnings
    assert told.startswith("decisions.csv, column iteration: numbers up to 2, but the ledger numbers its own from 1 on")


def test_quarantine_names_the_ledger_partition() -> None:
    first = take_in(tables(), params())
    strange = first.events.assign(event_id=["x1", "x2", "x3"], stakeholder_id=["a", "z", "b"])
    got = take_in(tables(), params(), [(first.decisions.iloc[:0], strange)])
    assert got.quarantine[["table", "row"]].to_numpy().tolist() == [["ledger partition 1, events", 2]]


def test_two_decisions_at_one_instant_are_refused() -> None:
    again = ("d3", "b", "2024-06-01T00:00:00Z", "none", "0.5", "0", "pilot")
    with pytest.raises(
        InputError, match=r"decisions\.csv, row 3: expected one decision per stakeholder and instant.*'b' at"
    ):
        take_in(tables(decisions=[*DECISIONS, again]), params())
    later = ("d3", "b", "2024-06-01T00:00:01Z", "none", "0.5", "0", "pilot")
    assert take_in(tables(decisions=[*DECISIONS, later]), params()).counts["decisions"] == 3


@pytest.mark.parametrize("as_of", ["2024-04-30", "2020-01-01", "2024-07-01T00:00:01", "2030-01-01"])
def test_as_of_outside_the_data_is_refused(as_of: str) -> None:
    early, late = r"after the first event became known \(2024-04-30T", r"at most 30 days after the .*\(2024-06-01T"
    message = early if as_of < "2024-05" else late
    with pytest.raises(ParamsError, match=r"params\.yaml, clock\.as_of: expected an instant " + message):
        take_in(tables(), params(as_of))


@pytest.mark.parametrize("as_of", ["2024-04-30T00:00:01", "2024-06-02", "2024-07-01"])
def test_as_of_inside_the_data_passes(as_of: str) -> None:
    assert take_in(tables(), params(as_of)).counts["events"] == 3


def test_events_known_after_as_of_stay_for_the_time_filter_to_judge() -> None:
    got = take_in(tables(), params("2024-05-01"))
    assert (got.events["known_at"] > pd.Timestamp("2024-05-01", tz="UTC")).any()


rows = st.lists(
    st.tuples(
        st.sampled_from(["", "e1", "e2", "e3", "e4"]),
        st.sampled_from(["a", "b", "z"]),
        st.sampled_from(["2024-05-01", "2024-05-02"]),
        st.sampled_from(["login", "purchase"]),
        st.sampled_from(["", "1", "2"]),
    ),
    max_size=12,
)


def slow_outcome(events: list[tuple[str, ...]]) -> tuple[list[tuple[str, ...]], int, int]:
    """Return the kept events sorted, and how many were repeats and conflicts, by loops."""
    contents: dict[str, set[tuple[str, ...]]] = {}
    for event in events:
        contents.setdefault(event[0], set()).add(event)
    kept, repeats, conflicts = [], 0, 0
    for at, event in enumerate(events):
        if event[0] and len(contents[event[0]]) > 1:
            conflicts += 1
        elif event[0] and event in events[:at]:
            repeats += 1
        elif event[1] != "z":
            kept.append(event)
    last = "~"  # a missing value sorts last
    return sorted(kept, key=lambda e: (e[1], e[2], e[0] or last, e[3], e[4] or last)), repeats, conflicts


@given(rows, st.randoms(use_true_random=False))
def test_intake_agrees_with_loops_in_any_order(events: list[tuple[str, ...]], random: object) -> None:
    everything = [*EVENTS[:1], *[(f"x{event[0]}" if event[0] else "", *event[1:]) for event in events]]
    got = take_in(tables(everything), params())
    kept, repeats, conflicts = slow_outcome(everything)
    found = got.events.assign(occurred_at=got.events["occurred_at"].dt.strftime("%Y-%m-%d"))
    found = found.assign(value=found["value"].map("{:g}".format).where(found["value"].notna(), ""))
    assert list(found[EVENT_COLUMNS].fillna("").itertuples(index=False, name=None)) == kept
    assert (got.counts["events_repeated"], got.counts["events_event_id_conflict"]) == (repeats, conflicts)
    shuffled = list(everything)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    same(got, take_in(tables(shuffled), params()))


def test_many_ties_keep_the_whole_order() -> None:
    rng = np.random.default_rng(3)
    events = [(f"e{n}", rng.choice(["a", "b"]), "2024-05-01", "login", "") for n in rng.permutation(200)]
    got = take_in(tables(events), params("2024-05-20")).events
    assert got[["stakeholder_id", "event_id"]].to_numpy().tolist() == sorted([e[1], e[0]] for e in events)


@pytest.mark.parametrize("last", ["2024-05-03", "9999-12-31"], ids=["narrow", "wide"])
def test_any_number_of_stakeholders_over_any_span_comes_out_in_order(last: str) -> None:
    """A wide span of time does not fit into one integer with the stakeholder; the order is the same."""
    rng = np.random.default_rng(4)
    people = tuple(f"s{n:03d}" for n in range(100))
    days = ["0001-01-01", "2024-05-01", "2024-05-02", last]
    events = [(f"e{n:03d}", rng.choice(people), rng.choice(days), "login", "") for n in range(400)]
    got = take_in(tables(events, None, people), params("2024-05-20")).events
    assert got["event_id"].tolist() == [e[0] for e in sorted(events, key=lambda e: (e[1], e[2], e[0]))]
