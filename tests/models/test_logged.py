"""Logged decisions: whole stakeholders on one side of a split; missing propensities come from other stakeholders."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from rapport.contracts.errors import InputError
from rapport.contracts.params import Learner, Params, parse_params
from rapport.models.boosting import Training
from rapport.models.logged import Logged, retention_values, with_estimated_propensities

TRAINING = Training(Learner(rounds=60, leaves=7, min_leaf_rows=40), seed=9, threads=1, category_indexes=())
ROWS = 4000


def params(worth: float | str) -> Params:
    return parse_params(
        {
            "source": {"kind": "files"},
            "clock": {"as_of": "2025-01-01", "horizon_days": 90},
            "outcome": {"churn": {"event": "left"}, "value": {}, "retention_value": worth},
            "interventions": {"control": "none", "arms": {"call": {}}},
        }
    )


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


def test_value_is_money_plus_retention() -> None:
    logged = replace(targeted()[0], money=np.full(ROWS, 5.0), retained=np.arange(ROWS) % 2 == 0)
    assert logged.value[:4].tolist() == [305.0, 5.0, 305.0, 5.0]


def test_a_worth_of_each_row_goes_with_its_row() -> None:
    worth = np.arange(ROWS, dtype=float)
    logged = replace(targeted()[0], money=np.zeros(ROWS), retained=np.ones(ROWS), retention_value=worth)
    assert logged.value.tolist() == worth.tolist()
    assert logged.take(worth % 3 == 2).value.tolist() == worth[2::3].tolist()


def test_a_table_says_what_retention_is_worth_where_params_do_not() -> None:
    table = pd.DataFrame({"retention_value": [1.0, 2.5]})
    assert retention_values(table, params(7.0)) == 7.0
    assert retention_values(table, params("clv")).tolist() == [1.0, 2.5]
    with pytest.raises(InputError, match="column retention_value: expected what retention is worth"):
        retention_values(table.drop(columns="retention_value"), params("clv"))
    with pytest.raises(InputError, match="column retention_value: expected money in every row; got none in 1 rows"):
        retention_values(pd.DataFrame({"retention_value": [1.0, None]}), params("clv"))


def test_take_keeps_the_columns_of_a_row_together() -> None:
    logged, _ = targeted()
    mask = logged.arm == 2
    taken = logged.take(mask)
    assert len(taken) == mask.sum() > 0
    assert list(taken.ids) == list(logged.ids[mask])
    assert list(taken.ids.index) == list(range(len(taken)))
    assert (taken.arms, taken.retention_value) == (logged.arms, 300.0)
    for name in ("X", "arm", "propensity", "money", "retained", "eligible"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(logged, name)[mask])


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_splits_keep_a_stakeholder_on_one_side_and_cover_every_row_once(folds: int) -> None:
    logged, _ = targeted()
    tested = np.zeros(ROWS, dtype=int)
    for inside, others in logged.splits(folds, seed=1):
        assert not set(logged.ids[inside]) & set(others.ids)
        assert inside.sum() + len(others) == ROWS
        # 2,000 stakeholders: five standard deviations of a fold's share
        assert abs(inside.mean() - 1 / folds) < 5 * np.sqrt(0.25 / 2000)
        tested += inside
    assert (tested == 1).all()


def test_splits_depend_on_the_seed_and_not_on_the_order_of_rows() -> None:
    logged, _ = targeted()
    turned = logged.take(np.ones(ROWS, dtype=bool))
    turned = replace(turned, ids=logged.ids[::-1].reset_index(drop=True))
    first, again, other = ([m for m, _ in log.splits(3, s)] for log, s in ((logged, 1), (turned, 1), (logged, 2)))
    assert all((a == b[::-1]).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


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
    # In 10 draws the mean error was at most 0.045 and the correlation at least 0.974.
    logged, chance = targeted()
    true = chance[np.arange(ROWS), logged.arm]
    assert np.abs(estimated.propensity - true).mean() < 0.06
    assert np.corrcoef(estimated.propensity, true)[0, 1] > 0.95


def test_estimates_weigh_each_arm_up_to_the_population(estimated: Logged) -> None:
    """Of those who may receive an arm, its weights 1/p sum to about all, and balance what the policy targeted by.

    In 10 draws the weights were off by at most 0.06 and the targeted feature's mean by at most 0.14, unweighted 0.53.
    """
    for arm in range(3):
        may = estimated.eligible[:, arm]
        weight = (estimated.arm == arm) / estimated.propensity
        assert weight[may].mean() == pytest.approx(1.0, abs=0.1)
        tilt = (weight * estimated.X[:, 0])[may].mean()
        assert abs(tilt - estimated.X[may, 0].mean()) < 0.2
    called = estimated.arm == 1
    assert estimated.X[called, 0].mean() > 0.4  # what is balanced above was far from it


def test_ineligible_arms_take_no_probability(estimated: Logged) -> None:
    only_control = ~estimated.eligible[:, 1:].any(axis=1)
    assert only_control.sum() > 500
    assert (estimated.propensity[only_control] == 1.0).all()
    assert (estimated.propensity[~only_control] < 1.0).all()


def test_the_estimates_of_one_row_sum_to_1_over_its_arms_and_never_see_its_own_arm() -> None:
    """Were the row's own arm in its fit, the answers for other arms it might have received would not fit together."""
    logged, _ = targeted()
    small = logged.take(np.arange(ROWS) < 800)
    row = int(np.flatnonzero(small.eligible.all(axis=1))[0])
    total = 0.0
    for arm in range(3):
        changed = small.arm.copy()
        changed[row] = arm
        total += with_estimated_propensities(replace(small, arm=changed), TRAINING).propensity[row]
    assert total == pytest.approx(1.0, abs=1e-12)


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
