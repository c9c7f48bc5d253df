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
        assignments: what was proposed; decision_id, stakeholder_id, decided_at, iteration, policy, intervention and
            propensity.

    Raises:
        InputError: the assignments are of another iteration, or a row has another stakeholder, instant, policy, decided
            arm or propensity than its proposal.
    """
    _refuse_other_iteration(carried_out, assignments)
    ids = carried_out["decision_id"]
    ours, origin = ids.isin(assignments["decision_id"]), Origin("decisions")
    proposed = assignments.set_index("decision_id").reindex(ids).reset_index(drop=True)
    propensity, logged = proposed["propensity"], carried_out["propensity"]
    for name, expected, fix in (
        ("stakeholder_id", "the stakeholder of the proposal with this decision_id", "correct the row"),
        ("decided_at", "the instant of the proposal", "leave it as it is: it was randomised then, whenever it was met"),
        ("policy", "the policy that proposed it", "leave it as it is; who changed it belongs in status_reason"),
        ("intervention", "the arm that was proposed",
         "leave the decided arm as it is; what was delivered instead belongs in delivered_intervention"),
    ):  # fmt: skip
        refuse(ours & (proposed[name] != carried_out[name]), carried_out[name], origin, expected, fix)
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
