"""Missing propensities come from other stakeholders, of iterations that lack them, and are blended out of fold."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from rapport.contracts.params import Learner
from rapport.models.boosting import Training
from rapport.models.logged import Logged
from rapport.models.propensity import log_probabilities_by_part, with_estimated_propensities

TRAINING = Training(Learner(rounds=60, leaves=7, min_leaf_rows=40), seed=9, threads=1, category_indexes=())
ROWS = 4000


def truth(X: np.ndarray, eligible: np.ndarray) -> np.ndarray:
    """Return the probability of each arm under a policy that targets by the first two features, shape (n, 3)."""
    wish = np.column_stack([np.zeros(len(X)), X[:, 0] - 0.5, -X[:, 1] - 0.3])
    return softmax(np.where(eligible, wish, -np.inf), axis=1)


def targeted(seed: int = 0) -> tuple[Logged, np.ndarray]:
    """Return a log without propensities and the true probability of each arm.

    A fifth may only get the control and another fifth not arm 1; the features do not say who.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(ROWS, 3)).astype(np.float32)
    eligible = np.ones((ROWS, 3), dtype=bool)
    group = rng.integers(0, 5, ROWS)
    eligible[group == 0, 1:] = False
    eligible[group == 1, 1] = False
    chance = truth(X, eligible)
    logged = Logged(
        arms=("none", "call", "mail"),
        X=np.hstack([X, group[:, None].astype(np.float32)]),
        arm=(rng.random(ROWS)[:, None] > chance.cumsum(axis=1)).sum(axis=1).astype(np.int64),
        propensity=np.full(ROWS, np.nan),
        money=rng.normal(size=ROWS),
        retained=rng.integers(0, 2, ROWS).astype(float),
        retention_value=300.0,
        ids=pd.Series([f"s{at // 2}" for at in range(ROWS)], dtype="str"),
        iteration=np.zeros(ROWS, dtype=np.int64),
        eligible=eligible,
    )
    return logged, chance


@pytest.fixture(scope="module")
def estimated() -> Logged:
    return with_estimated_propensities(targeted()[0], TRAINING)


def test_logged_propensities_stay_as_they_are() -> None:
    logged, chance = targeted()
    true = chance[np.arange(ROWS), logged.arm]
    known = np.arange(ROWS) % 3 > 0
    mixed = replace(logged, propensity=np.where(known, true, np.nan))
    filled = with_estimated_propensities(mixed, TRAINING).propensity
    np.testing.assert_array_equal(filled[known], true[known])
    assert np.isfinite(filled).all()
    complete = replace(logged, propensity=true)
    assert with_estimated_propensities(complete, TRAINING) is complete


def test_estimates_are_near_the_true_probabilities(estimated: Logged) -> None:
    # In 10 draws the mean error was at most 0.043 and the correlation at least 0.974.
    logged, chance = targeted()
    true = chance[np.arange(ROWS), logged.arm]
    assert np.abs(estimated.propensity - true).mean() < 0.05
    assert np.corrcoef(estimated.propensity, true)[0, 1] > 0.96


def test_estimates_weigh_each_arm_up_to_the_population(estimated: Logged) -> None:
    """Of those who may receive an arm, its weights 1/p sum to about all, and balance what the policy targeted by.

    In 10 draws the weights were off by at most 0.05 and the targeted feature's mean by at most 0.07, unweighted 0.53.
    """
    for arm in range(3):
        may = estimated.eligible[:, arm]
        weight = (estimated.arm == arm) / estimated.propensity
        assert weight[may].mean() == pytest.approx(1.0, abs=0.08)
        tilt = (weight * estimated.X[:, 0])[may].mean()
        assert abs(tilt - estimated.X[may, 0].mean()) < 0.1
    called = estimated.arm == 1
    assert estimated.X[called, 0].mean() > 0.4  # what is balanced above was far from it


def test_ineligible_arms_take_no_probability(estimated: Logged) -> None:
    only_control = ~estimated.eligible[:, 1:].any(axis=1)
    assert only_control.sum() > 500
    assert (estimated.propensity[only_control] == 1.0).all()
    assert (estimated.propensity[~only_control] < 1.0).all()


def test_a_rows_own_arm_moves_its_propensities_by_the_blend_alone() -> None:
    """Regression and trees never see it; were it in their fit, the answers for the arms would be off by tenths."""
    logged, _ = targeted()
    small = logged.take(np.arange(ROWS) < 800)
    row = int(np.flatnonzero(small.eligible.all(axis=1))[0])
    total, shares = 0.0, []
    for arm in range(3):
        changed = small.arm.copy()
        changed[row] = arm
        other = replace(small, arm=changed)
        shares.append(log_probabilities_by_part(other, TRAINING)[row])
        total += with_estimated_propensities(other, TRAINING).propensity[row]
    assert (shares[0] == shares[1]).all()
    assert (shares[0] == shares[2]).all()
    assert total == pytest.approx(1.0, abs=0.01)


def test_weights_of_few_decisions_are_not_too_heavy() -> None:
    """1 / p is near what it should be: on average in 10 draws of 1,000 off by 3.9 to 5.9 %, by trees 8.8 to 13.1."""
    logged, chance = targeted(seed=3)
    few = logged.take(np.arange(ROWS) < 1000)
    true = chance[np.arange(1000), few.arm]
    assert (true / with_estimated_propensities(few, TRAINING).propensity).mean() == pytest.approx(1.0, abs=0.075)
    by_trees = np.exp(log_probabilities_by_part(few, TRAINING)[np.arange(1000), 1, few.arm])
    assert (true / by_trees)[few.eligible.all(axis=1)].mean() > 1.08


def test_trees_find_a_policy_that_no_line_describes() -> None:
    rng = np.random.default_rng(1)
    logged, _ = targeted()
    call = np.where(logged.X[:, 0] * logged.X[:, 1] > 0, 0.9, 0.1)
    arm = (rng.random(ROWS) < call).astype(np.int64)
    crossed = replace(logged, arm=arm, eligible=np.ones((ROWS, 3), dtype=bool))
    found = with_estimated_propensities(crossed, TRAINING).propensity
    assert np.corrcoef(found, np.where(arm == 1, call, 1 - call))[0, 1] > 0.9
    shares = np.exp(log_probabilities_by_part(crossed, TRAINING)[np.arange(ROWS), 0, arm])
    assert shares.mean() < 0.6  # the regression alone sees half and half


def test_iterations_that_logged_all_propensities_teach_nothing_about_those_that_did_not() -> None:
    logged, _ = targeted()
    turned = replace(logged, arm=2 - logged.arm, propensity=np.full(ROWS, 0.5), iteration=np.ones(ROWS, dtype=np.int64))
    both = Logged(**{
        name: (pd.concat([ours, theirs], ignore_index=True) if name == "ids" else np.concatenate([ours, theirs]))
        if hasattr(ours, "__len__") and name != "arms" else ours
        for name, ours, theirs in ((each, getattr(logged, each), getattr(turned, each))
                                   for each in Logged.__dataclass_fields__)
    })  # fmt: skip
    found = with_estimated_propensities(both, TRAINING).propensity
    np.testing.assert_array_equal(found[:ROWS], with_estimated_propensities(logged, TRAINING).propensity)
    assert (found[ROWS:] == 0.5).all()


def test_iterations_that_did_not_each_have_odds_of_their_own() -> None:
    """One, numbered by its date, gave calls to half of the people, the next mails; features tell nothing."""
    rng = np.random.default_rng(5)
    logged, _ = targeted()
    iteration = 20250403 + np.arange(ROWS) % 2
    arm = np.where(rng.random(ROWS) < 0.5, 0, 1 + np.arange(ROWS) % 2)
    apart = replace(logged, arm=arm, iteration=iteration, eligible=np.ones((ROWS, 3), dtype=bool))
    assert with_estimated_propensities(apart, TRAINING).propensity.mean() == pytest.approx(0.5, abs=0.03)
    together = replace(apart, iteration=np.zeros(ROWS, dtype=np.int64))
    assert with_estimated_propensities(together, TRAINING).propensity.mean() < 0.4


def test_an_arm_received_against_eligibility_still_has_a_propensity() -> None:
    logged, _ = targeted()
    arm = logged.arm.copy()
    arm[np.flatnonzero(~logged.eligible[:, 1])[:50]] = 1
    propensity = with_estimated_propensities(replace(logged, arm=arm), TRAINING).propensity
    assert ((propensity >= 0.01) & (propensity <= 1.0)).all()


@pytest.mark.parametrize("rows", [1, 2, 3, 10])
def test_a_handful_of_decisions_still_has_propensities(rows: int) -> None:
    few = targeted()[0].take(np.arange(ROWS) < rows)
    propensity = with_estimated_propensities(few, TRAINING).propensity
    assert ((propensity >= 0.01) & (propensity <= 1.0)).all()
