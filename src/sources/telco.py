"""IBM's Telco churn sample: 7,043 fictional customers of a telephone company, 1,869 of whom left within a month.

The file is one row per customer and has no dates; all of it stands at one instant, set here by convention. Leaving
becomes an event one day after it, and `since` lies as many months before it as `tenure` counts, plus half a month (the
count is of whole months). For those who stay, a `charge` of the monthly amount falls due within the month; it stands
for the revenue that leaving ends, and comes after the instant too, so that no feature of the past sees it.

Only the columns of `ATTRIBUTES` become attributes. `Churn` is the outcome; the longer edition of the sample also holds
`Churn Value`, `Churn Score`, `Churn Category`, `Churn Reason`, `Customer Status` and `CLTV`, which tell or are computed
from the outcome and would leak it. `tenure` is left out because `since` says it. A blank `TotalCharges` (customers of
less than a month) is missing.
"""

import pandas as pd

from ..contracts.cells import Origin, as_number, missing_column, refuse
from ..contracts.errors import InputError
from ..contracts.params import Params
from .dataset import Dataset, DatasetFile
from .files import read_sample
from .raw import RawTables

TELCO = Dataset(
    name="telco",
    about="IBM Telco customer churn: 7,043 customers of a telephone company, 1,869 left (fictional)",
    files=(
        DatasetFile(
            name="telco_customer_churn.csv",
            url="https://raw.githubusercontent.com/IBM/telco-customer-churn-on-icp4d/master/data/"
            "Telco-Customer-Churn.csv",
        ),
        DatasetFile("WA_Fn-UseC_-Telco-Customer-Churn.csv", instead_of="telco_customer_churn.csv"),
    ),
    page="https://www.kaggle.com/datasets/blastchar/telco-customer-churn",
    licence="none stated by the publisher",
)

OBSERVED_AT = pd.Timestamp("2021-01-01", tz="UTC")
OUTCOME_AT = OBSERVED_AT + pd.Timedelta(days=1)
DAYS_PER_MONTH = 365.25 / 12
ATTRIBUTES = ["gender", "SeniorCitizen", "Partner", "Dependents", "PhoneService", "MultipleLines", "InternetService",
              "OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport", "StreamingTV", "StreamingMovies",
              "Contract", "PaperlessBilling", "PaymentMethod", "MonthlyCharges", "TotalCharges"]  # fmt: skip


def read_telco(params: Params) -> RawTables:
    """Read the sample in the folder `source.path`.

    Raises:
        InputError: the file is missing, or is not the sample's.
    """
    return adapt_telco(*read_sample(params, TELCO))


def adapt_telco(rows: pd.DataFrame, origin: Origin) -> RawTables:
    """Return the contract's tables; there are no decisions.

    Args:
        rows: the sample as text.
        origin: for messages.

    Raises:
        InputError: a column is missing, `Churn` is neither Yes nor No, or a number is wrong.
    """
    missing = missing_column(rows.columns, ["customerID", "tenure", *ATTRIBUTES, "Churn"])
    if missing is not None:
        listed = ", ".join(map(str, rows.columns))
        raise InputError(origin.name, f"a column {missing}", listed, "fetch the file again")
    refuse(~rows["Churn"].isin(["Yes", "No"]), rows["Churn"], origin, "Yes or No", "fetch the file again")
    origins = dict.fromkeys(("stakeholders", "events"), origin)
    return RawTables(_stakeholders(rows, origin), _events(rows, origin), None, origins)


def _stakeholders(rows: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    months = as_number(rows["tenure"], origin)
    bad = months.isna() | (months < 0)
    refuse(bad, rows["tenure"], origin, "months with the company, 0 or more", "fetch the file again")
    days = ((months + 0.5) * DAYS_PER_MONTH).round()
    return pd.DataFrame(
        {
            "stakeholder_id": rows["customerID"],
            "kind": "customer",
            "since": OBSERVED_AT - pd.to_timedelta(days, unit="D"),
            **{name: rows[name] for name in ATTRIBUTES},
            "TotalCharges": as_number(rows["TotalCharges"], origin),
        }
    )


def _events(rows: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    """Return one event per customer: `churned`, or the `charge` of those who stay."""
    charges = as_number(rows["MonthlyCharges"], origin)
    refuse(charges.isna(), rows["MonthlyCharges"], origin, "a monthly amount", "fetch the file again")
    left = rows["Churn"] == "Yes"
    types = pd.Series("charge", index=rows.index).mask(left, "churned")
    return pd.DataFrame(
        {
            "event_id": types + "-" + rows["customerID"].astype("str"),
            "stakeholder_id": rows["customerID"],
            "occurred_at": OUTCOME_AT,
            "event_type": types,
            "value": charges.mask(left),
        }
    )
