"""Which arms each stakeholder may receive at the instant of decision, and which rule forbids the others.

A rule is known by its key in params.yaml and forbids pairs of stakeholder and arm, never the control. Those of
eligibility and consent say what may be received at all, the contact rules what may be received today.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.cells import Origin, as_flag
from ..contracts.errors import InputError
from ..contracts.expression import condition
from ..contracts.params import Params
from ..contracts.rules import Contacting, Interventions
from .eligibility import eligible

Flags = NDArray[np.bool_]
STANDING = ("opted_out", "not_eligible")  # reasons that do not pass with the days


@dataclass(frozen=True)
class Rule:
    """One rule, applied.

    Attributes:
        key: in params.yaml, or `opted_out`, the column of stakeholders.
        reason: of the contract, where the rule keeps a stakeholder from the best arm.
        forbids: shape (n, arms); the control never.
    """

    key: str
    reason: str
    forbids: Flags


def rules_of(table: pd.DataFrame, params: Params) -> list[Rule]:
    """Return the rules that params set, in the order in which they are named when several forbid an arm.

    Args:
        table: as the population's feature table: kind, opted_out, as_of, contact histories and the columns of rules.
        params: interventions and decision.

    Raises:
        InputError: a column that a rule reads is absent or holds what it must not.
    """
    columns: dict[tuple[str, str], dict[int, Flags]] = {}
    every = range(1, len(params.interventions.names))
    columns["opted_out", "opted_out"] = dict.fromkeys(every, table["opted_out"].to_numpy(dtype=bool))
    for key, reason, at, forbidden in (*_eligibility(table, params), *_contact_rules(table, params)):
        columns.setdefault((key, reason), {})[at] = forbidden
    return [
        Rule(key, reason, _matrix(of_arms, len(table), len(every) + 1)) for (key, reason), of_arms in columns.items()
    ]


def permitted(rules: list[Rule], shape: tuple[int, int]) -> tuple[Flags, Flags]:
    """Return what may be received at all, and today, shape (n, arms) each."""
    may, today = np.ones(shape, dtype=bool), np.ones(shape, dtype=bool)
    for rule in rules:
        today &= ~rule.forbids
        if rule.reason in STANDING:
            may &= ~rule.forbids
    return may, today


def _matrix(of_arms: dict[int, Flags], rows: int, arms: int) -> Flags:
    matrix = np.zeros((rows, arms), dtype=bool)
    for at, forbidden in of_arms.items():
        matrix[:, at] = forbidden
    return matrix


_Found = Iterator[tuple[str, str, int, Flags]]  # key, reason, arm, whom it is forbidden


def _eligibility(table: pd.DataFrame, params: Params) -> _Found:
    """Yield kinds, conditions, dates and consent of each arm, then consent of channels."""
    catalogue = params.interventions
    of_kind, instant = ~eligible(table["kind"], catalogue), pd.to_datetime(table["as_of"], utc=True)
    for at, (name, arm) in enumerate(catalogue.arms.items(), start=1):
        key, reason = f"interventions.arms.{name}", "not_eligible"
        if of_kind[:, at].any():
            yield f"{key}.kinds", reason, at, of_kind[:, at]
        if arm.where is not None:
            yield f"{key}.where", reason, at, ~condition(arm.where).holds(table, f"{key}.where")
        if arm.available_from is not None:
            yield f"{key}.available_from", reason, at, (instant < _utc(arm.available_from)).to_numpy(dtype=bool)
        if arm.available_until is not None:
            yield f"{key}.available_until", reason, at, (instant >= _utc(arm.available_until)).to_numpy(dtype=bool)
    for key, reach, arms in _contacting(catalogue):
        for name, default, forbidding in (("consent", False, False), ("opt_out", False, True)):
            column = getattr(reach, name)
            if column is not None:
                told = _flag(table, column, f"{key}.{name}", default)
                for at in arms:
                    yield f"{key}.{name}", "not_eligible", at, told == forbidding


def _contact_rules(table: pd.DataFrame, params: Params) -> _Found:
    """Yield cool-downs of arms and channels, exclusions, contacts per window, and rest after refusals."""
    catalogue, decision = params.interventions, params.decision
    names = catalogue.names

    def lately(arms: list[int], days: int, key: str) -> Flags:
        """Return who received one of the arms fewer than so many days ago."""
        recent = np.zeros(len(table), dtype=bool)
        for at in arms:
            recent |= _number(table, f"contact_{names[at]}_days_since", key) < days
        return recent

    for key, reach, arms in _contacting(catalogue):
        if reach.cooldown_days > 0:
            recent = lately(arms, reach.cooldown_days, f"{key}.cooldown_days")
            for at in arms:
                yield f"{key}.cooldown_days", "cooldown", at, recent
    for at, (name, arm) in enumerate(catalogue.arms.items(), start=1):
        for other, days in arm.not_after.items():
            key = f"interventions.arms.{name}.not_after.{other}"
            yield key, "exclusion", at, lately([names.index(other)], days, key)
    for place, rule in enumerate(decision.contacts):
        key = f"decision.contacts[{place}]"
        mine = _of_channel(catalogue, rule.channel)
        counts = [_number(table, f"contact_{names[at]}_count_{rule.days}d", key) for at in mine]
        for at in mine:
            yield key, "contact_limit", at, np.sum(counts, axis=0) >= rule.most
    if decision.rest_after_refusal_days > 0:
        key = "decision.rest_after_refusal_days"
        refused = _number(table, "refusals_days_since", key) < decision.rest_after_refusal_days
        for at in range(1, len(names)):
            yield key, "refusal", at, refused


def arms_where(interventions: Interventions, chosen: Callable[[int], bool]) -> list[int]:
    """Return the positions of some arms, the control never among them."""
    return [at for at in range(1, len(interventions.names)) if chosen(at)]


def _contacting(interventions: Interventions) -> Iterator[tuple[str, Contacting, list[int]]]:
    """Yield (key, rules, arms) of each arm and each channel."""
    for at, (name, arm) in enumerate(interventions.arms.items(), start=1):
        yield f"interventions.arms.{name}", arm, [at]
    for name, channel in interventions.channels.items():
        yield f"interventions.channels.{name}", channel, _of_channel(interventions, name)


def _of_channel(interventions: Interventions, channel: str | None) -> list[int]:
    """Return the arms of a channel, all where it is None."""
    names, arms = interventions.names, interventions.arms
    return arms_where(interventions, lambda at: channel is None or arms[names[at]].channel == channel)


def _utc(instant: object) -> pd.Timestamp:
    return pd.Timestamp(instant).tz_localize("UTC")  # type: ignore[arg-type]


def _column(table: pd.DataFrame, name: str, key: str) -> pd.Series:
    if name not in table.columns:
        fix = "correct the name, or use the population table that the featurize stage writes under these params"
        raise InputError(f"params.yaml, {key}", "its columns in the table", f"no column {name!r}", fix)
    return table[name]


def _number(table: pd.DataFrame, name: str, key: str) -> NDArray[np.float64]:
    """Return a column of numbers; missing ones compare as neither smaller nor larger."""
    return _column(table, name, key).to_numpy(dtype=np.float64, na_value=np.nan)


def _flag(table: pd.DataFrame, name: str, key: str, default: bool) -> Flags:
    origin = Origin(f"params.yaml, {key}, column {name}")
    return as_flag(_column(table, name, key), origin, default).to_numpy(dtype=bool)
