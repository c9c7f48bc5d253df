"""Decisions as people carried them out, beside the assignments that were proposed to them."""

import pandas as pd

from ..contracts.errors import InputError


def honest_propensities(carried_out: pd.DataFrame, assignments: pd.DataFrame) -> pd.DataFrame:
    """Return the decisions with the propensity kept only where the proposed arm was the one delivered.

    A person's override has no known probability: its propensity becomes null, to be estimated.

    Args:
        carried_out: canonical decisions.
        assignments: what was proposed; decision_id, stakeholder_id, iteration and intervention.

    Raises:
        InputError: the assignments are of another iteration, or a decision_id is another stakeholder's.
    """
    iterations = {*carried_out["iteration"]}, {*assignments["iteration"]}
    if assignments.size and iterations[0] != iterations[1]:
        expected, got = (", ".join(map(str, sorted(each))) for each in reversed(iterations))
        fix = (
            "absorb an iteration before the next is run; `git checkout dvc.lock params.yaml && dvc checkout` goes back"
        )
        raise InputError("decisions, column iteration", f"{expected}, that of the assignments on disk", got, fix)
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
