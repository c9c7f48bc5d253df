"""The MineThatData e-mail challenge (Kevin Hillstrom, 2008): 64,000 customers, two e-mails or none at random.

What the file leaves open is settled here, in one place. It gives no ids: a customer is the row number. It gives no
dates, only that outcomes fall into the two weeks after the e-mail: all decisions stand at one instant, all outcomes one
day later. It tells only whether a customer was new within twelve months: `since` is twelve months back for those and
twenty-four for the others, so it repeats `newbie` and invents nothing else.
"""

from pathlib import Path

import pandas as pd

from ..contracts.cells import Origin, as_number, missing_column, refuse
from ..contracts.errors import InputError
from ..contracts.params import Params
from .dataset import Dataset, DatasetFile
from .files import read_table
from .raw import RawTables

HILLSTROM = Dataset(
    name="hillstrom",
    about="MineThatData e-mail challenge: a randomised trial of two e-mail campaigns, 64,000 customers",
    files=(
        DatasetFile(
            name="hillstrom.csv",
            url="http://www.minethatdata.com/"
            "Kevin_Hillstrom_MineThatData_E-MailAnalytics_DataMiningChallenge_2008.03.20.csv",
            sha256=(
                "0e5893329d8b93cefecc571777672028290ab69865718020c78c7284f291aece",
                # The same without the line end after the last row.
                "ff9e59285e9dc3f5fa3e0975419e6631ea5bdccd65d818991473d2367e02979c",
            ),
        ),
    ),
    page="https://blog.minethatdata.com/2008/03/minethatdata-e-mail-analytics-and-data.html",
    licence="none stated by the publisher",
)

DECIDED_AT = pd.Timestamp("2008-03-20", tz="UTC")
OUTCOME_AT = DECIDED_AT + pd.Timedelta(days=1)
SINCE_NEW, SINCE_OLD = pd.Timestamp("2007-03-20", tz="UTC"), pd.Timestamp("2006-03-20", tz="UTC")
ARMS = {"Mens E-Mail": "mens_email", "Womens E-Mail": "womens_email", "No E-Mail": "no_email"}
PROPENSITY = 1 / 3  # by design
ATTRIBUTES = ["recency", "history_segment", "history", "mens", "womens", "zip_code", "newbie", "channel"]
OUTCOMES = ["visit", "conversion", "spend"]


def read_hillstrom(params: Params) -> RawTables:
    """Read `hillstrom.csv` in the folder `source.path`.

    Raises:
        InputError: the file is missing, or is not the challenge's.
    """
    path = Path(params.source.path) / HILLSTROM.files[0].name
    if not path.is_file():
        fix = "run `rapport fetch hillstrom`, or set `source.path` to the folder that holds it"
        raise InputError(str(path), "the challenge's file", "no file", fix)
    rows, origin = read_table([path], path)
    return adapt_hillstrom(rows, origin)


def adapt_hillstrom(rows: pd.DataFrame, origin: Origin) -> RawTables:
    """Return the contract's tables.

    Args:
        rows: the challenge's file as text.
        origin: for messages.

    Raises:
        InputError: a column is missing, a segment unknown, or an outcome no number.
    """
    missing = missing_column(rows.columns, [*ATTRIBUTES, "segment", *OUTCOMES])
    if missing is not None:
        listed = ", ".join(map(str, rows.columns))
        raise InputError(origin.name, f"a column {missing}", listed, "fetch the file again")
    known = f"one of {', '.join(ARMS)}"
    refuse(~rows["segment"].isin(list(ARMS)), rows["segment"], origin, known, "fetch the file again")
    width = len(str(len(rows)))
    ids = pd.Series([f"{number:0{width}d}" for number in range(1, len(rows) + 1)], dtype="str")
    origins = dict.fromkeys(("stakeholders", "events", "decisions"), origin)
    return RawTables(_stakeholders(rows, ids), _events(rows, ids, origin), _decisions(rows, ids), origins)


def _stakeholders(rows: pd.DataFrame, ids: pd.Series) -> pd.DataFrame:
    new = rows["newbie"].astype("str") == "1"
    since = pd.Series(SINCE_OLD, index=rows.index).mask(new, SINCE_NEW)
    return pd.concat([ids.rename("stakeholder_id"), rows[ATTRIBUTES]], axis=1).assign(kind="customer", since=since)


def _events(rows: pd.DataFrame, ids: pd.Series, origin: Origin) -> pd.DataFrame:
    """Return one event per outcome that is not zero; its value is the outcome."""
    values = pd.DataFrame({name: as_number(rows[name], origin) for name in OUTCOMES}).assign(stakeholder_id=ids)
    events = values.melt("stakeholder_id", var_name="event_type", value_name="value")
    events = events[events["value"] != 0].reset_index(drop=True)
    return events.assign(event_id=events["event_type"] + "-" + events["stakeholder_id"], occurred_at=OUTCOME_AT)


def _decisions(rows: pd.DataFrame, ids: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "decision_id": "email-" + ids,
            "stakeholder_id": ids,
            "decided_at": DECIDED_AT,
            "intervention": rows["segment"].map(ARMS),
            "propensity": PROPENSITY,
            "iteration": 0,
            "policy": "randomised_trial",
        }
    )
