"""Expected value under each arm: retention worth its money plus money, constant where training saw a constant."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from rapport.contracts.params import Learner
from rapport.models.boosting import Training
from rapport.models.lines import widened
from rapport.models.logged import Logged
from rapport.models.outcomes import OutcomeModel, fit_outcomes
from rapport.worlds.trial import TRIAL_ARMS, TRIAL_CATEGORIES, Trial, TrialData, draw_trial

TRAINING = Training(Learner(rounds=40, learning_rate=0.1, leaves=7, min_leaf_rows=30), 2, 1, ())


def randomised(rows: int = 2000) -> Logged:
    """Three equally likely arms; arm 1 keeps more people, arm 2 earns 20 more."""
    rng = np.random.default_rng(1)
    X, arm = rng.normal(size=(rows, 3)).astype(np.float32), rng.integers(0, 3, rows)
    return Logged(
        arms=("none", "call", "mail"),
        X=X,
        arm=arm,
        propensity=np.full(rows, 1 / 3),
        money=30.0 * X[:, 0] + 20.0 * (arm == 2) + rng.normal(0, 5, rows),
        retained=(rng.random(rows) < 0.5 + 0.3 * (arm == 1)).astype(float),
        retention_value=100.0,
        ids=pd.Series([f"s{at}" for at in range(rows)], dtype="str"),
        iteration=np.zeros(rows, dtype=np.int64),
        eligible=np.ones((rows, 3), dtype=bool),
    )


def log_of(data: TrialData) -> Logged:
    """Return a trial as a log."""
    rows = len(data.arm)
    return Logged(
        arms=TRIAL_ARMS, X=data.X, arm=data.arm, propensity=data.recorded, money=data.money, retained=data.retained,
        retention_value=data.retention_value, ids=pd.Series(np.arange(rows)).astype("str"), iteration=data.wave,
        eligible=np.ones((rows, len(TRIAL_ARMS)), dtype=bool),
    )  # fmt: skip


@pytest.fixture(scope="module")
def model() -> OutcomeModel:
    return fit_outcomes(randomised(), TRAINING)[0]


def test_the_mean_under_each_arm_is_near_the_truth(model: OutcomeModel) -> None:
    # One arm's mean has a standard error of about 2.5, mostly that of 667 retained or not at 100 each.
    mu, _ = model.predict(randomised().X, 100.0, 3, 1)
    assert mu.mean(axis=0) == pytest.approx([50.0, 80.0, 70.0], abs=8.0)
    assert np.corrcoef(mu[:, 0], randomised().X[:, 0])[0, 1] > 0.95


@pytest.mark.parametrize(("kind", "rows", "alike"), [("shoppers", 30_000, True), ("customers", 3_000, False)])
def test_departures_are_personal_only_where_the_parts_together_show_it(kind: str, rows: int, alike: bool) -> None:
    """Shoppers buy once in a hundred, and each arm adds the same to everybody's log-odds; customers answer each their
    own way. Alike: on a part's scale, an arm's step is the same for all, so that one arm is best for all."""
    log = log_of(draw_trial(Trial(rows, 21, kind=kind)))  # type: ignore[arg-type]
    model, mu = fit_outcomes(log, replace(TRAINING, category_indexes=TRIAL_CATEGORIES))
    pays, _ = model.pays.predict(log.X[:500], widened(model.basis, log.X[:500]), len(log.arms), 1)
    steps = logit(pays[:, 1:]) - logit(pays[:, :1])
    assert (np.ptp(steps, axis=0).max() < 1e-4) == alike
    assert (len(np.unique(mu.argmax(axis=1))) == 1) == alike


def test_value_is_retention_times_its_worth_plus_money(model: OutcomeModel) -> None:
    X = randomised().X[:50]
    worthless, _ = model.predict(X, 0.0, 3, 1)
    doubled, _ = model.predict(X, 200.0, 3, 1)
    mu, _ = model.predict(X, 100.0, 3, 1)
    np.testing.assert_allclose(doubled - worthless, 2 * (mu - worthless))
    chance = (mu - worthless) / 100
    assert ((chance > 0) & (chance < 1)).all()


def test_a_worth_for_each_row_is_its_own(model: OutcomeModel) -> None:
    X, worth = randomised().X[:50], np.linspace(0.0, 400.0, 50)
    (mu, variance), (usual, _) = model.predict(X, worth, 3, 1), model.predict(X, 100.0, 3, 1)
    for row in (0, 7, 49):
        np.testing.assert_array_equal(mu[row], model.predict(X, worth[row], 3, 1)[0][row])
        np.testing.assert_array_equal(variance[row], model.predict(X, worth[row], 3, 1)[1][row])
    assert not np.allclose(mu[[0, 7, 49]], usual[[0, 7, 49]])


def test_out_of_fold_values_hold_each_row_s_worth() -> None:
    """What is learned of retention and of money does not depend on what retention is worth."""
    logged, worth = randomised(), np.linspace(0.0, 400.0, 2000)
    by_row, none, one = (fit_outcomes(replace(logged, retention_value=each), TRAINING)[1] for each in (worth, 0.0, 1.0))
    np.testing.assert_allclose(by_row, none + worth[:, None] * (one - none), atol=1e-6)


def test_files_give_identical_predictions(model: OutcomeModel) -> None:
    files = {k: v if isinstance(v, str) else json.loads(json.dumps(v)) for k, v in model.as_files().items()}
    assert set(files) == {"outcomes.json", "retention.txt", "size.txt"}
    X = randomised().X
    again = OutcomeModel.from_files(files)
    for told, kept in zip(again.predict(X, 100.0, 3, 1), model.predict(X, 100.0, 3, 1), strict=True):
        np.testing.assert_array_equal(told, kept)


@pytest.mark.parametrize(("retained", "worth"), [(1.0, 100.0), (0.0, 0.0)])
def test_a_constant_part_stays_constant(retained: float, worth: float) -> None:
    logged = randomised()
    constant, _ = fit_outcomes(replace(logged, retained=np.full(len(logged), retained)), TRAINING)
    assert set(constant.as_files()) == {"outcomes.json", "size.txt"}
    money_only, _ = constant.predict(logged.X, 0.0, 3, 1)
    np.testing.assert_allclose(constant.predict(logged.X, 100.0, 3, 1)[0] - money_only, worth)


def test_both_parts_constant_survive_the_files() -> None:
    logged = replace(randomised(), retained=np.ones(2000), money=np.full(2000, 7.5))
    files = fit_outcomes(logged, TRAINING)[0].as_files()
    assert set(files) == {"outcomes.json"}
    assert (OutcomeModel.from_files(files).predict(logged.X[:4], 100.0, 3, 1)[0] == 107.5).all()


def test_payments_are_a_hurdle_with_a_capped_tail() -> None:
    """Arm 1 makes half as many again pay, arm 2 doubles what is paid; one payment is a thousand times the usual."""
    rng = np.random.default_rng(2)
    logged = randomised(6000)
    pays = rng.random(6000) < np.array([0.3, 0.45, 0.3])[logged.arm]
    money = np.where(pays, np.array([50.0, 50.0, 100.0])[logged.arm] * rng.lognormal(0, 0.5, 6000), 0.0)
    money[np.flatnonzero(pays & (logged.arm == 0))[0]] = 50_000.0
    model, mu = fit_outcomes(replace(logged, money=money, retention_value=0.0), TRAINING)
    means = model.predict(logged.X, 0.0, 3, 1)[0].mean(axis=0)
    # Expected per person without the one large payment: 17.0, 25.5, 34.0; it adds 8.3 to each row's mean, spread over
    # all payments in proportion: the arms' order and rough ratios stay.
    assert means[1] / means[0] == pytest.approx(1.5, rel=0.15)
    assert means[2] / means[0] == pytest.approx(2.0, rel=0.15)
    assert mu.mean(axis=0) == pytest.approx(means, rel=0.1)
    raw = [money[logged.arm == arm].mean() for arm in range(3)]
    assert raw[0] > raw[1]  # what plain means say of arm 1


def test_money_that_may_be_negative_is_modelled_as_it_is() -> None:
    logged = replace(randomised(), money=randomised().money - 1000.0)
    mu, _ = fit_outcomes(replace(logged, retention_value=0.0), TRAINING)[0].predict(logged.X, 0.0, 3, 1)
    assert mu.mean(axis=0) == pytest.approx([-1000.0, -1000.0, -980.0], abs=4.0)


def test_arms_alike_do_not_depart() -> None:
    """Where no arm does anything the contrasts are a small part of what an S-learner's would be."""
    logged = randomised()
    same = replace(logged, money=30.0 * logged.X[:, 0] + np.random.default_rng(7).normal(0, 5, 2000))
    same = replace(same, retained=(np.random.default_rng(8).random(2000) < 0.6).astype(float))
    _, mu = fit_outcomes(same, TRAINING)
    assert np.abs(mu - mu[:, :1]).mean() < 1.5  # an average of 667 such rows has a standard error of 1.9


def test_each_row_alone_is_predicted_as_in_the_batch(model: OutcomeModel) -> None:
    X = randomised().X[:200]
    whole = np.stack(model.predict(X, 100.0, 3, 1))
    alone = np.concatenate([np.stack(model.predict(X[[row]], 100.0, 3, 1)) for row in range(0, 200, 20)], axis=1)
    np.testing.assert_array_equal(alone, whole[:, ::20])
    backwards = np.stack(model.predict(X[::-1], 100.0, 3, 1))
    np.testing.assert_array_equal(backwards[:, ::-1], whole)
