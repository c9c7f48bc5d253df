"""The simulated world keeps the contract: same input same bytes, common chance, times in bounds, plain refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rapport.contracts.errors import InputError
from rapport.contracts.section import KINDS
from rapport.worlds import ARM_KINDS, ARMS, World, answer, initial_tables

START = pd.Timestamp("2025-04-01", tz="UTC")
HORIZON = pd.Timedelta(days=90)
WORLD = World(1500, seed=7, start=START)


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return initial_tables(WORLD)


@pytest.fixture(scope="module")
def present(tables) -> pd.DataFrame:
    """Those who are there at the start and may be assigned arms."""
    stakeholders, events, _ = tables
    gone = events.loc[events["event_type"] == "churned", "stakeholder_id"]
    there = ~stakeholders["stakeholder_id"].isin(gone) & ~stakeholders["opted_out"]
    return stakeholders[there].reset_index(drop=True)


def decide(people: pd.DataFrame, arms, as_of: pd.Timestamp = START, iteration: int = 1) -> pd.DataFrame:
    ids = people["stakeholder_id"].reset_index(drop=True)
    return pd.DataFrame(
        {
            "decision_id": f"d{iteration}-" + ids,
            "stakeholder_id": ids,
            "decided_at": as_of,
            "intervention": arms,
            "propensity": 0.5,
            "iteration": iteration,
            "policy": "test",
            "extra": "not of the contract",
        }
    )


def test_two_calls_give_equal_tables(tables):
    for first, second in zip(tables, initial_tables(WORLD), strict=True):
        pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_another_seed_gives_another_world(tables):
    other = initial_tables(World(1500, seed=8, start=START))
    assert not tables[0]["company_size"].equals(other[0]["company_size"])
    assert len(tables[1]) != len(other[1])


def test_a_larger_world_keeps_its_first_stakeholders(tables):
    larger = initial_tables(World(1600, seed=7, start=START))
    pd.testing.assert_frame_equal(tables[0], larger[0].head(1500), check_exact=True)
    ids = tables[0]["stakeholder_id"]
    kept = larger[1][larger[1]["stakeholder_id"].isin(ids)].reset_index(drop=True)
    pd.testing.assert_frame_equal(tables[1], kept, check_exact=True)


def test_tables_have_the_contract_columns_and_types(tables):
    stakeholders, events, decisions = tables
    assert stakeholders.columns[:4].tolist() == ["stakeholder_id", "kind", "since", "opted_out"]
    assert set(stakeholders["kind"]) == set(KINDS)
    assert stakeholders["stakeholder_id"].is_unique
    assert stakeholders["stakeholder_id"].is_monotonic_increasing
    assert events["event_id"].is_unique
    assert decisions["decision_id"].is_unique
    stamps = (stakeholders["since"], events["occurred_at"], events["known_at"], decisions["decided_at"])
    assert {str(column.dtype) for column in stamps} == {"datetime64[us, UTC]"}
    texts = (events["event_id"], events["event_type"], events["channel"], decisions["intervention"])
    assert {str(column.dtype) for column in texts} == {"str"}


def test_times_lie_inside_the_history_and_the_relationship(tables):
    stakeholders, events, decisions = tables
    begin = START - pd.Timedelta(days=540)
    assert events["occurred_at"].between(begin, START, inclusive="left").all()
    assert (stakeholders["since"] < START).all()
    assert (stakeholders["since"] > begin).any()
    assert (stakeholders["since"] < begin).any()
    since = stakeholders.set_index("stakeholder_id")["since"]
    for table, time in ((events, "occurred_at"), (decisions, "decided_at")):
        assert (table[time] >= table["stakeholder_id"].map(since)).all()
    waves = [START - ago * HORIZON for ago in (3, 2, 1)]
    assert sorted(decisions["decided_at"].unique()) == waves


def test_nothing_happens_after_leaving(tables):
    _, events, decisions = tables
    left = events[events["event_type"] == "churned"].set_index("stakeholder_id")["occurred_at"]
    assert left.index.is_unique
    assert len(left) > 100
    others = events[events["event_type"] != "churned"]
    ends = others["stakeholder_id"].map(left)
    assert ends.notna().any()
    assert not (others["occurred_at"] >= ends).any()
    assert not (decisions["decided_at"] >= decisions["stakeholder_id"].map(left)).any()


def test_only_surveys_and_tickets_are_known_late(tables):
    events = tables[1]
    delay = events["known_at"] - events["occurred_at"]
    late = delay > pd.Timedelta(0)
    assert (delay >= pd.Timedelta(0)).all()
    assert set(events.loc[late, "event_type"]) == {"ticket", "nps", "csat"}
    assert delay.max() <= pd.Timedelta(days=20)
    share = late[events["event_type"].isin(["ticket", "nps", "csat"])].mean()
    assert 0.03 < share < 0.05


@pytest.mark.parametrize(
    ("event_type", "low", "high"),
    [
        ("nps", 0, 10),
        ("csat", 1, 5),
        ("ticket", 1, 5),
        ("response", 0, 1),
        ("purchase", 0.01, 1e5),
        ("use", 0, 1e4),
    ],
)
def test_values_lie_on_their_scale(tables, event_type, low, high):
    value = tables[1].loc[tables[1]["event_type"] == event_type, "value"]
    assert len(value) > 50
    assert value.between(low, high).all()
    if high <= 10:
        assert (value == value.round()).all()


def test_employees_buy_nothing_and_declined_renewals_are_followed_by_leaving(tables):
    stakeholders, events, _ = tables
    kind = events["stakeholder_id"].map(stakeholders.set_index("stakeholder_id")["kind"])
    assert "employee" not in set(kind[events["event_type"] == "purchase"])
    declined = events[(events["event_type"] == "renewal") & (events["value"] == 0)]
    assert len(declined) > 5
    left = set(events.loc[events["event_type"] == "churned", "stakeholder_id"])
    assert set(declined["stakeholder_id"]) <= left


def test_volume_stays_small(tables):
    """1.2 million events for 20,000 stakeholders is 60 per stakeholder; this world has 1,500."""
    assert 15 * 1500 < len(tables[1]) < 60 * 1500


def test_pilot_frequencies_match_the_propensities():
    """Chi-square per kind at 0.001: a correct world fails with probability 0.004 over seeds; the seed is fixed."""
    stakeholders, _, decisions = initial_tables(World(6000, seed=3, start=START))
    kind = decisions["stakeholder_id"].map(stakeholders.set_index("stakeholder_id")["kind"])
    for name in KINDS:
        mine = decisions[kind == name]
        allowed = ["none", *(arm for arm in ARMS if name in ARM_KINDS[arm])]
        assert set(mine["intervention"]) == set(allowed)
        logged = mine.groupby("intervention")["propensity"].agg(["min", "max"]).loc[allowed]
        assert (logged["min"] == logged["max"]).all()
        assert logged["max"].sum() == pytest.approx(1.0)
        assert logged.loc["none", "max"] == 0.4
        seen = mine["intervention"].value_counts().loc[allowed]
        assert stats.chisquare(seen, logged["max"] * len(mine)).pvalue > 0.001


def test_pilot_leaves_out_who_opted_out_and_takes_the_declared_share(tables):
    stakeholders, events, decisions = tables
    out = stakeholders.loc[stakeholders["opted_out"], "stakeholder_id"]
    assert len(out) > 5
    assert not decisions["stakeholder_id"].isin(out).any()
    wave = START - HORIZON
    gone = events.loc[(events["event_type"] == "churned") & (events["occurred_at"] < wave), "stakeholder_id"]
    there = (stakeholders["since"] <= wave - pd.Timedelta(days=30)) & ~stakeholders["opted_out"]
    there &= ~stakeholders["stakeholder_id"].isin(gone)
    took_part = stakeholders["stakeholder_id"].isin(decisions.loc[decisions["decided_at"] == wave, "stakeholder_id"])
    share = took_part[there].mean()
    # 4 standard errors: fails with probability 6e-5 over seeds; the seed is fixed.
    assert abs(share - 0.7) < 4 * np.sqrt(0.21 / there.sum())


def test_answer_returns_the_decisions_carried_out_and_the_horizon_only(present):
    decisions = decide(present, "personal_support")
    carried_out, events = answer(WORLD, decisions, START)
    expected = decisions.drop(columns="extra")
    pd.testing.assert_frame_equal(carried_out, expected.astype(carried_out.dtypes.to_dict()))
    assert events["occurred_at"].between(START, START + HORIZON, inclusive="left").all()
    assert events["event_id"].is_unique
    pd.testing.assert_frame_equal(events, answer(WORLD, decisions, START)[1], check_exact=True)


def test_a_second_iteration_continues_the_first(tables, present):
    first = decide(present, "personal_support")
    _, events = answer(WORLD, first, START)
    stay = present[~present["stakeholder_id"].isin(events.loc[events["event_type"] == "churned", "stakeholder_id"])]
    second = decide(stay, "none", START + HORIZON, iteration=2)
    carried_out, later = answer(WORLD, pd.concat([first, second]), START + HORIZON)
    assert set(carried_out["decision_id"]) == set(second["decision_id"])
    every = pd.concat([tables[1], events, later])
    assert every["event_id"].is_unique
    left = every[every["event_type"] == "churned"].set_index("stakeholder_id")["occurred_at"]
    assert left.index.is_unique
    others = every[every["event_type"] != "churned"]
    assert not (others["occurred_at"] >= others["stakeholder_id"].map(left)).any()


def test_the_pilot_may_be_handed_in_and_changes_nothing(tables, present):
    decisions = decide(present, "none")
    with_pilot = pd.concat([tables[2], decisions])
    for alone, together in zip(answer(WORLD, decisions, START), answer(WORLD, with_pilot, START), strict=True):
        pd.testing.assert_frame_equal(alone, together)


def test_one_decision_changes_only_its_stakeholder_and_nothing_before(present):
    customers = present[present["kind"] == "customer"]
    base = decide(customers, "none")
    changed = base.copy()
    chosen = changed["stakeholder_id"].iloc[:60]
    changed.loc[:59, "intervention"] = "premium_upsell"
    _, before = answer(WORLD, base, START)
    _, after = answer(WORLD, changed, START)
    others = [table[~table["stakeholder_id"].isin(chosen)].reset_index(drop=True) for table in (before, after)]
    pd.testing.assert_frame_equal(*others, check_exact=True)
    mine = [table[table["stakeholder_id"].isin(chosen)].reset_index(drop=True) for table in (before, after)]
    assert not mine[0].equals(mine[1])


def test_the_world_answers_what_was_delivered(present):
    customers = present[present["kind"] == "customer"]
    overridden = decide(customers, "none").assign(delivered_intervention=None)
    overridden.loc[:59, "delivered_intervention"] = "premium_upsell"
    decided = decide(customers, "none")
    decided.loc[:59, "intervention"] = "premium_upsell"
    carried_out, events = answer(WORLD, overridden, START)
    pd.testing.assert_frame_equal(events, answer(WORLD, decided, START)[1])
    assert set(carried_out["intervention"]) == {"none"}, "the decided arm stays as it was"


def test_a_later_decision_leaves_the_earlier_horizon_alone(present):
    """Also the pilot's history: it is not replayed differently because somebody decides later."""
    first = decide(present, "none")
    _, events = answer(WORLD, first, START)
    later = START + pd.Timedelta(days=30)
    early_leavers = events[(events["event_type"] == "churned") & (events["occurred_at"] < later)]
    stay = present[~present["stakeholder_id"].isin(early_leavers["stakeholder_id"])]
    second = decide(stay, "personal_support", later, iteration=2)
    _, overlapping = answer(WORLD, pd.concat([first, second]), later)
    _, unchanged = answer(WORLD, first, later)
    shared = events[events["occurred_at"] >= later].reset_index(drop=True)
    within = unchanged[unchanged["occurred_at"] < START + HORIZON].reset_index(drop=True)
    pd.testing.assert_frame_equal(shared, within)
    assert len(overlapping) != len(unchanged)


def test_another_future_differs_and_repeats_itself(present):
    decisions = decide(present, "none")
    own, other, again = (answer(WORLD, decisions, START, future=f)[1] for f in (None, 5, 5))
    assert not own.equals(other)
    pd.testing.assert_frame_equal(other, again)


def test_no_decisions_is_an_answer(present):
    carried_out, events = answer(WORLD, decide(present.head(0), []), START)
    assert carried_out.empty
    pd.testing.assert_frame_equal(events, answer(WORLD, decide(present, "none"), START)[1])


def test_effects_end_after_the_horizon(present):
    """An arm that is over no longer moves the purchases of those who stayed either way."""
    base = decide(present[present["kind"] == "customer"], "none")
    reached = base["stakeholder_id"]
    upsold = base.assign(intervention="premium_upsell")
    later = START + HORIZON
    none, after = (answer(WORLD, decisions, later)[1] for decisions in (base, upsold))
    both = none.merge(after, on="event_id", suffixes=("", "_after"))
    bought = both[(both["event_type"] == "purchase") & both["stakeholder_id"].isin(reached)]
    assert len(bought) > 300
    pd.testing.assert_series_equal(bought["value"], bought["value_after"], check_names=False)
    none, during = (answer(WORLD, decisions, START)[1] for decisions in (base, upsold))
    both = none.merge(during, on="event_id", suffixes=("", "_during"))
    bought = both[(both["event_type"] == "purchase") & both["stakeholder_id"].isin(reached)]
    assert (bought["value"] != bought["value_during"]).mean() > 0.95


def faulty(present: pd.DataFrame, tables, fault: str) -> tuple[pd.DataFrame, pd.Timestamp]:
    good, as_of = decide(present[present["kind"] == "investor"], "none"), START
    gone = tables[1].loc[tables[1]["event_type"] == "churned", "stakeholder_id"].head(1)
    first = good.index == 0
    if fault == "column":
        good = good.drop(columns="propensity")
    elif fault == "unknown":
        good["stakeholder_id"] = good["stakeholder_id"].mask(first, "s9999999")
    elif fault == "gone":
        good["stakeholder_id"] = good["stakeholder_id"].mask(first, gone.iloc[0])
    elif fault == "arm":
        good["intervention"] = good["intervention"].mask(first, "flowers")
    elif fault == "kind":
        good["intervention"] = good["intervention"].mask(first, "discount")
    elif fault == "opted_out":
        out = tables[0].loc[tables[0]["opted_out"] & ~tables[0]["stakeholder_id"].isin(gone), "stakeholder_id"]
        good["stakeholder_id"] = good["stakeholder_id"].mask(first, out.iloc[0])
        good["intervention"] = good["intervention"].mask(first, "personal_support")
    elif fault == "twice":
        good = pd.concat([good, good.head(1)])
    elif fault == "off the grid":
        good["decided_at"] += pd.Timedelta(hours=1)
    elif fault == "late":
        good["decided_at"] += HORIZON
    elif fault == "as_of":
        as_of += pd.Timedelta(days=1)
    elif fault == "early":
        as_of -= HORIZON
    return good, as_of


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("column", "column propensity: expected the contract's columns"),
        ("unknown", r"column stakeholder_id, decision d1-s\d+: expected a stakeholder of this world; got 's9999999'"),
        ("gone", "expected a stakeholder who is there when the decision is taken; got one who has left"),
        ("arm", r"column intervention, decision d1-s\d+: expected one of none, training, .*; got 'flowers'"),
        ("kind", "expected an arm that this stakeholder may receive; got 'discount'"),
        ("opted_out", "expected an arm that this stakeholder may receive; got 'personal_support'"),
        ("twice", "expected one decision per stakeholder and time"),
        ("off the grid", "expected a time on a border of 30-day steps"),
        ("late", r"expected no time after 2025-04-01T00:00:00\+00:00"),
        ("as_of", r"as_of: expected a whole number of 30-day steps .* take 2025-04-01T00:00:00\+00:00"),
        ("early", r"as_of: expected 2025-04-01T00:00:00\+00:00 or later"),
    ],
)
def test_a_faulty_decision_is_refused(present, tables, fault, message):
    with pytest.raises(InputError, match=message):
        answer(WORLD, *faulty(present, tables, fault))


def test_the_same_decisions_without_fault_are_carried_out(present, tables):
    decisions, as_of = faulty(present, tables, "none at all")
    assert len(answer(WORLD, decisions, as_of)[0]) == len(decisions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stakeholders": 0}, "stakeholders: expected 1 to 9999999; got 0"),
        ({"seed": -1}, "seed: expected a number not below 0; got -1"),
        ({"horizon_days": 45}, "horizon_days: expected a positive multiple of 30; got 45"),
        ({"history_days": 550}, "history_days: expected a positive multiple of 30; got 550"),
        ({"history_days": 330}, "history_days: expected at least four horizons; got 330"),
        ({"control": "discount"}, "control: expected a name that no arm has; got 'discount'"),
    ],
)
def test_an_impossible_world_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        World(**({"stakeholders": 10, "seed": 1, "start": START} | change))


def test_another_horizon_and_control_are_a_world_too():
    world = World(200, 1, START, horizon_days=60, history_days=240, control="nothing")
    _, events, decisions = initial_tables(world)
    assert sorted(decisions["decided_at"].unique()) == [START - pd.Timedelta(days=d) for d in (180, 120, 60)]
    assert "nothing" in set(decisions["intervention"])
    assert events["occurred_at"].min() >= START - pd.Timedelta(days=240)
