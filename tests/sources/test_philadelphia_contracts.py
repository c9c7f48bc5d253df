"""The adapter of the contract lists: headings of all years, cells put back, relationships that lapse and begin anew."""

from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError
from rapport.contracts.params import Params, parse_params
from rapport.sources.adapters import preset_path, read_source
from rapport.sources.intake import Intake, take_in
from rapport.sources.philadelphia_contracts import (
    PHILADELPHIA_CONTRACTS,
    adapt_philadelphia_contracts,
    canonical_list,
    quarter_number,
    vendor_names,
)
from rapport.sources.raw import RawTables

HEADER = "original_contract_id,current_item_id,department_name,vendor,contract_structure_type,short_desc,start_dt,end_dt,days_remaining,amt,tot_payments,orig_vendor"  # noqa: E501
ORIGIN = Origin("list.csv")


def preset(folder: Path) -> Params:
    sections = YAML(typ="safe").load(preset_path("philadelphia_contracts"))
    sections["source"]["path"] = str(folder)
    return parse_params(sections)


def row(contract: str, item: str = "", vendor: str = "Acme, Inc.", amount: str = "100", days: str = "30") -> dict:
    return {
        "original_contract_id": contract, "current_item_id": item or contract, "department_name": "Law",
        "vendor": vendor, "contract_structure_type": "Legal Services", "short_desc": "advice", "start_dt": "7/1/14",
        "end_dt": "6/30/15", "days_remaining": days, "amt": amount, "tot_payments": "0", "orig_vendor": vendor,
    }  # fmt: skip


def adapted(*quarters: list[dict]) -> RawTables:
    """Take in lists of consecutive quarters, the first of them fiscal 2014 Q1."""
    names = [f"FY-{2014 + at // 4}-Q{at % 4 + 1}" for at in range(len(quarters))]
    lists = {name: (pd.DataFrame(rows), ORIGIN) for name, rows in zip(names, quarters, strict=True)}
    return adapt_philadelphia_contracts(lists, Path("lists"))


def happened(raw: RawTables, *types: str) -> list[list]:
    events = raw.events[raw.events["event_type"].isin(types)]
    events = events.assign(on=events["occurred_at"].dt.strftime("%Y-%m-%d"), value=events["value"].fillna(-1))
    return events[["stakeholder_id", "on", "event_type", "value"]].to_numpy().tolist()


@pytest.fixture(scope="module")
def taken(datasets: Path) -> Intake:
    params = preset(datasets / "philadelphia_contracts")
    return take_in(read_source(params), params)


@pytest.mark.shared
def test_every_row_of_the_29_lists_is_an_event_but_for_178_repeated_items(taken: Intake) -> None:
    counts = taken.events["event_type"].value_counts().to_dict()
    assert counts == {"contract_listed": 46_727 - 178, "renewal": 7_920, "contract": 6_547, "lapsed": 1_498}
    assert taken.quarantine.empty
    assert taken.events["occurred_at"].nunique() == len(PHILADELPHIA_CONTRACTS.files) == 29
    assert taken.counts["events_repeated"] == 0


@pytest.mark.shared
def test_vendors_of_the_lists(taken: Intake) -> None:
    assert len(taken.stakeholders) == 2_692
    assert (taken.stakeholders["earlier_relationships"] > 0).sum() == 204
    # The row that spills over in FY-2016-Q4, and a misprinted amount.
    assert taken.events["value"].notna().sum() == len(taken.events) - 1_498


@pytest.mark.shared
def test_everything_is_known_the_day_after_its_quarter(taken: Intake) -> None:
    late = taken.events["known_at"] - taken.events["occurred_at"]
    assert set(late) == {pd.Timedelta(days=1)}
    assert set(taken.events["known_at"].dt.strftime("%m-%d")) == {"01-01", "04-01", "07-01", "10-01"}
    assert taken.events["known_at"].max() < pd.Timestamp(preset(Path("x")).clock.as_of, tz="UTC")


def test_fiscal_years_begin_in_july() -> None:
    quarters = [str(pd.Period(ordinal=quarter_number(name), freq="Q")) for name in ("FY-2014-Q1", "FY-2020-Q4")]
    assert quarters == ["2013Q3", "2020Q2"]
    raw = adapted([row("1420001")])
    assert happened(raw, "contract_listed") == [["ACME", "2013-09-30", "contract_listed", 30.0]]


def test_the_first_list_tells_of_no_news_and_later_ones_of_new_contracts_and_renewals() -> None:
    raw = adapted(
        [row("1420001")],
        [row("1420001"), row("1420002", amount=" 5,000.00 ")],
        [row("1420001", "142000101", amount="200"), row("1420002", amount="6000")],
        [row("1420001", "142000101", amount="250"), row("1420002", "142000202", amount="300")],
    )
    assert sorted(happened(raw, "contract", "renewal")) == [
        ["ACME", "2013-12-31", "contract", 5000.0],
        ["ACME", "2014-03-31", "renewal", 200.0],
        ["ACME", "2014-06-30", "renewal", 300.0],
    ]


def test_a_renewal_number_that_does_not_rise_is_no_renewal() -> None:
    raw = adapted([row("1420001", "142000102")], [row("1420001", "142000101")], [row("1420001", "142000102")])
    assert happened(raw, "contract", "renewal") == []
    assert len(happened(raw, "contract_listed")) == 3


def test_items_listed_twice_count_once_with_the_longer_time_left() -> None:
    raw = adapted([row("1420001", days="10"), row("1420001", days="99")])
    assert happened(raw, "contract_listed") == [["ACME", "2013-09-30", "contract_listed", 99.0]]


@pytest.mark.parametrize(("silent", "relationships"), [(3, ["ACME"]), (4, ["ACME", "ACME (2)"])])
def test_four_lists_without_the_vendor_end_the_relationship(silent: int, relationships: list[str]) -> None:
    other = row("1420009", vendor="Other LLC")
    raw = adapted([row("1420001"), other], *[[other]] * silent, [row("1420005"), other])
    ours = raw.stakeholders[raw.stakeholders["stakeholder_id"] != "OTHER"]
    assert ours["stakeholder_id"].tolist() == relationships
    assert ours["earlier_relationships"].tolist() == list(range(len(relationships)))
    assert happened(raw, "lapsed") == ([["ACME", "2014-09-30", "lapsed", -1]] if silent == 4 else [])
    assert happened(raw, "contract")[0][:2] == [relationships[-1], "2014-12-31" if silent == 4 else "2014-09-30"]


def test_a_vendor_that_is_silent_at_the_end_has_not_lapsed_before_the_fourth_list() -> None:
    other = row("1420009", vendor="Other LLC")
    assert happened(adapted([row("1420001"), other], *[[other]] * 3), "lapsed") == []
    assert happened(adapted([row("1420001"), other], *[[other]] * 4), "lapsed") == [
        ["ACME", "2014-09-30", "lapsed", -1]
    ]


def test_names_are_one_whatever_their_case_punctuation_and_legal_form() -> None:
    spelt = pd.Series(["O'Neill & Co., Inc.", "ONEILL AND CO", "Oneill And Company, L.L.C.", "The Co", "Inc."])
    assert vendor_names(spelt).tolist() == ["ONEILL AND", "ONEILL AND", "ONEILL AND", "THE", "INC"]


def test_attributes_are_those_of_the_dearest_contract_on_the_first_list() -> None:
    dear = {**row("1420002", amount="900"), "contract_structure_type": "OESS", "department_name": "Fire"}
    later = {**row("1420003", amount="9000"), "contract_structure_type": "Later"}
    got = adapted([row("1420001"), dear], [later]).stakeholders.iloc[0]
    assert got[["first_type", "first_department", "kind"]].tolist() == ["OESS", "FIRE", "partner"]
    assert got["since"] == pd.Timestamp("2013-09-30", tz="UTC")


@pytest.mark.parametrize(
    ("text", "amount"), [(" 1,234.50 ", 1234.5), (" -   ", 0.0), ("(450,000.00)", -450_000.0), ("-5", -5.0)]
)
def test_amounts_are_read_in_all_their_spellings(text: str, amount: float) -> None:
    assert canonical_list(pd.DataFrame([row("1420001", amount=text)]), ORIGIN)["amount"].tolist() == [amount]


def test_blank_and_misprinted_amounts_are_unknown() -> None:
    rows = pd.DataFrame([row("1420001", amount=""), row("1420002", amount="0.00548726.77")])
    assert canonical_list(rows, ORIGIN)["amount"].isna().all()


def test_cells_one_column_too_far_are_put_back() -> None:
    good = row("1420001")
    cells = list(good.values())
    spilt = dict(zip([*good, ""], [*cells[:5], "", *cells[5:]], strict=True))
    both = canonical_list(pd.DataFrame([spilt, {**good, "": ""}]), ORIGIN)
    pd.testing.assert_series_equal(both.loc[0], both.loc[1], check_names=False)
    cut = {**good, "end_dt": "28", "days_remaining": "", "amt": ""}
    assert canonical_list(pd.DataFrame([cut]), ORIGIN)["days_left"].tolist() == [28.0]


def test_headings_of_all_years_line_ends_and_marks_are_read(tmp_path: Path) -> None:
    other = HEADER.replace("short_desc", "short desc").replace("amt", "contract_amount")
    line = "1420001,1420001,Law,Acme,Legal Services,advice,7/1/14,6/30/15,30,5,0,Acme"
    (tmp_path / "FY-2014-Q1.csv").write_bytes(f"{other}\r{line}\r".encode())
    (tmp_path / "FY-2014-Q2.csv").write_bytes(b"\xef\xbb\xbf" + f"{HEADER},exempt_status\r\n{line},01\r\n".encode())
    (tmp_path / "FY-2014-Q3.csv").write_bytes(f"{HEADER},\n{line},\n".encode())
    raw = read_source(preset(tmp_path))
    assert [event[1] for event in happened(raw, "contract_listed")] == ["2013-09-30", "2013-12-31", "2014-03-31"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{**row("1"), "fee": "1"}], r"list\.csv, column fee: expected one of original_contract_id.*add the heading"),
        ([{**row("1"), "contract_amount": "1"}], r"column contract_amount: .* or one twice"),
        ([{name: cell for name, cell in row("1").items() if name != "vendor"}], r"list\.csv: expected a column vendor"),
        ([row("1420001"), row("1420001", "1420002")], r"current_item_id, row 2: expected the contract's id, and two"),
        ([row("1420001", amount="many")], r"column amt, row 1: expected a number; got 'many'"),
        ([row("1420001", days="soon")], r"column days_remaining, row 1: expected a number"),
        ([row("1420001", vendor=" ")], r"column vendor, row 1: expected a value in every row; got ' '"),
        ([{**row("1420001"), "": "x"}], r"row 1: expected nothing beyond the last column; got 'x'"),
    ],
    ids=["unknown", "twice", "missing", "item", "amount", "days", "vendor", "spill"],
)
def test_other_lists_are_refused(rows: list[dict], message: str) -> None:
    with pytest.raises(InputError, match=message):
        adapted(rows)


def test_missing_lists_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected files FY-2013-Q4\.csv.*; got none"):
        read_source(preset(tmp_path))
    lists = {name: (pd.DataFrame([row("1420001")]), ORIGIN) for name in ("FY-2014-Q1", "FY-2014-Q3")}
    with pytest.raises(InputError, match="a list for every quarter; got FY-2014-Q3 right after FY-2014-Q1"):
        adapt_philadelphia_contracts(lists, tmp_path)
    with pytest.raises(InputError, match=r"expected a name such as FY-2013-Q4\.csv"):
        quarter_number("FY-2014-Q5")
