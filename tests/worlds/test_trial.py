"""Trials: their truth is what happens on average, and what it says depends on the features alone."""

from dataclasses import replace

import numpy as np
import pytest

from rapport.worlds.trial import TRIAL_ARMS, TRIAL_CATEGORIES, TRIAL_FEATURES, WAVES, Trial, TrialData, draw_trial

ROWS = 60_000


def z_scores(data: TrialData) -> np.ndarray:
    """Return by how many standard errors the logged outcomes of each arm lie off the truth: churn, then value."""
    found = []
    value = data.money + data.retention_value * data.retained
    for arm in range(len(TRIAL_ARMS)):
        rows = data.arm == arm
        for seen, truth in ((1 - data.retained, data.churn), (value, data.value)):
            away = seen[rows] - truth[rows, arm]
            found.append(away.mean() / (away.std() / np.sqrt(rows.sum())))
    return np.array(found)


@pytest.mark.parametrize(
    "trial",
    [
        Trial(ROWS, 1),
        Trial(ROWS, 2, logging="targeted"),
        Trial(ROWS, 3, kind="partners"),
        Trial(ROWS, 5, drift=1.0, later=True),
    ],
    ids=["customers", "targeted", "partners", "drift"],
)
def test_what_happens_is_on_average_what_the_truth_says(trial: Trial) -> None:
    """Twelve statements at 4 standard errors are all true in 99.9 % of draws; seeds are fixed."""
    assert np.abs(z_scores(draw_trial(trial))).max() < 4


def test_a_wrong_truth_would_be_seen() -> None:
    data = draw_trial(Trial(ROWS, 1))
    assert np.abs(z_scores(replace(data, churn=data.churn + 0.03))).max() > 4


def test_employees_have_no_money() -> None:
    data = draw_trial(Trial(2000, 4, kind="employees"))
    assert (data.money == 0).all()
    np.testing.assert_allclose(data.value, data.retention_value * (1 - data.churn))
    assert draw_trial(Trial(2000, 4)).money.max() > 0


def test_of_shoppers_one_in_a_hundred_buys_and_the_same_mail_is_best_for_all() -> None:
    data = draw_trial(Trial(300_000, 4, kind="shoppers"))
    assert 0.004 < (data.money > 0).mean() < 0.02
    np.testing.assert_array_equal(data.value.argmax(axis=1), 1)
    money = [data.money[data.arm == arm] - data.value[data.arm == arm, arm] for arm in range(len(TRIAL_ARMS))]
    assert np.abs([away.mean() / away.std() * len(away) ** 0.5 for away in money]).max() < 4
    assert (draw_trial(Trial(2000, 4)).value.argmax(axis=1) != 1).any()


def test_in_a_null_trial_no_arm_does_anything() -> None:
    data = draw_trial(Trial(2000, 6, null=True))
    np.testing.assert_array_equal(data.value, np.tile(data.value[:, :1], (1, len(TRIAL_ARMS))))
    assert np.ptp(draw_trial(Trial(2000, 6)).value, axis=1).min() > 0


@pytest.mark.parametrize("logging", ["randomised", "targeted", "unrecorded"])
def test_arms_are_logged_with_their_propensities(logging: str) -> None:
    data = draw_trial(Trial(ROWS, 7, logging=logging))  # type: ignore[arg-type]
    np.testing.assert_allclose(data.propensity.sum(axis=1), 1.0)
    share = np.bincount(data.arm, minlength=6) / ROWS
    assert np.abs(share - data.propensity.mean(axis=0)).max() < 4 * 0.5 / np.sqrt(ROWS)
    assert (data.propensity.min() == pytest.approx(1 / 6)) == (logging == "randomised")
    assert data.propensity.min() > 0.02
    own = data.propensity[np.arange(ROWS), data.arm]
    assert np.isnan(data.recorded).all() if logging == "unrecorded" else (data.recorded == own).all()


def test_the_features_are_mixed() -> None:
    data = draw_trial(Trial(5000, 8))
    missing = np.isnan(data.X).mean(axis=0)
    assert 0.3 < missing[TRIAL_FEATURES.index("nps")] < 0.4
    assert missing[list(TRIAL_CATEGORIES)].max() == 0
    assert len(np.unique(data.X[:, TRIAL_FEATURES.index("industry")])) == 10
    assert data.X.shape == (5000, len(TRIAL_FEATURES))


def test_no_arm_is_best_for_all_and_some_harm() -> None:
    data = draw_trial(Trial(5000, 9))
    gain = data.value - data.value[:, :1] - data.cost
    best = np.bincount(gain.argmax(axis=1), minlength=6) / 5000
    assert best.min() > 0.02
    assert (gain[:, 1:].min(axis=0) < -data.cost[1:]).all()


def test_later_rows_are_others_of_the_next_wave() -> None:
    trial = Trial(3000, 10, drift=1.0)
    before, after = draw_trial(trial), draw_trial(replace(trial, later=True))
    assert set(before.wave.tolist()) == set(range(WAVES))
    assert set(after.wave.tolist()) == {WAVES}
    training = TRIAL_ARMS.index("training")
    worn = (
        (after.value - after.value[:, :1])[:, training].std(),
        (before.value - before.value[:, :1])[:, training].std(),
    )
    assert worn[0] < 0.8 * worn[1]


def test_the_same_trial_gives_the_same_rows() -> None:
    first, second = draw_trial(Trial(500, 11)), draw_trial(Trial(500, 11))
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.money, second.money)
    assert (draw_trial(Trial(500, 12)).money != first.money).any()
