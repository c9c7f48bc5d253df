"""A proposal keeps its arm and its propensity whatever people did; effects learned from it are unbiased."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from rapport.contracts.carried_out import canonical_carried_out
from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError
from rapport.evaluation.estimate import Estimate, clustered_mean
from rapport.models.scores import doubly_robust_scores
from rapport.policy.carried_out import as_proposed

ARMS = ("none", "call", "mail")
PROPOSED = pd.DataFrame({
    "decision_id": ["d1", "d2", "d3", "d4"],
    "stakeholder_id": ["a", "b", "c", "d"],
    "decided_at": pd.Timestamp("2025-04-01", tz="UTC"),
    "intervention": ["call", "none", "mail", "call"],
    "propensity": [1 / 3, 0.8, 0.7, 0.6],
    "iteration": [1, 1, 1, 1],
    "policy": "rapport",
})  # fmt: skip


def carried_out(**changes: list[object]) -> pd.DataFrame:
    columns = {
        "decision_id": ["d3", "d1", "d2", "x9"],
        "stakeholder_id": ["c", "a", "b", "a"],
        "decided_at": ["2025-04-01"] * 3 + ["2025-04-02"],
        "intervention": ["mail", "call", "none", "mail"],
        "propensity": [0.7, 1 / 3, 0.8, 0.5],
        "iteration": [1, 1, 1, 1],
        "policy": ["rapport"] * 3 + ["by hand"],
        "status": ["delivered", "overridden", "overridden", ""],
        "delivered_intervention": ["", "none", "call", ""],
        "status_reason": ["", "in hospital", "asked for it", ""],
    }
    return canonical_carried_out(pd.DataFrame({**columns, **changes}), ARMS, Origin("decisions"))


def test_an_override_keeps_the_decided_arm_with_its_propensity_and_the_delivered_arm_without() -> None:
    table = as_proposed(carried_out(), PROPOSED)
    assert table["intervention"].tolist() == ["mail", "call", "none", "mail"]
    assert table["propensity"].tolist() == [0.7, 1 / 3, 0.8, 0.5]
    assert table["delivered_intervention"].tolist() == ["mail", "none", "call", "mail"]


def test_a_propensity_rounded_on_its_way_or_left_out_is_the_proposals() -> None:
    rounded = as_proposed(carried_out(propensity=[0.7, 0.333, None, None]), PROPOSED)["propensity"]
    np.testing.assert_array_equal(rounded, [0.7, 1 / 3, 0.8, np.nan])


@pytest.mark.parametrize("proposed", [PROPOSED.iloc[:0], PROPOSED.iloc[3:]])
def test_decisions_nobody_proposed_keep_what_was_logged(proposed: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(as_proposed(carried_out(), proposed), carried_out())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stakeholder_id": ["c", "z", "b", "a"]}, r"column stakeholder_id, row 2: expected the stakeholder.*got 'z'"),
        (
            {"decided_at": ["2025-04-01", "2025-04-20", "2025-04-01", "2025-04-02"]},
            r"column decided_at, row 2: expected the instant of the proposal; got 2025-04-20",
        ),
        (
            {"policy": ["rapport", "rapport", "whoever", "by hand"]},
            r"column policy, row 3: expected the policy that proposed it; got 'whoever'",
        ),
        ({"intervention": ["mail", "call", "mail", "mail"]}, r"column intervention, row 3: .*proposed; got 'mail'"),
        ({"propensity": [0.7, 0.9, 0.8, 0.5]}, r"column propensity, row 2: expected the propensity of .*; got 0.9"),
    ],
)
def test_a_row_that_is_not_its_proposals_is_refused(changes: dict[str, list[object]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_proposed(carried_out(**changes), PROPOSED)
    assert len(as_proposed(carried_out(), PROPOSED)) == 4


def test_assignments_of_another_iteration_are_refused() -> None:
    """Their ids differ all of them, so nothing could be compared with its proposal."""
    with pytest.raises(InputError, match=r"column iteration: expected 2, that of the assignments on disk; got 1"):
        as_proposed(carried_out(), PROPOSED.assign(iteration=2))


# ---- known truth: people override by what only they can see ----

N, TROUBLED = 1500, 0.35
PLANNED = np.array([0.25, 0.7])  # probability of proposing a call, by the feature x
OVERRIDDEN = np.array([[0.05, 0.1], [0.1, 0.75]])  # by the proposal and trouble: calls to the troubled are called off
WORTH = np.array([8.0, 2.0])  # of a call that is made, by trouble
TRUTH = float(np.array([1 - TROUBLED, TROUBLED]) @ (WORTH * (1.0 - OVERRIDDEN.sum(axis=0))))  # of proposing a call


def world(seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return what was carried out, the feature and the outcome; trouble, which lowers it, is not seen."""
    rng = np.random.default_rng(seed)
    x, trouble = rng.integers(0, 2, N), (rng.random(N) < TROUBLED).astype(int)
    proposed = (rng.random(N) < PLANNED[x]).astype(int)
    changed = rng.random(N) < OVERRIDDEN[proposed, trouble]
    given = np.where(changed, 1 - proposed, proposed)
    value = 20.0 + 10.0 * x - 25.0 * trouble + WORTH[trouble] * given + rng.normal(0, 8, N)
    ids = [f"{at:04d}" for at in range(N)]
    names = np.array(["none", "call"], dtype=object)
    proposals = pd.DataFrame({
        "decision_id": ids, "stakeholder_id": ids, "decided_at": pd.Timestamp("2025-04-01", tz="UTC"),
        "intervention": names[proposed],
        "propensity": np.where(proposed == 1, PLANNED[x], 1.0 - PLANNED[x]), "iteration": 1, "policy": "rapport",
    })  # fmt: skip
    marks = proposals.assign(
        status=np.where(changed, "overridden", "delivered"),
        delivered_intervention=np.where(changed, names[given], None),
        status_reason=np.where(changed, "knows better", None),
    )
    done = as_proposed(canonical_carried_out(marks, ("none", "call"), Origin("carried out")), proposals)
    return done, x, value


def effect(arm: np.ndarray, propensity: np.ndarray, x: np.ndarray, value: np.ndarray) -> Estimate:
    """Return the mean effect of a call by doubly robust scores."""
    mu = np.tile((10.0 + 10.0 * x)[:, None], (1, 2))  # right up to a constant
    scores = doubly_robust_scores(value, arm, propensity, mu)
    return clustered_mean(scores[:, 1] - scores[:, 0], np.arange(len(arm)))


def learned(seed: int) -> dict[str, Estimate]:
    """Return the effect as decided, and two mistakes: the delivered arm with the probability of the proposal, and the
    same with the probabilities of overridden rows estimated from what is seen."""
    done, x, value = world(seed)
    decided, delivered = ((done[name] == "call").to_numpy(dtype=np.int64)
                          for name in ("intervention", "delivered_intervention"))  # fmt: skip
    propensity, called = done["propensity"].to_numpy(), (np.bincount(x, delivered) / np.bincount(x))[x]
    estimated = np.where(done["status"] == "overridden", np.where(delivered == 1, called, 1.0 - called), propensity)
    return {
        "decided": effect(decided, propensity, x, value),
        "delivered": effect(delivered, propensity, x, value),
        "estimated": effect(delivered, estimated, x, value),
    }


def test_selective_overrides_bias_what_is_learned_from_the_delivered_arm_and_not_ours() -> None:
    """60 worlds: the truth lies in our 95 % intervals as often as it must.

    A right program fails for at most 1 in 1,000 choices of the seeds (binomial, both sides). The two ways of learning
    from the delivered arm are off by more than the effect itself.
    """
    draws = [learned(seed) for seed in range(60)]
    low, high = binom.ppf([0.0005, 0.9995], len(draws), 0.95)
    hits = {name: sum(each[name].low <= TRUTH <= each[name].high for each in draws) for name in draws[0]}
    off = {name: float(np.mean([each[name].value - TRUTH for each in draws])) for name in draws[0]}
    assert low <= hits["decided"] <= high
    assert abs(off["decided"]) < 0.1 * TRUTH
    assert max(hits["delivered"], hits["estimated"]) == 0
    assert min(off["delivered"], off["estimated"]) > TRUTH
