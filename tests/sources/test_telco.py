"""The adapter of the telephone company gives the published facts, lets no outcome in, and refuses other files."""

from pathlib import Path

import pandas as pd
import pytest

from projects import preset_params
from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError
from rapport.contracts.params import Params
from rapport.sources.adapters import read_source
from rapport.sources.intake import Intake, take_in
from rapport.sources.telco import ATTRIBUTES, OBSERVED_AT, OUTCOME_AT, TELCO, adapt_telco

ROWS = pd.DataFrame(
    {
        "customerID": ["7590-VHVEG", "3668-QPYBK", "4472-LVYGI"],
        "tenure": ["1", "24", "0"],
        **dict.fromkeys(ATTRIBUTES, "No"),
        "SeniorCitizen": ["0", "1", "0"],
        "MonthlyCharges": ["29.85", "53.85", "52.55"],
        "TotalCharges": ["29.85", "1292.4", " "],
        "Churn": ["No", "Yes", "No"],
    }
)


def preset(folder: Path) -> Params:
    return preset_params("telco", folder)


@pytest.fixture(scope="module")
def taken(datasets: Path) -> Intake:
    params = preset(datasets / "telco")
    return take_in(read_source(params), params)


@pytest.mark.shared
def test_customers_and_leavers_are_the_published_ones(taken: Intake) -> None:
    assert len(taken.stakeholders) == 7_043
    assert taken.events["event_type"].value_counts().to_dict() == {"charge": 7_043 - 1_869, "churned": 1_869}
    assert taken.quarantine.empty
    assert taken.decisions.empty


@pytest.mark.shared
def test_charges_and_tenure_are_the_published_ones(taken: Intake) -> None:
    customers = taken.stakeholders
    assert customers["MonthlyCharges"].mean() == pytest.approx(64.76, abs=0.005)
    assert customers["TotalCharges"].isna().sum() == 11
    assert customers["TotalCharges"].mean() == pytest.approx(2283.30, abs=0.005)
    months = (OBSERVED_AT - customers["since"]).dt.days / (365.25 / 12) - 0.5
    assert months.mean() == pytest.approx(32.37, abs=0.01)
    assert (customers["since"] < OBSERVED_AT).all()


@pytest.mark.shared
def test_those_who_stay_are_charged_their_monthly_amount(taken: Intake) -> None:
    charged = taken.events[taken.events["event_type"] == "charge"].set_index("stakeholder_id")["value"]
    monthly = taken.stakeholders.set_index("stakeholder_id")["MonthlyCharges"]
    assert (charged == monthly[charged.index]).all()


def test_rows_become_customers_and_what_they_did_next() -> None:
    raw = adapt_telco(ROWS, Origin("telco.csv"))
    assert raw.decisions is None
    assert raw.events[["stakeholder_id", "event_type"]].to_numpy().tolist() == [
        ["7590-VHVEG", "charge"], ["3668-QPYBK", "churned"], ["4472-LVYGI", "charge"],
    ]  # fmt: skip
    assert raw.events["value"].fillna(-1).tolist() == [29.85, -1, 52.55]
    assert set(raw.events["occurred_at"]) == {OUTCOME_AT}
    # 1.5, 24.5 and 0.5 months before the file's instant.
    assert (OBSERVED_AT - raw.stakeholders["since"]).dt.days.tolist() == [46, 746, 15]


def test_a_blank_total_is_missing() -> None:
    totals = adapt_telco(ROWS, Origin("telco.csv")).stakeholders["TotalCharges"]
    assert totals.fillna(-1).tolist() == [29.85, 1292.4, -1]


def test_columns_that_tell_the_outcome_are_no_attributes() -> None:
    longer = ROWS.assign(**{"Churn Score": "86", "Churn Reason": "Moved", "CLTV": "3239", "Customer Status": "Churned"})
    columns = list(adapt_telco(longer, Origin("telco.csv")).stakeholders.columns)
    assert columns == ["stakeholder_id", "kind", "since", *ATTRIBUTES]


def test_the_preset_ends_with_the_horizon_and_judges_at_the_files_instant() -> None:
    params = preset(Path("x"))
    as_of = pd.Timestamp(params.clock.as_of, tz="UTC")
    assert as_of - pd.Timedelta(days=params.clock.horizon_days) == OBSERVED_AT
    assert params.features.snapshots == 1
    assert params.outcome.churn.event == "churned"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS.drop(columns="Contract"), r"telco\.csv: expected a column Contract; got customerID, tenure"),
        (ROWS.assign(Churn=["No", "Maybe", "No"]), r"column Churn, row 2: expected Yes or No; got 'Maybe'"),
        (ROWS.assign(Churn=["No", "Yes", None]), r"column Churn, row 3: expected Yes or No; got a blank cell"),
        (ROWS.assign(tenure=["1", "-2", "0"]), r"column tenure, row 2: expected months with the company"),
        (ROWS.assign(tenure=["1", "2", " "]), r"column tenure, row 3: expected months with the company"),
        (ROWS.assign(MonthlyCharges=["1", "much", "2"]), r"column MonthlyCharges, row 2: expected a number"),
        (ROWS.assign(MonthlyCharges=["1", "2", ""]), r"column MonthlyCharges, row 3: expected a monthly amount"),
        (ROWS.assign(TotalCharges=["1", "n/a", " "]), r"column TotalCharges, row 2: expected a number; got 'n/a'"),
    ],
    ids=["column", "churn", "no churn", "tenure", "no tenure", "charge", "no charge", "total"],
)
def test_other_files_are_refused(rows: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        adapt_telco(rows, Origin("telco.csv"))


@pytest.mark.parametrize("name", [file.name for file in TELCO.files])
def test_the_file_is_read_under_either_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"telco_customer_churn\.csv: .*rapport fetch telco"):
        read_source(preset(tmp_path))
    ROWS.to_csv(tmp_path / name, index=False)
    assert len(read_source(preset(tmp_path)).stakeholders) == 3
