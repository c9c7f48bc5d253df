"""From canonical tables to the three tables of rows: decisions, snapshots and today's population.

Key columns come first, then the features; the features of a row depend on nothing known at or after its as-of instant.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import pandas as pd

from ..contracts.errors import InputError, ParamsError
from ..contracts.params import Params
from ..contracts.time import MICROS_PER_DAY, from_micros, instant_micros, to_micros
from .catalogue import EventFeatures, Feature
from .engine import execute, to_sql
from .history import History, build_history, contact_type, slug
from .labels import outcomes
from .spine import decision_spine, population_spine, snapshot_spine
from .visible import EVENTS, SPINE

KEYS = frozenset({"row", "stakeholder", "stakeholder_id", "decision_id", "as_of", "arm", "propensity", "iteration",
                  "policy", "churned", "money", "value", "contacts", "since", "opted_out"})  # fmt: skip


@dataclass(frozen=True)
class FeatureTables:
    """What the featurize stage writes.

    Attributes:
        decisions: mature logged decisions: keys, outcome, features.
        snapshots: everyone at regular instants: keys, outcome, features.
        population: everyone at `as_of`: keys, opted_out, iteration, features.
        features: the declarations, in column order.
    """

    decisions: pd.DataFrame
    snapshots: pd.DataFrame
    population: pd.DataFrame
    features: list[Feature]


def featurize(
    stakeholders: pd.DataFrame, events: pd.DataFrame, decisions: pd.DataFrame, params: Params
) -> FeatureTables:
    """Return features and outcomes for all rows.

    Args:
        stakeholders: canonical, in stakeholder_id order.
        events: canonical.
        decisions: canonical, may be empty.
        params: clock, outcome, catalogue of arms and features section.

    Raises:
        InputError: event types or attributes whose feature names collide.
    """
    arms = list(params.interventions.arms)
    history = build_history(stakeholders, events, decisions, params.interventions.control, arms)
    from_events = _event_features(history, params)
    attributes = _attributes(stakeholders, params, {_TENURE.name, *(f.name for f in from_events.declarations())})

    sql = to_sql(from_events.expression(EVENTS, SPINE), order_by="row")

    def rows(spine: pd.DataFrame) -> pd.DataFrame:
        tables = {"events": history.events, "spine": spine[list(SPINE.columns)]}
        found = execute(sql, tables, params.threads).drop(columns="row")
        mine = attributes.loc[spine["stakeholder_id"]].reset_index(drop=True)
        tenure = (spine["as_of"] - mine.pop("since")) / MICROS_PER_DAY
        # UTC without a zone: MLflow's signatures refuse a zone, and registry consumers pass this very table.
        as_of = from_micros(spine["as_of"]).dt.tz_localize(None)
        keys = spine.drop(columns=["row", "stakeholder"]).assign(as_of=as_of)
        return pd.concat([keys, mine, tenure.rename("tenure_days"), found], axis=1)

    def learned(spine: pd.DataFrame) -> pd.DataFrame:
        known = outcomes(spine, history, params)
        table = rows(spine)
        for at, name in enumerate(known.columns):
            table.insert(spine.shape[1] - 2 + at, name, known[name])
        return table

    everyone = population_spine(stakeholders, history, params).assign(iteration=params.clock.iteration)
    population = rows(everyone)
    opted_out = stakeholders.set_index("stakeholder_id")["opted_out"]
    population.insert(2, "opted_out", population["stakeholder_id"].map(opted_out).astype(bool))
    return FeatureTables(
        decisions=learned(decision_spine(decisions, stakeholders, history, params)),
        snapshots=learned(snapshot_spine(stakeholders, history, params)),
        population=population,
        features=[*_attribute_features(attributes, params), _TENURE, *from_events.declarations()],
    )


_TENURE = Feature("tenure_days", "days since the relationship began", "days", "missing")


def _event_features(history: History, params: Params) -> EventFeatures:
    """Choose the event types from what was known at `as_of`; the catalogue's arms always have their columns.

    The leaving event is no feature: nobody who has left is in any spine.
    """
    as_of = instant_micros(params.clock.as_of)
    known = history.events[(history.events["at"] < as_of) & (history.events["known"] < as_of)]
    contacts = {contact_type(arm) for arm in params.interventions.arms}
    leaving = params.outcome.churn.event
    aside = contacts if leaving is None else {*contacts, slug(leaving)}
    counts = known.loc[~known["event_type"].isin(aside), "event_type"].value_counts()
    frequent = sorted(counts.index, key=lambda name: (-counts[name], name))[: params.features.max_event_types]
    valued = known.loc[known["amount"].notna(), "event_type"].unique()
    return EventFeatures([*sorted(frequent), *sorted(contacts)], frozenset(valued), params.features.windows_days)


def _attributes(stakeholders: pd.DataFrame, params: Params, taken: set[str]) -> pd.DataFrame:
    """Return kind, since (microseconds) and the attributes that may be features, indexed by stakeholder_id.

    An attribute whose name is a key's or another feature's is called `attribute_<name>`.

    Raises:
        ParamsError: `exclude` or `audit_only` names no column, so that a misspelt one would become a feature.
        InputError: that name is taken too, or the attribute is an arm's cost, which is read by its own name.
    """
    named = {*params.features.exclude, *params.features.audit_only}
    unknown = sorted(named - set(stakeholders.columns))
    if unknown:
        where = "params.yaml, features.exclude and features.audit_only"
        raise ParamsError(where, "columns of stakeholders", repr(unknown[0]), "correct or remove the name")
    left_out = named - _needed(params) | {"opted_out", "since"}
    kept = stakeholders.set_index("stakeholder_id").drop(columns=left_out & set(stakeholders.columns))
    kept.columns = _apart(list(kept.columns), KEYS | taken, _needed(params))
    return kept.assign(since=to_micros(stakeholders["since"]).to_numpy())


def _apart(names: Sequence[str], taken: Set[str], needed: Set[str]) -> list[str]:
    apart: list[str] = []
    for name in names:
        if name in taken and name in needed:
            fix = "rename the column, and in params.yaml the cost that names it"
            raise InputError(f"stakeholders, column {name}", "a cost column with a name of its own",
                             "the name of a key or of another feature", fix)  # fmt: skip
        apart.append(f"attribute_{name}" if name in taken else name)
        if apart[-1] != name and apart[-1] in names:
            raise InputError(f"stakeholders, column {name}", f"no column {apart[-1]} beside it, which it is renamed to",
                             "both", "rename one of them")  # fmt: skip
    return apart


def _needed(params: Params) -> set[str]:
    """Return the columns that deciding reads: they are in the tables whatever `features.exclude` says."""
    return {"kind", *(arm.cost for arm in params.interventions.arms.values() if isinstance(arm.cost, str))}


def _attribute_features(attributes: pd.DataFrame, params: Params) -> list[Feature]:
    """Declare the attributes: text is a category, anything else a number.

    What deciding reads stays in the tables even when it is to be left out, but is no feature then.
    """
    left_out = {"since", *params.features.exclude, *params.features.audit_only}
    return [
        Feature(
            str(name), f"attribute {name}", "category" if pd.api.types.is_string_dtype(dtype) else "value", "missing"
        )
        for name, dtype in attributes.dtypes.items()
        if name not in left_out
    ]
