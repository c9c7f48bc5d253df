"""The relationship history in the engine's form: int64 codes, microseconds and amounts; contacts are events too.

An intervention received is an event of type `contact_<arm>`, known when it was decided, so that contact history
falls under the same time filter as everything else.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from ..contracts.errors import InputError
from ..contracts.time import to_micros

AMOUNT_UNITS = 10_000  # int64 units per 1.0 of an event's value; sums are exact to four decimals


@dataclass(frozen=True)
class History:
    """Events as the engine reads them, and the codes of the stakeholders.

    Attributes:
        events: stakeholder (code), at, known (microseconds), position (order within a stakeholder), event_type
            (slug), amount (AMOUNT_UNITS, nullable).
        codes: Series stakeholder_id -> code.
    """

    events: pd.DataFrame
    codes: pd.Series


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
        InputError: two event types, or an event type and an arm's contact, would share feature names.
    """
    owner = {contact_type(arm): f"contact with arm {arm}" for arm in arms}
    slugs: dict[str, str] = {}
    for event_type in sorted(event_types):
        name = slug(event_type)
        if name in owner:
            fix = "rename one of them"
            raise InputError("events, column event_type", "types that differ in letters or digits",
                             f"{event_type!r} beside {owner[name]}", fix)  # fmt: skip
        owner[name] = repr(event_type)
        slugs[event_type] = name
    return slugs


def build_history(
    stakeholders: pd.DataFrame, events: pd.DataFrame, decisions: pd.DataFrame, control: str, arms: Iterable[str]
) -> History:
    """Return the history of the canonical tables (contract.md), interventions received included.

    Args:
        stakeholders: canonical, in stakeholder_id order.
        events: canonical.
        decisions: canonical.
        control: the arm that is no contact.
        arms: the other arms of the catalogue.

    Raises:
        InputError: event types whose feature names collide.
    """
    codes = pd.Series(range(len(stakeholders)), index=stakeholders["stakeholder_id"], dtype="int64")
    slugs = slugs_of(events["event_type"].unique(), arms)
    happened = pd.DataFrame(
        {
            "stakeholder": events["stakeholder_id"].map(codes).astype("int64"),
            "at": to_micros(events["occurred_at"]),
            "known": to_micros(events["known_at"]),
            "event_type": events["event_type"].map(slugs).astype("str"),
            "amount": (events["value"] * AMOUNT_UNITS).round().astype("Int64"),
        }
    )
    received = decisions[decisions["intervention"] != control]
    at = to_micros(received["decided_at"])
    contacts = pd.DataFrame(
        {
            "stakeholder": received["stakeholder_id"].map(codes).astype("int64"),
            "at": at,
            "known": at,
            "event_type": "contact_" + received["intervention"].astype("str"),
            "amount": pd.array([pd.NA] * len(received), dtype="Int64"),
        }
    )
    both = pd.concat([happened, contacts], ignore_index=True)
    both = both.sort_values(["stakeholder", "at", "known", "event_type", "amount"], kind="stable", ignore_index=True)
    both["position"] = both.index.astype("int64")
    return History(both, codes)
