"""What a proof rests on: six rows by hand, slow loops, and how often what is not so would be proven."""

import numpy as np
import pytest
from scipy import stats

from rapport.contracts.params import Gate
from rapport.evaluation.estimate import Estimate, clustered_mean, degrees_of_freedom
from rapport.evaluation.evidence import LEAST_STAKEHOLDERS, Evidence, evidence
from rapport.evaluation.gate import compare
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.policy_value import difference

ONE, OTHER = np.eye(2)[[1, 1, 1, 0, 0, 0]], np.eye(2)[[0, 0, 1, 1, 0, 0]]


def six_rows(**changes):
    """Uniform logging over two arms, costs 0 and 1, mu 2 and 5; the policies differ in rows 0, 1 and 3."""
    log = {
        "value": np.array([6.0, 3.0, 1.0, 8.0, 2.0, 4.0]),
        "arm": np.array([1, 0, 0, 1, 0, 0]),
        "propensity": np.full((6, 2), 0.5),
        "cost": np.tile([0.0, 1.0], (6, 1)),
        "mu": np.tile([2.0, 5.0], (6, 1)),
        "cluster": np.array(["a", "b", "c", "d", "e", "f"]),
    }
    return LoggedDecisions(**(log | changes))


def test_by_hand():
    # d is (−1, 1) in rows 0 and 1, (1, −1) in row 3: model part 2, 2, 0, −2, 0, 0; weights 2, −2, 0, −2, 0, 0
    # residuals 1, 1, −1, 3, 0, 2: rows 4, 0, 0, −8, 0, 0. Where they differ the mean squared residual is 11/3.
    found = evidence(six_rows(), ONE, OTHER)
    assert vars(found.gain) == pytest.approx(vars(difference(six_rows(), ONE, OTHER)))
    assert found.gain.value == pytest.approx(-4 / 6)
    # own: deviations from −2/3 have squares of sum 80 − 6·4/9 = 77.333; borrowed: 12 − 6·1/9 in the model part
    own, borrowed = 6 / 5 * (80 - 24 / 9) / 36, 6 / 5 * (12 - 6 / 9) / 36 * 1.0 + 11 / 3 * 12 / 36
    assert found.gain.se == pytest.approx(np.sqrt(own))
    assert found.se == pytest.approx(np.sqrt(max(own, borrowed)))
    quiet = evidence(six_rows(value=np.array([5.0, 2.0, 1.0, 5.0, 2.0, 4.0])), ONE, OTHER)
    assert quiet.se == quiet.gain.se  # no residual where the policies differ
    # ahead: row 0 alone; behind: rows 1 and 3 alike
    assert found.stakeholders == pytest.approx(1.0)
    assert evidence(six_rows(), OTHER, ONE).stakeholders == pytest.approx(1.0)


def test_residuals_are_borrowed_from_rows_where_the_policies_differ():
    # Row 4 agrees, so its residual of 100 counts for nothing; a lucky row 0 with no residual is lent that of others.
    loud = six_rows(value=np.array([5.0, 3.0, 1.0, 8.0, 102.0, 4.0]))
    assert evidence(loud, ONE, OTHER).se < 5
    weights = np.full((6, 2), 0.5)
    weights[0, 1] = 0.02  # row 0 weighs 50 and happens to have no residual
    rare = six_rows(propensity=weights, value=np.array([5.0, 3.0, 1.0, 8.0, 2.0, 4.0]))
    found = evidence(rare, ONE, OTHER)
    assert found.se**2 == pytest.approx(6 / 5 * (12 - 6 / 9) / 36 + 10 / 3 * (2500 + 8) / 36)
    assert found.se > 10 * found.gain.se


def test_the_logged_policy_needs_no_weights():
    log = six_rows()
    found = evidence(log, ONE, None)
    assert vars(found.gain) == pytest.approx(vars(difference(log, ONE, None)))
    # ours agrees with the log in rows 0, 4 and 5: weights 1, 1, 1 ahead; −1 in rows 1, 2 and 3
    assert found.stakeholders == pytest.approx(3.0)


def test_what_could_not_have_been_chosen_does_not_count_in_our_favour():
    # Arm 1 could not be chosen in rows 1, 2 and 5. Ours gives it in row 1, where the model says +2; in row 3 the rival
    # gives it, and could. Weight of row 1's logged control: −2, residual 1, which still counts: (2 − 2) → (0 − 2).
    could = np.ones((6, 2), dtype=bool)
    could[[1, 2, 5], 1] = False
    found = evidence(six_rows(supported=could), ONE, OTHER)
    known = evidence(six_rows(), ONE, OTHER)
    assert found.gain == known.gain
    assert found.counted == pytest.approx(known.counted - 2 / 6)
    assert (found.unsupported, known.unsupported) == (pytest.approx(1 / 6), 0.0)
    # the other way round the model says −2 of row 1, which counts
    assert evidence(six_rows(supported=could), OTHER, ONE).counted == pytest.approx(-known.counted)
    # with half a chance half of it
    half = (ONE + OTHER) / 2
    assert evidence(six_rows(supported=could), half, OTHER).unsupported == pytest.approx(0.5 / 6)
    assert evidence(six_rows(propensity=np.full(6, 0.5)), ONE, OTHER).unsupported is None


def test_equal_policies_differ_for_certain_in_nothing():
    found = evidence(six_rows(), ONE, ONE)
    assert (found.gain.value, found.se, found.stakeholders) == (0.0, 0.0, 6.0)


def test_one_stakeholder_has_no_standard_error():
    found = evidence(six_rows(cluster=np.zeros(6)), ONE, OTHER)
    assert (found.se, found.freedom) == (None, None)
    assert compare(found, 0.0, 1, Gate()).bound is None
    assert Evidence.none() == Evidence(Estimate.undefined(0), None, None, None, 0.0, None)


def test_degrees_of_freedom_by_hand_and_by_their_definition():
    # sums 1, −1, 1, −1: kurtosis 1, so 2·4 / (1 − 1/3) = 12, no more than G − 1 = 3
    assert degrees_of_freedom(np.array([1.0, -1, 1, -1]), np.arange(4)) == 3.0
    # sums 3, −1, −1, −1: Σs² = 12, Σs⁴ = 84, kurtosis 4·84/144 = 7/3; 8 / (7/3 − 1/3) = 4 at most 3
    assert degrees_of_freedom(np.array([3.0, -1, -1, -1]), np.arange(4)) == 3.0
    # ten rows of which one differs by 10: deviations 9, −1 × 9; Σs² = 90, Σs⁴ = 6570, κ = 65700/8100 = 8.1111
    one = np.array([10.0, *[0.0] * 9])
    assert degrees_of_freedom(one, np.arange(10)) == pytest.approx(20 / (8.111111 - 7 / 9), rel=1e-6)
    assert degrees_of_freedom(np.ones(4), np.arange(4)) == 3.0
    # of rows in clusters it knows the clusters' sums alone
    rows = np.array([1.0, 2.0, 7.0, 0.5, 0.0, 4.0])
    codes = np.array([0, 0, 1, 1, 2, 2])
    sums = np.bincount(codes, weights=rows - rows.mean())
    kurtosis = 3 * (sums**4).sum() / (sums**2).sum() ** 2
    assert degrees_of_freedom(rows, codes) == pytest.approx(np.clip(6 / kurtosis, 1, 2))


def test_satterthwaite_recovers_the_spread_of_a_variance():
    # Var(s²) = 2σ⁴/ν: of 200 draws the variance is estimated, of gamma rows with kurtosis 9, exactly ν = 2·60/8 = 15.2.
    rng = np.random.default_rng(71)
    draws = rng.gamma(1.0, 1.0, (20_000, 60))
    se2 = np.array([clustered_mean(row, np.arange(60)).se ** 2 for row in draws[:2000]])
    assert 2 * se2.mean() ** 2 / se2.var() == pytest.approx(120 / (9 - 57 / 59), rel=0.15)
    large = degrees_of_freedom(draws.ravel(), np.arange(draws.size))
    assert large == pytest.approx(2 * draws.size / 8, rel=0.2)


def rare_log(rng, rows, shape):
    """The champion gives an arm that is logged in 2 % of rows, the challenger one logged in half; both earn as much."""
    propensity = np.tile([0.48, 0.5, 0.02], (rows, 1))
    arm = (rng.random((rows, 1)) > propensity.cumsum(axis=1)).sum(axis=1).clip(max=2)
    value = rng.gamma(shape, 10 / shape, rows)
    return LoggedDecisions(value, arm, propensity, np.zeros((rows, 3)), np.full((rows, 3), 10.0), np.arange(rows))


def test_an_arm_logged_rarely_is_not_proven_beaten_by_the_luck_of_its_few_rows():
    # 1,000 logs of 1,000 rows, 20 of the champion's arm, payments of skewness 4: no gain, so 2.5 % may be proven;
    # 99.9 % upper end of the binomial. The bound of the clustered standard error is far above it.
    rng, draws = np.random.default_rng(72), 1000
    ours, theirs = (np.eye(3)[np.full(1000, at)] for at in (1, 2))
    proven = clustered = 0
    for _ in range(draws):
        found = evidence(rare_log(rng, 1000, 0.25), ours, theirs)
        proven += compare(found, 0.0, 1, Gate()).proven
        clustered += found.gain.low > 0
    allowed = stats.binom.ppf(0.999, draws, 0.025)
    assert proven <= allowed
    assert clustered > 2 * allowed


def test_no_proof_where_nobody_received_what_the_rival_gives():
    rng = np.random.default_rng(73)
    log = rare_log(rng, 100, 1.0)
    log.mu[:, 1] = 30.0  # a model that praises the challenger's arm
    ours, theirs = (np.eye(3)[np.full(100, at)] for at in (1, 2))
    never = evidence(log.take(log.arm != 2), ours[log.arm != 2], theirs[log.arm != 2])
    assert never.stakeholders == 0.0 < LEAST_STAKEHOLDERS
    assert never.gain.n > 90
    assert not compare(never, 0.0, 1, Gate()).proven
