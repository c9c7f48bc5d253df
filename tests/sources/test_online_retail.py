"""The adapter of the gift shop's invoices: published counts, each line dropped for one reason, no news of later."""

from pathlib import Path

import pandas as pd
import pytest

from projects import preset_params
from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError
from rapport.contracts.params import Params
from rapport.sources.adapters import read_source
from rapport.sources.files import read_table
from rapport.sources.intake import Intake, take_in
from rapport.sources.online_retail import ONLINE_RETAIL, adapt_online_retail, canonical_lines, counted_lines

COLUMNS = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
FIRST = pd.DataFrame(
    [
        ["489434", "85048", "LIGHTS", "12", "2009-12-01 07:45:00", "6.95", "13085", "United Kingdom"],
        ["489434", "85048", "LIGHTS", "12", "2009-12-01 07:45:00", "6.95", "13085", "United Kingdom"],  # repeated
        ["489434", "22041", "FRAME", "4", "2009-12-01 07:46:00", "2.10", "13085", "United Kingdom"],
        ["489434", "POST", "POSTAGE", "1", "2009-12-01 07:45:00", "18.00", "13085", "United Kingdom"],  # no product
        ["489435", "22350", "CAT BOWL", "12", "2009-12-02 09:00:00", "2.55", None, "United Kingdom"],  # nobody's
        ["C489449", "22087", "BUNTING", "-3", "2010-01-05 10:33:00", "2.95", "16321", "Australia"],
        ["489500", "22087", "BUNTING", "1", "2010-02-01 10:00:00", "0.00", "16321", "Australia"],  # free
        ["489501", "m", "Manual", "1", "2010-02-01 11:00:00", "9.00", "17000", "Eire"],  # no product, so nobody is left
        ["536365", "71053", "LANTERN", "6", "2010-12-01 08:26:00", "3.39", "16321", "Norway"],  # in both years
    ],
    columns=COLUMNS,
)
SECOND = pd.DataFrame(
    {
        "InvoiceNo": ["536365", "536365"],
        "StockCode": ["71053", "84029E"],
        "Description": ["LANTERN", "HEART"],
        "Quantity": [6, 2],
        "InvoiceDate": pd.to_datetime(["2010-12-01 08:26:00"] * 2),
        "UnitPrice": [3.39, 0.10],
        "CustomerID": [16321.0, 16321.0],
        "Country": ["Norway", "Norway"],
    }
)
YEARS = [(FIRST, Origin("first.csv")), (SECOND, Origin("second.parquet"))]
SPELT = {"invoice": "Invoice", "code": "StockCode", "description": "Description", "quantity": "Quantity",
          "at": "InvoiceDate", "price": "Price", "customer": "Customer ID", "country": "Country"}  # fmt: skip
PAST = pd.Timestamp("2011-03-15", tz="UTC")


def preset(folder: Path) -> Params:
    return preset_params("online_retail", folder)


@pytest.fixture(scope="module")
def years(datasets: Path) -> list[pd.DataFrame]:
    paths = [datasets / "online_retail" / file.name for file in ONLINE_RETAIL.files if file.instead_of is None]
    return [canonical_lines(*read_table([path], path)) for path in paths]


@pytest.fixture(scope="module")
def taken(datasets: Path) -> Intake:
    params = preset(datasets / "online_retail")
    return take_in(read_source(params), params)


@pytest.mark.shared
def test_lines_and_customers_are_the_published_ones(years: list[pd.DataFrame]) -> None:
    assert [len(year) for year in years] == [525_461, 541_909]
    assert [year["customer"].nunique() for year in years] == [4_383, 4_372]
    assert pd.concat(years)["customer"].nunique() == 5_942


@pytest.mark.shared
def test_the_second_years_sales_are_the_published_ones(years: list[pd.DataFrame]) -> None:
    second = years[1]
    sales = second[second["customer"].notna() & ~second["invoice"].str.startswith("C") & (second["price"] > 0)]
    assert (len(sales), sales["customer"].nunique(), sales["invoice"].nunique()) == (397_884, 4_338, 18_532)
    once = sales.drop_duplicates()
    assert len(once) == 392_692
    assert (once["quantity"] * once["price"]).sum() == pytest.approx(8_887_208.89, abs=0.01)


@pytest.mark.shared
def test_every_line_is_kept_or_counted_once(years: list[pd.DataFrame]) -> None:
    lines, counts = counted_lines(years)
    assert counts == {
        "read": 525_461 + 541_909, "repeated": 6_865 + 5_268, "shared": 22_095, "without_customer": 235_258,
        "no_product": 3_640, "unpriced": 61, "kept": 794_183,
    }  # fmt: skip
    assert len(lines) == counts["kept"] == counts["read"] - sum(list(counts.values())[1:-1])


@pytest.mark.shared
def test_the_days_that_both_years_hold_are_the_same_in_every_customers_line(years: list[pd.DataFrame]) -> None:
    first, second = years
    ends, begins = first[first["at"] >= second["at"].min()], second[second["at"] <= first["at"].max()]
    assert len(ends) == len(begins) == 22_523
    ends, begins = (days[days["customer"].notna()] for days in (ends, begins))
    assert len(ends) == len(begins) == 14_803
    order = list(first.columns)
    pd.testing.assert_frame_equal(
        ends.sort_values(order, ignore_index=True), begins.sort_values(order, ignore_index=True)
    )


@pytest.mark.shared
def test_invoices_become_events_once(taken: Intake) -> None:
    assert taken.events["event_type"].value_counts().to_dict() == {"purchase": 36_594, "cancellation": 7_283}
    assert len(taken.stakeholders) == 5_875
    assert taken.events["event_id"].is_unique
    assert (taken.events["value"] > 0).all()
    assert taken.quarantine.empty
    assert taken.decisions.empty


@pytest.mark.shared
def test_the_order_of_74215_pieces_was_cancelled_within_the_hour(taken: Intake) -> None:
    customer = taken.events[taken.events["stakeholder_id"] == "12346"].tail(2)
    assert customer["event_type"].tolist() == ["purchase", "cancellation"]
    assert customer["value"].tolist() == [77_183.60, 77_183.60]
    assert customer["occurred_at"].diff().iloc[1] == pd.Timedelta(minutes=16)


@pytest.mark.shared
def test_later_lines_change_nothing_about_earlier_customers(years: list[pd.DataFrame], taken: Intake) -> None:
    past = [(year[year["at"] < PAST].rename(columns=SPELT), Origin("past")) for year in years]
    then = adapt_online_retail(past, Path("past")).stakeholders.set_index("stakeholder_id")
    now = taken.stakeholders.set_index("stakeholder_id")
    now = now[now["since"] < PAST]
    assert now.index.tolist() == sorted(then.index)
    assert (then.loc[now.index, ["since", "country"]] == now[["since", "country"]]).all(axis=None)
    whole = pd.concat(years).dropna(subset="customer")
    assert (whole.groupby("customer")["country"].nunique() > 1).sum() == 13


def test_lines_become_one_event_per_invoice() -> None:
    raw = adapt_online_retail(YEARS, Path("shop"))
    told = raw.events.sort_values("occurred_at")[["event_id", "occurred_at", "event_type", "value"]]
    assert told.to_numpy().tolist() == [
        ["489434-13085", pd.Timestamp("2009-12-01 07:45", tz="UTC"), "purchase", 91.8],  # 12 × 6.95 + 4 × 2.10
        ["C489449-16321", pd.Timestamp("2010-01-05 10:33", tz="UTC"), "cancellation", 8.85],
        ["536365-16321", pd.Timestamp("2010-12-01 08:26", tz="UTC"), "purchase", 20.54],  # 6 × 3.39 + 2 × 0.10
    ]
    assert raw.decisions is None


def test_customers_begin_with_their_first_event_and_keep_its_country() -> None:
    customers = adapt_online_retail(YEARS, Path("shop")).stakeholders
    assert customers.to_numpy().tolist() == [
        ["13085", "customer", pd.Timestamp("2009-12-01 07:45", tz="UTC"), "United Kingdom"],
        ["16321", "customer", pd.Timestamp("2010-01-05 10:33", tz="UTC"), "Australia"],  # Norway came later
    ]


def test_dropped_lines_are_counted_by_reason() -> None:
    lines, counts = counted_lines([canonical_lines(rows, origin) for rows, origin in YEARS])
    assert counts == {
        "read": 11, "repeated": 1, "shared": 1, "without_customer": 1, "no_product": 2, "unpriced": 1, "kept": 5,
    }  # fmt: skip
    assert len(lines) == 5


def test_text_and_typed_lines_are_the_same() -> None:
    texts = pd.DataFrame({name: column.astype("str") for name, column in SECOND.items()})
    pd.testing.assert_frame_equal(canonical_lines(texts, Origin("a")), canonical_lines(SECOND, Origin("b")))


def test_years_saved_as_csv_are_read(tmp_path: Path) -> None:
    for rows, file in zip((FIRST, SECOND), ONLINE_RETAIL.files[1::2], strict=True):
        rows.to_csv(tmp_path / file.name, index=False)
    pd.testing.assert_frame_equal(read_source(preset(tmp_path)).events, adapt_online_retail(YEARS, Path("shop")).events)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Quantity": "a dozen"}, r"first\.csv, column Quantity, row 1: expected a number; got 'a dozen'"),
        ({"InvoiceDate": "1.12.2009"}, r"first\.csv, column InvoiceDate, row 1: expected an ISO 8601 date"),
        ({"Invoice": None}, r"first\.csv, column Invoice, row 1: expected a value in every line; got a blank cell"),
        ({"Price": ""}, r"first\.csv, column Price, row 1: expected a value in every line; got ''"),
    ],
    ids=["quantity", "date", "invoice", "price"],
)
def test_wrong_cells_are_refused(change: dict[str, str | None], message: str) -> None:
    with pytest.raises(InputError, match=message):
        canonical_lines(FIRST.assign(**change), Origin("first.csv"))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"first\.csv: expected a column Price; got Invoice, StockCode"):
        canonical_lines(FIRST.drop(columns="Price"), Origin("first.csv"))
    with pytest.raises(InputError, match=r"2009_2010\.parquet: expected a year of invoices; got no such file.*as CSV"):
        read_source(preset(tmp_path))


def test_the_presets_snapshots_have_a_year_before_them_and_their_whole_outcome() -> None:
    params = preset(Path("x"))
    last_invoice, first_invoice = pd.Timestamp("2011-12-09 12:50"), pd.Timestamp("2009-12-01 07:45")
    as_of, horizon = pd.Timestamp(params.clock.as_of), pd.Timedelta(days=params.clock.horizon_days)
    assert pd.Timedelta(0) < as_of - last_invoice < pd.Timedelta(days=1)
    assert params.features.snapshot_every_days >= params.clock.horizon_days
    first = as_of - horizon - pd.Timedelta(days=params.features.snapshot_every_days * (params.features.snapshots - 1))
    assert first - pd.Timedelta(days=max(params.features.windows_days)) > first_invoice
