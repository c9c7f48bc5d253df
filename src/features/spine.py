"""Which rows there are: stakeholders at as-of instants, only while the relationship lasts.

A spine has the columns row (0, 1, …), stakeholder_id, stakeholder (code) and as_of (microseconds); it stands by
stakeholder and then by time, so that the rows of some stakeholders and their events lie together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.params import Params
from ..contracts.time import MICROS_PER_DAY, instant_micros, to_micros
from .engine import Engine
from .history import Codes
from .visible import HISTORY, known_at

ROWS_AT_ONCE = 500_000  # of a spine of everyone
# For which a decision is not learned from.
_REASONS = ("stakeholder unknown", "decided at or after as_of", "horizon not over", "stakeholder opted out",
            "before the relationship began", "known to have left")  # fmt: skip


@dataclass(frozen=True)
class Relationships:
    """The stakeholders and when each relationship began and ended.

    Attributes:
        stakeholders: canonical, in stakeholder_id order; a stakeholder's code is its position.
        since: microseconds, by code.
        leaving: stakeholder, at, known (microseconds): every leaving known at the instant of learning; empty where
            churn is silence.
    """

    stakeholders: pd.DataFrame
    since: pd.Series
    leaving: pd.DataFrame


def relationships(stakeholders: pd.DataFrame, codes: Codes, engine: Engine, params: Params) -> Relationships:
    """Return the stakeholders with their beginnings and ends."""
    leaving = pd.DataFrame({"stakeholder": [], "at": [], "known": []}, dtype="int64")
    if params.outcome.churn.event is not None:
        events = known_at(HISTORY, instant_micros(params.clock.as_of))
        events = events.filter(events.type == codes.type_code(params.outcome.churn.event))
        leaving = engine.query(engine.compile(events.select("stakeholder", "at", "known"))).to_pandas()
    return Relationships(stakeholders, to_micros(stakeholders["since"]), leaving)


def decision_spine(
    decisions: pd.DataFrame, people: Relationships, params: Params
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the logged decisions whose horizon is over, of people who may be learned from, and what is left out.

    Args:
        decisions: canonical.
        people: of the same tables.
        params: clock.

    Returns:
        spine with decision_id, arm, propensity, iteration and policy; opted-out stakeholders never appear. And how many
        decisions are left out, by reason, as far as there are any.
    """
    code = _codes(decisions, people.stakeholders)
    rows = decisions.assign(as_of=to_micros(decisions["decided_at"]), stakeholder=code)
    why = _left_out(rows, people, params)
    numbers = np.bincount(why, minlength=len(_REASONS) + 1)[1:].tolist()
    kept = ["decision_id", "stakeholder_id", "as_of", "arm", "propensity", "iteration", "policy", "stakeholder"]
    spine = _numbered(rows.rename(columns={"intervention": "arm"}).loc[why == 0, kept])
    return spine, {reason: number for reason, number in zip(_REASONS, numbers, strict=True) if number}


def _left_out(rows: pd.DataFrame, people: Relationships, params: Params) -> NDArray[np.int64]:
    """Return the place among `_REASONS`, from 1, of the first for which a row is left out; 0 where there is none."""
    begun, not_left = _begun_and_not_left(rows, people)
    now, horizon = instant_micros(params.clock.as_of), params.clock.horizon_days * MICROS_PER_DAY
    decided, over = rows["as_of"] < now, rows["as_of"] + horizon <= now
    code = rows["stakeholder"].to_numpy()
    opted_out = np.append(people.stakeholders["opted_out"].to_numpy(dtype=bool), False)[code]
    return np.select([code < 0, ~decided, ~over, opted_out, ~begun, ~not_left], range(1, len(_REASONS) + 1), 0)


def snapshot_spine(people: Relationships, params: Params) -> pd.DataFrame:
    """Return everyone who may be learned from at regular instants, the last of which lies one horizon before as_of."""
    rows = _at_instants(people.stakeholders, regular_instants(params))
    return _lasting(_without_opted_out(rows, people.stakeholders), people)


def population_spine(people: Relationships, params: Params) -> pd.DataFrame:
    """Return everyone whose relationship lasts at `as_of`, the opted-out included."""
    return _lasting(_at_instants(people.stakeholders, [instant_micros(params.clock.as_of)]), people)


def everyone_spine(people: Relationships, instants: Sequence[int]) -> Iterator[pd.DataFrame]:
    """Yield everyone who began before each instant, those who have left included, in parts of whole stakeholders.

    Rows are numbered in each part.

    Args:
        people: of the same tables.
        instants: microseconds, ascending.
    """
    size = max(1, ROWS_AT_ONCE // len(instants))
    for start in range(0, len(people.since), size):
        code = np.arange(start, min(start + size, len(people.since)), dtype=np.int64)
        repeated, at = np.repeat(code, len(instants)), np.tile(np.array(instants, dtype=np.int64), len(code))
        rows = pd.DataFrame({"stakeholder": repeated, "as_of": at})
        rows = rows[people.since.to_numpy()[rows["stakeholder"]] < rows["as_of"]].reset_index(drop=True)
        yield rows.assign(row=np.arange(len(rows), dtype=np.int64))


def in_spine_order(found: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    """Return what an engine found in the order of the spine as float64, missing where a row saw no event."""
    return found.set_index("row").reindex(spine["row"]).astype("float64").reset_index(drop=True)


def regular_instants(params: Params) -> list[int]:
    """Return the instants of the snapshots, ascending, in microseconds; the last lies one horizon before as_of."""
    latest = instant_micros(params.clock.as_of) - params.clock.horizon_days * MICROS_PER_DAY
    step = params.features.snapshot_every_days * MICROS_PER_DAY
    return [latest - back * step for back in reversed(range(params.features.snapshots))]


def _at_instants(stakeholders: pd.DataFrame, instants: Sequence[int]) -> pd.DataFrame:
    parts = [stakeholders[["stakeholder_id"]].assign(as_of=instant) for instant in instants]
    return pd.concat(parts, ignore_index=True)


def _without_opted_out(rows: pd.DataFrame, stakeholders: pd.DataFrame) -> pd.DataFrame:
    opted_out = stakeholders.loc[stakeholders["opted_out"], "stakeholder_id"]
    return rows[~rows["stakeholder_id"].isin(opted_out)]


def _lasting(rows: pd.DataFrame, people: Relationships) -> pd.DataFrame:
    """Keep rows after the relationship began and before it was known to have ended; sort and number them."""
    rows = rows.assign(stakeholder=_codes(rows, people.stakeholders))
    begun, not_left = _begun_and_not_left(rows, people)
    return _numbered(rows[begun & not_left])


def _codes(rows: pd.DataFrame, stakeholders: pd.DataFrame) -> NDArray[np.int64]:
    """Return the code of each row's stakeholder, −1 of one who is not in the table."""
    code = pd.Index(stakeholders["stakeholder_id"]).get_indexer(pd.Index(rows["stakeholder_id"]))
    return np.asarray(code, dtype=np.int64)


def _begun_and_not_left(rows: pd.DataFrame, people: Relationships) -> tuple[pd.Series, pd.Series]:
    """Return whether each row's relationship had begun, and whether it was not known to have ended."""
    seen_leaving = people.leaving[["at", "known"]].max(axis=1).groupby(people.leaving["stakeholder"]).min()
    ended = rows["stakeholder"].map(seen_leaving)
    return rows["stakeholder"].map(people.since) < rows["as_of"], ended.isna() | (ended >= rows["as_of"])


def _numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows by stakeholder and time, numbered."""
    rows = rows.sort_values(["stakeholder", "as_of"], kind="stable", ignore_index=True)
    rows.insert(0, "row", rows.index.astype("int64"))
    return rows
