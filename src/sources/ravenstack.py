"""RavenStack, a synthetic software-as-a-service company: accounts, subscriptions, feature usage, tickets, churn.

What the five files leave open is settled here, in one place.

- Dates are written 2023-07-27 in some columns and 16/10/2024 in others, depending on the copy. Each column keeps to one
  of the two; with slashes the day comes first, which some day after the 12th must prove.
- Most usage is dated before its subscription began. It becomes known when the subscription begins: before, nothing
  could tell of it. Tickets dated before the signup are kept as they are.
- An account leaves with its first churn event, `churned`. Many come back, and some leave again (`churned_again`), but
  the files never say when they came back, and most subscriptions run on; so no second relationship can be told apart.
- `upgrade` and `downgrade` are subscriptions to a higher or lower plan than the account's one before.
- Usage ids that two different rows share (21 of them) are set aside by the intake, as ids in conflict always are.

Left out because they tell the outcome, or the state at the export and not at signup: churn_flag, plan_tier, seats and
is_trial of accounts; churn_flag, upgrade_flag, downgrade_flag and auto_renew_flag of subscriptions, which have no date;
reason, refund, feedback and flags of churn events.

Whoever leaves is chosen at random: the dates of churn events are uniform between the account's signup and the end of
2024 (600 events, Kolmogorov-Smirnov p = 0.92), whatever the account did, and an account has as many of them however
late it signed up. The one thing to learn is an artefact of that: of those still without one, the newest have most of
theirs ahead.
"""

from pathlib import Path

import pandas as pd

from ..contracts.cells import Origin, as_flag, as_number, as_text, as_time, missing_column, refuse
from ..contracts.errors import InputError
from ..contracts.params import Params
from .dataset import Dataset, DatasetFile
from .files import read_table
from .raw import RawTables

COLUMNS = {
    "accounts": ("account_id", "signup_date", "industry", "country", "referral_source"),
    "subscriptions": ("subscription_id", "account_id", "start_date", "end_date", "plan_tier", "mrr_amount"),
    "feature_usage": ("usage_id", "subscription_id", "usage_date", "usage_count", "error_count"),
    "support_tickets": ("ticket_id", "account_id", "submitted_at", "closed_at", "satisfaction_score",
                        "escalation_flag"),
    "churn_events": ("churn_event_id", "account_id", "churn_date"),
}  # fmt: skip
RAVENSTACK = Dataset(
    name="ravenstack",
    about="synthetic software-as-a-service company: 500 accounts, 5,000 subscriptions, usage, tickets, churn",
    files=tuple(DatasetFile(f"ravenstack_{table}.csv") for table in COLUMNS),
    page="published on Kaggle as RavenStack, a synthetic SaaS company",
    licence="none stated by the publisher",
)
PLANS = ("Basic", "Pro", "Enterprise")  # from low to high
FIX = "get the original file"
EVENT = ("event_id", "stakeholder_id", "occurred_at", "known_at", "event_type", "value")


def read_ravenstack(params: Params) -> RawTables:
    """Read the five `ravenstack_<table>.csv` in the folder `source.path`.

    Raises:
        InputError: a file is missing, or is not what it should be.
    """
    folder = Path(params.source.path)
    tables = {}
    for name in COLUMNS:
        path = folder / f"ravenstack_{name}.csv"
        if not path.is_file():
            fix = f"put {RAVENSTACK.needed} there, or set `source.path` to the folder that holds them"
            raise InputError(str(path), "a table of the company's", "no file", fix)
        tables[name] = read_table([path], path)
    return adapt_ravenstack(tables, folder)


def adapt_ravenstack(tables: dict[str, tuple[pd.DataFrame, Origin]], folder: Path) -> RawTables:
    """Return the contract's tables; there are no decisions.

    Args:
        tables: by the names of `COLUMNS`, rows as text and where they came from.
        folder: for messages.

    Raises:
        InputError: a column is missing, a cell wrong, or usage belongs to no subscription.
    """
    for name, columns in COLUMNS.items():
        rows, origin = tables[name]
        missing = missing_column(rows.columns, columns)
        if missing is not None:
            raise InputError(origin.name, f"a column {missing}", ", ".join(map(str, rows.columns)), FIX)
    accounts, origin = tables["accounts"]
    subscriptions = _subscriptions(*tables["subscriptions"])
    events = [
        _subscription_events(subscriptions),
        _usage_events(*tables["feature_usage"], subscriptions),
        _ticket_events(*tables["support_tickets"]),
        _churn_events(*tables["churn_events"]),
    ]
    stakeholders = pd.DataFrame(
        {
            "stakeholder_id": accounts["account_id"],
            "kind": "customer",
            "since": dates(accounts["signup_date"], origin),
            "industry": accounts["industry"],
            "country": accounts["country"],
            "referral_source": accounts["referral_source"],
        }
    )
    origins = {"stakeholders": origin, "events": Origin(str(folder))}
    return RawTables(stakeholders, pd.concat(events, ignore_index=True), None, origins)


def dates(raw: pd.Series, origin: Origin, required: bool = True) -> pd.Series:
    """Return a column of dates, written 2023-07-27 or 16/10/2024 throughout, as datetime64[us, UTC], shape (n,).

    Args:
        raw: text; the time of day may follow a date with dashes.
        origin: for messages.
        required: whether a blank is refused.

    Raises:
        InputError: a cell is blank or in a third format, the column mixes both, or day and month could be either.

    >>> dates(pd.Series(["1/2/2024", "16/10/2024"]), Origin("x.csv")).dt.strftime("%Y-%m-%d").tolist()
    ['2024-02-01', '2024-10-16']
    """
    text = as_text(raw)
    refuse(text.isna() & required, raw, origin, "a date in every row", FIX)
    slashes = text.str.fullmatch(r"\d{1,2}/\d{1,2}/\d{4}", na=False)
    if not slashes.any():
        return as_time(raw, origin)
    both = "write all dates of the column as 2023-07-27"
    refuse(text.notna() & ~slashes, raw, origin, "a date such as 16/10/2024, as in the column's other rows", both)
    times = pd.to_datetime(text, format="%d/%m/%Y", errors="coerce", utc=True)
    refuse(text.notna() & times.isna(), raw, origin, "day, month and year, such as 16/10/2024", both)
    if not (times.dt.day > 12).any():
        refuse(slashes, raw, origin, "some day after the 12th in the column, to tell day from month", both)
    return times.astype("datetime64[us, UTC]")


def _subscriptions(rows: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    """Return subscriptions in the order of account and start: ids, start, end, mrr (money) and step of the plan."""
    plan = as_text(rows["plan_tier"])
    refuse(~plan.isin(list(PLANS)), rows["plan_tier"], origin, f"one of {', '.join(PLANS)}", FIX)
    table = pd.DataFrame(
        {
            "subscription_id": as_text(rows["subscription_id"]),
            "account_id": as_text(rows["account_id"]),
            "start": dates(rows["start_date"], origin),
            "end": dates(rows["end_date"], origin, required=False),
            "mrr": as_number(rows["mrr_amount"], origin),
            "rank": plan.map({name: at for at, name in enumerate(PLANS)}),
        }
    )
    again = table["subscription_id"].duplicated() | table["subscription_id"].isna()
    refuse(again, rows["subscription_id"], origin, "an id of its own in every row", FIX)
    table = table.sort_values(["account_id", "start", "subscription_id"], ignore_index=True)
    return table.assign(step=table.groupby("account_id")["rank"].diff().fillna(0))


def _subscription_events(table: pd.DataFrame) -> pd.DataFrame:
    starts = table.assign(occurred_at=table["start"], event_type="subscription")
    steps = starts[starts["step"] != 0]
    steps = steps.assign(event_type=pd.Series("upgrade", index=steps.index).mask(steps["step"] < 0, "downgrade"))
    ends = table[table["end"].notna()]
    ends = ends.assign(occurred_at=ends["end"], event_type="subscription_ended")
    events = pd.concat([starts, steps, ends]).rename(columns={"account_id": "stakeholder_id", "mrr": "value"})
    return _finished(events, "subscription_id")


def _usage_events(rows: pd.DataFrame, origin: Origin, subscriptions: pd.DataFrame) -> pd.DataFrame:
    """Return usage and errors, known from the start of the subscription on."""
    of = subscriptions.set_index("subscription_id")[["account_id", "start"]].reindex(as_text(rows["subscription_id"]))
    used = dates(rows["usage_date"], origin)
    expected = "a subscription of ravenstack_subscriptions.csv"
    refuse(of["account_id"].isna().to_numpy(), rows["subscription_id"], origin, expected, "take both from one export")
    begun = of["start"].reset_index(drop=True)
    usage = pd.DataFrame(
        {
            "usage_id": rows["usage_id"],
            "stakeholder_id": of["account_id"].to_numpy(),
            "occurred_at": used,
            "known_at": used.where(used > begun, begun),
            "event_type": "usage",
            "value": as_number(rows["usage_count"], origin),
        }
    )
    errors = usage.assign(event_type="error", value=as_number(rows["error_count"], origin))
    return _finished(pd.concat([usage, errors[errors["value"] > 0]]), "usage_id")


def _ticket_events(rows: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    """Return tickets when submitted; satisfaction (1 to 5) and escalation are known when the ticket is closed."""
    closed = dates(rows["closed_at"], origin)
    tickets = pd.DataFrame({"ticket_id": rows["ticket_id"], "stakeholder_id": rows["account_id"]})
    opened = tickets.assign(occurred_at=dates(rows["submitted_at"], origin), event_type="ticket")
    refuse(closed < opened["occurred_at"], rows["closed_at"], origin, "a time after the ticket was submitted", FIX)
    csat = tickets.assign(occurred_at=closed, event_type="csat", value=as_number(rows["satisfaction_score"], origin))
    escalated = as_flag(rows["escalation_flag"], origin, default=False)
    escalations = tickets.assign(occurred_at=closed, event_type="escalation")[escalated]
    return _finished(pd.concat([opened, csat[csat["value"].notna()], escalations]), "ticket_id")


def _churn_events(rows: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    events = pd.DataFrame(
        {
            "churn_event_id": rows["churn_event_id"],
            "stakeholder_id": as_text(rows["account_id"]),
            "occurred_at": dates(rows["churn_date"], origin),
        }
    ).sort_values(["stakeholder_id", "occurred_at", "churn_event_id"])
    again = events["stakeholder_id"].duplicated()
    kinds = pd.Series("churned", index=events.index).mask(again, "churned_again")
    return _finished(events.assign(event_type=kinds), "churn_event_id")


def _finished(events: pd.DataFrame, id_column: str) -> pd.DataFrame:
    """Return the events table's columns; an id is the file's, after the type of event."""
    return events.assign(event_id=events["event_type"] + "-" + events[id_column]).reindex(columns=list(EVENT))
