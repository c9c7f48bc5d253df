"""What there is to make features of: the event types and channels before `as_of`, as far as params allow."""

from collections.abc import Iterable, Sequence, Set

import pandas as pd

from ..contracts.errors import InputError, ParamsError
from ..contracts.params import Params
from .declare import Material
from .history import Codes, contact_type, slug
from .labels import margins_by_slug
from .measures import Windows


def material_of(codes: Codes, counts: pd.DataFrame, params: Params) -> Material:
    """Choose event types and channels from what was known at `as_of`; the catalogue's arms always have their columns.

    The leaving event is no material: nobody who has left is in any spine.

    Args:
        codes: of the history.
        counts: of its `occurrences`.
        params: outcome, catalogue of arms, decision and features.

    Raises:
        InputError: the names of two channels are alike.
        ParamsError: features.responses or refusals name a contact, the leaving event, or a type twice.
    """
    leaving = params.outcome.churn.event
    contacts = {contact_type(arm): codes.type_code(contact_type(arm)) for arm in sorted(params.interventions.arms)}
    aside = {*contacts.values(), *([codes.type_code(leaving)] if leaving is not None else [])}
    mine = counts[~counts["type"].isin(aside)]
    no_answers = {*contacts, *([slug(leaving)] if leaving is not None else [])}
    answers = {slug(name) for name in (*params.features.responses, *params.features.refusals)}
    valuable = {slug(name) for name in params.outcome.value}
    events = mine.groupby("type")["events"].sum()
    frequent = _most(events, codes.types, params.features.max_event_types, answers, valuable)
    activity = {name: codes.types.index(name) for name in frequent}
    valued = {codes.types[code] for code in mine.loc[mine["values"] > 0, "type"]} & set(activity)
    partly = {codes.types[code] for code in mine.loc[mine["values"] < mine["events"], "type"]} & valued
    told = mine[mine["channel"] >= 0].groupby("channel")["events"].sum()
    _refuse_alike([codes.channels[code] for code in told.index], params.features.max_channels)
    channels = _most(told, codes.channels, params.features.max_channels)
    return Material(
        activity=activity,
        valued=frozenset(valued),
        partly=frozenset(partly),
        contacts=contacts,
        windows=Windows(
            sorted({*params.features.windows_days}),
            sorted({rule.days for rule in params.decision.contacts} - {*params.features.windows_days}),
        ),
        channels={slug(name): codes.channels.index(name) for name in channels},
        worth={name: margin for name, margin in margins_by_slug(params).items() if name in valued},
        responses=_answering(params.features.responses, "responses", activity, no_answers),
        refusals=_answering(params.features.refusals, "refusals", activity, no_answers),
        rests=params.decision.rest_after_refusal_days > 0,
        whole={*range(len(codes.types))} <= {*activity.values(), *contacts.values()},
    )


def _most(counts: pd.Series, names: Iterable[str], most: int, always: Set[str] = frozenset(),
          first: Set[str] = frozenset()) -> list[str]:  # fmt: skip
    """Return the most frequent names in alphabetical order, ties by name; those of `first` before any other.

    Those of `always` come before all and are never cut: rules read them.
    """
    named = {name: int(counts.get(code, 0)) for code, name in enumerate(names)}
    occurring = {name for name, count in named.items() if count}
    ranked = sorted(occurring, key=lambda name: (name not in always, name not in first, -named[name], name))
    return sorted(ranked[: max(most, len(occurring & always))])


def _refuse_alike(channels: Sequence[str], most: int) -> None:
    """Refuse channels that would share a feature, unless there is to be none.

    Raises:
        InputError: two channels have one slug.
    """
    first: dict[str, str] = {}
    for name in sorted(channels) if most else []:
        other = first.setdefault(slug(name), name)
        if other != name:
            fix = "write one channel in one way, or set features.max_channels to 0 for no features of channels"
            raise InputError("events, column channel", "channels that differ in letters or digits",
                             f"{name!r} beside {other!r}", fix)  # fmt: skip


def _answering(named: Iterable[str], key: str, activity: Iterable[str], none: Set[str]) -> list[str]:
    """Return the slugs of those event types that have occurred; `none` are the slugs of what answers nothing.

    Raises:
        ParamsError: a type is named twice, or answers nothing.
    """
    where, slugs = f"params.yaml, features.{key}", [slug(name) for name in named]
    if len(set(slugs)) < len(slugs):
        raise ParamsError(where, "each event type once", ", ".join(slugs), "keep one of each")
    for name in sorted(none & {*slugs}):
        expected = "event types by which stakeholders react: no contact, and not the leaving event"
        raise ParamsError(where, expected, repr(name), "remove it")
    return [name for name in slugs if name in set(activity)]
