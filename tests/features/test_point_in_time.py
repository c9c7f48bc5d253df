"""A row sees what was known strictly before its instant: leaks planted on purpose, parts, and determinism."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from histories import (
    AS_OF,
    DAY,
    LATEST,
    PEOPLE,
    TABLES,
    Built,
    Decided,
    Event,
    assert_same_bytes,
    build,
    random_past,
    same_cells,
    written,
)


@cache
def base(seed: int) -> Built:
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
        Event("ann", AS_OF, AS_OF, "visit", None, "fax"),
        Event("ann", AS_OF - 40 * DAY, AS_OF, "visit", None, "Web!"),  # refused, were it known
    ],
    "the whole history again": [Event(e.who, e.at, AS_OF + at % 9, e.kind, e.value, e.channel)
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
    mine = {who: set(changed.columns[changed.loc[who]]) for who in after.index}
    in_window = {"buy_count_60d", "buy_trend", "buy_sum_60d", "buy_mean_60d",
                 "activity_gap_days", "activity_silence", "rfm_frequency", "rfm_monetary"}  # fmt: skip
    latest = {"buy_count_7d", "buy_sum_7d", "buy_last", "buy_days_since", "buy_gap_days", "buy_silence",
              "activity_days_since", "rfm_recency_days"}  # fmt: skip
    assert mine["ann"] == in_window | latest | {"buy_slope"}
    assert in_window <= mine["bob"] <= in_window | latest | {"buy_slope"} | {"active_weeks_13", "active_weeks_52"}
    assert not mine["dee"]


def test_one_microsecond_earlier_they_make_columns():
    events, log = random_past(1)
    extra = [
        Event("bob", AS_OF - 40 * DAY, AS_OF - 1, "survey", 7.0),
        Event("cyd", AS_OF - 40 * DAY, AS_OF - 1, "visit", 7.0, "fax"),
    ]
    new = set(build([*events, *extra], log).names) - set(base(1).names)
    of_any = {"count_7d", "count_60d", "trend", "days_since", "gap_days", "silence"}
    of_values = {"sum_7d", "sum_60d", "mean_60d", "last", "slope"}
    assert new == {
        *(f"survey_{each}" for each in of_any | of_values),
        *(f"visit_{each}" for each in of_values),
        "channel_fax_share",
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
    names = before.names
    assert after.names == names
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
        one, other = (getattr(each, name)[before.names] if changes else getattr(each, name)
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
    assert alone.names == everyone.names
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
    names = built.names
    latest = built.snapshots[built.snapshots["as_of"] == built.snapshots["as_of"].max()].reset_index(drop=True)
    assert len(latest) == len(PEOPLE)
    shared = [*names, "churned", "money", "value", "contacts"]
    pd.testing.assert_frame_equal(built.decisions[shared], latest[shared], check_exact=True)
    then = build(events, log, as_of=LATEST).population
    pd.testing.assert_frame_equal(then[names], latest[names], check_exact=True)


# --- edges ----------------------------------------------------------------------------------------------------------


def test_no_event_and_no_decision_at_all():
    built = build([], [])
    assert built.decisions.empty
    names = built.names
    assert names[:2] == ["kind", "tenure_days"]
    assert {name.split("_")[0] for name in names[2:]} == {"contact", "contacts"}, (
        "the catalogue's arms always have their columns"
    )
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
    for name in TABLES:  # decisions of one stakeholder and instant keep the order of the log
        by = ["decision_id"] if name == "decisions" else ["stakeholder_id", "as_of"]
        one, other = (getattr(each, name).sort_values(by, ignore_index=True) for each in (first, shuffled))
        assert written(one, tmp_path) == written(other, tmp_path), name


def test_decisions_of_one_instant_keep_the_order_of_the_log():
    log = [Decided(name, "bob", LATEST, arm) for name, arm in [("z", "call"), ("a", "none"), ("m", "mail")]]
    rows = build([], [*log, Decided("b", "ann", LATEST, "call")]).decisions
    assert rows["decision_id"].tolist() == ["b", "z", "a", "m"]
    assert rows["arm"].tolist() == ["call", "call", "none", "mail"]
