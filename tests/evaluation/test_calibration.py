"""Calibration: six rows by hand, independent solvers, known distortions."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, stats

from rapport.evaluation.calibration import (
    base_rate_log_loss,
    brier,
    calibration_noise,
    calibration_table,
    expected_calibration_error,
    log_loss,
    propensity_log_loss,
    recalibration,
    wilson_interval,
)
from rapport.evaluation.estimate import clustered_mean

LABEL = np.array([0, 0, 1, 0, 1, 1])
PROBABILITY = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.8])
SIX = np.arange(6)


def logit(p):
    return np.log(p / (1 - p))


def draw(rng, clusters=400, slope=1.0, intercept=0.0):
    """Predictions p, and labels with logit intercept + slope·logit p; two identical rows per stakeholder."""
    p = rng.uniform(0.05, 0.95, clusters)
    label = rng.random(clusters) < 1 / (1 + np.exp(-intercept - slope * logit(p)))
    return np.repeat(label, 2), np.repeat(p, 2), np.repeat(np.arange(clusters), 2)


def test_log_loss_and_brier_by_hand():
    losses = -np.log([0.9, 0.8, 0.3, 0.4, 0.7, 0.8])
    result = log_loss(LABEL, PROBABILITY, SIX)
    assert result.value == pytest.approx(losses.mean())
    assert result.se == pytest.approx(losses.std(ddof=1) / np.sqrt(6))
    # 0.01 + 0.04 + 0.49 + 0.36 + 0.09 + 0.04 = 1.03
    assert brier(LABEL, PROBABILITY, SIX).value == pytest.approx(1.03 / 6)


def test_no_interval_of_a_loss_goes_below_nothing():
    """One of thirty left unforeseen: the interval of a plain mean would begin below 0."""
    label, risk = np.arange(30) == 0, np.full(30, 0.02)
    for loss, each in ((log_loss, -np.log(np.where(label, 0.02, 0.98))), (brier, (risk - label) ** 2)):
        found, plain = loss(label, risk, np.arange(30)), clustered_mean(each, np.arange(30))
        assert plain.low < 0
        assert found == replace(plain, low=0.0)
    assert log_loss(LABEL, PROBABILITY, SIX).low > 0


def test_base_rate_log_loss_is_the_entropy_of_the_share():
    label = np.array([1, 0, 0, 0])
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert base_rate_log_loss(label, np.arange(4)).value == pytest.approx(entropy)


@pytest.mark.parametrize("constant", [0, 1])
def test_one_class_is_defined(constant):
    label = np.full(6, constant)
    assert base_rate_log_loss(label, SIX).value == 0.0
    assert log_loss(label, PROBABILITY, SIX).value > 0
    assert brier(label, PROBABILITY, SIX).value > 0
    found = recalibration(label, PROBABILITY, SIX)
    assert (found.intercept.value, found.slope.value, found.slope.low) == (None, None, None)
    assert len(calibration_table(label, PROBABILITY, bins=3)) == 3
    assert json.dumps(found.slope.as_dict(), allow_nan=False)


def test_a_certain_mistake_costs_much_but_not_infinity():
    assert 5 < log_loss(np.array([1, 0]), np.array([0.0, 0.0]), np.arange(2)).value < 20


def test_ece_and_table_by_hand():
    # three bins of two: predicted .15 .45 .75, observed 0 .5 1; gaps .15 .05 .25; mean .15
    table = calibration_table(LABEL, PROBABILITY, bins=3)
    assert [each.mean_predicted for each in table] == pytest.approx([0.15, 0.45, 0.75])
    assert [each.observed for each in table] == [0.0, 0.5, 1.0]
    assert [each.n for each in table] == [2, 2, 2]
    assert expected_calibration_error(LABEL, PROBABILITY, bins=3) == pytest.approx(0.15)
    assert json.loads(json.dumps(table[0].as_dict()))["n"] == 2


def test_the_error_of_right_risks_stays_below_its_noise_in_19_of_20_draws():
    """Of 200 draws 10 exceed it on average; 1 or fewer, or 20 or more, in less than 0.4 % of runs (binomial)."""
    rng, above = np.random.default_rng(4), 0
    for _ in range(200):
        risk = rng.beta(2, 8, 1000)
        label = rng.random(1000) < risk
        above += expected_calibration_error(label, risk) > calibration_noise(calibration_table(label, risk))
    assert 2 <= above <= 19
    wrong = np.minimum(risk + 0.1, 1.0)
    assert expected_calibration_error(label, wrong) > 1.5 * calibration_noise(calibration_table(label, wrong))


def test_deciles_hold_a_tenth_each_without_ties():
    rng = np.random.default_rng(31)
    label, p = rng.integers(2, size=1000), rng.random(1000)
    assert [each.n for each in calibration_table(label, p)] == [100] * 10


def test_equal_predictions_share_a_bin_in_any_order():
    rng = np.random.default_rng(32)
    p, label = rng.choice([0.1, 0.2, 0.7], 300, p=[0.6, 0.3, 0.1]), rng.integers(2, size=300)
    order = rng.permutation(300)
    table = calibration_table(label, p)
    assert len(table) == 3
    assert [each.mean_predicted for each in table] == pytest.approx([0.1, 0.2, 0.7])
    assert [each.n for each in calibration_table(label[order], p[order])] == [each.n for each in table]


def test_equal_predictions_go_to_the_bin_of_their_middle_rank():
    # middles at 15, 60 and 95 of 100 rows: the second value lies in the upper half
    p = np.repeat([0.1, 0.2, 0.7], [30, 60, 10])
    assert [each.n for each in calibration_table(np.zeros(100), p, bins=2)] == [30, 70]


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (3, 10), (10, 10), (250, 1000)])
def test_wilson_agrees_with_scipy(successes, n):
    theirs = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson_interval(successes, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_recalibration_agrees_with_a_general_solver():
    label, p, cluster = draw(np.random.default_rng(33), slope=0.6, intercept=-0.4)

    def loss(beta):
        linear = beta[0] + beta[1] * logit(p)
        return (np.logaddexp(0, linear) - label * linear).sum()

    theirs = optimize.minimize(loss, np.zeros(2), method="BFGS", tol=1e-10).x
    found = recalibration(label, p, cluster)
    assert (found.intercept.value, found.slope.value) == pytest.approx(tuple(theirs), abs=1e-5)


def test_recalibration_finds_a_known_distortion_at_the_stated_rate():
    # 200 draws, rows duplicated within stakeholders; 99.9 % band of Binomial(200, 0.95) per parameter
    rng, draws, hits, naive = np.random.default_rng(34), 200, np.zeros(2), 0
    for _ in range(draws):
        label, p, cluster = draw(rng, slope=0.5, intercept=0.3)
        found = recalibration(label, p, cluster)
        hits += [
            found.intercept.low <= 0.3 <= found.intercept.high,
            found.slope.low <= 0.5 <= found.slope.high,
        ]
        rows = recalibration(label, p, np.arange(len(p))).slope
        naive += rows.low <= 0.5 <= rows.high
    low, high = stats.binom.ppf([0.0005, 0.9995], draws, 0.95)
    assert ((low <= hits) & (hits <= high)).all()
    assert naive < low


@pytest.mark.parametrize(
    "probability",
    [np.full(6, 0.5), np.array([0.1, 0.2, 0.9, 0.3, 0.8, 0.7])],
    ids=["all equal", "separates the labels"],
)
def test_recalibration_that_no_data_determine_is_undefined(probability):
    assert recalibration(LABEL, PROBABILITY, SIX).slope.value is not None
    assert recalibration(LABEL, probability, SIX).slope.value is None


def test_recalibration_survives_predictions_of_zero_and_one():
    label, p, cluster = draw(np.random.default_rng(35))
    p[:20], p[-20:] = 0.0, 1.0
    assert 0 < recalibration(label, p, cluster).slope.value < 1


def test_propensity_log_loss_by_hand_and_least_at_the_truth():
    arm, propensity = np.array([0, 1, 1]), np.array([[0.5, 0.5], [0.8, 0.2], [0.1, 0.9]])
    expected = -np.log([0.5, 0.2, 0.9]).mean()
    assert propensity_log_loss(arm, propensity, np.arange(3)).value == pytest.approx(expected)
    logged = np.array([0.5, 0.2, 0.9])
    assert propensity_log_loss(arm, logged, np.arange(3)).value == pytest.approx(expected)
    rng = np.random.default_rng(36)
    truth = rng.dirichlet([2, 2, 2], 5000)
    drawn = (rng.random((5000, 1)) > truth.cumsum(axis=1)).sum(axis=1)
    shares = np.tile(np.bincount(drawn) / 5000, (5000, 1))
    right, constant = (propensity_log_loss(drawn, each, np.arange(5000)) for each in (truth, shares))
    assert right.high < constant.low


@pytest.mark.parametrize(
    ("label", "probability", "message"),
    [
        (LABEL, PROBABILITY[:5], r"probability: expected shape \(6,\); got \(5,\)"),
        (LABEL, PROBABILITY + 0.5, "probability: expected numbers from 0 to 1; got 0.6 to 1.3"),
        (LABEL * 2, PROBABILITY, "label: expected 0 or 1; got 2.0 in row 2"),
    ],
)
def test_what_does_not_fit_is_refused(label, probability, message):
    for function in (log_loss, brier, recalibration):
        function(LABEL, PROBABILITY, SIX)
        with pytest.raises(ValueError, match=message):
            function(label, probability, SIX)


def test_bins_and_propensities_that_do_not_fit_are_refused():
    assert len(calibration_table(LABEL, PROBABILITY, bins=1)) == 1
    with pytest.raises(ValueError, match="bins: expected at least 1; got 0"):
        calibration_table(LABEL, PROBABILITY, bins=0)
    with pytest.raises(ValueError, match=r"propensity: expected shape \(n, k\) or \(n,\); got \(\)"):
        propensity_log_loss(LABEL, np.float64(0.5), SIX)
    with pytest.raises(ValueError, match="arm: expected indices from 0 to 1; got 0 to 2"):
        propensity_log_loss(LABEL * 2, np.full((6, 2), 0.5), SIX)
    with pytest.raises(ValueError, match="arm: expected indices from 0; got -1"):
        propensity_log_loss(LABEL - 1, np.full(6, 0.5), SIX)
