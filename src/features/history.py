"""The relationship history in the engine's form: int64 codes, microseconds and amounts; contacts are events too.

An intervention received, whoever chose it, is an event of type `contact_<arm>`, known when it was decided, so that
contact history falls under the same time filter as everything else. Rows stand by stakeholder and time, so that an
engine reads the events of some stakeholders without the rest.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ..contracts.errors import InputError
from ..contracts.ids import positions
from ..contracts.time import by_code_and_time, to_micros

AMOUNT_UNITS = 10_000  # int64 units per 1.0 of an event's value; sums are exact to four decimals
NO_CODE = -1  # of a type that never occurs, and of an event without a channel
# First words of the features over several types, and what each is about.
_TOGETHER = {"activity": "all events", "contacts": "all contacts", "responses": "responses", "refusals": "refusals"}
_ALWAYS = {"stakeholder": pa.int32(), "at": pa.int64(), "known": pa.int64(), "position": pa.int64(),
           "type": pa.int32(), "channel": pa.int32()}  # fmt: skip
STORED = pa.schema(
    [*(pa.field(name, kind, nullable=False) for name, kind in _ALWAYS.items()), pa.field("amount", pa.int64())]
)


@dataclass(frozen=True)
class Codes:
    """What the codes of a history mean.

    Attributes:
        types: slugs of the event types, contacts included, by code.
        channels: the channels by code.
    """

    types: Sequence[str]
    channels: Sequence[str]

    def type_code(self, name: str) -> int:
        """Return the code of a type as it is named here, or in any way that gives its slug; NO_CODE if none has it."""
        found = name if name in self.types else slug(name)
        return self.types.index(found) if found in self.types else NO_CODE

    def as_dict(self) -> dict[str, list[str]]:
        """Return the codes JSON-ready."""
        return {"types": list(self.types), "channels": list(self.channels)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Sequence[str]]) -> "Codes":
        """Return the codes that `as_dict` wrote."""
        return cls(tuple(document["types"]), tuple(document["channels"]))


def contact_type(arm: str) -> str:
    """Return the event type under which receiving `arm` stands in the history."""
    return f"contact_{arm}"


def slug(event_type: str) -> str:
    """Return an event type as part of a feature name.

    >>> slug("Offer viewed!")
    'offer_viewed'
    """
    return re.sub(r"\W+", "_", event_type.lower()).strip("_") or "event"


def slugs_of(event_types: Iterable[str], arms: Iterable[str]) -> dict[str, str]:
    """Return the slug of each event type.

    Raises:
        InputError: two event types, or an event type and an arm's contact or the features of several types together,
            would share feature names.
    """
    owner = {contact_type(arm): f"contact with arm {arm}" for arm in arms}
    owner |= {name: f"the features of {meaning}" for name, meaning in _TOGETHER.items()}
    slugs: dict[str, str] = {}
    for event_type in sorted(event_types):
        name = slug(event_type)
        if name in owner:
            fix = "rename the event type" if name in _TOGETHER else "rename one of them"
            raise InputError("events, column event_type", "types that differ in letters or digits",
                             f"{event_type!r} beside {owner[name]}", fix)  # fmt: skip
        owner[name] = repr(event_type)
        slugs[event_type] = name
    return slugs


def build_history(
    stakeholders: pd.DataFrame, events: pd.DataFrame, decisions: pd.DataFrame, control: str, arms: Sequence[str]
) -> tuple[pd.DataFrame, Codes]:
    """Return the history of the canonical tables (contract.md), interventions received included, and its codes.

    Args:
        stakeholders: canonical, in stakeholder_id order.
        events: canonical.
        decisions: canonical.
        control: the arm that is no contact.
        arms: the other arms of the catalogue.

    Returns:
        as `history_parts`, and `codes_of`.

    Raises:
        InputError: event types whose feature names collide.
    """
    codes, slugs = codes_of({*events["event_type"].unique()}, {*events["channel"].dropna().unique()}, arms)
    received = contacts_received(decisions, control)
    (table,) = history_parts(stakeholders["stakeholder_id"], [events], received, codes, slugs)
    return table, codes


def contacts_received(decisions: pd.DataFrame, control: str) -> pd.DataFrame:
    """Return the canonical decisions by which a contact came about; `intervention` is the arm that was delivered."""
    delivered = decisions["delivered_intervention"]
    return decisions.assign(intervention=delivered)[delivered != control]


def codes_of(event_types: Set[str], channels: Set[str], arms: Sequence[str]) -> tuple[Codes, dict[str, str]]:
    """Return the codes of event types, contacts and channels, and the slug of each event type.

    Args:
        event_types, channels: that occur in the events.
        arms: of the catalogue but the control.

    Raises:
        InputError: event types whose feature names collide.
    """
    slugs = slugs_of(event_types, arms)
    types = sorted({*slugs.values(), *(contact_type(arm) for arm in arms)})
    return Codes(tuple(types), tuple(sorted(channels))), slugs


def history_parts(
    stakeholder_ids: pd.Series, parts: Iterable[pd.DataFrame], received: pd.DataFrame, codes: Codes,
    slugs: Mapping[str, str],
) -> Iterator[pd.DataFrame]:  # fmt: skip
    """Yield the history by stakeholder and time, a part for each part of the events.

    Args:
        stakeholder_ids: sorted.
        parts: of the events, canonical, by stakeholder, each with all events of its stakeholders.
        received: of `contacts_received`.
        codes, slugs: of the events, as `codes_of`.

    Returns:
        stakeholder (position in the stakeholders table), at and known (microseconds), position (of the row), type and
        channel (codes, NO_CODE without a channel), amount (AMOUNT_UNITS, nullable); all int64.
    """
    first, begin, who = 0, 0, positions(received["stakeholder_id"], stakeholder_ids)
    waiting = iter(parts)
    events: pd.DataFrame | None = next(waiting)
    while events is not None:
        following = next(waiting, None)
        # Contacts go with the part of their stakeholder, those of people without an event with one beside them.
        end = len(stakeholder_ids) if following is None else _first_stakeholder(following, stakeholder_ids)
        mine = (who >= begin) & (who < end)
        happened, contacts = (
            _happened(events, stakeholder_ids, codes, slugs),
            _contacts(received[mine], who[mine], codes),
        )
        table = pd.concat([happened, contacts], ignore_index=True)
        table = table.take(_order(table)).reset_index(drop=True)
        table.insert(3, "position", first + table.index.astype("int64"))
        yield table
        events, begin, first = following, end, first + len(table)


def _first_stakeholder(events: pd.DataFrame, stakeholder_ids: pd.Series) -> int:
    return int(positions(events["stakeholder_id"].head(1), stakeholder_ids)[0])


def _order(table: pd.DataFrame) -> NDArray[np.intp]:
    """Return the stable order by stakeholder, time, and then all else; a missing amount comes last."""
    codes, at = table["stakeholder"].to_numpy(), table["at"].to_numpy()
    order = by_code_and_time(codes, at) if len(table) else np.arange(0)
    same = (np.diff(codes[order]) == 0) & (np.diff(at[order]) == 0)
    tied = np.flatnonzero(np.r_[same, False] | np.r_[False, same]) if len(table) else order
    rows = table.take(order[tied])
    amount = rows["amount"].fillna(np.iinfo(np.int64).max).to_numpy(dtype=np.int64)
    keys = [rows[name].to_numpy() for name in ("type", "known", "at", "stakeholder")]
    order[tied] = order[tied][np.lexsort([rows["channel"].to_numpy(), amount, *keys])]
    return order


def _happened(events: pd.DataFrame, stakeholder_ids: pd.Series, codes: Codes, slugs: Mapping[str, str]) -> pd.DataFrame:
    code_of_type = np.array([codes.types.index(name) for name in slugs.values()], dtype=np.int64)
    columns = {
        "stakeholder": positions(events["stakeholder_id"], stakeholder_ids),
        "at": to_micros(events["occurred_at"]).to_numpy(),
        "known": to_micros(events["known_at"]).to_numpy(),
        "type": code_of_type[positions(events["event_type"], slugs)],
        "channel": positions(events["channel"], codes.channels),
    }
    amount = (events["value"] * AMOUNT_UNITS).round().astype("Int64").reset_index(drop=True)
    return pd.DataFrame(columns).astype("int64").assign(amount=amount)


def _contacts(received: pd.DataFrame, who: NDArray[np.int64], codes: Codes) -> pd.DataFrame:
    decided = to_micros(received["decided_at"]).to_numpy()
    columns = {
        "stakeholder": who,
        "at": decided,
        "known": decided,
        "type": positions("contact_" + received["intervention"].astype("str"), codes.types),
        "channel": np.full(len(received), NO_CODE),
    }
    none = pd.Series(pd.NA, index=range(len(received)), dtype="Int64")
    return pd.DataFrame(columns).astype("int64").assign(amount=none)


def stored(history: pd.DataFrame) -> pa.Table:
    """Return a history as it is stored: codes in as few bytes as they need, since engines read them again and again."""
    return pa.Table.from_pandas(history, preserve_index=False).cast(STORED)
