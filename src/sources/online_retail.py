"""Two years of invoices of a British online gift shop (UCI Online Retail I and II, 2009–2011), many to wholesalers.

What the files leave open is settled here, in one place. They overlap: the first nine days of the second year end the
first as well. A line that repeats another in all its cells is dropped, within a year as across the two. An invoice
line counts when it names a customer and a product at a price: postage, carriage, bank charges, discounts, manual
corrections, test articles and free items are no sign of a relationship and no revenue of the catalogue.

What is left of an invoice is one event: a `purchase`, or a `cancellation` when the number of the invoice starts with C
(a credit note; its value is the positive amount). Credit notes do not say which purchase they undo, so purchases keep
their full value. `since` is a customer's first event; for those who were customers before the files begin, that is
later than the truth. `country` is the one of the first event: 13 customers have a second one, which is no news of the
past. Times carry no zone and are taken as UTC, which is off by one hour in summer.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..contracts.cells import Origin, as_number, as_text, as_time, missing_column, per_distinct, refuse
from ..contracts.errors import InputError
from ..contracts.ids import normalise_ids
from ..contracts.params import Params
from .dataset import Dataset, DatasetFile
from .files import read_table
from .raw import RawTables

ONLINE_RETAIL = Dataset(
    name="online_retail",
    about="UCI Online Retail I and II: two years of invoices of a British online gift shop, 5,942 customers",
    files=(
        DatasetFile("online_retail_II_2009_2010.parquet"),
        DatasetFile("online_retail_II_2009_2010.csv", instead_of="online_retail_II_2009_2010.parquet"),
        DatasetFile("online_retail_2010_2011_full.parquet"),
        DatasetFile("online_retail_2010_2011_full.csv", instead_of="online_retail_2010_2011_full.parquet"),
    ),
    page="https://archive.ics.uci.edu/dataset/502/online+retail+ii; save each sheet of the workbook as CSV",
    licence="CC BY 4.0",
)

# As the second edition spells the columns, and the first.
COLUMNS = {
    "invoice": ("Invoice", "InvoiceNo"),
    "code": ("StockCode",),
    "description": ("Description",),
    "quantity": ("Quantity",),
    "at": ("InvoiceDate",),
    "price": ("Price", "UnitPrice"),
    "customer": ("Customer ID", "CustomerID"),
    "country": ("Country",),
}
NO_PRODUCTS = ("ADJUST", "ADJUST2", "AMAZONFEE", "B", "BANK CHARGES", "C2", "C3", "CRUK", "D", "DOT", "M", "POST", "S",
               "TEST001", "TEST002")  # fmt: skip
CANCELLED = "C"  # first letter of a credit note's number


def read_online_retail(params: Params) -> RawTables:
    """Read both years in the folder `source.path`.

    Raises:
        InputError: a year's file is missing, or holds other than invoice lines.
    """
    folder = Path(params.source.path)
    years = []
    for file in ONLINE_RETAIL.files:
        if file.instead_of is not None:
            continue
        path = folder / file.name
        if not path.is_file():
            path = path.with_suffix(".csv")
        if not path.is_file():
            fix = f"put {ONLINE_RETAIL.needed} there ({ONLINE_RETAIL.page}), or set `source.path` to their folder"
            raise InputError(str(folder / file.name), "a year of invoices", "no such file", fix)
        years.append(read_table([path], path))
    return adapt_online_retail(years, folder)


def adapt_online_retail(years: Sequence[tuple[pd.DataFrame, Origin]], folder: Path) -> RawTables:
    """Return the contract's tables; there are no decisions.

    Args:
        years: invoice lines, text or typed, and where they came from; the years may overlap.
        folder: for messages.

    Raises:
        InputError: a column is missing or a cell is wrong.
    """
    lines, counts = counted_lines([canonical_lines(rows, origin) for rows, origin in years])
    origins = dict.fromkeys(("stakeholders", "events"), Origin(str(folder)))
    named = {f"lines_{name}": count for name, count in counts.items()}
    return RawTables(_stakeholders(lines), _events(lines), None, origins, named)


def canonical_lines(rows: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    """Return a year's lines with the column names of `COLUMNS`: text, numbers and times.

    Args:
        rows: one row per invoice line, text or typed.
        origin: for messages.

    Raises:
        InputError: a column is missing, or an invoice number, quantity, price or date is blank or wrong.
    """
    named = {name: next((each for each in spelt if each in rows), spelt[0]) for name, spelt in COLUMNS.items()}
    missing = missing_column(rows.columns, named.values())
    if missing is not None:
        listed = ", ".join(map(str, rows.columns))
        raise InputError(origin.name, f"a column {missing}", listed, "export the workbook's sheet again")
    raw = {name: rows[spelt] for name, spelt in named.items()}
    lines = pd.DataFrame({name: per_distinct(raw[name], as_text) for name in ("code", "description", "country")})
    lines["invoice"] = per_distinct(raw["invoice"], normalise_ids)
    lines["customer"] = per_distinct(raw["customer"], normalise_ids)
    lines["at"] = as_time(raw["at"], origin)
    lines["quantity"], lines["price"] = as_number(raw["quantity"], origin), as_number(raw["price"], origin)
    for name in ("invoice", "at", "quantity", "price"):
        refuse(lines[name].isna(), raw[name], origin, "a value in every line", "export the workbook's sheet again")
    return lines


def counted_lines(years: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the lines that count, and how many there were and why the others do not; each is counted once.

    Args:
        years: as `canonical_lines` returns them.

    Returns:
        lines with `amount` (quantity × price); counts: read, repeated (within a year), shared (by two years),
        without_customer, no_product, unpriced, kept.
    """
    once = [year[~year.duplicated()] for year in years]
    together = pd.concat(once, ignore_index=True)
    counts = {
        "read": sum(len(year) for year in years),
        "repeated": sum(len(year) - len(each) for year, each in zip(years, once, strict=True)),
    }
    reasons = {
        "shared": together.duplicated(),
        "without_customer": together["customer"].isna(),
        "no_product": together["code"].str.upper().isin(NO_PRODUCTS),
        "unpriced": together["price"] <= 0,
    }
    kept = pd.Series(True, index=together.index)
    for reason, applies in reasons.items():
        counts[reason] = int((kept & applies).sum())
        kept &= ~applies
    counts["kept"] = int(kept.sum())
    lines = together[kept].reset_index(drop=True)
    return lines.assign(amount=lines["quantity"] * lines["price"]), counts


def _events(lines: pd.DataFrame) -> pd.DataFrame:
    """Return one event per invoice and customer at its first line's time, its value in whole pence."""
    grouped = lines.groupby(["invoice", "customer"], as_index=False)
    invoices = grouped.agg(occurred_at=("at", "min"), value=("amount", "sum"))
    cancelled = invoices["invoice"].str.upper().str.startswith(CANCELLED)
    return pd.DataFrame(
        {
            "event_id": invoices["invoice"] + "-" + invoices["customer"],
            "stakeholder_id": invoices["customer"],
            "occurred_at": invoices["occurred_at"],
            "event_type": np.where(cancelled, "cancellation", "purchase"),
            "value": invoices["value"].where(~cancelled, -invoices["value"]).round(2),
        }
    )


def _stakeholders(lines: pd.DataFrame) -> pd.DataFrame:
    """Return one row per customer; the first line's time is the first event's."""
    first = lines.sort_values(["customer", "at", "invoice", "code"], kind="stable").drop_duplicates("customer")
    return pd.DataFrame(
        {
            "stakeholder_id": first["customer"],
            "kind": "customer",
            "since": first["at"],
            "country": first["country"],
        }
    ).reset_index(drop=True)
