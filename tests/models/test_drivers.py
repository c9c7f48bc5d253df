"""Contributions add up to what they explain, agree with shap, and are those of the effect rather than the outcome."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from rapport.contracts.errors import InputError
from rapport.contracts.params import Learner
from rapport.models.boosting import Training, fit_booster, raw_scores
from rapport.models.boosting import contributions as tree_contributions
from rapport.models.churn import ChurnModel, fit_churn
from rapport.models.drivers import _departure, _on_means, churn_contributions, effect_contributions
from rapport.models.lines import widened
from rapport.models.links import Link
from rapport.models.logged import Logged
from rapport.models.uplift import UpliftModel, fit_uplift
from rapport.worlds.trial import RETENTION_VALUE, TRIAL_ARMS, TRIAL_CATEGORIES, TRIAL_FEATURES, Trial, draw_trial

TRAINING = Training(Learner(rounds=30, learning_rate=0.1, leaves=7, min_leaf_rows=30), 3, 1, TRIAL_CATEGORIES)
CUSTOMERS = Trial(rows=4000, seed=7)
WORTH = RETENTION_VALUE["customers"]


def fitted(trial: Trial) -> UpliftModel:
    data, arms = draw_trial(trial), len(TRIAL_ARMS)
    ids = pd.Series(np.arange(trial.rows)).astype("str")
    return fit_uplift(
        Logged(
            arms=TRIAL_ARMS, X=data.X, arm=data.arm, propensity=data.recorded, money=data.money, retained=data.retained,
            retention_value=data.retention_value, ids=ids, iteration=data.wave,
            eligible=np.ones((trial.rows, arms), dtype=bool),
        ), TRAINING)  # fmt: skip


@pytest.fixture(scope="module")
def uplift() -> UpliftModel:
    return fitted(CUSTOMERS)


@pytest.fixture(scope="module")
def churn() -> ChurnModel:
    data = draw_trial(CUSTOMERS)
    return fit_churn(data.X, data.retained == 0, pd.Series(np.arange(4000)).astype("str"), TRAINING)


@pytest.fixture(scope="module")
def explained() -> Callable[..., Any]:
    """Return shap's own values of a booster's rows; it warns of a library of its own, and of its own past."""

    def values(booster: lgb.Booster, X: np.ndarray, trees: int | None = None) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from shap import TreeExplainer

            return TreeExplainer(booster).shap_values(X, tree_limit=trees)

    return values


@pytest.mark.parametrize("arm", TRIAL_ARMS[1:])
def test_parts_and_baseline_sum_to_the_effect_of_every_row(uplift: UpliftModel, arm: str) -> None:
    X = draw_trial(replace(CUSTOMERS, seed=8, rows=300)).X
    found = effect_contributions(uplift, X, arm, WORTH, 1)
    effect = uplift.predict(X, WORTH, 1)[1][:, TRIAL_ARMS.index(arm)]
    np.testing.assert_allclose(found.baseline + found.of_features.sum(axis=1), effect, rtol=0, atol=1e-9)
    assert np.abs(found.of_features).sum() > 1, "nothing to explain would add up too"
    assert np.ptp(found.baseline) == 0


def test_who_is_worth_more_gains_more_by_what_keeps_it(uplift: UpliftModel) -> None:
    """Contributions are a line in the worth of being retained, one for each row."""
    X = draw_trial(replace(CUSTOMERS, seed=8, rows=30)).X
    none, some, much = (effect_contributions(uplift, X, "discount", worth, 1) for worth in (0.0, 100.0, 1000.0))
    mixed = effect_contributions(uplift, X, "discount", np.where(np.arange(30) % 2, 100.0, 1000.0), 1)
    np.testing.assert_allclose(
        much.of_features - none.of_features, 10 * (some.of_features - none.of_features), atol=1e-8
    )
    np.testing.assert_array_equal(mixed.of_features[1::2], some.of_features[1::2])
    np.testing.assert_array_equal(mixed.baseline[::2], much.baseline[::2])


def test_parts_and_baseline_sum_to_the_log_odds_of_churn(churn: ChurnModel) -> None:
    X = draw_trial(replace(CUSTOMERS, seed=8, rows=300)).X
    found = churn_contributions(churn, X, 1)
    assert min(churn.calibrator.weights) > 0, "trees and regression must both have a say here"
    np.testing.assert_allclose(
        found.baseline + found.of_features.sum(axis=1), logit(churn.predict(X, 1)), rtol=0, atol=1e-9
    )


def test_the_average_row_is_that_of_training(churn: ChurnModel) -> None:
    """Contributions of the regression vanish on average over its training rows, and nearly so do those of the trees."""
    X = draw_trial(CUSTOMERS).X
    assert churn.linear is not None
    _, of_columns = churn.linear.contributions(X)
    assert np.abs(of_columns.mean(axis=0)).max() < 1e-6
    assert np.abs(churn_contributions(churn, X, 1).of_features.mean(axis=0)).max() < 0.05


def test_trees_agree_with_shap(explained: Callable[..., Any]) -> None:
    data = draw_trial(CUSTOMERS)
    booster = fit_booster(data.X, data.money > 0, TRAINING, "binary")
    found = tree_contributions(booster, data.X[:50], 1)
    np.testing.assert_allclose(found[:, :-1], explained(booster, data.X[:50]), rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), raw_scores(booster, data.X[:50], 1), rtol=0, atol=1e-9)
    half = tree_contributions(booster, data.X[:50], 1, rounds=15)
    np.testing.assert_allclose(half.sum(axis=1), raw_scores(booster, data.X[:50], 1, 0, 15), rtol=0, atol=1e-9)


def test_score_parts_are_the_trees_and_lines_terms(uplift: UpliftModel, explained: Callable[..., Any]) -> None:
    """On retention's scale, an oracle that perturbs nothing and simply adds: SHAP per booster, slopes per column."""
    X = draw_trial(replace(CUSTOMERS, seed=8, rows=40)).X
    assert uplift.outcomes is not None
    part, basis = uplift.outcomes.retention, uplift.outcomes.basis
    assert part.departures is not None
    wide = widened(basis, X)
    found = _departure(part.departures, basis.sources, X, wide, 2, 1)
    np.testing.assert_allclose(found.sum(axis=1), part.departures.predict(X, wide, 1)[:, 2], atol=1e-5)
    nps = TRIAL_FEATURES.index("nps")
    own = basis.sources == nps
    slopes = part.departures.shared[:-1] + part.departures.weights[1] * part.departures.lines.slopes[2][:-1]
    expected = (wide[:, :-1][:, own] * slopes[own]).sum(axis=1)
    for boosters in part.departures.trees:
        if boosters[2] is not None and part.departures.rounds[2]:
            trees = explained(boosters[2], X, part.departures.rounds[2])
            expected = expected + part.departures.weights[0] / len(part.departures.trees) * trees[:, nps]
    np.testing.assert_allclose(found[:, nps], expected, atol=1e-6)


@pytest.mark.parametrize("scale", ["logit", "log", "identity"])
def test_parts_of_a_mean_are_the_integral_along_the_straight_line(scale: str) -> None:
    """Aumann and Shapley by brute force: the mean slope at 20,000 points between the average row's score and the row's.

    The third row stands where the average row stands.
    """
    link = Link(scale, 3.0)  # type: ignore[arg-type]
    average = np.array([-1.0, 0.5])
    parts = np.random.default_rng(1).normal(size=(3, 4, 2))
    parts[2] -= parts[2].mean(axis=0)
    score = average + parts.sum(axis=1)
    found = _on_means(link, average, score, parts)
    steps = (np.arange(20_000) + 0.5)[:, None, None] / 20_000
    steepness = link.slope(average + steps * (score - average)).mean(axis=0)
    np.testing.assert_allclose(found.parts, parts * steepness[:, None, :], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.average + found.parts.sum(axis=1), link.mean(score), rtol=1e-12)


def test_a_feature_of_the_outcome_alone_drives_the_churn_risk_and_hardly_the_effect() -> None:
    """Feature 0 moves retention whichever arm is given, feature 1 what the arm does; the third is noise."""
    rng = np.random.default_rng(5)
    rows = 6000
    X, arm = rng.normal(size=(rows, 3)).astype(np.float32), rng.integers(0, 2, rows)
    stays = expit(0.3 + 0.8 * X[:, 0] + arm * 0.9 * X[:, 1])
    training = replace(TRAINING, category_indexes=())
    logged = Logged(
        arms=("none", "call"), X=X, arm=arm, propensity=np.full(rows, 0.5), money=np.zeros(rows),
        retained=(rng.random(rows) < stays).astype(float), retention_value=100.0,
        ids=pd.Series(np.arange(rows)).astype("str"), iteration=np.zeros(rows, dtype=np.int64),
        eligible=np.ones((rows, 2), dtype=bool),
    )  # fmt: skip
    model = fit_uplift(logged, training)
    size = np.abs(effect_contributions(model, X[:400], "call", 100.0, 1).of_features).mean(axis=0)
    assert size[1] > 5 * size[0]
    assert size[1] > 5 * size[2]
    control = arm == 0
    risk = fit_churn(X[control], logged.retained[control] == 0, logged.ids[control].reset_index(drop=True), training)
    size = np.abs(churn_contributions(risk, X[:400], 1).of_features).mean(axis=0)
    assert size[0] > 5 * max(size[1], size[2])


def test_one_row_alone_is_explained_as_in_a_batch(uplift: UpliftModel) -> None:
    X = draw_trial(replace(CUSTOMERS, seed=8, rows=60)).X
    whole = effect_contributions(uplift, X, "discount", WORTH, 1).of_features
    alone = [effect_contributions(uplift, X[[row]], "discount", WORTH, 1).of_features[0] for row in (0, 31, 59)]
    np.testing.assert_allclose(whole[[0, 31, 59]], alone, rtol=0, atol=1e-9)


@pytest.mark.parametrize("arm", ["none", "gift", "discount"])
def test_an_arm_without_an_effect_is_refused(uplift: UpliftModel, arm: str) -> None:
    known = replace(uplift, effects=(*uplift.effects[:3], None, uplift.effects[4]))
    X = draw_trial(replace(CUSTOMERS, rows=2)).X
    expected = "training, personal_support, integration_advice, premium_upsell; got"
    with pytest.raises(InputError, match=rf"drivers of an effect: expected one of the arms {expected} '{arm}'"):
        effect_contributions(known, X, arm, WORTH, 1)
    assert effect_contributions(known, X, "training", WORTH, 1).of_features.shape == (2, len(TRIAL_FEATURES))
