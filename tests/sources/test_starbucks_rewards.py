"""The adapter of the rewards test: six random waves, ten offers or none, nothing counted before its decision."""

import json
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError
from rapport.contracts.params import Params, parse_params
from rapport.sources.adapters import preset_path, read_source
from rapport.sources.intake import Intake, take_in
from rapport.sources.starbucks_rewards import CONTROL, START, arm_names

WAVES = [0, 168, 336, 408, 504, 576]
OFFERS = [
    {"id": "x1", "offer_type": "bogo", "difficulty": 10, "reward": 10, "duration": 7.0, "channels": ["email"]},
    {"id": "x2", "offer_type": "informational", "difficulty": 0, "reward": 0, "duration": 4.0, "channels": ["web"]},
]
MEMBERS = [
    {"id": "p1", "age": 118, "gender": None, "income": None, "became_member_on": 20170212},
    {"id": "p2", "age": 40, "gender": "F", "income": 50_000, "became_member_on": 20180726},
]
LINES = [
    {"person": "p1", "event": "offer received", "value": {"offer id": "x1"}, "time": 0},
    {"person": "p1", "event": "offer viewed", "value": {"offer id": "x1"}, "time": 0},
    {"person": "p1", "event": "transaction", "value": {"amount": 12.5}, "time": 6},
    {"person": "p1", "event": "offer completed", "value": {"offer_id": "x1", "reward": 10}, "time": 6},
    {"person": "p1", "event": "offer completed", "value": {"offer_id": "x1", "reward": 10}, "time": 6},
    {"person": "p2", "event": "offer received", "value": {"offer id": "x2"}, "time": 168},
    {"person": "p2", "event": "transaction", "value": {"amount": 3.0}, "time": 168},
]


def preset(folder: Path, **changes: object) -> Params:
    sections = YAML(typ="safe").load(preset_path("starbucks_rewards"))
    sections["source"]["path"] = str(folder)
    return parse_params({**sections, **changes})


def write(folder: Path, offers: list = OFFERS, members: list = MEMBERS, lines: list = LINES) -> Params:
    for name, rows in (("portfolio", offers), ("profile", members), ("transcript", lines)):
        (folder / f"{name}.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arms = {"bogo_10_10_7d": {}, "informational_0_0_4d": {}}
    clock = {"as_of": "2018-08-12", "horizon_days": 5}
    return preset(folder, interventions={"control": CONTROL, "arms": arms}, clock=clock)


@pytest.fixture(scope="module")
def taken(datasets: Path) -> Intake:
    params = preset(datasets / "starbucks_rewards")
    return take_in(read_source(params), params)


@pytest.mark.shared
def test_everybody_is_decided_upon_in_each_of_six_waves(taken: Intake) -> None:
    hours = (taken.decisions["decided_at"] - START) // pd.Timedelta(hours=1)
    assert hours.value_counts().to_dict() == dict.fromkeys(WAVES, 17_000)
    assert taken.quarantine.empty


@pytest.mark.shared
def test_three_in_four_are_offered_one_of_ten_offers(taken: Intake) -> None:
    decisions = taken.decisions
    offered = (decisions["intervention"] != CONTROL).groupby(decisions["decided_at"]).mean()
    assert offered.between(0.74, 0.76).all()
    assert decisions["intervention"].nunique() == 11
    # Within a wave the probabilities of the ten offers and of none sum to one.
    totals = decisions.drop_duplicates(["decided_at", "intervention"]).groupby("decided_at")["propensity"].sum()
    assert totals.tolist() == pytest.approx([1.0] * 6)


@pytest.mark.shared
def test_offers_are_given_as_often_as_their_propensity_says(taken: Intake) -> None:
    # 66 cells, each a binomial share of 17,000: |z| > 4 somewhere has probability 66 × 6.3e-5 = 0.4 %.
    cells = taken.decisions.groupby(["decided_at", "intervention"])["propensity"].agg(["size", "first"])
    spread = (17_000 * cells["first"] * (1 - cells["first"])) ** 0.5
    assert len(cells) == 66
    assert ((cells["size"] - 17_000 * cells["first"]).abs() < 4 * spread).all()


@pytest.mark.shared
def test_the_397_repeated_lines_are_dropped(taken: Intake) -> None:
    # Each repeats an offer completed, and with it the reward.
    assert taken.counts["events_repeated"] == 2 * 397
    counts = taken.events["event_type"].value_counts().to_dict()
    completed = 33_579 - 397
    assert counts == {
        "transaction": 138_953, "offer_viewed": 57_725, "offer_completed": completed, "reward": completed,
    }  # fmt: skip


@pytest.mark.shared
def test_age_118_is_missing(taken: Intake) -> None:
    assert taken.stakeholders["age"].isna().sum() == 2_175
    assert taken.stakeholders["age"].max() < 118
    assert (taken.stakeholders["since"] < START).all()


@pytest.mark.shared
def test_the_preset_has_the_portfolios_arms_and_channels(datasets: Path) -> None:
    lines = (datasets / "starbucks_rewards" / "portfolio.json").read_text().splitlines()
    portfolio = pd.DataFrame([json.loads(line) for line in lines])
    names = arm_names(portfolio, Origin("portfolio.json"))
    channels = {
        names[offer]: "+".join(each) for offer, each in zip(portfolio["id"], portfolio["channels"], strict=True)
    }
    assert {name: arm.channel for name, arm in preset(Path("x")).interventions.arms.items()} == channels


def test_the_preset_ends_with_the_last_waves_horizon() -> None:
    clock = preset(Path("x")).clock
    assert pd.Timestamp(clock.as_of, tz="UTC") == START + pd.Timedelta(hours=WAVES[-1]) + pd.Timedelta(days=5)


def test_the_original_transcript_is_read(tmp_path: Path) -> None:
    params = write(tmp_path)
    got = take_in(read_source(params), params)
    assert got.events[["stakeholder_id", "event_type", "value"]].fillna(-1).to_numpy().tolist() == [
        ["p1", "offer_viewed", -1.0], ["p1", "offer_completed", -1.0], ["p1", "reward", 10.0],
        ["p1", "transaction", 12.5], ["p2", "transaction", 3.0],
    ]  # fmt: skip
    assert got.counts["events_repeated"] == 2
    decided = got.decisions[["stakeholder_id", "intervention", "propensity"]].to_numpy().tolist()
    assert decided == [
        ["p1", "bogo_10_10_7d", 0.25], ["p2", CONTROL, 0.5], ["p1", CONTROL, 0.5], ["p2", "informational_0_0_4d", 0.25],
    ]  # fmt: skip
    assert got.stakeholders["age"].isna().tolist() == [True, False]


def test_what_happens_in_a_waves_hour_comes_after_its_decision(tmp_path: Path) -> None:
    params = write(tmp_path)
    got = take_in(read_source(params), params)
    wave = got.decisions["decided_at"].max()
    bought = got.events.loc[got.events["stakeholder_id"] == "p2", "occurred_at"]
    assert wave < bought.iloc[0] < wave + pd.Timedelta(hours=1)


def test_two_offers_in_one_wave_are_refused(tmp_path: Path) -> None:
    params = write(tmp_path, lines=[*LINES, {**LINES[0], "value": {"offer id": "x2"}}])
    with pytest.raises(
        InputError, match="expected one decision per stakeholder and instant; got a second one for 'p1'"
    ):
        take_in(read_source(params), params)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lines": [{**LINES[0], "value": {"offer id": "x9"}}]}, r"expected offers of portfolio\.json; got 'x9'"),
        ({"offers": [OFFERS[0], {**OFFERS[0], "id": "x3"}]}, r"expected offers that differ in .*'bogo_10_10_7d'"),
        ({"offers": [{"id": "x1"}]}, r"portfolio\.json: expected a field offer_type; got id"),
        ({"members": [{**MEMBERS[0], "became_member_on": 0}]}, r"profile\.json, column since, row 1: expected when"),
    ],
    ids=["offer", "names", "field", "date"],
)
def test_other_files_are_refused(tmp_path: Path, changes: dict[str, list], message: str) -> None:
    params = write(tmp_path, **changes)
    with pytest.raises(InputError, match=message):
        take_in(read_source(params), params)


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    params = write(tmp_path)
    (tmp_path / "profile.json").write_text("[not json\n")
    with pytest.raises(InputError, match=r"profile\.json: expected one JSON object per line"):
        read_source(params)
    (tmp_path / "profile.json").unlink()
    with pytest.raises(
        InputError, match=r"profile\.json, transcript\.parquet \(or transcript\.json\); got no such file"
    ):
        read_source(params)
