"""The adapter of the e-mail challenge gives the published facts, and refuses other files."""

from pathlib import Path

import pandas as pd
import pytest

from projects import preset_params
from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError
from rapport.contracts.params import Params
from rapport.sources.adapters import read_source
from rapport.sources.hillstrom import ARMS, DECIDED_AT, HILLSTROM, OUTCOME_AT, adapt_hillstrom
from rapport.sources.intake import Intake, take_in

ROWS = pd.DataFrame(
    {
        "recency": ["10", "6"],
        "history_segment": ["2) $100 - $200", "3) $200 - $350"],
        "history": ["142.44", "329.08"],
        "mens": ["1", "1"],
        "womens": ["0", "1"],
        "zip_code": ["Surburban", "Rural"],
        "newbie": ["0", "1"],
        "channel": ["Phone", "Web"],
        "segment": ["Womens E-Mail", "No E-Mail"],
        "visit": ["1", "0"],
        "conversion": ["1", "0"],
        "spend": ["29.99", "0"],
    }
)


def preset(folder: Path) -> Params:
    return preset_params("hillstrom", folder)


@pytest.fixture(scope="module")
def taken(datasets: Path) -> Intake:
    params = preset(datasets / "hillstrom")
    return take_in(read_source(params), params)


def outcomes(taken: Intake) -> pd.DataFrame:
    """Visits and spend per customer, beside the arm."""
    wide = taken.events.pivot(index="stakeholder_id", columns="event_type", values="value")
    arms = taken.decisions.set_index("stakeholder_id")[["intervention"]]
    return arms.join(wide).fillna({"visit": 0, "conversion": 0, "spend": 0})


@pytest.mark.shared
def test_arm_counts_are_the_published_ones(taken: Intake) -> None:
    counts = taken.decisions["intervention"].value_counts().to_dict()
    assert counts == {"mens_email": 21_307, "womens_email": 21_387, "no_email": 21_306}


@pytest.mark.shared
def test_visits_and_spend_are_the_published_ones(taken: Intake) -> None:
    means = outcomes(taken).groupby("intervention").mean()
    assert (100 * means["visit"]).round(2).to_dict() == {"mens_email": 18.28, "womens_email": 15.14, "no_email": 10.62}
    assert means["spend"].round(3).to_dict() == {"mens_email": 1.423, "womens_email": 1.077, "no_email": 0.653}


@pytest.mark.shared
def test_nothing_is_lost_and_propensities_are_the_designs(taken: Intake) -> None:
    assert len(taken.stakeholders) == len(taken.decisions) == 64_000
    assert taken.quarantine.empty
    assert set(taken.decisions["propensity"]) == {1 / 3}
    assert set(taken.stakeholders["zip_code"]) == {"Surburban", "Rural", "Urban"}
    assert taken.stakeholders["stakeholder_id"].iloc[[0, -1]].tolist() == ["00001", "64000"]


def test_rows_become_customers_decisions_and_events() -> None:
    raw = adapt_hillstrom(ROWS, Origin("hillstrom.csv"))
    assert raw.decisions is not None
    assert raw.decisions["intervention"].tolist() == ["womens_email", "no_email"]
    assert raw.events[["stakeholder_id", "event_type", "value"]].to_numpy().tolist() == [
        ["1", "visit", 1.0], ["1", "conversion", 1.0], ["1", "spend", 29.99],
    ]  # fmt: skip
    assert set(raw.events["occurred_at"]) == {OUTCOME_AT}
    assert set(raw.decisions["decided_at"]) == {DECIDED_AT}
    assert (raw.stakeholders["since"] < DECIDED_AT).all()


def test_the_preset_names_the_arms_and_ends_with_the_horizon() -> None:
    params = preset(Path("data/raw/hillstrom"))
    assert set(params.interventions.names) == set(ARMS.values())
    assert pd.Timestamp(params.clock.as_of, tz="UTC") == DECIDED_AT + pd.Timedelta(days=params.clock.horizon_days)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS.drop(columns="segment"), r"hillstrom\.csv: expected a column segment"),
        (ROWS.assign(segment=["Womens E-Mail", "Kids E-Mail"]), r"column segment, row 2: expected one of Mens E-Mail"),
        (ROWS.assign(spend=["29.99", "much"]), r"column spend, row 2: expected a number; got 'much'"),
    ],
)
def test_other_files_are_refused(rows: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        adapt_hillstrom(rows, Origin("hillstrom.csv"))


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"hillstrom\.csv: .*rapport fetch hillstrom"):
        read_source(preset(tmp_path))
    assert HILLSTROM.needed == "hillstrom.csv"
