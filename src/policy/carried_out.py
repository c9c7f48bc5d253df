"""Decisions as people carried them out, beside the assignments that were proposed to them.

Whatever people do with a proposal, the row keeps the decided arm and the probability with which the policy drew it:
that is what was randomised, so effects learned from it are those of deciding an arm (intention to treat). The delivered
arm stands beside it and is what the stakeholder received. docs/decisions/0015 says what learns from which.
"""

import pandas as pd

from ..contracts.cells import Origin, refuse
from ..contracts.errors import InputError

_ROUNDED = 1e-3  # by which a spreadsheet may have changed a propensity


def as_proposed(carried_out: pd.DataFrame, assignments: pd.DataFrame) -> pd.DataFrame:
    """Return the decisions, each that was proposed with exactly the propensity of its proposal.

    Args:
        carried_out: of canonical_carried_out; a decision that nobody proposed stays as it is.
        assignments: what was proposed; decision_id, stakeholder_id, iteration, intervention and propensity.

    Raises:
        InputError: the assignments are of another iteration, or a row has another stakeholder, decided arm or
            propensity than its proposal.
    """
    _refuse_other_iteration(carried_out, assignments)
    proposed = assignments.set_index("decision_id")
    ids = carried_out["decision_id"]
    ours, origin = ids.isin(proposed.index), Origin("decisions")
    owner, arm, propensity = (ids.map(proposed[name]) for name in ("stakeholder_id", "intervention", "propensity"))
    named = carried_out["stakeholder_id"]
    refuse(ours & (owner != named), named, origin, "the stakeholder of the proposal with this decision_id",
           "correct the row")  # fmt: skip
    fix = "leave the decided arm as it is; what was delivered instead belongs in delivered_intervention"
    refuse(ours & (arm != carried_out["intervention"]), carried_out["intervention"], origin,
           "the arm that was proposed", fix)  # fmt: skip
    logged = carried_out["propensity"]
    refuse(ours & ((logged - propensity).abs() > _ROUNDED), logged, origin, "the propensity of the proposal",
           "leave it as it is, or blank")  # fmt: skip
    return carried_out.assign(propensity=propensity.where(ours, logged))


def _refuse_other_iteration(carried_out: pd.DataFrame, assignments: pd.DataFrame) -> None:
    decided, proposed = {*carried_out["iteration"]}, {*assignments["iteration"]}
    if assignments.size and decided != proposed:
        expected, got = (", ".join(map(str, sorted(each))) for each in (proposed, decided))
        fix = (
            "absorb an iteration before the next is run; `git checkout dvc.lock params.yaml && dvc checkout` goes back"
        )
        raise InputError("decisions, column iteration", f"{expected}, that of the assignments on disk", got, fix)
