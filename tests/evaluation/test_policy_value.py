"""Policy value: six rows by hand, slow loops, and simulated logs whose truth is a finite sum."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rapport.contracts.draws import clusters
from rapport.evaluation.bootstrap import resampled
from rapport.evaluation.estimate import Estimate, clustered_mean
from rapport.evaluation.log import LoggedDecisions, effective_sample_size, overlap
from rapport.evaluation.policy_value import (
    clipped,
    difference,
    direct,
    doubly_robust,
    ipw,
    logged_policy,
    snips,
    switch,
)
from rapport.models.scores import doubly_robust_scores

DRAWS = 300
# P(X, arm): a stakeholder type x in {0, 1, 2} with equal shares, three arms, all finite, so the truth is a sum.
MEAN = np.array([[10.0, 12.0, 9.0], [20.0, 18.0, 26.0], [5.0, 5.0, 2.0]])
LOGGING = np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.4, 0.2, 0.4]])
OURS = np.array([[0.0, 1.0, 0.0], [0.1, 0.0, 0.9], [1.0, 0.0, 0.0]])
COST = np.array([[0.0, 1.0, 2.0], [0.0, 1.5, 2.0], [0.0, 1.0, 3.0]])
TRUTH = float((OURS * (MEAN - COST)).sum(axis=1).mean())
TRUTH_NOBODY = float(MEAN[:, 0].mean())


def six_rows(**changes):
    """Uniform logging over two arms; the policy gives arm 1 to the first three rows. Weights: 2, 2, 0, 0, 2, 2."""
    log = {
        "value": np.array([6.0, 3.0, 1.0, 8.0, 2.0, 4.0]),
        "arm": np.array([1, 1, 0, 1, 0, 0]),
        "propensity": np.full((6, 2), 0.5),
        "cost": np.tile([0.0, 1.0], (6, 1)),
        "mu": np.tile([2.0, 5.0], (6, 1)),
        "cluster": np.array(["a", "b", "c", "d", "e", "f"]),
    }
    return LoggedDecisions(**(log | changes))


SIX_POLICY = np.eye(2)[[1, 1, 1, 0, 0, 0]]


def draw(rng, clusters=200, rows_each=2):
    """A log of stakeholders with two decisions each, whose type and mood are shared, so that rows are dependent."""
    x = np.repeat(rng.integers(3, size=clusters), rows_each)
    n = len(x)
    arm = (rng.random((n, 1)) > LOGGING[x].cumsum(axis=1)).sum(axis=1)
    mood = np.repeat(rng.normal(0, 4, clusters), rows_each)
    value = MEAN[x, arm] + mood + rng.normal(0, 2, n)
    cluster = np.repeat(np.arange(clusters), rows_each)
    return x, LoggedDecisions(value, arm, LOGGING[x], COST[x], MEAN[x], cluster)


def with_(log, **changes):
    fields = ("value", "arm", "propensity", "cost", "mu", "cluster")
    return LoggedDecisions(**({name: getattr(log, name) for name in fields} | changes))


def test_ipw_by_hand():
    # rows: 2·6 − 1, 2·3 − 1, 0 − 1, 0, 2·2, 2·4 = 11, 5, −1, 0, 4, 8; mean 27/6 = 4.5
    # deviations 6.5, 0.5, −5.5, −4.5, −0.5, 3.5; squares sum to 105.5; se² = 6/5 · 105.5 / 36
    result = ipw(six_rows(), SIX_POLICY)
    assert result.value == pytest.approx(4.5)
    assert result.se == pytest.approx(np.sqrt(6 / 5 * 105.5 / 36))
    t = stats.t.ppf(0.975, 5)  # kurtosis 6 · 3260.4 / 105.5² = 1.76, so 12 / (1.76 − 3/5) = 10.4, at most 5
    assert (result.low, result.high) == pytest.approx((4.5 - t * result.se, 4.5 + t * result.se))
    assert result.n == 6


def test_snips_by_hand():
    # R = 2·(6 + 3 + 2 + 4) / 8 = 3.75, charge 3/6; mean weight 8/6, so ω/mean = 1.5, and each weighs a quarter of all
    # influence of the value: 1.5/0.75·(2.25, −0.75, ·, ·, −1.75, 0.25) = 4.5, −1.5, 0, 0, −3.5, 0.5
    # minus (charge − 0.5) = +0.5 or −0.5: 4, −2, −0.5, 0.5, −3, 1
    influence = np.array([4.0, -2.0, -0.5, 0.5, -3.0, 1.0])
    result = snips(six_rows(), SIX_POLICY)
    assert result.value == pytest.approx(3.25)
    assert result.se == pytest.approx(np.sqrt(6 / 5 * (influence**2).sum()) / 6)


def test_snips_moves_as_it_does_without_each_stakeholder():
    # rows 0 and 1 are one stakeholder's: without them R is (4 + 8) / 4 = 3, without row 4 26/6, without row 5 22/6
    log = six_rows(cluster=np.array(["a", "a", "c", "d", "e", "f"]), cost=np.zeros((6, 2)))
    moves = 3.75 - np.array([3.0, 3.75, 3.75, 26 / 6, 22 / 6])
    moves -= np.array([2, 1, 1, 1, 1]) / 6 * moves.sum()
    assert snips(log, SIX_POLICY).se == pytest.approx(np.sqrt(5 / 4 * (moves**2).sum()))


def test_snips_of_one_matched_stakeholder_is_told_as_it_is():
    alone = snips(six_rows(propensity=np.full((6, 2), 0.5), arm=np.array([1, 0, 0, 1, 1, 1])), SIX_POLICY)
    assert alone.value == pytest.approx(6.0 - 0.5)  # row 0 alone agrees with the policy


def test_doubly_robust_by_hand():
    # direct 5 − 1 (three rows), 2 (three rows); residuals 2·(1, −2, ·, ·, 0, 2) = 2, −4, 0, 0, 0, 4
    # rows 6, 0, 4, 2, 2, 6: mean 20/6; deviations ² sum to 96 − 400/6
    result = doubly_robust(six_rows(), SIX_POLICY)
    assert result.value == pytest.approx(20 / 6)
    assert result.se == pytest.approx(np.sqrt(6 / 5 * (96 - 400 / 6)) / 6)


def test_difference_by_hand():
    # against nobody by IPW: rows 0, 0, 2, 0, 4, 8, so 11, 5, −3, 0, 0, 0: mean 13/6
    nobody = np.eye(2)[np.zeros(6, dtype=int)]
    rows = np.array([11.0, 5.0, -3.0, 0.0, 0.0, 0.0])
    result = difference(six_rows(), SIX_POLICY, nobody, method="ipw")
    assert result.value == pytest.approx(13 / 6)
    assert result.se == pytest.approx(np.sqrt(6 / 5 * ((rows - rows.mean()) ** 2).sum()) / 6)


def test_cost_is_that_of_the_evaluated_policy_not_of_the_logged_arm():
    dear = six_rows(cost=np.tile([0.0, 101.0], (6, 1)))
    for estimator in (ipw, snips, doubly_robust):
        # the policy treats half the rows: 100 more per treatment costs exactly 50 more per row
        assert estimator(six_rows(), SIX_POLICY).value - estimator(dear, SIX_POLICY).value == pytest.approx(50)


def slow(log, policy):
    """The three estimators by loops over rows and arms."""
    n, k = log.mu.shape
    ipw_sum = snips_top = weights = direct = charge = 0.0
    for i in range(n):
        weight = policy[i, log.arm[i]] / log.propensity[i, log.arm[i]]
        ipw_sum += weight * log.value[i]
        snips_top += weight * log.value[i]
        weights += weight
        direct += weight * (log.value[i] - log.mu[i, log.arm[i]])
        for a in range(k):
            direct += policy[i, a] * log.mu[i, a]
            charge += policy[i, a] * log.cost[i, a]
    return (ipw_sum - charge) / n, snips_top / weights - charge / n, (direct - charge) / n


def jackknife_se(estimator, log, policy):
    """Leave one cluster out, the slow way to a clustered standard error."""
    groups = np.unique(log.cluster)
    left = []
    for group in groups:
        keep = log.cluster != group
        fields = ("value", "arm", "propensity", "cost", "mu", "cluster")
        left.append(estimator(LoggedDecisions(*(getattr(log, name)[keep] for name in fields)), policy[keep]).value)
    spread = ((np.array(left) - np.mean(left)) ** 2).sum()
    return np.sqrt(spread * (len(groups) - 1) / len(groups))


def test_agrees_with_loops_and_jackknife():
    x, log = draw(np.random.default_rng(5), clusters=300)
    policy = OURS[x]
    results = [estimator(log, policy) for estimator in (ipw, snips, doubly_robust)]
    assert [result.value for result in results] == pytest.approx(slow(log, policy), rel=1e-12)
    for estimator, result in zip((ipw, snips, doubly_robust), results, strict=True):
        assert result.se == pytest.approx(jackknife_se(estimator, log, policy), rel=0.02)


@pytest.fixture(scope="module")
def simulated():
    """Estimates on 300 logs: (value, se, low, high) per draw for each estimator and each way to be wrong."""
    rng = np.random.default_rng(2024)
    results: dict[str, list[tuple[float, ...]]] = {}
    for _ in range(DRAWS):
        x, log = draw(rng)
        nobody = np.eye(3)[np.zeros(len(x), dtype=int)]
        found = {
            "ipw": ipw(log, OURS[x]),
            "snips": snips(log, OURS[x]),
            "doubly_robust": doubly_robust(log, OURS[x]),
            "difference": difference(log, OURS[x], nobody),
            "wrong_mu": doubly_robust(with_(log, mu=30 - MEAN[x]), OURS[x]),
            "wrong_propensity": doubly_robust(with_(log, propensity=np.full(LOGGING[x].shape, 1 / 3)), OURS[x]),
            "both_wrong": doubly_robust(
                with_(log, propensity=np.full(LOGGING[x].shape, 1 / 3), mu=30 - MEAN[x]), OURS[x]
            ),
            "rows_as_clusters": doubly_robust(with_(log, cluster=np.arange(len(x))), OURS[x]),
        }
        for name, result in found.items():
            results.setdefault(name, []).append((result.value, result.se, result.low, result.high))
    return {name: np.array(found) for name, found in results.items()}


def bias_in_se(found, truth):
    return abs(found[:, 0].mean() - truth) / (found[:, 0].std(ddof=1) / np.sqrt(len(found)))


@pytest.mark.parametrize("name", ["ipw", "snips", "doubly_robust", "difference", "wrong_mu", "wrong_propensity"])
def test_mean_over_draws_is_the_truth(simulated, name):
    # 3 standard errors: 0.27 % of seeds fail a right estimator
    truth = TRUTH - TRUTH_NOBODY if name == "difference" else TRUTH
    assert bias_in_se(simulated[name], truth) < 3


def test_the_bias_test_sees_a_bias(simulated):
    assert bias_in_se(simulated["both_wrong"], TRUTH) > 6


def covered(found, truth):
    return int(((found[:, 2] <= truth) & (truth <= found[:, 3])).sum())


@pytest.mark.parametrize("name", ["ipw", "snips", "doubly_robust", "difference", "wrong_mu"])
def test_intervals_cover_in_95_of_100(simulated, name):
    # the 99.9 % band of Binomial(300, 0.95): 0.1 % of seeds fail a right interval
    truth = TRUTH - TRUTH_NOBODY if name == "difference" else TRUTH
    low, high = stats.binom.ppf([0.0005, 0.9995], DRAWS, 0.95)
    assert low <= covered(simulated[name], truth) <= high


def test_intervals_that_ignore_clusters_cover_too_little(simulated):
    assert covered(simulated["rows_as_clusters"], TRUTH) < stats.binom.ppf(0.0005, DRAWS, 0.95)


def test_doubly_robust_is_the_tightest_with_a_right_mu(simulated):
    assert simulated["doubly_robust"][:, 0].std() < simulated["ipw"][:, 0].std()


def test_a_difference_is_tighter_than_its_parts(simulated):
    assert simulated["difference"][:, 1].mean() < simulated["doubly_robust"][:, 1].mean()


def test_snips_moves_with_a_constant_and_ipw_does_not():
    x, log = draw(np.random.default_rng(6))
    moved = with_(log, value=log.value + 1000)
    before, after = snips(log, OURS[x]), snips(moved, OURS[x])
    assert after.value - before.value == pytest.approx(1000)
    assert after.se == pytest.approx(before.se)
    assert abs(ipw(moved, OURS[x]).value - ipw(log, OURS[x]).value - 1000) > 1


def test_duplicated_rows_teach_nothing():
    x, log = draw(np.random.default_rng(7), clusters=300, rows_each=1)
    fields = ("value", "arm", "propensity", "cost", "mu", "cluster")
    twice = LoggedDecisions(*(np.repeat(getattr(log, name), 2, axis=0) for name in fields))
    policy = np.repeat(OURS[x], 2, axis=0)
    clustered, naive = doubly_robust(twice, policy), doubly_robust(with_(twice, cluster=np.arange(600)), policy)
    assert clustered.se == pytest.approx(doubly_robust(log, OURS[x]).se)
    assert clustered.se > 1.3 * naive.se


def test_the_order_of_rows_and_the_names_of_clusters_do_not_matter():
    x, log = draw(np.random.default_rng(8))
    order = np.random.default_rng(9).permutation(len(x))
    names = np.array([f"stakeholder {code}" for code in log.cluster], dtype=object)
    fields = ("value", "arm", "propensity", "cost", "mu", "cluster")
    shuffled = LoggedDecisions(*(getattr(with_(log, cluster=names), name)[order] for name in fields))
    for estimator in (ipw, snips, doubly_robust):
        before, after = estimator(log, OURS[x]), estimator(shuffled, OURS[x][order])
        assert (after.value, after.se) == pytest.approx((before.value, before.se), rel=1e-12)


def test_the_logged_arms_propensity_is_enough():
    x, log = draw(np.random.default_rng(10))
    only = with_(log, propensity=log.propensity[np.arange(len(x)), log.arm])
    for estimator in (ipw, snips, doubly_robust):
        assert estimator(only, OURS[x]) == estimator(log, OURS[x])
    assert overlap(only, OURS[x]).unsupported is None
    assert overlap(log, OURS[x]).unsupported == 0.0


def test_overlap_by_hand():
    propensity = np.array([[0.5, 0.5], [1.0, 0.0], [1.0, 0.0], [0.25, 0.75]])
    log = LoggedDecisions(
        np.ones(4), np.array([0, 0, 0, 1]), propensity, np.zeros((4, 2)), np.zeros((4, 2)), np.arange(4)
    )
    policy = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.0, 1.0]])
    # weights 2, 0, 0.5, 4/3; row 1 wholly and row 2 by half choose an arm that was never possible
    found = overlap(log, policy)
    assert found.unsupported == pytest.approx(1.5 / 4)
    assert found.matched_rows == 3
    assert found.max_weight == pytest.approx(2)
    assert found.effective_rows == pytest.approx((2 + 0.5 + 4 / 3) ** 2 / (4 + 0.25 + 16 / 9))
    assert json.loads(json.dumps(found.as_dict())) == found.as_dict()


def test_effective_sample_size_of_equal_weights_is_their_number():
    assert effective_sample_size(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_sample_size(np.array([1.0, 0.0])) == 1.0


def test_a_policy_that_never_agrees_with_the_log_is_undefined_but_for_dr():
    never = np.eye(2)[1 - six_rows().arm]
    nobody = np.eye(2)[np.zeros(6, dtype=int)]
    assert ipw(six_rows(), never) == Estimate.undefined(6)
    assert snips(six_rows(), never) == Estimate.undefined(6)
    assert difference(six_rows(), never, nobody, method="snips") == Estimate.undefined(6)
    assert doubly_robust(six_rows(), never).value is not None
    assert ipw(six_rows(), SIX_POLICY).value is not None


def test_one_cluster_has_a_value_and_no_interval():
    result = ipw(six_rows(cluster=np.zeros(6)), SIX_POLICY)
    assert (result.value, result.se, result.low, result.high) == (4.5, None, None, None)
    assert json.loads(json.dumps(result.as_dict())) == result.as_dict()


def test_clustered_mean_by_hand():
    # clusters {1, 3} and {8}: mean 4; sums of deviations −4 and 4; se² = 2/1 · 32 / 9
    result = clustered_mean(np.array([1.0, 3.0, 8.0]), np.array([0, 0, 1]))
    assert (result.value, result.se) == pytest.approx((4.0, np.sqrt(64 / 9)))


def test_scores_by_hand():
    scores = doubly_robust_scores(
        np.array([3.0, 4.0]), np.array([0, 2]), np.array([[0.5, 0.5, 0.0], [0.2, 0.0, 0.8]]), np.ones((2, 3))
    )
    assert scores == pytest.approx(np.array([[5.0, 1.0, 1.0], [1.0, 1.0, 4.75]]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": np.ones(5)}, r"value: expected shape \(6,\); got \(5,\)"),
        ({"value": np.array([1, 2, np.nan, 4, 5, 6.0])}, r"value: expected finite numbers; got nan at \(2,\), 1"),
        ({"arm": np.array([0, 0, 0, 0, 0, 2])}, "arm: expected indices from 0 to 1; got 0 to 2"),
        ({"arm": np.zeros(6)}, r"arm: expected integers of shape \(6,\); got float64"),
        ({"propensity": np.full((6, 3), 0.2)}, r"propensity: expected shape \(6, 2\); got \(6, 3\)"),
        ({"propensity": np.full((6, 2), 0.6)}, "propensity: expected .* a largest sum of 1.2"),
        ({"propensity": np.full(6, 1.1)}, "propensity: expected .* a largest sum of 1.1"),
        ({"propensity": np.tile([1.0, 0.0], (6, 1))}, "got 0 in 3 rows, the first is row 0"),
        ({"cost": np.zeros(6)}, r"cost: expected shape \(6, 2\); got \(6,\)"),
        ({"mu": np.zeros(6)}, r"mu: expected shape \(n, k\), n and k at least 1; got \(6,\)"),
        ({"cluster": np.zeros(5)}, r"cluster: expected shape \(6,\) with at least one row; got \(5,\)"),
    ],
)
def test_a_log_that_does_not_fit_is_refused(changes, message):
    assert six_rows().value.shape == (6,)
    with pytest.raises(ValueError, match=message):
        six_rows(**changes)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (SIX_POLICY[:5], r"policy: expected shape \(6, 2\); got \(5, 2\)"),
        (SIX_POLICY * 0.5, r"policy: expected probabilities whose rows sum to 1; got \[0.0, 0.5\] in row 0, 6"),
        (SIX_POLICY * 3 - 1, "policy: expected probabilities whose rows sum to 1"),
    ],
)
def test_a_policy_that_is_none_is_refused(policy, message):
    for function in (ipw, snips, doubly_robust, overlap):
        function(six_rows(), SIX_POLICY)
        with pytest.raises(ValueError, match=message):
            function(six_rows(), policy)


def test_difference_names_the_policy_and_the_method_at_fault():
    with pytest.raises(ValueError, match=r"other: expected shape \(6, 2\)"):
        difference(six_rows(), SIX_POLICY, SIX_POLICY[:5])
    with pytest.raises(ValueError, match=r"method: expected one of ipw, snips, direct, .*; got 'dm'"):
        difference(six_rows(), SIX_POLICY, SIX_POLICY, method="dm")
    assert difference(six_rows(), SIX_POLICY, SIX_POLICY).value == 0.0


def test_effective_sample_size_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="weights: expected finite numbers"):
        effective_sample_size(np.array([1.0, np.inf]))


def test_a_difference_is_clustered_too():
    x, log = draw(np.random.default_rng(11), clusters=300, rows_each=1)
    fields = ("value", "arm", "propensity", "cost", "mu", "cluster")
    twice = LoggedDecisions(*(np.repeat(getattr(log, name), 2, axis=0) for name in fields))
    nobody = np.eye(3)[np.zeros(300, dtype=int)]
    once = difference(log, OURS[x], nobody)
    assert difference(twice, np.repeat(OURS[x], 2, axis=0), np.repeat(nobody, 2, axis=0)).se == pytest.approx(once.se)


def rare(**changes):
    """Weights of the policy that always gives arm 1: 2, 20, 20, 0."""
    log = {
        "value": np.array([6.0, 3.0, 9.0, 1.0]),
        "arm": np.array([1, 1, 1, 0]),
        "propensity": np.array([[0.5, 0.5], [0.95, 0.05], [0.95, 0.05], [0.5, 0.5]]),
        "cost": np.tile([0.0, 1.0], (4, 1)),
        "mu": np.tile([2.0, 5.0], (4, 1)),
        "cluster": np.arange(4),
    }
    return LoggedDecisions(**(log | changes))


ALWAYS = np.eye(2)[[1, 1, 1, 1]]


def test_direct_switch_and_clipped_by_hand():
    # model 5 − 1 everywhere; residuals 1, −2, 4; weights 2, 20, 20, of which 10 is the most
    assert direct(rare(), ALWAYS).value == pytest.approx(4.0)
    assert switch(rare(), ALWAYS).value == pytest.approx(4 + 2 * 1 / 4)
    assert clipped(rare(), ALWAYS).value == pytest.approx(4 + (2 * 1 - 10 * 2 + 10 * 4) / 4)
    assert doubly_robust(rare(), ALWAYS).value == pytest.approx(4 + (2 * 1 - 20 * 2 + 20 * 4) / 4)
    rows = np.array([4 + 2, 4 - 20, 4 + 40, 4.0])
    assert clipped(rare(), ALWAYS).se == pytest.approx(rows.std(ddof=1) / 2)


def test_a_weight_of_just_the_cap_counts_in_full():
    log = rare(propensity=np.array([[0.5, 0.5], [0.9, 0.1], [0.9, 0.1], [0.5, 0.5]]))
    assert switch(log, ALWAYS).value == pytest.approx(doubly_robust(log, ALWAYS).value)
    assert clipped(log, ALWAYS).value == pytest.approx(doubly_robust(log, ALWAYS).value)


def test_without_large_weights_all_corrections_agree():
    x, log = draw(np.random.default_rng(12))
    for estimator in (switch, clipped):
        assert estimator(log, OURS[x]).value == pytest.approx(doubly_robust(log, OURS[x]).value)


def test_the_logged_policy_is_a_plain_mean_and_can_be_compared():
    log = six_rows()
    earned = np.array([5.0, 2.0, 1.0, 7.0, 2.0, 4.0])  # value less 1 where arm 1 was given
    found = logged_policy(log)
    assert (found.value, found.se) == (pytest.approx(3.5), pytest.approx(earned.std(ddof=1) / np.sqrt(6)))
    rows = np.array([6.0, 0, 4, 2, 2, 6]) - earned  # doubly robust rows of the policy, by hand above
    ahead = difference(log, SIX_POLICY, None)
    assert (ahead.value, ahead.se) == (pytest.approx(rows.mean()), pytest.approx(rows.std(ddof=1) / np.sqrt(6)))


def test_part_of_a_log_is_a_log():
    rows = np.array([True, False, True, True, False, False])
    part = six_rows().take(rows)
    assert part.value.tolist() == [6.0, 1.0, 8.0]
    assert part.arm.tolist() == [1, 0, 1]
    assert part.cluster.tolist() == [0, 1, 2]


def test_a_household_is_one_cluster_and_widens_the_interval() -> None:
    """Six rows, two homes of two whose values agree and two people alone: four clusters instead of six."""
    rows = pd.DataFrame({"stakeholder_id": list("abcdef"), "home": ["x", "x", "y", "y", None, None]})
    value, arm = np.array([1.0, 1.0, 9.0, 9.0, 4.0, 6.0]), np.zeros(6, dtype=np.int64)

    def judged(one_per: str | None) -> Estimate:
        log = LoggedDecisions(value, arm, np.ones(6), np.zeros((6, 1)), np.zeros((6, 1)),
                              clusters(rows, one_per).to_numpy(dtype=object))  # fmt: skip
        return doubly_robust(log, np.ones((6, 1)))

    alone, together = judged(None), judged("home")
    assert alone.value == together.value == 5.0
    # Sums of residuals: −8 and 8 in the homes, −1 and 1 alone; se² = 4/3 · (64 + 64 + 1 + 1) / 36.
    assert together.se == pytest.approx(np.sqrt(4 / 3 * 130 / 36))
    assert alone.se == pytest.approx(np.sqrt(6 / 5 * 66 / 36))


def test_a_ratio_of_one_stakeholder_has_no_interval():
    """Fifty rows of which one has received what the policy gives: SNIPS is that one's value, IPW still varies."""
    arm = np.r_[1, np.zeros(49, dtype=int)]
    value = np.arange(50.0)
    log = LoggedDecisions(value + 10, arm, np.full(50, 0.5), np.zeros((50, 2)), np.zeros((50, 2)), np.arange(50))
    calls = np.tile([0.0, 1.0], (50, 1))
    for found in (snips(log, calls), resampled(log, calls, "snips", 1)):
        assert (found.value, found.low, found.high, found.se) == (10.0, None, None, None)
    two = replace(log, arm=np.r_[1, 1, np.zeros(48, dtype=int)])
    assert snips(two, calls).se > 0
    assert resampled(two, calls, "snips", 1).se > 0
    assert ipw(log, calls).se > 0
