"""The schemas of the tables in and out, each column with what a person reads when a cell breaks it.

`docs/contract.md` gives the meaning of each column.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pandera.pandas as pa

from .section import KINDS

VALUE_BOUND = 1e12  # an event's value beyond this is a mistake, and exact sums of it would overflow
REASONS = (
    "best_gain",
    "no_gain",
    "unknown_gain",
    "budget",
    "capacity",
    "quota",
    "rate_gap",
    "household",
    "cooldown",
    "exclusion",
    "contact_limit",
    "refusal",
    "opted_out",
    "not_eligible",
    "explore",
    "holdout",
)

_TIME = pd.DatetimeTZDtype("us", "UTC")
_ID_FIX = "give every row its id"
_BOUNDED = pa.Check.in_range(-VALUE_BOUND, VALUE_BOUND)


def _column(dtype: Any, expected: str, fix: str, *checks: pa.Check, **more: Any) -> pa.Column:
    """Declare a column; `expected` and `fix` are what a person reads when a cell breaks it."""
    return pa.Column(dtype, checks=list(checks), description=expected, metadata={"fix": fix}, **more)


STAKEHOLDERS = pa.DataFrameSchema(
    {
        "stakeholder_id": _column("str", "an id", _ID_FIX, unique=True),
        "kind": _column("str", f"one of {', '.join(KINDS)}", "correct the cell", pa.Check.isin(KINDS)),
        "since": _column(_TIME, "when the relationship began", "give every stakeholder a date"),
        "opted_out": _column("bool", "true or false", "correct the cell"),
    },
    name="stakeholders",
)

EVENTS = pa.DataFrameSchema(
    {
        "event_id": _column("str", "an id or a blank", "correct the cell", nullable=True),
        "stakeholder_id": _column("str", "an id", _ID_FIX),
        "occurred_at": _column(_TIME, "when it happened", "give every event its time"),
        "known_at": _column(_TIME, "when it became known", "leave blank what was known at once"),
        "event_type": _column("str", "a type of event", "give every event its type"),
        "value": _column("float64", f"a number between −{VALUE_BOUND:g} and {VALUE_BOUND:g}", "correct the cell",
                         pa.Check.in_range(-VALUE_BOUND, VALUE_BOUND, False, False), nullable=True),
        "channel": _column("str", "text or a blank", "correct the cell", nullable=True),
    },
    name="events",
)  # fmt: skip


def decisions_schema(arms: Sequence[str]) -> pa.DataFrameSchema:
    """Return the schema of the decisions table.

    Args:
        arms: names of the catalogue, the control included.
    """
    arm_fix = "correct the cell, or add the arm to `interventions.arms` in params.yaml"
    arm = f"one of the arms {', '.join(arms)}"
    propensity = "a probability above 0 and at most 1, or a blank"
    propensity_fix = "log the probability with which the policy chose this arm here; blank means estimate it"
    return pa.DataFrameSchema(
        {
            "decision_id": _column("str", "an id", _ID_FIX, unique=True),
            "stakeholder_id": _column("str", "an id", _ID_FIX),
            "decided_at": _column(_TIME, "when it was decided", "give every decision its time"),
            "intervention": _column("str", arm, arm_fix, pa.Check.isin(arms)),
            "propensity": _column("float64", propensity, propensity_fix, pa.Check.in_range(0, 1, False, True),
                                  nullable=True),
            "iteration": _column("int64", "a whole number", "correct the cell"),
            "policy": _column("str", "the policy that decided", "name the policy in every row"),
            "delivered_intervention": _column("str", arm, arm_fix, pa.Check.isin(arms)),
        },
        name="decisions",
    )  # fmt: skip


def dtypes(schema: pa.DataFrameSchema) -> dict[str, str]:
    """Return the type of each of a canonical table's columns, as pandas names it.

    >>> dtypes(STAKEHOLDERS)
    {'stakeholder_id': 'str', 'kind': 'str', 'since': 'datetime64[us, UTC]', 'opted_out': 'bool'}
    """
    named = {name: str(column.dtype) for name, column in schema.columns.items()}
    return {name: "str" if kind.startswith("str") else kind for name, kind in named.items()}


def assignments_schema(arms: Sequence[str]) -> pa.DataFrameSchema:
    """Return the schema of the table out, whose gains stand in catalogue order.

    Args:
        arms: names of the catalogue, the control first; the control has no gain columns.
    """
    fix = "this is a defect of the program; report it"
    arm = f"one of the arms {', '.join(arms)}"
    columns = {
        "decision_id": _column("str", "an id", fix, unique=True),
        "stakeholder_id": _column("str", "an id", fix, unique=True),
        "decided_at": _column(_TIME, "the as-of instant", fix),
        "iteration": _column("int64", "a whole number", fix),
        "policy": _column("str", "a name", fix),
        "intervention": _column("str", arm, fix, pa.Check.isin(arms)),
        "propensity": _column("float64", "a probability above 0", fix, pa.Check.in_range(0, 1, False, True)),
        "best_intervention": _column("str", arm, fix, pa.Check.isin(arms)),
        "churn_risk": _column("float64", "a probability", fix, pa.Check.in_range(0, 1)),
        "expected_gain": _column("float64", "money", fix, _BOUNDED, nullable=True),
    }
    for name in arms[1:]:
        # Null where the kind may not receive the arm, or the log holds too few decisions of it to know.
        columns[f"gain_{name}"] = _column("float64", "money", fix, _BOUNDED, nullable=True)
        columns[f"gain_se_{name}"] = _column(
            "float64", "a standard error", fix, _BOUNDED, pa.Check.ge(0), nullable=True
        )
    columns["reason"] = _column("str", f"one of {', '.join(REASONS)}", fix, pa.Check.isin(REASONS))
    columns["status"] = _column("str", "proposed", fix, pa.Check.isin(["proposed"]))
    columns["model_digest"] = _column("str", "a content hash", fix)
    return pa.DataFrameSchema(columns, name="assignments", ordered=True)
