"""The adapter of the employees' sample gives the published facts, lets no outcome in, and refuses other files."""

from pathlib import Path

import pandas as pd
import pytest

from projects import preset_params
from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError
from rapport.contracts.params import Params
from rapport.sources.adapters import read_source
from rapport.sources.hr_attrition import ATTRIBUTES, HR_ATTRITION, OBSERVED_AT, OUTCOME_AT, adapt_hr_attrition
from rapport.sources.intake import Intake, take_in

ROWS = pd.DataFrame(
    {
        "EmployeeNumber": ["1", "2", "4"],
        "YearsAtCompany": ["6", "10", "0"],
        **dict.fromkeys(ATTRIBUTES, "3"),
        "OverTime": ["Yes", "No", "Yes"],
        "EmployeeCount": "1",
        "Over18": "Y",
        "StandardHours": "80",
        "Attrition": ["Yes", "No", "Yes"],
    }
)


def preset(folder: Path) -> Params:
    return preset_params("hr_attrition", folder)


@pytest.fixture(scope="module")
def taken(datasets: Path) -> Intake:
    params = preset(datasets / "hr_attrition")
    return take_in(read_source(params), params)


@pytest.mark.shared
def test_employees_and_leavers_are_the_published_ones(taken: Intake) -> None:
    assert len(taken.stakeholders) == 1_470
    assert set(taken.stakeholders["kind"]) == {"employee"}
    assert taken.events["event_type"].value_counts().to_dict() == {"left": 237}
    assert taken.quarantine.empty
    assert taken.decisions.empty


@pytest.mark.shared
def test_leavers_by_overtime_are_the_published_ones(taken: Intake) -> None:
    left = taken.stakeholders["stakeholder_id"].isin(taken.events["stakeholder_id"])
    by_overtime = left.groupby(taken.stakeholders["OverTime"]).agg(["sum", "size"])
    assert by_overtime.to_numpy().tolist() == [[110, 1_054], [127, 416]]


@pytest.mark.shared
def test_income_and_years_are_the_published_ones(taken: Intake) -> None:
    employees = taken.stakeholders
    assert employees["MonthlyIncome"].median() == 4_919
    assert employees["Age"].mean() == pytest.approx(36.92, abs=0.005)
    years = (OBSERVED_AT - employees["since"]).dt.days / 365.25 - 0.5
    assert years.mean() == pytest.approx(7.008, abs=0.002)
    assert (employees["since"] < OBSERVED_AT).all()


@pytest.mark.shared
def test_no_attribute_is_the_same_for_everybody(taken: Intake) -> None:
    assert (taken.stakeholders[ATTRIBUTES].nunique() > 1).all()


def test_rows_become_employees_and_leaving_events() -> None:
    raw = adapt_hr_attrition(ROWS, Origin("hr.csv"))
    assert raw.decisions is None
    assert raw.events[["event_id", "stakeholder_id", "event_type"]].to_numpy().tolist() == [
        ["left-1", "1", "left"], ["left-4", "4", "left"],
    ]  # fmt: skip
    assert set(raw.events["occurred_at"]) == {OUTCOME_AT}
    # 6.5, 10.5 and 0.5 years before the file's instant.
    assert (OBSERVED_AT - raw.stakeholders["since"]).dt.days.tolist() == [2374, 3835, 183]


def test_neither_the_outcome_nor_constants_are_attributes() -> None:
    columns = list(adapt_hr_attrition(ROWS, Origin("hr.csv")).stakeholders.columns)
    assert columns == ["stakeholder_id", "kind", "since", *ATTRIBUTES]


def test_the_preset_ends_with_the_horizon_and_keeps_personal_traits_for_audits() -> None:
    params = preset(Path("x"))
    as_of = pd.Timestamp(params.clock.as_of, tz="UTC")
    assert as_of - pd.Timedelta(days=params.clock.horizon_days) == OBSERVED_AT
    assert params.features.snapshots == 1
    assert set(params.features.audit_only) == {"Age", "Gender", "MaritalStatus"} <= set(ATTRIBUTES)
    assert {kind for arm in params.interventions.arms.values() for kind in arm.kinds} == {"employee"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS.drop(columns="OverTime"), r"hr\.csv: expected a column OverTime; got EmployeeNumber, YearsAtCompany"),
        (ROWS.assign(Attrition=["Yes", "No", "1"]), r"column Attrition, row 3: expected Yes or No; got '1'"),
        (ROWS.assign(YearsAtCompany=["6", "ten", "0"]), r"column YearsAtCompany, row 2: expected a number; got 'ten'"),
        (ROWS.assign(YearsAtCompany=["6", "", "0"]), r"column YearsAtCompany, row 2: expected years with the company"),
        (ROWS.assign(YearsAtCompany=["6", "-1", "0"]), r"column YearsAtCompany, row 2: expected years with the co"),
    ],
    ids=["column", "attrition", "years", "no years", "negative"],
)
def test_other_files_are_refused(rows: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        adapt_hr_attrition(rows, Origin("hr.csv"))


@pytest.mark.parametrize("name", [file.name for file in HR_ATTRITION.files])
def test_the_file_is_read_under_either_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"hr_employee_attrition\.csv: .*rapport fetch hr_attrition"):
        read_source(preset(tmp_path))
    ROWS.to_csv(tmp_path / name, index=False)
    assert len(read_source(preset(tmp_path)).events) == 2
