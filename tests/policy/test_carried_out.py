"""Propensities stay where the proposal was delivered and go where a person chose otherwise."""

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.errors import InputError
from rapport.policy.carried_out import honest_propensities

PROPOSED = pd.DataFrame({
    "decision_id": ["d1", "d2", "d3", "d4"],
    "stakeholder_id": ["a", "b", "c", "d"],
    "intervention": ["call", "none", "mail", "call"],
    "propensity": [0.9, 0.8, 0.7, 0.6],
    "iteration": [1, 1, 1, 1],
})  # fmt: skip
DELIVERED = pd.DataFrame({
    "decision_id": ["d3", "d1", "d2", "x9"],
    "stakeholder_id": ["c", "a", "b", "a"],
    "intervention": ["mail", "none", "call", "mail"],
    "propensity": [0.7, 0.9, 0.8, 0.5],
    "iteration": [1, 1, 1, 1],
})  # fmt: skip


def test_overrides_lose_their_propensity_and_nothing_else_changes() -> None:
    honest = honest_propensities(DELIVERED, PROPOSED)
    np.testing.assert_array_equal(honest["propensity"], [0.7, np.nan, np.nan, 0.5])
    others = DELIVERED.columns.drop("propensity")
    pd.testing.assert_frame_equal(honest[others], DELIVERED[others])
    assert DELIVERED["propensity"].notna().all(), "the argument is left as it was"


def test_a_declined_proposal_is_an_override() -> None:
    declined = DELIVERED.iloc[[1]]
    assert declined["intervention"].item() == "none"
    assert honest_propensities(declined, PROPOSED)["propensity"].isna().all()


def test_a_blank_propensity_stays_blank() -> None:
    assert honest_propensities(DELIVERED.assign(propensity=np.nan), PROPOSED)["propensity"].isna().all()


def test_the_index_of_the_rows_does_not_matter() -> None:
    moved = DELIVERED.set_index(pd.Index([7, 7, 3, 0]))
    honest = honest_propensities(moved, PROPOSED)["propensity"]
    np.testing.assert_array_equal(honest, honest_propensities(DELIVERED, PROPOSED)["propensity"])


@pytest.mark.parametrize("proposed", [PROPOSED.iloc[:0], PROPOSED.iloc[3:]])
def test_decisions_nobody_proposed_keep_what_was_logged(proposed: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(honest_propensities(DELIVERED, proposed), DELIVERED)


def test_assignments_of_another_iteration_are_refused() -> None:
    """Their ids differ all of them, so every override would keep the proposal's propensity."""
    with pytest.raises(InputError, match=r"column iteration: expected 2, that of the assignments on disk; got 1"):
        honest_propensities(DELIVERED, PROPOSED.assign(iteration=2))


def test_a_decision_id_of_another_stakeholder_is_refused() -> None:
    stolen = DELIVERED.assign(stakeholder_id=["c", "z", "b", "a"])
    with pytest.raises(InputError, match=r"decisions, column decision_id, row 2: expected .*'a'; got stakeholder 'z'"):
        honest_propensities(stolen, PROPOSED)
    assert len(honest_propensities(DELIVERED, PROPOSED)) == 4
