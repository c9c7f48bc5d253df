"""Commitments of five public pension funds to private-market managers, vintages 1981 to 2025: investors.

What the file leaves open is settled here, in one place. A stakeholder is a pension fund together with a manager, as
the file names it: the investor as that manager knows it. Its events are `commitment`, and `peer_commitment` when
another of the five commits to the manager, for then the manager is raising a fund; values are millions of dollars.

A commitment is dated by its fund's vintage year alone: it happens, and is known, on the last day of that year, or on
the date of the report that shows it when that comes first. Without a vintage year the fund had not begun by then, and
the report's date is the commitment's.

One pension fund reports in two years and so lists most funds twice, with another exchange rate or a mark at the name's
end: such lines become the same event, with the amount of the earlier report, and all but one are dropped as repeats.

The reports list what is held at their date, so most commitments whose funds were wound up before are missing, and with
them investors who left long ago: churn of early years is not to be trusted. Attributes are those of the first
commitment. Paid-in capital, distributions, remaining value, IRR and multiples are as of the report, decades after many
a commitment, and are left out, as is `fund_summary.csv`, which counts investors and returns at the end.
"""

from pathlib import Path

import pandas as pd

from ..contracts.cells import Origin, as_number, as_text, as_time, missing_column, refuse
from ..contracts.errors import InputError
from ..contracts.params import Params
from .dataset import Dataset, DatasetFile
from .files import read_table
from .raw import RawTables

PENSION_LP_COMMITMENTS = Dataset(
    name="pension_lp_commitments",
    about="commitments of five US public pension funds to private-market managers, 2,489 lines, 948 pairs",
    files=(DatasetFile("commitments.csv"),),
    page="compiled from the public reports of CalPERS, CalSTRS, NY Common, Oregon and WSIB; every row names its report",
    licence="none stated by the publisher",
)

COLUMNS = ("pension_fund_name", "general_partner", "fund_name", "asset_class", "sub_strategy", "vintage_year",
           "commitment_mm", "as_of_date")  # fmt: skip
FIX = "get the original file"


def read_pension_lp_commitments(params: Params) -> RawTables:
    """Read `commitments.csv` in the folder `source.path`.

    Raises:
        InputError: the file is missing, or is not what it should be.
    """
    path = Path(params.source.path) / PENSION_LP_COMMITMENTS.files[0].name
    if not path.is_file():
        fix = f"put it there ({PENSION_LP_COMMITMENTS.page}), or set `source.path` to the folder that holds it"
        raise InputError(str(path), "the commitments", "no file", fix)
    return adapt_pension_lp_commitments(*read_table([path], path))


def adapt_pension_lp_commitments(rows: pd.DataFrame, origin: Origin) -> RawTables:
    """Return the contract's tables; there are no decisions.

    Args:
        rows: the file as text.
        origin: for messages.

    Raises:
        InputError: a column is missing, or a cell wrong.
    """
    missing = missing_column(rows.columns, COLUMNS)
    if missing is not None:
        raise InputError(origin.name, f"a column {missing}", ", ".join(map(str, rows.columns)), FIX)
    lines = one_line_per_fund(_canonical(rows, origin))
    origins = dict.fromkeys(("stakeholders", "events"), origin)
    return RawTables(_stakeholders(lines), _events(lines), None, origins)


def one_line_per_fund(lines: pd.DataFrame) -> pd.DataFrame:
    """Give every line of a pension fund's commitment to one fund the content of its earliest report.

    Args:
        lines: as `_canonical` returns them.

    Returns:
        the same rows in the same order; those that repeat a commitment are equal.
    """
    keys = ["investor", "fund"]
    earliest = lines.sort_values([*keys, "reported", "million"]).drop_duplicates(keys)
    return lines[keys].merge(earliest, on=keys, how="left")


def fund_names(raw: pd.Series) -> pd.Series:
    """Return names of funds without the marks of footnotes and `LP` at their end.

    >>> fund_names(pd.Series(["TPG Partners V, LP*", "TPG Partners V"])).tolist()
    ['TPG Partners V', 'TPG Partners V']
    """
    return as_text(raw).str.replace(r"\*+$", "", regex=True).str.replace(r",? L\.?P\.?$", "", regex=True).str.strip()


def _canonical(rows: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    """Return investor, manager, fund, asset_class, sub_strategy, million, reported and at, one row per line."""
    text = {name: as_text(rows[name]) for name in COLUMNS}
    for name in ("pension_fund_name", "general_partner", "fund_name", "commitment_mm", "as_of_date"):
        refuse(text[name].isna(), rows[name], origin, "a value in every row", FIX)
    year = text["vintage_year"]
    refuse(year.notna() & ~year.str.fullmatch(r"(?:19|20)\d\d", na=False), rows["vintage_year"], origin,
           "a year such as 2007, or a blank", FIX)  # fmt: skip
    million = as_number(rows["commitment_mm"], origin)
    refuse(million <= 0, rows["commitment_mm"], origin, "millions above 0", FIX)
    reported = as_time(rows["as_of_date"], origin)
    ended = as_time(year + "-12-31", origin)
    return pd.DataFrame(
        {
            "investor": text["pension_fund_name"],
            "manager": text["general_partner"],
            "fund": fund_names(rows["fund_name"]),
            "asset_class": text["asset_class"],
            "sub_strategy": text["sub_strategy"],
            "million": million,
            "reported": reported,
            "at": ended.where(ended < reported, reported),
        }
    )


def _pair(lines: pd.DataFrame) -> pd.Series:
    return lines["investor"] + " / " + lines["manager"]


def _stakeholders(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs; where the first year has several commitments, the largest one's attributes count."""
    keys = ["investor", "manager", "at", "million", "fund"]
    first = lines.sort_values(keys, ascending=[True, True, True, False, True])
    first = first.drop_duplicates(["investor", "manager"]).reset_index(drop=True)
    return pd.DataFrame(
        {
            "stakeholder_id": _pair(first),
            "kind": "investor",
            "since": first["at"],
            "investor": first["investor"],
            "first_asset_class": first["asset_class"],
            "first_sub_strategy": first["sub_strategy"],
        }
    )


def _events(lines: pd.DataFrame) -> pd.DataFrame:
    own = lines.assign(by=lines["investor"], event_type="commitment")
    once = lines.drop_duplicates(["investor", "fund"])[["investor", "manager", "fund", "million", "at"]]
    pairs = once[["investor", "manager"]].drop_duplicates()
    others = pairs.merge(once.rename(columns={"investor": "by"}), on="manager")
    others = others[others["by"] != others["investor"]].assign(event_type="peer_commitment")
    events = pd.concat([own, others], ignore_index=True)
    return pd.DataFrame(
        {
            "event_id": events["event_type"] + "-" + _pair(events) + "-" + events["by"] + "-" + events["fund"],
            "stakeholder_id": _pair(events),
            "occurred_at": events["at"],
            "known_at": events["at"],
            "event_type": events["event_type"],
            "value": events["million"],
        }
    )
