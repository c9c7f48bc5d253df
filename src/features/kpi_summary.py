"""Relationship KPIs of groups: what each one is, and its value with interval per instant, kind and segment."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from ..contracts.params import Params
from .history import AMOUNT_UNITS, slug
from .kpi_counts import Survey
from .kpi_rates import Rate, mean_of, net_promoter_score, share_of, share_of_answers
from .kpis import Measured

YEAR_DAYS = 365


@dataclass(frozen=True)
class Kpi:
    """What a KPI is.

    Attributes:
        name: in the tables.
        label: for people.
        unit: share, score, money, 1/money, index.
        meaning: definition in a sentence or two.
        n: what `n` counts.
    """

    name: str
    label: str
    unit: str
    meaning: str
    n: str

    def as_dict(self) -> dict[str, str]:
        """Return the definition as plain fields."""
        return asdict(self)


def definitions(params: Params) -> list[Kpi]:
    """Return every KPI of these params, in the order of the tables."""
    kpis, days, ahead = params.kpis, params.kpis.window_days, params.clock.horizon_days
    silence = params.outcome.churn.inactive_days
    stays = "is not known to have left"
    if silence is not None:
        stays = f"showed a sign of life in the last {silence} days"
    there, buyers = "relationships that last", f"who bought in the last {YEAR_DAYS} days"
    surveys = " and ".join(kpis.surveys) or "no survey named"
    found = [
        Kpi("engagement", "engagement", "share", f"share of the last {kpis.periods} periods of {kpis.period_days} days "
            f"with activity ({', '.join(kpis.engagement) or 'any event but contacts, surveys and leaving'})", there),
        Kpi("satisfaction", "satisfaction", "share", f"latest answers of the last {YEAR_DAYS} days ({surveys}), each "
            "scaled to 0 … 1 and averaged over surveys; missing for those who gave none", f"{there}, with an answer"),
        Kpi("loyalty", "loyalty", "share", "share with activity of the last four quarters that the relationship has, "
            "times tenure ÷ (tenure + 1 year)", there),
        Kpi("cost", "cost of the relationship", "money", f"contacts received, events that cost money and the base "
            f"cost, in the last {days} days", there),
        Kpi("relationship_value", "relationship value", "1/money", "engagement × satisfaction × loyalty ÷ cost; who "
            "gave no answer stands with the mean satisfaction of the same kind and segment", there),
        Kpi("relationship_index", "relationship value, index", "index", "the same as a percentage of its mean over "
            "everyone at as_of", there),
        Kpi("retention_rate", "retention rate", "share", f"of those there {ahead} days before, the share that {stays}",
            f"there {ahead} days before"),
        Kpi("churn_rate", "churn rate", "share", "1 − retention rate", f"there {ahead} days before"),
        Kpi("repeat_purchase_rate", "repeat-purchase rate", "share", f"of those {buyers}, the share that bought on two "
            f"days or more of them ({_credited(params)})", buyers),
        Kpi("lifetime_value", "customer lifetime value", "money", f"margin to expect in the next {kpis.lifetime_days} "
            f"days (BG/NBD, gamma-gamma), discounted by {kpis.yearly_discount:.0%} a year",
            f"{there}, with a purchase"),
    ]  # fmt: skip
    return found + [_survey_kpi(name, low, high, days) for name, (low, high) in kpis.surveys.items()]


def summarise(measured: Measured, params: Params) -> pd.DataFrame:
    """Return every KPI of every group at every instant.

    Returns:
        as_of, kind (null: all kinds), segment (null: all segments), kpi, value, se, low, high (95 % interval), n; by
        as_of, everyone first, then kinds, then segments of kinds, in alphabetical order.
    """
    rates = _estimators(params)
    found = [
        {"as_of": as_of, "kind": kind, "segment": segment, "kpi": name, **asdict(rate(rows))}
        for as_of, mine in measured.rows.groupby("as_of")
        for kind, segment, rows in _groups(mine)
        for name, rate in rates.items()
    ]
    columns = ["as_of", "kind", "segment", "kpi", *Rate.__dataclass_fields__]
    table = pd.DataFrame(found, columns=columns)
    texts = dict.fromkeys(("kind", "segment", "kpi"), "str")
    numbers = dict.fromkeys(("value", "se", "low", "high"), "float64")
    return table.astype({"as_of": measured.rows["as_of"].dtype, **texts, **numbers, "n": "int64"})


def _estimators(params: Params) -> dict[str, Callable[[pd.DataFrame], Rate]]:
    """Return what computes each KPI from the rows of a group at an instant, in the order of `definitions`."""

    def mean(column: str) -> Callable[[pd.DataFrame], Rate]:
        return lambda rows: mean_of(rows.loc[rows["present"], column].to_numpy())

    def survey(name: str, promoters: bool) -> Callable[[pd.DataFrame], Rate]:
        return lambda rows: _survey_rate(rows[rows["present"]], name, promoters)

    means = ("engagement", "satisfaction", "loyalty", "cost", "relationship_value", "relationship_index")
    found = {name: mean(name) for name in means}
    found["retention_rate"] = lambda rows: share_of(rows["retained"].dropna().to_numpy())
    found["churn_rate"] = lambda rows: share_of(1 - rows["retained"].dropna().to_numpy())
    found["repeat_purchase_rate"] = _repeat_purchases
    found["lifetime_value"] = mean("lifetime_value")
    for name, scale in params.kpis.surveys.items():
        promoters = Survey(0, *scale).promoters
        found[_survey_name(name, promoters)] = survey(slug(name), promoters)
    return found


def _groups(rows: pd.DataFrame) -> Iterator[tuple[str | None, str | None, pd.DataFrame]]:
    yield None, None, rows
    for kind, mine in rows.groupby("kind"):
        yield str(kind), None, mine
        for segment, part in mine.groupby("segment"):
            yield str(kind), str(segment), part


def _repeat_purchases(rows: pd.DataFrame) -> Rate:
    days = rows["purchases_year"].to_numpy()
    return share_of((days[days >= 1] >= 2).astype(np.float64))


def _survey_rate(rows: pd.DataFrame, name: str, promoters: bool) -> Rate:
    if promoters:
        return net_promoter_score(rows[f"latest_{name}"].dropna().to_numpy() / AMOUNT_UNITS)
    asked = rows[rows[f"answers_{name}"] > 0]
    return share_of_answers(asked[f"top_{name}"].to_numpy(), asked[f"answers_{name}"].to_numpy())


def _survey_name(name: str, promoters: bool) -> str:
    measure = "nps" if promoters else "csat"
    return measure if slug(name) == measure else f"{measure}_{slug(name)}"


def _survey_kpi(name: str, low: float, high: float, days: int) -> Kpi:
    promoters = Survey(0, low, high).promoters
    label = ("NPS" if promoters else "CSAT") + ("" if _survey_name(name, promoters) == slug(name) else f", {name}")
    if promoters:
        meaning = f"share that answered 9 or 10 minus share of 0 to 6, latest answers to {name} in {days} days, × 100"
        return Kpi(_survey_name(name, promoters), label, "score", meaning, f"who answered in the last {days} days")
    meaning = f"share of {high - 1:g} and more among the answers to {name}, scale {low:g} to {high:g}, in {days} days"
    return Kpi(_survey_name(name, promoters), label, "share", meaning, f"answers in the last {days} days")


def _credited(params: Params) -> str:
    return (
        " or ".join(name for name, margin in params.outcome.value.items() if margin >= 0) or "no purchase is credited"
    )
