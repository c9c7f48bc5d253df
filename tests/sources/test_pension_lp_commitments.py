"""The adapter of the commitments: pairs of investor and manager, years as dates, lines of two reports as one."""

from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError
from rapport.contracts.params import Params, parse_params
from rapport.sources.adapters import preset_path, read_source
from rapport.sources.intake import Intake, take_in
from rapport.sources.pension_lp_commitments import adapt_pension_lp_commitments, fund_names

ORIGIN = Origin("commitments.csv")


def preset(folder: Path, **clock: str) -> Params:
    sections = YAML(typ="safe").load(preset_path("pension_lp_commitments"))
    sections["source"]["path"] = str(folder)
    sections["clock"].update(clock)
    return parse_params(sections)


def line(fund: str, **changes: str) -> dict[str, str]:
    return {
        "pension_fund_name": "Oregon", "general_partner": "KKR", "fund_name": fund, "asset_class": "Private Equity",
        "sub_strategy": "Buyout", "vintage_year": "2022", "commitment_mm": "50.0", "as_of_date": "2025-03-31",
        "net_irr": "0.1", **changes,
    }  # fmt: skip


def take(*lines: dict[str, str]) -> Intake:
    return take_in(adapt_pension_lp_commitments(pd.DataFrame(lines), ORIGIN), preset(Path("x"), as_of="2025-10-01"))


def happened(taken: Intake, kind: str = "commitment") -> list[list]:
    events = taken.events[taken.events["event_type"] == kind]
    events = events.assign(on=events["occurred_at"].dt.strftime("%Y-%m-%d"))
    return events[["stakeholder_id", "on", "value"]].to_numpy().tolist()


@pytest.fixture(scope="module")
def taken(datasets: Path) -> Intake:
    params = preset(datasets / "pension_lp_commitments")
    return take_in(read_source(params), params)


@pytest.mark.shared
def test_lines_of_two_reports_are_one_commitment(taken: Intake) -> None:
    assert taken.counts["events_repeated"] == 342
    assert taken.events["event_type"].value_counts().to_dict() == {"commitment": 2_489 - 342, "peer_commitment": 3_362}
    assert taken.quarantine.empty


@pytest.mark.shared
def test_pairs_and_those_that_committed_again_in_a_later_year(taken: Intake) -> None:
    assert len(taken.stakeholders) == 947
    own = taken.events[taken.events["event_type"] == "commitment"]
    years = own.groupby("stakeholder_id")["occurred_at"].nunique()
    assert (years > 1).sum() == 403
    assert set(taken.stakeholders["investor"]) == {"CalPERS", "CalSTRS", "NY Common", "Oregon", "WSIB"}


@pytest.mark.shared
def test_nothing_is_known_before_it_happened(taken: Intake) -> None:
    assert taken.events["known_at"].equals(taken.events["occurred_at"])
    dated = taken.events["occurred_at"].dt.strftime("%m-%d")
    assert (dated == "12-31").sum() > 5_000
    assert set(taken.events.loc[dated != "12-31", "occurred_at"].dt.year) == {2025}


def test_a_commitment_happens_on_the_last_day_of_its_vintage_year() -> None:
    got = take(line("KKR 2006 Fund"), line("KKR XI", vintage_year="2024", commitment_mm="70"))
    assert happened(got) == [["Oregon / KKR", "2022-12-31", 50.0], ["Oregon / KKR", "2024-12-31", 70.0]]
    assert got.stakeholders["since"].tolist() == [pd.Timestamp("2022-12-31", tz="UTC")]


def test_the_reports_date_comes_first_or_stands_for_a_missing_year() -> None:
    got = take(line("A", vintage_year="2025"), line("B", vintage_year="", as_of_date="2025-06-30"))
    assert [event[1] for event in happened(got)] == ["2025-03-31", "2025-06-30"]


def test_the_earlier_report_decides_whichever_line_comes_first() -> None:
    later = line("TPG V, LP*", commitment_mm="51.0", as_of_date="2025-03-31")
    earlier = line("TPG V", commitment_mm="50.0", as_of_date="2024-03-31")
    one, other = take(later, earlier), take(earlier, later)
    assert happened(one) == happened(other) == [["Oregon / KKR", "2022-12-31", 50.0]]
    assert one.counts["events_repeated"] == other.counts["events_repeated"] == 1


def test_one_fund_of_two_investors_is_two_commitments_and_two_of_peers() -> None:
    got = take(line("KKR XI"), line("KKR XI", pension_fund_name="WSIB", commitment_mm="9"))
    assert happened(got) == [["Oregon / KKR", "2022-12-31", 50.0], ["WSIB / KKR", "2022-12-31", 9.0]]
    assert happened(got, "peer_commitment") == [["Oregon / KKR", "2022-12-31", 9.0], ["WSIB / KKR", "2022-12-31", 50.0]]


def test_commitments_to_other_managers_are_no_peers() -> None:
    got = take(line("KKR XI"), line("TPG V", pension_fund_name="WSIB", general_partner="TPG"))
    assert happened(got, "peer_commitment") == []


def test_attributes_are_those_of_the_first_year() -> None:
    small = line("A", sub_strategy="Growth Equity", commitment_mm="5")
    later = line("C", vintage_year="2023", sub_strategy="Energy", asset_class="Real Assets", commitment_mm="900")
    got = take(later, small, line("B")).stakeholders
    names = ["investor", "first_asset_class", "first_sub_strategy", "kind"]
    assert got[names].to_numpy().tolist() == [["Oregon", "Private Equity", "Buyout", "investor"]]
    assert set(got.columns) == {"stakeholder_id", "since", "opted_out", *names}


def test_names_of_funds_lose_footnotes_but_not_their_numbers() -> None:
    spelt = pd.Series(["Paladin (NY), LP*", "Pursuit**", "Fund II L.P.", "Help", "KKR 2006 Fund"])
    assert fund_names(spelt).tolist() == ["Paladin (NY)", "Pursuit", "Fund II", "Help", "KKR 2006 Fund"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vintage_year": "06"}, r"commitments\.csv, column vintage_year, row 2: expected a year such as 2007"),
        ({"commitment_mm": "much"}, r"column commitment_mm, row 2: expected a number; got 'much'"),
        ({"commitment_mm": "0"}, r"column commitment_mm, row 2: expected millions above 0"),
        ({"commitment_mm": ""}, r"column commitment_mm, row 2: expected a value in every row"),
        ({"as_of_date": "31/3/2025"}, r"column as_of_date, row 2: expected an ISO 8601 date"),
        ({"general_partner": " "}, r"column general_partner, row 2: expected a value in every row"),
    ],
)
def test_other_lines_are_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        take(line("A"), line("B", **changes))


def test_missing_columns_and_files_are_named(tmp_path: Path) -> None:
    rows = pd.DataFrame([line("A")]).drop(columns="general_partner")
    with pytest.raises(InputError, match=r"commitments\.csv: expected a column general_partner"):
        adapt_pension_lp_commitments(rows, ORIGIN)
    with pytest.raises(InputError, match=r"commitments\.csv: expected the commitments; got no file"):
        read_source(preset(tmp_path))
