"""IBM's HR attrition sample: 1,470 fictional employees, 237 of whom left.

The file is one row per employee and has no dates; all of it stands at one instant, set here by convention, and leaving
becomes an event one day after it. `since` lies as many years before it as `YearsAtCompany` counts, plus half a year
(the count is of whole years).

Only the columns of `ATTRIBUTES` become attributes. `Attrition` is the outcome. Nothing else in the file tells of it:
ratings, rises and trainings are those of the year before. `YearsAtCompany` is left out because `since` says it, and
`EmployeeCount`, `Over18` and `StandardHours` because they are the same for everybody.
"""

import pandas as pd

from ..contracts.cells import Origin, as_number, missing_column, refuse
from ..contracts.errors import InputError
from ..contracts.params import Params
from .dataset import Dataset, DatasetFile
from .files import read_sample
from .raw import RawTables

HR_ATTRITION = Dataset(
    name="hr_attrition",
    about="IBM HR attrition: 1,470 employees, 237 left (fictional)",
    files=(
        DatasetFile(
            name="hr_employee_attrition.csv",
            url="https://raw.githubusercontent.com/IBM/employee-attrition-aif360/master/data/emp_attrition.csv",
        ),
        DatasetFile("WA_Fn-UseC_-HR-Employee-Attrition.csv", instead_of="hr_employee_attrition.csv"),
    ),
    page="https://www.kaggle.com/datasets/pavansubhasht/ibm-hr-analytics-attrition-dataset",
    licence="none stated by the publisher",
)

OBSERVED_AT = pd.Timestamp("2021-01-01", tz="UTC")
OUTCOME_AT = OBSERVED_AT + pd.Timedelta(days=1)
DAYS_PER_YEAR = 365.25
ATTRIBUTES = ["Age", "BusinessTravel", "DailyRate", "Department", "DistanceFromHome", "Education", "EducationField",
              "EnvironmentSatisfaction", "Gender", "HourlyRate", "JobInvolvement", "JobLevel", "JobRole",
              "JobSatisfaction", "MaritalStatus", "MonthlyIncome", "MonthlyRate", "NumCompaniesWorked", "OverTime",
              "PercentSalaryHike", "PerformanceRating", "RelationshipSatisfaction", "StockOptionLevel",
              "TotalWorkingYears", "TrainingTimesLastYear", "WorkLifeBalance", "YearsInCurrentRole",
              "YearsSinceLastPromotion", "YearsWithCurrManager"]  # fmt: skip


def read_hr_attrition(params: Params) -> RawTables:
    """Read the sample in the folder `source.path`.

    Raises:
        InputError: the file is missing, or is not the sample's.
    """
    return adapt_hr_attrition(*read_sample(params, HR_ATTRITION))


def adapt_hr_attrition(rows: pd.DataFrame, origin: Origin) -> RawTables:
    """Return the contract's tables; there are no decisions.

    Args:
        rows: the sample as text.
        origin: for messages.

    Raises:
        InputError: a column is missing, `Attrition` is neither Yes nor No, or the years are no number.
    """
    missing = missing_column(rows.columns, ["EmployeeNumber", "YearsAtCompany", *ATTRIBUTES, "Attrition"])
    if missing is not None:
        listed = ", ".join(map(str, rows.columns))
        raise InputError(origin.name, f"a column {missing}", listed, "fetch the file again")
    refuse(~rows["Attrition"].isin(["Yes", "No"]), rows["Attrition"], origin, "Yes or No", "fetch the file again")
    origins = dict.fromkeys(("stakeholders", "events"), origin)
    return RawTables(_stakeholders(rows, origin), _events(rows), None, origins)


def _stakeholders(rows: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    years = as_number(rows["YearsAtCompany"], origin)
    bad = years.isna() | (years < 0)
    refuse(bad, rows["YearsAtCompany"], origin, "years with the company, 0 or more", "fetch the file again")
    days = ((years + 0.5) * DAYS_PER_YEAR).round()
    return pd.DataFrame(
        {
            "stakeholder_id": rows["EmployeeNumber"],
            "kind": "employee",
            "since": OBSERVED_AT - pd.to_timedelta(days, unit="D"),
            **{name: rows[name] for name in ATTRIBUTES},
        }
    )


def _events(rows: pd.DataFrame) -> pd.DataFrame:
    leavers = rows.loc[rows["Attrition"] == "Yes", "EmployeeNumber"].astype("str").reset_index(drop=True)
    return pd.DataFrame(
        {
            "event_id": "left-" + leavers,
            "stakeholder_id": leavers,
            "occurred_at": OUTCOME_AT,
            "event_type": "left",
        }
    )
