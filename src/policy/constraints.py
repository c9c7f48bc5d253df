"""The limits that params set, for the stakeholders at hand; each is named by its key in params.yaml."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import floor

import numpy as np
import pandas as pd

from ..contracts.errors import InputError, ParamsError
from ..contracts.expression import condition
from ..contracts.params import Params
from ..contracts.rules import Bounds, Interventions, RateGap
from .limits import Constraints, Integers, Limit, at_least, at_most, in_group, rate_gaps
from .rules import arms_where

_MOST_GROUPS = 20  # whose rates are compared in pairs


def constraints_of(table: pd.DataFrame, params: Params, share: float = 1.0) -> Constraints:
    """Return limits, groups and households.

    Args:
        table: n rows with the columns that rules name.
        params: interventions and decision.
        share: the part of the population that the rows are; budgets and counts shrink with it, counts rounded down.

    Raises:
        InputError: a column is absent.
        ParamsError: more groups than can be compared, or a condition that does not fit its columns.
    """
    catalogue, decision = params.interventions, params.decision
    groups: dict[str, Integers] = {}
    limits = [*_totals(params), *_shared(catalogue)]
    for name, bounds in decision.limits.items():
        limits += _bounds(table, f"decision.limits.{name}", bounds, catalogue, groups)
    limits = [_scaled(limit, share) for limit in limits]
    for name, gap in decision.rate_gaps.items():
        limits += _gaps(table, f"decision.rate_gaps.{name}", gap, catalogue, groups)
    return Constraints(tuple(limits), groups, _households(table, decision.one_per))


def _totals(params: Params) -> Iterator[Limit]:
    """Yield the budget, then the capacities and quotas of arms."""
    catalogue = params.interventions
    if params.decision.budget is not None:
        everyone = _flags(catalogue, arms_where(catalogue, lambda _: True))
        yield at_most("decision.budget", params.decision.budget, everyone, of_cost=True)
    for at, (name, arm) in enumerate(catalogue.arms.items(), start=1):
        if arm.capacity is not None:
            yield at_most(f"interventions.arms.{name}.capacity", arm.capacity, _flags(catalogue, [at]))
        if arm.quota:
            yield at_least(f"interventions.arms.{name}.quota", arm.quota, _flags(catalogue, [at]))


def _shared(catalogue: Interventions) -> Iterator[Limit]:
    """Yield the capacities and quotas of channels and teams."""
    for what, parts in (("channel", catalogue.channels), ("team", catalogue.teams)):
        for name, part in parts.items():
            arms = _flags(catalogue, _arms_of(catalogue, what, name))
            if part.capacity is not None:
                yield at_most(f"interventions.{what}s.{name}.capacity", part.capacity, arms)
            if part.quota:
                yield at_least(f"interventions.{what}s.{name}.quota", part.quota, arms)


def _bounds(table: pd.DataFrame, key: str, bounds: Bounds, catalogue: Interventions,
            groups: dict[str, Integers]) -> Iterator[Limit]:  # fmt: skip
    """Yield the limits of one entry of decision.limits; its grouping is added to `groups`."""
    arms = [catalogue.names.index(arm) for arm in bounds.arms]
    for what in ("channel", "team"):
        if getattr(bounds, what) is not None:
            arms = _arms_of(catalogue, what, getattr(bounds, what))
    flags = _flags(catalogue, arms or arms_where(catalogue, lambda _: True))
    for side, given in (("at_most", bounds.at_most), ("at_least", bounds.at_least)):
        if given is None:
            continue
        if isinstance(given, Mapping):
            assert bounds.by is not None
            values, grouping = sorted(given), f"{key}.{side}"
            groups[grouping] = _codes(table, bounds.by, f"{key}.by", values)
            for code, value in enumerate(values):
                limit = _limit(f"{grouping}.{value}", side, given[value], flags, bounds.of)
                yield in_group(limit, grouping, code, len(values) + 1)
        elif bounds.where is not None:
            groups[key] = condition(bounds.where).holds(table, f"{key}.where").astype(np.int64)
            yield in_group(_limit(f"{key}.{side}", side, given, flags, bounds.of), key, 1, 2)
        else:
            yield _limit(f"{key}.{side}", side, given, flags, bounds.of)


def _gaps(table: pd.DataFrame, key: str, gap: RateGap, catalogue: Interventions,
          groups: dict[str, Integers]) -> Iterator[Limit]:  # fmt: skip
    """Yield the bounds on rates of one attribute's values, in pairs; its grouping is added to `groups`."""
    chosen = [catalogue.names.index(arm) for arm in gap.arms]
    arms, grouping = _flags(catalogue, chosen or arms_where(catalogue, lambda _: True)), f"{key}.by"
    sizes = _text(table, gap.by, grouping).value_counts().sort_index()
    sizes = sizes[sizes >= gap.least]
    if len(sizes) > _MOST_GROUPS:
        expected = f"an attribute of at most {_MOST_GROUPS} values with {gap.least} stakeholders or more"
        raise ParamsError(f"params.yaml, {grouping}", expected, f"{len(sizes)}", "name another, or raise `least`")
    groups[grouping] = _codes(table, gap.by, grouping, list(sizes.index))
    of_values = {str(value): int(size) for value, size in sizes.items()}
    yield from map(_padded, rate_gaps(grouping, of_values, gap.most, arms, key))


def _limit(name: str, side: str, bound: float, flags: list[bool], of: str) -> Limit:
    return at_least(name, bound, flags) if side == "at_least" else at_most(name, bound, flags, of_cost=of == "cost")


def _padded(limit: Limit) -> Limit:
    """Return the limit with a row of nothing for stakeholders of no group, whose code is the last."""
    return replace(limit, weight=np.vstack([limit.weight, np.zeros((1, limit.weight.shape[1]))]))


def _scaled(limit: Limit, share: float) -> Limit:
    bound = limit.bound * share
    return limit if share == 1.0 else replace(limit, bound=bound if limit.of_cost else float(floor(bound)))


def _arms_of(catalogue: Interventions, what: str, name: str) -> list[int]:
    """Return the arms of a channel or team."""
    return arms_where(catalogue, lambda at: getattr(catalogue.arms[catalogue.names[at]], what) == name)


def _flags(catalogue: Interventions, arms: list[int]) -> list[bool]:
    return [at in arms for at in range(len(catalogue.names))]


def _text(table: pd.DataFrame, column: str, key: str) -> pd.Series:
    """Return an attribute's values as text: 3 for 3.0, true and false; missing ones stay missing."""
    if column not in table.columns:
        fix = "correct the name, or use the population table that the featurize stage writes under these params"
        raise InputError(f"params.yaml, {key}", "a column of stakeholders", repr(column), fix)
    values = table[column]
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.astype("str").str.lower()
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.map(lambda value: f"{value:.15g}", na_action="ignore").astype("str")
    return values.astype("str")


def _codes(table: pd.DataFrame, column: str, key: str, values: list[str]) -> Integers:
    """Return the position of each stakeholder's value among some values, their number where it is none of them."""
    at = pd.Index(values, dtype="str").get_indexer(pd.Index(_text(table, column, key)))
    return np.where(at < 0, len(values), at).astype(np.int64)


def _households(table: pd.DataFrame, column: str | None) -> Integers | None:
    """Return a code of the value and the instant of decision, −1 where the value is missing."""
    if column is None:
        return None
    instants, _ = pd.factorize(table["as_of"], sort=True)
    codes, values = pd.factorize(_text(table, column, "decision.one_per"), sort=True)
    return np.where(codes < 0, -1, instants * len(values) + codes).astype(np.int64)
