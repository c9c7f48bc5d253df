"""Which rows there are, and what became of them: every boundary is hit exactly and missed by one microsecond."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pytest

from histories import (
    ARMS,
    AS_OF,
    DAY,
    LATEST,
    PEOPLE,
    Decided,
    decision_table,
    event_table,
    featurized,
    history_of,
    instants,
    stakeholder_table,
)
from histories import params as any_params
from rapport.contracts.cells import Origin
from rapport.contracts.errors import ParamsError
from rapport.contracts.params import Params, parse_params
from rapport.contracts.tables import canonical_decisions, canonical_events, canonical_stakeholders
from rapport.features.engine import Engine, open_engine
from rapport.features.history import Codes
from rapport.features.labels import outcome_expression, outcomes
from rapport.features.retention_worth import RetentionWorth
from rapport.features.spine import (
    Relationships,
    decision_spine,
    population_spine,
    relationships,
    snapshot_spine,
)

BY_EVENT = {"event": "left"}
BY_SILENCE = {"inactive_days": 10, "activity": ["visit", "buy"]}


def params(churn: dict[str, Any] = BY_EVENT, retention: Any = 100.0, **features: Any) -> Params:
    outcome = {"churn": churn, "value": {"buy": 0.5, "Return!": -2.0}, "retention_value": retention}
    return any_params(outcome=outcome, **{"snapshots": 1, **features})


class Case:
    """A small population: people as (id, since, opted out), events as (who, at, known, type, value), decisions."""

    def __init__(
        self,
        people: Sequence[tuple[str, int, bool]],
        events: Sequence[tuple[str, int, int, str, float | None]] = (),
        decided: Sequence[tuple[str, int, str]] = (),
    ) -> None:
        ids, since, opted_out = zip(*people, strict=True)
        raw = {"stakeholder_id": ids, "kind": "customer", "since": instants(since), "opted_out": opted_out}
        self.stakeholders = canonical_stakeholders(pd.DataFrame(raw), Origin("stakeholders"))
        nothing = (ids[0], -(10**15), -(10**15), "noise", None)  # the contract refuses a table without events
        who, at, known, kinds, values = zip(*events, nothing, strict=True)
        raw = {"stakeholder_id": who, "occurred_at": instants(at), "known_at": instants(known), "event_type": kinds}
        self.events = canonical_events(pd.DataFrame(raw | {"value": pd.array(values, "Float64")}), Origin("events"))
        who, at, arms = zip(*decided, strict=True) if decided else ((), (), ())
        names = pd.Series([f"d{number}" for number in range(len(who))], dtype="str")
        raw = {"decision_id": names, "stakeholder_id": pd.Series(who, dtype="str"), "decided_at": instants(at)}
        raw |= {"intervention": pd.Series(arms, dtype="str"), "iteration": 1, "policy": "test", "propensity": 0.5}
        self.decisions = canonical_decisions(pd.DataFrame(raw), ARMS, Origin("decisions"))

    @contextmanager
    def opened(self, params: Params) -> Iterator[tuple[Relationships, Codes, Engine]]:
        history, codes = history_of(self.stakeholders, self.events, self.decisions, params)
        with open_engine(history, params) as engine:
            yield relationships(self.stakeholders, codes, engine, params), codes, engine

    def population(self, params: Params) -> list[str]:
        with self.opened(params) as (people, _, _):
            return population_spine(people, params)["stakeholder_id"].tolist()

    def snapshots(self, params: Params) -> pd.DataFrame:
        with self.opened(params) as (people, _, _):
            return snapshot_spine(people, params)

    def decided(self, params: Params) -> pd.DataFrame:
        with self.opened(params) as (people, _, _):
            return decision_spine(self.decisions, people, params)[0]

    def left_out(self, params: Params) -> dict[str, int]:
        with self.opened(params) as (people, _, _):
            return decision_spine(self.decisions, people, params)[1]

    def outcomes_of(self, spine: pd.DataFrame | None, params: Params) -> pd.DataFrame:
        """Return the outcomes of a spine, or of the snapshots."""
        with self.opened(params) as (people, codes, engine):
            spine = snapshot_spine(people, params) if spine is None else spine
            found = engine.query(engine.compile(outcome_expression(codes, params)), spine).to_pandas()
            worth = RetentionWorth(people, codes, engine, params).of(spine)
            return outcomes(found, spine, people, worth, params).set_index(spine["stakeholder_id"])

    def outcomes(self, params: Params) -> pd.DataFrame:
        """Return the outcomes of the snapshot at LATEST, by stakeholder_id."""
        return self.outcomes_of(None, params)


def one(*events: tuple[int, int, str, float | None], decided: Sequence[tuple[int, str]] = ()) -> Case:
    """Return a population of one with these events (at, known, type, value) and decisions (at, arm)."""
    return Case([("ann", 0, False)], [("ann", *event) for event in events], [("ann", *each) for each in decided])


# --- rows -----------------------------------------------------------------------------------------------------------


def test_a_decision_keeps_its_arm_and_the_history_holds_what_was_delivered():
    case = one(decided=[(LATEST - 9 * DAY, "call"), (LATEST - 8 * DAY, "call")])
    case.decisions["delivered_intervention"] = ["none", "mail"]
    history, codes = history_of(case.stakeholders, case.events, case.decisions, params())
    assert case.decided(params())["arm"].tolist() == ["call", "call"]
    received = [codes.types[code] for code in history["type"]]
    assert [name for name in received if name.startswith("contact_")] == ["contact_mail"]


def test_only_relationships_that_began_before_the_instant():
    case = Case(
        [("before", AS_OF - 1, False), ("exactly", AS_OF, False), ("later", AS_OF + DAY, False), ("old", 0, False)],
        decided=[("old", LATEST, "call"), ("before", LATEST, "call"), ("later", LATEST, "call")],
    )
    assert case.population(params()) == ["before", "old"]
    assert case.snapshots(params())["stakeholder_id"].tolist() == ["old"]
    assert case.decided(params())["stakeholder_id"].tolist() == ["old"]


@pytest.mark.parametrize("churn", [BY_EVENT, BY_SILENCE])
def test_who_is_known_to_have_left_has_no_row_and_who_is_not_has_one(churn):
    """Churn by silence has no leaving event: then nobody is excluded."""
    leaving = {
        "just_before": (AS_OF - 1, AS_OF - 1),
        "just_known": (AS_OF - 50 * DAY, AS_OF - 1),
        "at_as_of": (AS_OF, AS_OF),
        "known_at_as_of": (AS_OF - 50 * DAY, AS_OF),
        "announced": (AS_OF, AS_OF - 50 * DAY),
        "announced_and_gone": (AS_OF - 1, AS_OF - 50 * DAY),
    }
    people = [(who, 0, False) for who in ["stays", *leaving]]
    events = [(who, *times, "left", None) for who, times in leaving.items()]
    expected = {"stays", "at_as_of", "known_at_as_of", "announced"} if churn is BY_EVENT else {"stays", *leaving}
    assert set(Case(people, events).population(params(churn))) == expected


def test_the_first_leaving_that_was_known_counts():
    """A leaving recorded twice: what was known at as_of stands, whichever record comes first."""
    people = [("ann", 0, False), ("bob", 0, False)]
    twice = [("ann", 5, AS_OF, "left", None), ("ann", 9, AS_OF - 1, "left", None), ("bob", 5, AS_OF, "left", None)]
    assert Case(people, twice).population(params()) == ["bob"]


def test_leaving_is_seen_at_each_row_by_its_own_instant():
    events = [("ann", LATEST - 5, LATEST, "left", None)]
    decided = [("ann", LATEST - 6, "call"), ("ann", LATEST - 1, "call"), ("ann", LATEST, "call")]
    case = Case([("ann", 0, False), ("bob", 0, False)], [*events, ("bob", LATEST, LATEST - 9, "left", None)], decided)
    assert case.decided(params())["decision_id"].tolist() == ["d0", "d1", "d2"], "at LATEST it is not known yet"
    assert case.snapshots(params())["stakeholder_id"].tolist() == ["ann", "bob"]
    assert case.population(params()) == []
    earlier = Case([("ann", 0, False)], [("ann", LATEST - 5, LATEST - 1, "left", None)], decided)
    assert earlier.decided(params())["decision_id"].tolist() == ["d0", "d1"]
    assert earlier.snapshots(params()).empty


def test_the_opted_out_are_scored_but_never_learned_from():
    people = [("in", 0, False), ("out", 0, True)]
    case = Case(people, decided=[("in", LATEST, "call"), ("out", LATEST, "call")])
    assert case.population(params()) == ["in", "out"]
    assert case.snapshots(params())["stakeholder_id"].tolist() == ["in"]
    assert case.decided(params())["stakeholder_id"].tolist() == ["in"]


def test_a_decision_counts_once_its_horizon_is_over():
    decided = [
        ("ann", LATEST - 1, "call"),
        ("ann", LATEST, "mail"),
        ("ann", LATEST + 1, "none"),
        ("ann", AS_OF, "call"),
    ]
    rows = Case([("ann", 0, False)], decided=decided).decided(params())
    assert rows["decision_id"].tolist() == ["d0", "d1"]
    assert rows["as_of"].tolist() == [LATEST - 1, LATEST]
    assert rows["arm"].tolist() == ["call", "mail"]
    assert rows["row"].tolist() == [0, 1]


def test_every_decision_is_learned_from_or_left_out_for_the_first_reason_that_holds():
    """The opted-out's latest and young's latest lack their horizon; gone was known to have left before two."""
    people = [
        ("ann", 0, False),
        ("out", 0, True),
        ("young", LATEST - DAY, False),
        ("gone", 0, False),
        ("next", AS_OF, False),
    ]
    decided = [("ann", LATEST, "call"), ("ann", LATEST + 1, "call"), ("out", LATEST, "mail"),
               ("out", LATEST - 1, "mail"), ("out", LATEST - 2, "mail"), ("out", AS_OF, "mail"),
               ("young", LATEST - DAY, "call"), ("young", LATEST, "call"), ("gone", LATEST - 3, "call"),
               ("gone", LATEST - 2, "call"), ("gone", LATEST, "none"),
               ("next", AS_OF - DAY, "call"), ("next", AS_OF, "call")]  # fmt: skip
    case = Case(people, [("gone", LATEST - 9, LATEST - 3, "left", None)], decided)
    assert case.decided(params())["decision_id"].tolist() == ["d0", "d7", "d8"]
    reasons = {
        "decided at or after as_of": 2,
        "horizon not over": 2,
        "stakeholder opted out": 3,
        "before the relationship began": 1,
        "known to have left": 2,
    }
    assert case.left_out(params()) == reasons
    known = case.stakeholders["stakeholder_id"] != "young"
    case.stakeholders = case.stakeholders[known].reset_index(drop=True)
    del reasons["before the relationship began"]
    assert case.left_out(params()) == {"stakeholder unknown": 2, **reasons}
    assert one(decided=[(LATEST, "call")]).left_out(params()) == {}


@pytest.mark.parametrize(
    ("snapshots", "every", "back"), [(1, 90, [0]), (3, 40, [80, 40, 0]), (2, 7, [7, 0]), (4, 30, [90, 60, 30, 0])]
)
def test_snapshots_end_one_horizon_before_as_of_and_step_back(snapshots, every, back):
    case = Case([("ann", 0, False), ("bob", LATEST - 35 * DAY, False)])
    rows = case.snapshots(params(snapshots=snapshots, snapshot_every_days=every))
    expected = [(who, LATEST - days * DAY) for who in ("ann", "bob") for days in back if who == "ann" or days < 35]
    assert list(zip(rows["stakeholder_id"], rows["as_of"], strict=True)) == expected
    assert rows["row"].tolist() == list(range(len(rows)))


# --- outcomes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "counts"), [(LATEST - 1, False), (LATEST, True), (AS_OF - 1, True), (AS_OF, False), (AS_OF + DAY, False)]
)
def test_the_window_is_half_open(at, counts):
    case = one((at, min(at, AS_OF - 1), "buy", 8.0))
    assert case.outcomes(params()).loc["ann", "money"] == (4.0 if counts else 0.0)


@pytest.mark.parametrize(("at", "churned"), [(LATEST, True), (AS_OF - 1, True), (AS_OF, False)])
def test_leaving_in_the_window_is_churn_and_loses_the_retention_value(at, churned):
    found = one((at, min(at, AS_OF - 1), "left", None), (LATEST, LATEST, "buy", 8.0)).outcomes(params()).loc["ann"]
    assert found["churned"] == churned
    assert found["money"] == 4.0
    assert found["value"] == (4.0 if churned else 104.0)


@pytest.mark.parametrize(
    ("at", "kind", "churned"),
    [
        (AS_OF - 10 * DAY, "visit", False),
        (AS_OF - 10 * DAY - 1, "visit", True),
        (AS_OF - 1, "buy", False),
        (AS_OF, "buy", True),
        (AS_OF - 1, "newsletter", True),
        (LATEST, "visit", True),
    ],
)
def test_silence_in_the_last_days_of_the_horizon_is_churn(at, kind, churned):
    found = one((at, min(at, AS_OF - 1), kind, None)).outcomes(params(BY_SILENCE)).loc["ann"]
    assert found["churned"] == churned
    assert found["value"] == (0.0 if churned else 100.0)


def test_nobody_who_never_did_anything_is_retained_by_silence_and_everybody_is_without_a_leaving():
    assert one().outcomes(params(BY_SILENCE))["churned"].tolist() == [True]
    assert one().outcomes(params(BY_EVENT))["churned"].tolist() == [False]


def test_money_is_margin_times_value_over_all_event_types():
    """0.5 × (10 + 2.25 + missing) − 2 × (3 + 1): 'Return!' and 'return' are one event type; visits earn nothing."""
    at = LATEST + DAY
    case = Case(
        [("ann", 0, False), ("bob", 0, False)],
        [
            *(("ann", at, at, "buy", value) for value in (10.0, 2.25, None)),
            *(("ann", at, at, "Return!", value) for value in (3.0, 1.0)),
            ("ann", at, at, "visit", 99.0),
            *(("bob", at, at, "buy", value) for value in (0.1, 0.2)),
        ],
    )
    found = case.outcomes(params())
    assert found["money"].tolist() == [0.5 * 12.25 - 8.0, 0.5 * 0.3]
    assert found["value"].tolist() == [100.0 + 0.5 * 12.25 - 8.0, 100.0 + 0.5 * 0.3]


@pytest.mark.parametrize(("known", "seen"), [(AS_OF - 1, True), (AS_OF, False), (AS_OF + DAY, False)])
def test_what_is_not_known_when_learning_stays_unseen(known, seen):
    at = AS_OF - 5 * DAY
    found = one((at, known, "buy", 8.0), (at, known, "left", None)).outcomes(params()).loc["ann"]
    assert (found["money"], found["churned"]) == ((4.0, True) if seen else (0.0, False))
    silent = one((at, known, "visit", None)).outcomes(params(BY_SILENCE)).loc["ann"]
    assert silent["churned"] == (not seen)


@pytest.mark.parametrize(("known", "churned"), [(LATEST, True), (LATEST + DAY, True), (AS_OF, False)])
def test_who_had_left_before_the_row_when_nobody_knew_was_not_retained(known, churned):
    found = one((LATEST - DAY, known, "left", None)).outcomes(params()).loc["ann"]
    assert (found["churned"], found["value"]) == ((True, 0.0) if churned else (False, 100.0))


def test_contacts_are_the_interventions_received_at_the_very_instant():
    """Later ones are met by those only who have not left: counting them would tell of the outcome."""
    decided = [(LATEST - 1, "mail"), (LATEST, "call"), (LATEST + DAY, "mail"), (LATEST + 2 * DAY, "none")]
    case = one((LATEST, LATEST, "contact_none", None), decided=decided)
    spine = case.decided(params())
    assert spine["decision_id"].tolist() == ["d0", "d1"]
    assert case.outcomes_of(spine, params())["contacts"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("at", "decided", "delivered", "contacts"),
    [
        (LATEST, "call", "call", 1),
        (LATEST, "call", "none", 1),  # declined, may be because ann has left
        (LATEST, "none", "call", 1),
        (LATEST, "call", "mail", 1),
        (LATEST, "none", "none", 0),
        (LATEST - 1, "call", "none", 0),
    ],
)
def test_an_instant_counts_as_under_the_control_by_both_arms(at, decided, delivered, contacts):
    who = PEOPLE[0]
    decisions = decision_table([Decided("d0", who, at, decided)]).assign(
        delivered_intervention=pd.Series([delivered], dtype="str")
    )
    built = featurized(stakeholder_table(PEOPLE), event_table([]), decisions, any_params(snapshots=1))
    assert (built.snapshots["as_of"] == pd.Timestamp(LATEST, unit="us")).all()
    counted = built.snapshots.set_index("stakeholder_id")["contacts"]
    assert counted[who] == contacts
    assert counted.drop(who).eq(0).all()


def test_outcomes_come_in_spine_order_with_one_row_each():
    """A hand-made spine in no order: every row finds its own window."""
    case = one(*[(LATEST + day * DAY, LATEST + day * DAY, "buy", float(2**day)) for day in range(4)])
    spine = case.snapshots(params()).loc[[0, 0, 0]].assign(row=[2, 0, 1])
    spine["as_of"] = [LATEST, LATEST - 28 * DAY, LATEST - 27 * DAY]
    assert case.outcomes_of(spine, params())["money"].tolist() == [0.5 * 15, 0.5 * 3, 0.5 * 7]


def on_curve(days: Sequence[int], churn: dict[str, Any] = BY_EVENT) -> Params:
    made = params(churn)
    return made.model_copy(update={"clock": made.clock.model_copy(update={"curve_days": tuple(days)})})


@pytest.mark.parametrize(("at", "known"), [(LATEST + 20 * DAY - 1, True), (LATEST + 20 * DAY, False)])
def test_who_left_by_another_day_had_left_before_its_end(at, known):
    found = one((at, at, "left", None)).outcomes(on_curve([20, 29])).loc["ann"]
    assert (found["churned_by_20d"], found["churned_by_29d"], found["churned"]) == (known, True, True)


def test_what_is_not_over_when_learning_is_null_and_nothing_is_seen_of_it():
    """The latest snapshot lies 30 days back, the earlier one 70: of 60 days only the earlier one knows."""
    case = one((AS_OF - 5 * DAY, AS_OF - 5 * DAY, "left", None), (LATEST + 31 * DAY, AS_OF - 1, "buy", 8.0))
    clock = on_curve([60, 70]).model_copy(update={"features": params(snapshots=2, snapshot_every_days=40).features})
    found = case.outcomes(clock).reset_index(drop=True)
    assert found["churned_by_60d"].isna().tolist() == [False, True]
    assert not found["churned_by_60d"][0]
    assert found["churned_by_70d"].isna().tolist() == [False, True]
    assert bool(found["churned_by_70d"][0])
    assert found["churned"].tolist() == [False, True]
    assert found["money"].tolist() == [0.0, 0.0], "what comes after the horizon earns nothing"


@pytest.mark.parametrize(
    ("visits", "lost"),
    [
        ([5, 15, 25], {10: False, 20: False, 30: False}),
        ([5], {10: False, 20: True, 30: True}),
        ([], {10: True, 20: True, 30: True}),
        ([25], {10: False, 20: False, 30: False}),  # silent at first, and back: not lost
        ([15], {10: False, 20: False, 30: True}),
    ],
)
def test_silence_counts_from_the_day_after_which_nothing_came(visits, lost):
    """Ten days of silence at the end of each span; who comes back within the horizon was never lost."""
    case = one(*[(LATEST + day * DAY, LATEST + day * DAY, "visit", None) for day in visits])
    found = case.outcomes(on_curve([10, 20], BY_SILENCE)).loc["ann"]
    assert {10: found["churned_by_10d"], 20: found["churned_by_20d"], 30: found["churned"]} == lost


def test_who_was_lost_at_the_horizon_stays_lost_beyond_it():
    clock = on_curve([60], BY_SILENCE).model_copy(
        update={"features": params(snapshots=2, snapshot_every_days=40).features}
    )
    case = one((AS_OF - 15 * DAY, AS_OF - 15 * DAY, "visit", None))
    found = case.outcomes(clock).iloc[0]
    assert (found["churned"], found["churned_by_60d"]) == (True, True)


def test_a_curve_shorter_than_the_silence_is_refused_and_one_as_long_is_not():
    document = params(BY_SILENCE).model_dump()
    document["clock"]["curve_days"] = [9]
    with pytest.raises(
        ParamsError, match=r"clock\.curve_days: expected outcome\.churn\.inactive_days \(10\) or more; got 9\. To"
    ):
        parse_params(document)
    document["clock"]["curve_days"] = [10]
    assert parse_params(document).clock.curve == (10, 30)


def test_no_rows_have_no_outcomes():
    case = one((LATEST, LATEST, "buy", 1.0))
    found = case.outcomes_of(case.decided(params()), params())
    assert found.empty
    assert found.dtypes.astype(str).to_dict() == {
        "churned": "bool",
        "money": "float64",
        "value": "float64",
        "contacts": "int64",
    }


def test_two_names_of_one_event_type_in_outcome_value_are_refused():
    case = one((LATEST, LATEST, "buy", 8.0))
    document = params().model_dump()
    document["outcome"]["value"] = {"buy": 0.5, "Buy": 0.7}
    with pytest.raises(ParamsError, match=r"outcome\.value: .* differ in letters or digits; got 'buy', 'Buy'"):
        case.outcomes(parse_params(document))
    document["outcome"]["value"] = {"buy": 0.5, "buys": 0.7}
    assert case.outcomes(parse_params(document))["money"].tolist() == [4.0]
