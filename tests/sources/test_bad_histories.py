"""Histories as bad as real ones: what is wrong in them is refused, mended or counted, and never seen too early."""

import re
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from projects import inside
from rapport import featurize, ingest
from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError, ParamsError
from rapport.contracts.params import Params, parse_params
from rapport.models.training import Rows, Trained, train
from rapport.policy.eligibility import eligible
from rapport.serving.decisions import answer
from rapport.sources.files import read_files
from rapport.sources.intake import Intake, take_in
from rapport.sources.raw import RawTables
from rapport.store.documents import read_json
from rapport.store.frames import read_frame
from rapport.store.project import FEATURES

COLUMNS = ["event_id", "stakeholder_id", "occurred_at", "known_at", "event_type", "value", "channel"]
HISTORY = [
    ("e1", "ann", "2024-05-01", "", "purchase", "5", "web"),
    ("e2", "ann", "2024-05-20", "", "login", "", ""),
    ("e3", "bob", "2024-03-30", "", "login", "", "app"),
    ("e4", "bob", "2024-05-25", "2024-05-28", "purchase", "7.5", "web"),
]
AS_OF = "2024-06-01"


PEOPLE = pd.DataFrame({"stakeholder_id": ["ann", "bob"], "kind": "customer", "since": "2020-01-01"})


@dataclass(frozen=True)
class FeatureTables:
    """What the featurize stage writes; features are (name, unit)."""

    decisions: pd.DataFrame
    snapshots: pd.DataFrame
    population: pd.DataFrame
    features: list[tuple[str, str]]


def document(as_of: str, **sections: dict[str, object]) -> dict[str, object]:
    return {
        "source": {"kind": "files", "path": "."},
        "clock": {"as_of": as_of, "horizon_days": 30},
        "outcome": {"churn": {"event": "churned"}, "value": {"purchase": 1.0}, "retention_value": 10.0},
        "interventions": {"control": "none", "arms": {"call": {}}},
        "features": {"windows_days": [30, 90], "snapshots": 2, "snapshot_every_days": 30},
        "learner": {"rounds": 3, "folds": 2, "min_leaf_rows": 5},
        **sections,
    }


def params(as_of: str = AS_OF, **sections: dict[str, object]) -> Params:
    return parse_params(document(as_of, **sections))


def history(*more: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame([*HISTORY, *more], columns=COLUMNS, dtype="str")


def taken(events: pd.DataFrame, as_of: str = AS_OF, people: pd.DataFrame = PEOPLE) -> Intake:
    raw = RawTables(people, events, None, {"events": Origin("events.csv"), "stakeholders": Origin("stakeholders.csv")})
    return take_in(raw, params(as_of))


def features(events: pd.DataFrame, as_of: str = AS_OF, people: pd.DataFrame = PEOPLE) -> FeatureTables:
    """Run ingest and featurize as people do; one more stakeholder leaves, or there would be no churn."""
    leaver = events.head(1).assign(stakeholder_id="zoe", event_type="churned")
    leaver = leaver.assign(event_id=None) if "event_id" in events else leaver
    events = pd.concat([events, leaver], ignore_index=True)
    people = pd.concat([people, people.head(1).assign(stakeholder_id="zoe")], ignore_index=True)
    with TemporaryDirectory() as folder, inside(Path(folder)):
        people.to_parquet("stakeholders.parquet")
        events.to_parquet("events.parquet")
        Path("params.yaml").write_text(yaml.safe_dump(document(as_of)))
        ingest.main()
        featurize.main()
        tables = [read_frame(FEATURES / f"{name}.parquet") for name in ("decisions", "snapshots", "population")]
        declared = [(each["name"], each["unit"]) for each in read_json(FEATURES / "features.json")]
        return FeatureTables(*tables, declared)


@cache
def plain(as_of: str = AS_OF) -> FeatureTables:
    """The features of the history without any planted fault."""
    return features(history(), as_of)


def alike(one: FeatureTables, other: FeatureTables) -> bool:
    """Tell whether all rows of two featurizations agree; columns of event types that only one has do not count."""
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("snapshots", "population")]
    return all(a[both].equals(b[both]) for a, b in pairs for both in [a.columns.intersection(b.columns)])


# --- repeats ---------------------------------------------------------------------------------------------------------

ANONYMOUS = ("", "ann", "2024-05-02", "2024-05-03", "purchase", "5", "web")


@pytest.mark.parametrize("event", [ANONYMOUS, ("", "bob", "2024-05-02", "", "login", "", "")], ids=["full", "blanks"])
def test_rows_alike_without_an_id_are_kept_and_counted(event: tuple[str, ...]) -> None:
    got = taken(history(event, ANONYMOUS, event, event))
    assert got.counts["events"] == got.counts["events_read"] == 8
    assert got.counts["events_repeated"] == 0
    assert got.counts["events_alike_without_id"] == (3 if event == ANONYMOUS else 2)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("event_id", "e9"),
        ("stakeholder_id", "bob"),
        ("occurred_at", "2024-05-02T00:00:00.000001"),
        ("known_at", "2024-05-04"),
        ("event_type", "login"),
        ("value", ""),
        ("channel", ""),
    ],
)
def test_rows_that_differ_anywhere_are_not_alike(column: str, cell: str) -> None:
    other = tuple(cell if name == column else known for name, known in zip(COLUMNS, ANONYMOUS, strict=True))
    assert taken(history(ANONYMOUS, other)).counts["events_alike_without_id"] == 0
    assert taken(history(ANONYMOUS, ANONYMOUS)).counts["events_alike_without_id"] == 1


def test_rows_alike_with_an_id_of_their_own_are_no_suspects() -> None:
    same = [(f"x{n}", *ANONYMOUS[1:]) for n in range(3)]
    assert taken(history(*same)).counts["events_alike_without_id"] == 0


# --- late, out of order, skewed, foretold ----------------------------------------------------------------------------


def test_order_of_arrival_changes_nothing_and_lateness_only_visibility() -> None:
    late = ("e5", "ann", "2024-05-10", "2024-05-31T12:00", "purchase", "9", "web")
    with_late = taken(history(late))
    backwards = taken(history(late).iloc[::-1])
    pd.testing.assert_frame_equal(backwards.events, with_late.events)
    assert backwards.counts == with_late.counts
    for as_of, seen in (("2024-05-31T12:00", False), ("2024-05-31T12:00:00.000001", True)):
        assert alike(features(history(late), as_of), plain(as_of)) is not seen


def test_an_event_known_before_it_happened_is_known_once_it_happens() -> None:
    skewed = ("e5", "ann", "2024-05-10T00:00:03", "2024-05-10T00:00:01", "purchase", "9", "web")
    mended = (*skewed[:3], skewed[2], *skewed[4:])
    got = taken(history(skewed))
    assert got.counts["events_known_before_they_happened"] == 1
    assert (got.events["known_at"] >= got.events["occurred_at"]).all()
    twin = taken(history(mended))
    assert twin.counts["events_known_before_they_happened"] == 0
    pd.testing.assert_frame_equal(got.events, twin.events)
    assert got.quarantine.empty


def test_an_event_foretold_is_not_seen_before_it_happens() -> None:
    """A leave date entered in May for the second of June: nobody has left on the first."""
    foretold = ("e5", "ann", "2024-06-02", "2024-05-10", "churned", "", "")
    events = history(foretold)
    assert alike(features(events), plain())
    assert features(events, "2024-06-02").population["stakeholder_id"].tolist() == ["ann", "bob"]
    assert features(events, "2024-06-02T00:00:01").population["stakeholder_id"].tolist() == ["bob"]


@pytest.mark.parametrize(
    ("occurred", "known", "after"),
    [
        ("2024-05-31T23:59:59.999999", "", 0),
        ("2024-06-01", "", 1),
        ("2024-05-01", "2024-06-01", 1),
        ("2024-05-01", "9999-12-31T23:59:59.999999Z", 1),
    ],
)
def test_events_at_or_after_as_of_are_kept_counted_and_not_seen(occurred: str, known: str, after: int) -> None:
    events = history(("e5", "ann", occurred, known, "purchase", "9", "web"))
    counts = taken(events).counts
    assert (counts["events"], counts["events_after_as_of"]) == (5, after)
    assert alike(features(events), plain()) is (after == 1)


@pytest.mark.parametrize("at", ["2024-07-20", "2025-01-01", "9999-12-31"])
def test_dates_in_the_future_do_not_vouch_for_as_of(at: str) -> None:
    """As-of dates are checked against what was known before them; the last such day is 2024-05-28."""
    future = history(("e5", "ann", at, "", "purchase", "9", "web"), ("e6", "ann", "2024-05-01", at, "login", "", ""))
    message = r"clock\.as_of: expected an instant at most 30 days after the last thing known before it \(2024-05-28T.*"
    with pytest.raises(ParamsError, match=message + r"mend the dates of the 2 events known later"):
        taken(future, "2024-07-15")
    with pytest.raises(ParamsError, match=message + "take in the newer data"):
        taken(history(), "2024-07-15")
    assert taken(future, "2024-06-27").counts["events_after_as_of"] == 2


def test_a_decision_in_the_future_does_not_vouch_for_as_of_and_one_of_the_past_does() -> None:
    columns = ["decision_id", "stakeholder_id", "decided_at", "intervention", "propensity", "iteration", "policy"]

    def with_decision(decided_at: str) -> Intake:
        logged = pd.DataFrame([("d", "ann", decided_at, "none", "", "0", "p")], columns=columns, dtype="str")
        return take_in(RawTables(PEOPLE, history(), logged), params("2024-07-15"))

    assert with_decision("2024-07-01").counts["decisions"] == 1
    with pytest.raises(ParamsError, match=r"the last thing known before it \(2024-05-28T"):
        with_decision("2024-07-20")


def test_nothing_known_before_as_of_is_refused() -> None:
    backfilled = history().assign(known_at="2024-06-01")
    with pytest.raises(ParamsError, match=r"after the first event became known \(2024-06-01T00:00:00\+00:00\)"):
        taken(backfilled, "2024-05-25")
    assert taken(backfilled, "2024-06-01T00:00:01").counts["events_after_as_of"] == 0


# --- zones -----------------------------------------------------------------------------------------------------------


def test_part_files_of_several_zones_are_one_table_or_are_refused(tmp_path: Path) -> None:
    """In text each cell carries its zone; in typed parts the column does, and must be of one zone in all of them."""
    people = pd.DataFrame({"stakeholder_id": ["ann"], "kind": "customer", "since": "2020-01-01"})
    people.to_csv(tmp_path / "stakeholders.csv", index=False)
    instant = pd.Timestamp("2024-05-20T10:00Z")
    here = params(source={"kind": "files", "path": str(tmp_path)})

    def parts(*times: object) -> set[pd.Timestamp]:
        folder = tmp_path / "events"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for at, when in enumerate(times):
            part = pd.DataFrame({"stakeholder_id": ["ann"], "occurred_at": [when], "event_type": "login"})
            if isinstance(when, str):
                part.to_csv(folder / f"{at}.csv", index=False)
            else:
                part.to_parquet(folder / f"{at}.parquet")
        return set(take_in(read_files(here), here).events["occurred_at"])

    assert parts("2024-05-20T10:00", "2024-05-20T12:00+02:00", "2024-05-20 10:00Z") == {instant}
    tokyo, naive = instant.tz_convert("Asia/Tokyo"), instant.tz_localize(None)
    assert parts(tokyo, tokyo) == parts(naive, naive) == {instant}
    for other in (tokyo, naive):
        with pytest.raises(InputError, match=r"events: expected parts of the same types; got .*To mend it: export all"):
            parts(instant, other)


# --- types, nulls, infinities ----------------------------------------------------------------------------------------


def test_event_types_nobody_has_heard_of_are_features() -> None:
    strange = ["Offer viewed!", "θέμα", "3", "🎉", "select * from events; --"]
    events = history(*((f"x{n}", "ann", "2024-05-03", "", kind, "", "") for n, kind in enumerate(strange)))
    assert set(taken(events).events["event_type"]) == {"login", "purchase", *strange}
    found = features(events)
    assert found.population["offer_viewed_count_30d"].tolist()[0] == 1
    assert found.population.columns.is_unique
    twins = history(("x", "ann", "2024-05-03", "", "Login ", "", ""))
    with pytest.raises(
        InputError, match=r"events, column event_type: expected types that .*got 'login' beside 'Login'"
    ):
        features(twins)


@pytest.mark.parametrize("column", ["event_id", "known_at", "value", "channel"])
def test_a_column_of_nulls_is_as_good_as_none(column: str) -> None:
    blank, absent = history().assign(**{column: None}), history().drop(columns=column)
    pd.testing.assert_frame_equal(taken(blank).events, taken(absent).events)
    assert taken(blank).counts == taken(absent).counts


def test_columns_of_nulls_make_the_features_that_none_make() -> None:
    optional = ["event_id", "known_at", "value", "channel"]
    assert alike(features(history().assign(**dict.fromkeys(optional))), features(history().drop(columns=optional)))


def test_an_attribute_of_nulls_is_missing_for_all() -> None:
    got = features(history(), people=PEOPLE.assign(region=""))
    assert got.population["region"].isna().all()
    assert ("region", "value") in got.features


@pytest.mark.parametrize("bad", ["inf", "-Infinity", "1e999", np.inf, -np.inf])
def test_infinite_numbers_are_refused_by_file_column_and_row(bad: str | float) -> None:
    typed = not isinstance(bad, str)
    values = pd.Series([5.0, np.nan, bad, 7.5] if typed else ["5", "", bad, "7.5"])
    with pytest.raises(
        InputError, match=r"^events\.csv, column value, row 3: expected a number.*; got '?-?([iI]nf|1e9)"
    ):
        taken(history().assign(value=values))
    assert taken(history().assign(value=values.where(values.index != 2))).counts["events"] == 4
    with pytest.raises(InputError, match=r"^stakeholders\.csv, column seats, row 2: expected a finite number"):
        taken(history(), people=PEOPLE.assign(seats=values.iloc[[0, 2]].to_numpy()))
    assert taken(history(), people=PEOPLE.assign(seats=values.iloc[[0, 3]].to_numpy())).stakeholders["seats"].sum() > 0


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["1", "2", "n/a", "", "5"], "row 3: 'n/a' is no number; by 1 of 4 such cells the whole column is categories"),
        (["1", "?", "-", "4", "5"], "row 2: '[?]' is no number; by 2 of 5 such cells the whole column is categories"),
        (["1", "2", "", "4", "5"], None),
        (["a", "b", "c", "4", "5"], None),
        (["01067", "10115", "n/a", "80331", "20095"], None),
    ],
)  # fmt: skip
def test_a_word_that_makes_categories_of_numbers_is_told(
    cells: list[str], told: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = pd.DataFrame({"stakeholder_id": ["ann", "bob", "c", "d", "e"], "kind": "customer", "since": "2020-01-01"})
    people.assign(seats=cells).to_csv(tmp_path / "stakeholders.csv", index=False)
    history().to_csv(tmp_path / "events.csv", index=False)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(document(AS_OF)))
    with inside(tmp_path):
        ingest.main()
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert len(warnings) == (told is not None)
    assert told is None or re.match(rf"warning: stakeholders\.csv, column seats, {told}", warnings[0])


# --- ids -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ids", [[7, 8], [7.0, 8.0], ["7", "8.0"], [" 7 ", "8"], ["7.00", "8\t"]], ids=str)
def test_stakeholders_are_found_however_a_table_spells_them(ids: list) -> None:
    people = pd.DataFrame({"stakeholder_id": ids, "kind": "customer", "since": "2020-01-01"})
    for spelt in (["7", "8", "7.0", " 8"], [7, 8, 7, 8], [7.0, 8.0, 7.0, 8.0], pd.array([7, 8, 7, 8], dtype="Int64")):
        got = taken(history().assign(stakeholder_id=spelt), people=people)
        assert got.events["stakeholder_id"].tolist() == ["7", "7", "8", "8"]
    others = taken(history().assign(stakeholder_id=["7", "70", "80", "8"]), people=people)
    assert others.quarantine["stakeholder_id"].tolist() == ["70", "80"]
    with pytest.raises(InputError, match=r"^events\.csv, column stakeholder_id: expected ids as stakeholders spells "
                       r"them; got '007' for '7', '08' for '8' \(ids that differ .* alone: 2, in 3 rows"):  # fmt: skip
        taken(history().assign(stakeholder_id=["7", "007", "08", "007"]), people=people)


@pytest.mark.parametrize(("there", "here"), [("007", "7"), ("7", "007"), ("ann", "ann\u200b"), ("\ufeffann", "ann")])
def test_ids_that_differ_by_zeros_or_blanks_alone_stop_the_run_whatever_table_has_them(there: str, here: str) -> None:
    people = pd.DataFrame({"stakeholder_id": [there, "bob"], "kind": "customer", "since": "2020-01-01"})
    known, lost = history().assign(stakeholder_id="bob"), history().assign(stakeholder_id=here, event_id=None)
    columns = ["decision_id", "stakeholder_id", "decided_at", "intervention", "propensity", "iteration", "policy"]
    logged = pd.DataFrame([("d", here, "2024-05-01", "none", "", "0", "p")], columns=columns, dtype="str")
    message = r", column stakeholder_id: expected ids as stakeholders spells them; got .* alone: 1, in {} rows"
    for raw, ledger, told in (
        (RawTables(people, pd.concat([known, lost]), None), [], "^events" + message.format(4)),
        (RawTables(people, known, logged), [], "^decisions" + message.format(1)),
        (RawTables(people, known, None), [(logged.iloc[:0], lost)], "^ledger partition 1, events" + message.format(4)),
    ):
        with pytest.raises(InputError, match=told):
            take_in(raw, params(), ledger)
    alike = people.assign(stakeholder_id=[here, "bob"])
    assert take_in(RawTables(alike, pd.concat([known, lost]), logged), params()).quarantine.empty


# --- size ------------------------------------------------------------------------------------------------------------


def test_one_stakeholder_with_200_000_events_takes_seconds() -> None:
    """Anything quadratic in one stakeholder's events takes hours here; half of the rows tie in time with others."""
    size = 200_000
    minutes = np.r_[np.arange(size // 2), np.repeat(np.arange(size // 40), 20)]
    events = pd.DataFrame(
        {
            "stakeholder_id": np.where(np.arange(size) % 1000 == 999, "bob", "ann"),
            "occurred_at": pd.Timestamp("2024-03-01") + pd.to_timedelta(minutes, unit="min"),
            "event_type": "login",
            "value": 1.0,
        }
    )
    begun = time.process_time()
    got = taken(events)
    table = features(events).population
    assert time.process_time() - begun < 20
    assert (got.events["stakeholder_id"].is_monotonic_increasing, len(got.events)) == (True, size)
    assert got.events.groupby("stakeholder_id")["occurred_at"].agg(lambda at: at.is_monotonic_increasing).all()
    assert table["login_count_90d"].sum() == size - (minutes < 2 * 24 * 60).sum()  # March the third is 90 days before
    assert got.counts["events_alike_without_id"] == events.duplicated().sum()


# --- attributes that come and go -------------------------------------------------------------------------------------


def customers(rng: np.random.Generator, **attributes: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    ids = [f"s{n:03d}" for n in range(120)]
    people = pd.DataFrame({"stakeholder_id": ids, "kind": "customer", "since": "2020-01-01", **attributes})
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 150, 1200), unit="D")
    kinds = rng.choice(["login", "purchase"], 1200)
    events = pd.DataFrame({"stakeholder_id": rng.choice(ids, 1200), "occurred_at": days, "event_type": kinds})
    left = pd.DataFrame({"stakeholder_id": ids[::4], "occurred_at": "2024-05-20", "event_type": "churned"})
    return people, pd.concat([events.astype({"occurred_at": "str"}), left], ignore_index=True)


def iteration(**attributes: object) -> tuple[FeatureTables, Trained]:
    people, events = customers(np.random.default_rng(5), **attributes)
    tables = features(events, people=people)
    rules = params()
    rows = Rows(
        tables.decisions, tables.snapshots, tables.features, eligible(tables.decisions["kind"], rules.interventions)
    )
    return tables, train(rows, rules, lambda line: None)


def test_attributes_that_appear_or_vanish_between_iterations() -> None:
    numbers, words = np.arange(120.0), np.resize(["north", "south", "west"], 120)
    first, then = iteration(seats=numbers, region=words)
    second, now = iteration(region=words, plan=np.resize(["free", "pro"], 120))
    assert {"seats", "region"} <= set(then.bundle.encoding.names)
    assert {"plan", "region"} <= set(now.bundle.encoding.names)
    assert "seats" not in now.bundle.encoding.names
    assert len(answer(now.bundle, second.population)) == len(second.population)
    line = r"^feature table: expected the columns seats; got a table without them\. To mend it: [^\n]*$"
    with pytest.raises(InputError, match=line):
        answer(then.bundle, second.population)
    more = answer(then.bundle, first.population.assign(plan="free"))
    pd.testing.assert_frame_equal(more, answer(then.bundle, first.population))


def test_an_attribute_that_turned_from_numbers_to_text_is_one_clear_line() -> None:
    _, then = iteration(tier=np.arange(120.0))
    second, now = iteration(tier=np.resize(["low", "high"], 120))
    assert len(answer(now.bundle, second.population)) == len(second.population)
    with pytest.raises(InputError, match=r"^feature table, column tier: expected numbers; got [^\n]*$"):
        answer(then.bundle, second.population)


# --- nothing disappears unseen ---------------------------------------------------------------------------------------

rows = st.lists(
    st.tuples(
        st.sampled_from(["", "", "a", "b", "c"]),
        st.sampled_from(["ann", "bob", " ann", "stranger"]),
        st.sampled_from(["2024-05-01", "2024-05-02T00:00", "2024-05-02T02:00+02:00", "2024-07-01", "9999-01-01"]),
        st.sampled_from(["", "2024-04-30", "2024-05-30", "9999-01-01"]),
        st.sampled_from(["login", "purchase"]),
        st.sampled_from(["", "1"]),
        st.sampled_from(["", "web"]),
    ),
    max_size=14,
)


@settings(max_examples=10)
@given(rows, rows)
def test_rows_read_are_kept_dropped_or_set_aside(raw: list[tuple[str, ...]], absorbed: list[tuple[str, ...]]) -> None:
    logged = pd.DataFrame(
        {"decision_id": ["d1", "d2"], "stakeholder_id": ["ann", "ghost"], "decided_at": "2024-05-05",
         "intervention": "none", "iteration": 0, "policy": "p"}
    )  # fmt: skip
    later = pd.DataFrame(absorbed, columns=COLUMNS, dtype="str")
    got = take_in(RawTables(PEOPLE, history(*raw), logged), params(), [(logged.iloc[:0], later)])
    count = got.counts
    aside = got.quarantine["table"].str.contains("events")
    assert count["events_read"] == len(HISTORY) + len(raw) + len(absorbed)
    assert count["events"] == len(got.events)
    assert count["events_event_id_conflict"] + count["events_unknown_stakeholder"] == aside.sum()
    assert count["events_read"] == count["events"] + count["events_repeated"] + aside.sum()
    assert count["decisions_read"] == count["decisions"] + count["decisions_unknown_stakeholder"] == 2
    assert count["decisions_unknown_stakeholder"] == (~aside).sum() == 1
    assert not got.quarantine.duplicated(["table", "row"]).any()
    latest = got.events[["occurred_at", "known_at"]].max(axis=1)
    assert count["events_after_as_of"] == (latest >= pd.Timestamp(AS_OF, tz="UTC")).sum()
    blank = got.events[got.events["event_id"].isna()]
    assert count["events_alike_without_id"] == len(blank) - len(blank.drop_duplicates())
    keys = list(got.events[["stakeholder_id", "occurred_at"]].itertuples(index=False, name=None))
    assert keys == sorted(keys)
