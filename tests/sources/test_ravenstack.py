"""The adapter of the software company: two formats of dates, nothing known before it could be, returns."""

from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError
from rapport.contracts.params import Params, parse_params
from rapport.sources.adapters import preset_path, read_source
from rapport.sources.intake import Intake, take_in
from rapport.sources.ravenstack import COLUMNS, adapt_ravenstack, dates

ACCOUNT = {"account_id": "A1", "signup_date": "16/10/2024", "industry": "EdTech", "country": "US",
           "referral_source": "ads", "plan_tier": "Pro", "seats": "9", "is_trial": "FALSE",
           "churn_flag": "TRUE"}  # fmt: skip
SUBSCRIPTION = {"subscription_id": "S1", "account_id": "A1", "start_date": "2024-10-20", "end_date": "",
                "plan_tier": "Pro", "mrr_amount": "490", "churn_flag": "False"}  # fmt: skip
USAGE = {"usage_id": "U1", "subscription_id": "S1", "usage_date": "2024-11-01", "usage_count": "7",
         "error_count": "0"}  # fmt: skip
TICKET = {"ticket_id": "T1", "account_id": "A1", "submitted_at": "2024-11-02", "closed_at": "2024-11-03 03:00:00",
          "satisfaction_score": "4.0", "escalation_flag": "False"}  # fmt: skip
CHURN = {"churn_event_id": "C1", "account_id": "A1", "churn_date": "20/11/2024"}


def preset(folder: Path) -> Params:
    sections = YAML(typ="safe").load(preset_path("ravenstack"))
    sections["source"]["path"] = str(folder)
    return parse_params(sections)


def frames(**changes: list[dict]) -> dict[str, tuple[pd.DataFrame, Origin]]:
    rows = {"accounts": [ACCOUNT], "subscriptions": [SUBSCRIPTION], "feature_usage": [USAGE],
            "support_tickets": [TICKET], "churn_events": [CHURN], **changes}  # fmt: skip
    return {name: (pd.DataFrame(rows[name], dtype="str"), Origin(f"ravenstack_{name}.csv")) for name in COLUMNS}


def take(**changes: list[dict]) -> Intake:
    return take_in(adapt_ravenstack(frames(**changes), Path("raw")), preset(Path("x")))


def happened(taken: Intake, *types: str) -> list[list]:
    events = taken.events[taken.events["event_type"].isin(types)]
    on = events.assign(on=events["occurred_at"].dt.strftime("%Y-%m-%d"), value=events["value"].fillna(-1))
    return on[["on", "event_type", "value"]].to_numpy().tolist()


@pytest.fixture(scope="module")
def taken(datasets: Path) -> Intake:
    params = preset(datasets / "ravenstack")
    return take_in(read_source(params), params)


@pytest.mark.shared
def test_rows_of_all_files_become_events(taken: Intake) -> None:
    assert len(taken.stakeholders) == 500
    # 42 usages share an id with another, and one pair of them had errors both.
    assert taken.events["event_type"].value_counts().to_dict() == {
        "usage": 25_000 - 42, "error": 7_731 - 2, "subscription": 5_000, "ticket": 2_000, "upgrade": 1_492,
        "downgrade": 1_449, "csat": 2_000 - 825, "subscription_ended": 486, "churned": 352, "churned_again": 248,
        "escalation": 95,
    }  # fmt: skip


@pytest.mark.shared
def test_repeated_usage_ids_are_set_aside(taken: Intake) -> None:
    assert set(taken.quarantine["reason"]) == {"event_id_conflict"}
    assert len(taken.quarantine) == taken.counts["events_event_id_conflict"] == 44
    assert taken.counts["events_repeated"] == 0


@pytest.mark.shared
def test_no_account_leaves_before_it_signed_up_and_each_leaves_once(taken: Intake) -> None:
    left = taken.events[taken.events["event_type"] == "churned"]
    since = left["stakeholder_id"].map(taken.stakeholders.set_index("stakeholder_id")["since"])
    assert left["stakeholder_id"].is_unique
    assert (left["occurred_at"] >= since).all()
    assert left["occurred_at"].max() == pd.Timestamp("2024-12-31", tz="UTC")


@pytest.mark.shared
def test_most_usage_was_known_only_when_its_subscription_began(taken: Intake) -> None:
    used = taken.events[taken.events["event_type"] == "usage"]
    assert (used["known_at"] > used["occurred_at"]).sum() == 19_115
    assert (used["known_at"] >= used["occurred_at"]).all()


def test_one_row_of_each_file() -> None:
    got = take()
    assert happened(got, *set(got.events["event_type"])) == [
        ["2024-10-20", "subscription", 490.0], ["2024-11-01", "usage", 7.0], ["2024-11-02", "ticket", -1],
        ["2024-11-03", "csat", 4.0], ["2024-11-20", "churned", -1],
    ]  # fmt: skip
    assert got.stakeholders["since"].tolist() == [pd.Timestamp("2024-10-16", tz="UTC")]


def test_attributes_that_tell_the_outcome_or_todays_state_are_left_out() -> None:
    assert set(take().stakeholders.columns) == {
        "stakeholder_id", "kind", "since", "opted_out", "industry", "country", "referral_source",
    }  # fmt: skip


def test_usage_before_its_subscription_is_known_when_that_begins() -> None:
    early = {**USAGE, "usage_id": "U2", "usage_date": "2024-01-05", "error_count": "3"}
    got = take(feature_usage=[early, USAGE]).events
    used = got[got["event_type"].isin(["usage", "error"])]
    assert used["known_at"].dt.strftime("%Y-%m-%d").tolist() == ["2024-10-20", "2024-10-20", "2024-11-01"]
    assert used["value"].tolist() == [3.0, 7.0, 7.0]


def test_satisfaction_and_escalation_are_known_when_the_ticket_is_closed() -> None:
    got = take(support_tickets=[{**TICKET, "escalation_flag": "True"}])
    late = got.events[got.events["event_type"].isin(["csat", "escalation"])]
    assert set(late["occurred_at"]) == set(late["known_at"]) == {pd.Timestamp("2024-11-03 03:00", tz="UTC")}
    assert happened(take(support_tickets=[{**TICKET, "satisfaction_score": ""}]), "csat", "escalation") == []


def test_plans_that_rise_and_fall_are_told_by_date_whatever_the_order_of_rows() -> None:
    plans = [("S3", "2024-12-01", "Basic", "19"), ("S1", "2024-10-20", "Pro", "490"), ("S2", "2024-11-01", "Enterprise",
             "1990"), ("S4", "2024-12-02", "Basic", "38")]  # fmt: skip
    rows = [
        dict(zip(("subscription_id", "start_date", "plan_tier", "mrr_amount"), each, strict=True)) for each in plans
    ]
    got = take(subscriptions=[{**SUBSCRIPTION, **each} for each in rows])
    assert happened(got, "upgrade", "downgrade") == [["2024-11-01", "upgrade", 1990], ["2024-12-01", "downgrade", 19]]
    assert len(happened(got, "subscription")) == 4


def test_subscriptions_end_on_their_end_date() -> None:
    got = take(subscriptions=[{**SUBSCRIPTION, "end_date": "2024-12-24"}])
    assert happened(got, "subscription_ended") == [["2024-12-24", "subscription_ended", 490.0]]


def test_an_account_that_comes_back_leaves_once_and_then_again() -> None:
    rows = [{**CHURN, "churn_event_id": name, "churn_date": day} for name, day in
            (("C3", "30/12/2024"), ("C1", "9/11/2024"), ("C2", "1/12/2024"))]  # fmt: skip
    assert happened(take(churn_events=rows), "churned", "churned_again") == [
        ["2024-11-09", "churned", -1], ["2024-12-01", "churned_again", -1], ["2024-12-30", "churned_again", -1],
    ]  # fmt: skip


def test_either_format_is_read_whatever_the_column() -> None:
    dashed = take(accounts=[{**ACCOUNT, "signup_date": "2024-10-16"}], churn_events=[{**CHURN, "churn_date":
                  "2024-11-20"}])  # fmt: skip
    pd.testing.assert_frame_equal(dashed.events, take().events)
    pd.testing.assert_frame_equal(dashed.stakeholders, take().stakeholders)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["16/10/2024", "2024-10-16"], r"x\.csv, column on, row 2: expected a date such as 16/10/2024, as in"),
        (["16/10/2024", "10/16/2024"], r"row 2: expected day, month and year, such as 16/10/2024; got '10/16/2024'"),
        (["1/2/2024", "3/4/2024"], r"row 1: expected some day after the 12th in the column, to tell day from month"),
        (["2024-10-16", "16.10.2024"], r"row 2: expected an ISO 8601 date or time .*; got '16\.10\.2024'"),
        (["16/10/2024", "1/2/24"], r"row 2: expected a date such as 16/10/2024"),
        (["16/10/2024", ""], r"row 2: expected a date in every row; got ''"),
    ],
    ids=["mixed", "month first", "ambiguous", "third", "two-digit year", "blank"],
)
def test_other_dates_are_refused(cells: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dates(pd.Series(cells, name="on"), Origin("x.csv"))


def test_blank_ends_are_no_dates() -> None:
    ends = dates(pd.Series(["", "16/10/2024"], name="on"), Origin("x.csv"), required=False)
    assert ends.dt.strftime("%Y-%m-%d").fillna("none").tolist() == ["none", "2024-10-16"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"feature_usage": [{**USAGE, "subscription_id": "S9"}]}, r"ravenstack_feature_usage\.csv, column subscription_"
         r"id, row 1: expected a subscription of ravenstack_subscriptions\.csv; got 'S9'"),
        ({"subscriptions": [SUBSCRIPTION, SUBSCRIPTION]}, r"column subscription_id, row 2: expected an id of its own"),
        ({"subscriptions": [{**SUBSCRIPTION, "plan_tier": "Gold"}]}, r"row 1: expected one of Basic, Pro, Enterprise"),
        ({"support_tickets": [{**TICKET, "closed_at": "2024-11-01"}]}, r"column closed_at, row 1: expected a time aft"),
        ({"support_tickets": [{**TICKET, "satisfaction_score": "good"}]}, r"satisfaction_score, row 1: expected a num"),
        ({"churn_events": [{**CHURN, "churn_date": ""}]}, r"churn_events\.csv, column churn_date, row 1: expected a d"),
        ({"accounts": [{"account_id": "A1"}]}, r"ravenstack_accounts\.csv: expected a column signup_date"),
    ],
    ids=["stranger", "id twice", "plan", "closed", "score", "date", "column"],
)  # fmt: skip
def test_other_rows_are_refused(changes: dict[str, list], message: str) -> None:
    with pytest.raises(InputError, match=message):
        take(**changes)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name, (rows, _) in frames().items():
        rows.to_csv(tmp_path / f"ravenstack_{name}.csv", index=False)
    assert len(read_source(preset(tmp_path)).events) == 5
    (tmp_path / "ravenstack_churn_events.csv").unlink()
    with pytest.raises(InputError, match=r"ravenstack_churn_events\.csv: expected a table of the company's; got no"):
        read_source(preset(tmp_path))
