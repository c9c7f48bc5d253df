"""What a feature is, and what there is to make features of."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .measures import Measures, Windows


@dataclass(frozen=True)
class Feature:
    """One column of the matrix.

    Attributes:
        name: the column.
        meaning: one line for people.
        unit: events, events per day, value, value per 30 days, money, days, weeks, share, ratio, category.
        source: the event type, the attribute, or what else it is made of.
        window_days: of the window that ends at the as-of instant; None for the whole relationship.
        missing: what absence becomes: `zero`, or `missing` (the learner sees a missing value).
    """

    name: str
    meaning: str
    unit: str
    source: str
    window_days: int | None = None
    missing: str = "missing"

    def as_dict(self) -> dict[str, str | int | None]:
        """Return the declaration as plain fields."""
        return asdict(self)


Pair = tuple[Feature, Any]  # a declaration, and its expression over side_by_side.Measured


@dataclass(frozen=True)
class Material:
    """What the histories hold that features are made of; the data and the params decide, nothing is fixed here.

    Attributes:
        activity: codes of the event types that are no contacts, by slug, sorted.
        valued: those of them whose events carry a value.
        partly: those of them some of whose events carry none.
        contacts: codes of the contacts, by slug, sorted.
        windows: that end at the as-of instant.
        channels: codes by channel as part of a name, sorted.
        worth: money credited per unit of value (the outcome's margins), by slug, of types in `valued`.
        responses: slugs in `activity` that answer a contact.
        refusals: slugs in `activity` that turn a contact down.
        rests: whether a rule asks for the latest refusal.
        whole: whether the history holds no other types.
    """

    activity: Mapping[str, int]
    valued: frozenset[str]
    partly: frozenset[str]
    contacts: Mapping[str, int]
    windows: Windows
    channels: Mapping[str, int]
    worth: Mapping[str, float]
    responses: Sequence[str]
    refusals: Sequence[str]
    rests: bool = False
    whole: bool = False

    @property
    def codes(self) -> dict[str, int]:
        """Return the codes of all types, contacts included, by slug."""
        return {**self.activity, **self.contacts}

    @property
    def measures(self) -> Measures:
        """Return what is counted of the events."""
        return Measures(self.codes, self.whole, self.windows, self.channels, bool(self.valued), bool(self.partly))
