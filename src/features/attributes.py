"""Attributes of stakeholders as features: text is a category, anything else a number."""

from collections.abc import Sequence, Set

import pandas as pd

from ..contracts.columns import check_columns
from ..contracts.errors import InputError, ParamsError
from ..contracts.params import Params
from ..contracts.rules import condition_columns, rule_columns
from .declare import Feature

KEYS = frozenset({"row", "stakeholder", "stakeholder_id", "decision_id", "as_of", "arm", "propensity", "iteration",
                  "policy", "churned", "money", "value", "retention_value", "contacts", "since",
                  "opted_out"})  # fmt: skip


def attributes(stakeholders: pd.DataFrame, params: Params, taken: Set[str]) -> pd.DataFrame:
    """Return kind and the attributes that may be features, in the order of the stakeholders.

    An attribute whose name is a key's or another feature's is called `attribute_<name>`.

    Raises:
        ParamsError: params name no column: a misspelt one, left out, would become a feature.
        InputError: that name is taken too, or it is that of an attribute which deciding reads by its own name.
    """
    check_columns(stakeholders.columns, params)
    _refuse_unknown_conditions(set(stakeholders.columns), taken, params)
    named = {*params.features.exclude, *params.features.audit_only}
    needed = _needed(params) & set(stakeholders.columns)
    left_out = named - needed | {"opted_out", "since", "stakeholder_id"}
    kept = stakeholders.drop(columns=left_out & set(stakeholders.columns))
    kept.columns = _apart(list(kept.columns), KEYS | taken, needed)
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
            fix = "rename the column, and in params.yaml the cost or rule that names it"
            raise InputError(f"stakeholders, column {name}", "a name of its own, since deciding reads the column",
                             "the name of a key or of another feature", fix)  # fmt: skip
        apart.append(f"attribute_{name}" if name in taken else name)
        if apart[-1] != name and apart[-1] in names:
            raise InputError(f"stakeholders, column {name}", f"no column {apart[-1]} beside it, which it is renamed to",
                             "both", "rename one of them")  # fmt: skip
    return apart


def _needed(params: Params) -> set[str]:
    """Return the columns that deciding reads: they are in the tables whatever `features.exclude` says."""
    rules = params.interventions, params.decision
    return {"kind", *rule_columns(*rules), *condition_columns(*rules)}


def _refuse_unknown_conditions(columns: Set[str], features: Set[str], params: Params) -> None:
    """Refuse conditions of attributes or features that do not exist.

    Raises:
        ParamsError: names the rule.
    """
    known = columns - {"since", "stakeholder_id"}
    for name, key in condition_columns(params.interventions, params.decision).items():
        if name not in known | features:
            expected = "names of attributes or features (`rapport features` lists them)"
            raise ParamsError(f"params.yaml, {key}", expected, repr(name), "correct the name")
