"""Quarterly lists of Philadelphia's professional services contracts, fiscal 2013 Q4 to 2020 Q4: vendors.

What the files leave open is settled here, in one place. A list shows the contracts in force during its quarter and is
taken as known on the day after the quarter's last; the city publishes somewhat later, but does not say when. All events
of a quarter happen on its last day:

- `contract_listed`: one per contract; its value is the days that were left, so the latest is the longest of them;
- `contract`: one that no earlier list shows in this relationship; its value is the amount. The first list shows what
  was there before, so none of its contracts is new;
- `renewal`: the renewal number, the two digits that an item's id has beyond its contract's, is higher than ever before
  in this relationship; its value is the amount;
- `lapsed`: four lists in a row without the vendor. A vendor that comes back later is a relationship of its own, named
  `VENDOR (2)`, for the first one had ended.

A vendor is its name: names differ between lists in case, punctuation and legal form, which are left out. Attributes are
those of the dearest contract on the first list that shows the vendor, and the number of earlier relationships. Payments
and the profit and exemption status are left out: later lists correct them, and early ones lack them.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ..contracts.cells import Origin, as_number, as_text, missing_column, refuse
from ..contracts.errors import InputError
from ..contracts.params import Params
from .dataset import Dataset, DatasetFile
from .files import read_table
from .raw import RawTables

_QUARTERS = [(year, quarter) for year in range(2013, 2021) for quarter in (1, 2, 3, 4)][3:]

PHILADELPHIA_CONTRACTS = Dataset(
    name="philadelphia_contracts",
    about="Philadelphia's professional services contracts: 29 quarterly lists, 46,727 rows, about 2,500 vendors",
    files=tuple(DatasetFile(f"FY-{year}-Q{quarter}.csv") for year, quarter in _QUARTERS),
    page="published by the City of Philadelphia as quarterly professional services contracts",
    licence="none stated by the publisher",
)

ALIASES = {"short desc": "short_desc", "contract_amount": "amt"}
USED = ("original_contract_id", "current_item_id", "department_name", "vendor", "contract_structure_type",
        "days_remaining", "amt")  # fmt: skip
UNUSED = ("short_desc", "start_dt", "end_dt", "tot_payments", "orig_vendor", "exempt_status", "adv_or_exempt",
          "profit_status")  # fmt: skip
SPILL = ""  # a header that ends in a comma names one more column so
LEGAL_FORMS = r"(?: (?:INC|INCORPORATED|LLC|LLP|LP|LTD|LIMITED|CORP|CORPORATION|CO|COMPANY|PC|L L C|L L P|L P|P C))+$"
MISPRINTED = ("0.00548726.77",)  # amounts that cannot be read; taken as unknown
FIX = "get the city's list again"
GRACE_QUARTERS = 4  # lists in a row without a vendor, after which it has lapsed
Lists = Mapping[str, tuple[pd.DataFrame, Origin]]


def read_philadelphia_contracts(params: Params) -> RawTables:
    """Read every `FY-<year>-Q<quarter>.csv` in the folder `source.path`.

    Raises:
        InputError: there is no such file, a quarter is missing between two others, or a file is not the city's.
    """
    folder = Path(params.source.path)
    paths = sorted(folder.glob("FY-*.csv"))
    if not paths:
        fix = f"put the lists there ({PHILADELPHIA_CONTRACTS.page}), or set `source.path` to their folder"
        raise InputError(str(folder), "files FY-2013-Q4.csv, FY-2014-Q1.csv, …", "none", fix)
    return adapt_philadelphia_contracts({path.stem: read_table([path], path) for path in paths}, folder)


def adapt_philadelphia_contracts(lists: Lists, folder: Path) -> RawTables:
    """Return the contract's tables; there are no decisions.

    Args:
        lists: by name (`FY-2013-Q4`), rows as text and where they came from; no quarter between them missing.
        folder: for messages.

    Raises:
        InputError: a name, header or cell is wrong, or a quarter is missing.
    """
    quarters = {quarter_number(name): name for name in lists}
    for before, after in zip(sorted(quarters)[:-1], sorted(quarters)[1:], strict=True):
        if after != before + 1:
            got = f"{quarters[after]} right after {quarters[before]}"
            fix = "add the lists between them; without them their vendors would seem to have left"
            raise InputError(str(folder), "a list for every quarter", got, fix)
    listed = pd.concat([canonical_list(*lists[quarters[each]]).assign(quarter=each) for each in sorted(quarters)])
    listed = with_relationships(listed.reset_index(drop=True))
    origins = dict.fromkeys(("stakeholders", "events"), Origin(str(folder)))
    return RawTables(_stakeholders(listed), _events(listed), None, origins)


def quarter_number(name: str) -> int:
    """Return a list's quarter, counted in calendar quarters since 1970; fiscal years begin in the July before.

    Raises:
        InputError: the name tells no quarter.

    >>> pd.Period(ordinal=quarter_number("FY-2013-Q4"), freq="Q")
    Period('2013Q2', 'Q-DEC')
    """
    found = re.fullmatch(r"FY-(\d{4})-Q([1-4])", name)
    if found is None:
        raise InputError(f"{name}.csv", "a name such as FY-2013-Q4.csv", repr(name), "rename the file, or remove it")
    return (int(found[1]) - 1970) * 4 + int(found[2]) - 3


def vendor_names(raw: pd.Series) -> pd.Series:
    """Return vendors' names in capitals, without punctuation and legal form.

    >>> vendor_names(pd.Series(["Wallace Roberts & Todd, LLC", "WALLACE ROBERTS AND TODD"])).tolist()
    ['WALLACE ROBERTS AND TODD', 'WALLACE ROBERTS AND TODD']
    """
    plain = raw.astype("str").str.upper().str.replace("&", " AND ").str.replace(r"['’.]", "", regex=True)
    plain = plain.str.replace(r"[^A-Z0-9]+", " ", regex=True).str.strip()
    short = plain.str.replace(LEGAL_FORMS, "", regex=True)
    return short.mask(short == "", plain)


def canonical_list(rows: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    """Return a list's rows: vendor, contract, type, department (text), renewal, amount (money), days_left.

    Args:
        rows: the list as text, under the headings of any of the years.
        origin: for messages.

    Raises:
        InputError: a heading is unknown or missing, or a cell is wrong.
    """
    rows = _realigned(_with_known_headings(rows, origin), origin)
    text = {name: as_text(rows[name]) for name in USED}
    for name in ("vendor", "original_contract_id", "current_item_id"):
        refuse(text[name].isna(), rows[name], origin, "a value in every row", FIX)
    ids = zip(text["current_item_id"], text["original_contract_id"], strict=True)
    digits = pd.Series([item.removeprefix(one) if item.startswith(one) else "?" for item, one in ids], dtype="str")
    good = digits.str.fullmatch(r"\d\d|")
    refuse(~good, rows["current_item_id"], origin, "the contract's id, and two digits more when renewed", FIX)
    return pd.DataFrame(
        {
            "vendor": vendor_names(text["vendor"]),
            "contract": text["original_contract_id"],
            "type": text["contract_structure_type"],
            "department": text["department_name"].str.upper(),
            "renewal": digits.where(digits != "", "0").astype("int64"),
            "amount": _amounts(text["amt"], origin),
            "days_left": as_number(text["days_remaining"], origin),
        }
    )


def with_relationships(listed: pd.DataFrame) -> pd.DataFrame:
    """Add stakeholder_id and `earlier_relationships` to rows of vendor and quarter."""
    seen = listed[["vendor", "quarter"]].drop_duplicates().sort_values(["vendor", "quarter"])
    again = seen.groupby("vendor")["quarter"].diff() > GRACE_QUARTERS
    seen["earlier_relationships"] = again.astype("int64").groupby(seen["vendor"]).cumsum()
    table = listed.merge(seen, on=["vendor", "quarter"], how="left")
    number = " (" + (table["earlier_relationships"] + 1).astype("str") + ")"
    return table.assign(stakeholder_id=table["vendor"] + number.where(table["earlier_relationships"] > 0, ""))


def _with_known_headings(rows: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    known = {*ALIASES, *USED, *UNUSED, SPILL}
    unknown = [name for name in rows.columns if name not in known or ALIASES.get(name) in rows.columns]
    if unknown:
        fix = "get the city's list again, or add the heading to the adapter's ALIASES or UNUSED"
        raise InputError(f"{origin.name}, column {unknown[0]}", f"one of {', '.join([*USED, *UNUSED, *ALIASES])}",
                         "a heading that no list had so far, or one twice", fix)  # fmt: skip
    rows = rows.rename(columns=ALIASES)
    missing = missing_column(rows.columns, (*USED, "short_desc", "end_dt"))
    if missing is not None:
        raise InputError(origin.name, f"a column {missing}", ", ".join(rows.columns), FIX)
    return rows


def _realigned(rows: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    """Put cells back that stand one column too far, which two lists have.

    A row that spills over into a nameless last column has a blank too many before its description; one without
    end date has its days remaining there, and nothing after them.
    """
    rows = rows.copy()
    if SPILL in rows:
        spilt = as_text(rows[SPILL]).notna()
        full = as_text(rows["short_desc"]).notna()
        refuse(spilt & full, rows[SPILL], origin, "nothing beyond the last column", FIX)
        late = list(rows.columns)[list(rows.columns).index("short_desc") :]
        rows.loc[spilt, late[:-1]] = rows.loc[spilt, late[1:]].to_numpy()
    days = as_text(rows["end_dt"])
    early = as_text(rows["days_remaining"]).isna() & days.str.fullmatch(r"\d+", na=False)
    rows.loc[early, "days_remaining"] = days[early]
    return rows


def _amounts(text: pd.Series, origin: Origin) -> pd.Series:
    """Return amounts as numbers: `-` is nothing, parentheses are a minus, a blank is unknown."""
    plain = text.mask(text.isin(list(MISPRINTED))).str.replace(",", "")
    plain = plain.mask(plain == "-", "0").str.replace(r"^\((.*)\)$", r"-\1", regex=True)
    return as_number(plain, origin)


def _stakeholders(listed: pd.DataFrame) -> pd.DataFrame:
    keys = ["stakeholder_id", "quarter", "amount", "type", "department"]
    first = listed.sort_values(keys, ascending=[True, True, False, True, True]).drop_duplicates("stakeholder_id")
    return pd.DataFrame(
        {
            "stakeholder_id": first["stakeholder_id"],
            "kind": "partner",
            "since": _last_day(first["quarter"]),
            "first_type": first["type"],
            "first_department": first["department"],
            "earlier_relationships": first["earlier_relationships"],
        }
    ).reset_index(drop=True)


def _events(listed: pd.DataFrame) -> pd.DataFrame:
    item = ["stakeholder_id", "contract", "renewal", "quarter"]
    shown = listed.groupby(item, as_index=False)[["days_left", "amount"]].max()
    parts = [shown.assign(event_type="contract_listed", value=shown["days_left"]), _news(shown), _lapses(listed)]
    columns = [*item, "event_type", "value"]
    events = pd.concat([part.reindex(columns=columns) for part in parts], ignore_index=True)
    about = events["contract"].fillna("") + "-" + events["renewal"].astype("Int64").astype("str").fillna("")
    ids = events["event_type"] + "-" + events["quarter"].astype("str") + "-" + about + "-" + events["stakeholder_id"]
    at = _last_day(events["quarter"])
    return events.assign(event_id=ids, occurred_at=at, known_at=at + pd.Timedelta(days=1)).drop(columns=item[1:])


def _news(shown: pd.DataFrame) -> pd.DataFrame:
    """Return contracts and renewals that no earlier list shows; the first list tells of no news."""
    pair = ["stakeholder_id", "contract"]
    items = shown.sort_values([*pair, "quarter", "renewal"]).reset_index(drop=True)
    before = items.groupby(pair)["renewal"].cummax().groupby([items[name] for name in pair]).shift()
    kinds = pd.Series("contract", index=items.index).mask(before.notna(), "renewal")
    new = (before.isna() | (items["renewal"] > before)) & (items["quarter"] > shown["quarter"].min())
    news: pd.DataFrame = items.assign(event_type=kinds, value=items["amount"]).loc[new]
    return news


def _lapses(listed: pd.DataFrame) -> pd.DataFrame:
    last = listed.groupby("stakeholder_id", as_index=False)["quarter"].max()
    last["quarter"] += GRACE_QUARTERS
    over: pd.DataFrame = last.assign(event_type="lapsed").loc[last["quarter"] <= listed["quarter"].max()]
    return over


def _last_day(quarter: pd.Series) -> pd.Series:
    months = ((quarter.to_numpy() + 1) * 3).astype("datetime64[M]")  # since 1970
    first_after = pd.Series(months.astype("datetime64[us]"), index=quarter.index)
    return first_after.dt.tz_localize("UTC") - pd.Timedelta(days=1)
