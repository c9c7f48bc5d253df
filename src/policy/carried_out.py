"""Decisions as people carried them out, beside the assignments that were proposed to them."""

import pandas as pd

from ..contracts.errors import InputError


def honest_propensities(carried_out: pd.DataFrame, assignments: pd.DataFrame) -> pd.DataFrame:
    """Return the decisions with the propensity kept only where the proposed arm was the one delivered.

    A person's override has no known probability: its propensity becomes null, to be estimated.

    Args:
        carried_out: canonical decisions.
        assignments: what was proposed; decision_id, stakeholder_id and intervention.

    Raises:
        InputError: a decision_id belongs to another stakeholder's assignment.
    """
    proposed = assignments.set_index("decision_id")
    owner = carried_out["decision_id"].map(proposed["stakeholder_id"])
    stolen = owner.notna() & (owner != carried_out["stakeholder_id"])
    if stolen.any():
        row = int(stolen.to_numpy().argmax())
        where = f"decisions, column decision_id, row {row + 1}"
        got = f"stakeholder {carried_out['stakeholder_id'].iloc[row]!r}"
        raise InputError(where, f"the assignment's stakeholder {owner.iloc[row]!r}", got, "correct the row")
    arm = carried_out["decision_id"].map(proposed["intervention"])
    overridden = arm.notna() & (arm != carried_out["intervention"])
    return carried_out.assign(propensity=carried_out["propensity"].mask(overridden))
