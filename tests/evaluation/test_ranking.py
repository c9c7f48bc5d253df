"""AUC and differences of AUC: six rows by hand, all pairs by loops, coverage of the cluster bootstrap."""

import json

import numpy as np
import pytest
from scipy import stats

from rapport.evaluation.estimate import Estimate
from rapport.evaluation.ranking import auc, auc_difference


def slow_auc(label, score):
    wins = [
        1.0 if p > q else 0.5 if p == q else 0.0
        for p, is_p in zip(score, label, strict=True)
        if is_p
        for q, is_q in zip(score, label, strict=True)
        if not is_q
    ]
    return sum(wins) / len(wins)


def test_by_hand():
    # positives .9 .4 .4, negatives .1 .4 .6: wins 3; 1 + ½; 1 + ½: 6 of 9
    label, score = np.array([1, 1, 1, 0, 0, 0]), np.array([0.9, 0.4, 0.4, 0.1, 0.4, 0.6])
    assert auc(label, score, np.arange(6), seed=1).value == pytest.approx(6 / 9)


def test_agrees_with_all_pairs_also_when_clusters_are_drawn_twice():
    rng = np.random.default_rng(21)
    label, score, cluster = rng.integers(2, size=90), rng.integers(12, size=90) / 10, rng.integers(30, size=90)
    result = auc(label, score, cluster, seed=3, replicates=50)
    assert result.value == pytest.approx(slow_auc(label, score), rel=1e-12)
    again, codes = np.random.default_rng(3), np.unique(cluster, return_inverse=True)[1]
    draws = []
    for _ in range(50):
        picked = again.integers(codes.max() + 1, size=codes.max() + 1)
        rows = np.concatenate([np.flatnonzero(codes == group) for group in picked])
        draws.append(slow_auc(label[rows], score[rows]))
    assert (result.low, result.high) == pytest.approx(
        tuple(np.quantile(draws, [0.025, 0.975], method="weibull")), rel=1e-12
    )
    assert result.se == pytest.approx(np.std(draws, ddof=1), rel=1e-9)


def test_same_seed_same_answer_in_any_row_order():
    rng = np.random.default_rng(22)
    label, score, cluster = rng.integers(2, size=200), rng.random(200), rng.integers(80, size=200)
    order = rng.permutation(200)
    first = auc(label, score, cluster, seed=4, replicates=60)
    assert auc(label[order], score[order], cluster[order], seed=4, replicates=60) == first
    assert auc(label, score, cluster, seed=5, replicates=60) != first


def test_interval_covers_the_truth_with_dependent_rows():
    # Scores N(label, 1): AUC = Φ(1/√2). Each stakeholder has three near-copies of one row.
    # 99.9 % band of Binomial(200, 0.95): 0.1 % of seeds fail a right interval.
    rng, truth, draws, covered, ignoring = np.random.default_rng(23), stats.norm.cdf(1 / np.sqrt(2)), 200, 0, 0
    for each in range(draws):
        cluster = np.repeat(np.arange(150), 3)
        label = (rng.random(150) < 0.4)[cluster]
        score = label + rng.normal(0, 1, 150)[cluster]
        score = score + rng.normal(0, 0.01, 450)
        result = auc(label, score, cluster, seed=each, replicates=200)
        naive = auc(label, score, np.arange(450), seed=each, replicates=200)
        covered += result.low <= truth <= result.high
        ignoring += naive.low <= truth <= naive.high
    low, high = stats.binom.ppf([0.0005, 0.9995], draws, 0.95)
    assert low <= covered <= high
    assert ignoring < low


@pytest.mark.parametrize("label", [np.zeros(6), np.ones(6, dtype=bool)])
def test_one_class_is_undefined_and_json_safe(label):
    result = auc(label, np.arange(6.0), np.arange(6), seed=1)
    assert result == Estimate.undefined(6)
    assert json.dumps(result.as_dict(), allow_nan=False)


def test_one_cluster_has_no_interval():
    result = auc(np.array([0, 1]), np.array([0.2, 0.7]), np.zeros(2), seed=1)
    assert (result.value, result.low, result.se) == (1.0, None, None)


def test_a_single_leaver_still_has_a_result():
    label = np.zeros(40)
    label[39] = 1
    result = auc(label, np.arange(40.0), np.arange(40), seed=1)
    assert result.value == 1.0
    assert (result.low, result.high) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": np.array([0, 1, 2])}, "label: expected 0 or 1; got 2.0 in row 2"),
        ({"label": np.array([])}, r"label: expected shape \(n,\), n at least 1; got \(0,\)"),
        ({"score": np.ones(4)}, r"score: expected shape \(3,\); got \(4,\)"),
        ({"score": np.array([1, np.nan, 2])}, "score: expected finite numbers; got nan"),
        ({"cluster": np.ones(4)}, r"cluster: expected shape \(3,\)"),
        ({"replicates": 1}, "replicates: expected at least 2; got 1"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    fine = {"label": np.array([0, 1, 1]), "score": np.array([0.1, 0.5, 0.6]), "cluster": np.arange(3), "seed": 1}
    assert auc(**fine).value == 1.0
    with pytest.raises(ValueError, match=message):
        auc(**(fine | changes))


def test_difference_by_hand_and_by_loops_with_both_scores_on_the_same_samples():
    rng = np.random.default_rng(24)
    label, cluster = rng.integers(2, size=90), rng.integers(30, size=90)
    score, other = rng.integers(12, size=90) / 10, rng.integers(5, size=90) / 10
    result = auc_difference(label, score, other, cluster, seed=3, replicates=50)
    assert result.value == pytest.approx(slow_auc(label, score) - slow_auc(label, other), rel=1e-12)
    again, codes = np.random.default_rng(3), np.unique(cluster, return_inverse=True)[1]
    draws = []
    for _ in range(50):
        picked = again.integers(codes.max() + 1, size=codes.max() + 1)
        rows = np.concatenate([np.flatnonzero(codes == group) for group in picked])
        draws.append(slow_auc(label[rows], score[rows]) - slow_auc(label[rows], other[rows]))
    assert (result.low, result.high) == pytest.approx(
        tuple(np.quantile(draws, [0.025, 0.975], method="weibull")), rel=1e-9
    )
    assert result.se == pytest.approx(np.std(draws, ddof=1), rel=1e-9)


def test_difference_to_itself_is_nothing_and_turns_its_sign_with_the_order():
    rng = np.random.default_rng(25)
    label, cluster, score, other = rng.integers(2, size=80), np.arange(80), rng.random(80), rng.random(80)
    same = auc_difference(label, score, score, cluster, seed=1)
    assert (same.value, same.low, same.high, same.se) == (0.0, 0.0, 0.0, 0.0)
    one, two = (auc_difference(label, *pair, cluster, seed=1) for pair in ((score, other), (other, score)))
    assert (one.value, one.low, one.high) == pytest.approx((-two.value, -two.high, -two.low), rel=1e-12)


def test_interval_of_the_difference_covers_the_truth_and_is_narrower_than_two_apart():
    # Scores N(label, 1) and the same plus noise of variance 1: AUC = Φ(1/√2) and Φ(1/2).
    # 99.9 % band of Binomial(120, 0.95): 0.1 % of seeds fail a right interval.
    rng, draws, covered, narrower = np.random.default_rng(26), 120, 0, 0
    truth = stats.norm.cdf(1 / np.sqrt(2)) - stats.norm.cdf(0.5)
    for each in range(draws):
        label = rng.random(300) < 0.4
        score = label + rng.normal(size=300)
        other = score + rng.normal(size=300)
        result = auc_difference(label, score, other, np.arange(300), seed=each, replicates=100)
        covered += result.low <= truth <= result.high
        one, two = (auc(label, each_score, np.arange(300), seed=each, replicates=50) for each_score in (score, other))
        narrower += result.se < np.hypot(one.se, two.se)
    low, high = stats.binom.ppf([0.0005, 0.9995], draws, 0.95)
    assert low <= covered <= high
    assert narrower > 0.9 * draws


def test_difference_undefined_or_without_interval_or_refused():
    label, score = np.array([0, 1, 1]), np.array([0.1, 0.5, 0.6])
    assert auc_difference(np.ones(3), score, score, np.arange(3), seed=1) == Estimate.undefined(3)
    alone = auc_difference(label, score, -score, np.zeros(3), seed=1)
    assert (alone.value, alone.low, alone.se) == (1.0, None, None)
    with pytest.raises(ValueError, match=r"score: expected shape \(3,\); got \(4,\)"):
        auc_difference(label, score, np.ones(4), np.arange(3), seed=1)
