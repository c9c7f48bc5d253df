"""Attributes of stakeholders as features: text is a category, anything else a number."""

from collections.abc import Sequence, Set

import pandas as pd

from ..contracts.errors import InputError, ParamsError
from ..contracts.params import Params
from .declare import Feature

KEYS = frozenset({"row", "stakeholder", "stakeholder_id", "decision_id", "as_of", "arm", "propensity", "iteration",
                  "policy", "churned", "money", "value", "retention_value", "contacts", "since",
                  "opted_out"})  # fmt: skip


def attributes(stakeholders: pd.DataFrame, params: Params, taken: Set[str]) -> pd.DataFrame:
    """Return kind and the attributes that may be features, in the order of the stakeholders.

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
    left_out = named - _needed(params) | {"opted_out", "since", "stakeholder_id"}
    kept = stakeholders.drop(columns=left_out & set(stakeholders.columns))
    kept.columns = _apart(list(kept.columns), KEYS | taken, _needed(params))
    return kept


def attribute_features(table: pd.DataFrame, params: Params) -> list[Feature]:
    """Declare the attributes that `attributes` returned.

    What deciding reads stays in the tables even when it is to be left out, but is no feature then.
    """
    left_out = {*params.features.exclude, *params.features.audit_only}
    return [
        Feature(str(name), f"attribute {name}", "category" if pd.api.types.is_string_dtype(dtype) else "value",
                "attribute")
        for name, dtype in table.dtypes.items()
        if name not in left_out
    ]  # fmt: skip


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
