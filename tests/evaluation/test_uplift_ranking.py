"""Uplift rankings: six rows by hand, ties as the mean of all orders, unbiased scores of several costly arms."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.uplift_ranking import autoc, auuc, gained_by, qini, ranking_figures, uplift_at

GAINED = np.array([5.0, 1.0, 3.0, -2.0, 0.0, -1.0])
PRIORITY = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])


def test_by_hand():
    # sums 5 6 9 7 7 6; trapezoids 2.5 5.5 7.5 8 7 6.5 = 37; over 36. Mean effect 1.
    assert auuc(GAINED, PRIORITY) == pytest.approx(37 / 36)
    assert qini(GAINED, PRIORITY) == pytest.approx(37 / 36 - 0.5)
    # means 5 3 3 1.75 1.4 1, less 1 each: 9.15; over 6
    assert autoc(GAINED, PRIORITY) == pytest.approx(9.15 / 6)
    assert [uplift_at(share, GAINED, PRIORITY) for share in (0.1, 0.5, 2 / 3, 1.0)] == pytest.approx([5, 3, 1.75, 1])


def test_the_shares_of_the_report_by_hand():
    rng = np.random.default_rng(70)
    gained, priority = rng.normal(size=40), rng.normal(size=40)
    first = gained[np.argsort(-priority)]
    found = ranking_figures(gained, priority, np.arange(40), seed=1, replicates=20)
    assert found["uplift_at_10"].value == pytest.approx(first[:4].mean())
    assert found["uplift_at_30"].value == pytest.approx(first[:12].mean())
    for name, figure in (("auuc", auuc), ("qini", qini), ("autoc", autoc)):
        assert found[name].value == figure(gained, priority)


def test_the_reverse_ranking_loses_what_the_ranking_gains():
    assert qini(GAINED, -PRIORITY) == pytest.approx(-qini(GAINED, PRIORITY))
    assert autoc(GAINED, -PRIORITY) < 0 < autoc(GAINED, PRIORITY)


def test_a_constant_added_to_every_effect_moves_no_ranking():
    assert qini(GAINED + 7, PRIORITY) == pytest.approx(qini(GAINED, PRIORITY))
    assert autoc(GAINED + 7, PRIORITY) == pytest.approx(autoc(GAINED, PRIORITY))
    assert auuc(GAINED + 7, PRIORITY) == pytest.approx(auuc(GAINED, PRIORITY) + 3.5)


@pytest.mark.parametrize("figure", [auuc, qini, autoc, lambda gained, priority: uplift_at(0.5, gained, priority)])
def test_ties_count_as_the_mean_over_all_their_orders(figure):
    tied = np.array([3.0, 2, 2, 2, 2, 1])
    orders = [figure(GAINED[[0, *order, 5]], PRIORITY) for order in permutations(range(1, 5))]
    assert figure(GAINED, tied) == pytest.approx(np.mean(orders))
    shuffled = np.random.default_rng(71).permutation(6)
    assert figure(GAINED[shuffled], tied[shuffled]) == pytest.approx(figure(GAINED, tied))


def test_a_constant_priority_ranks_nobody():
    assert qini(GAINED, np.zeros(6)) == pytest.approx(0)
    assert autoc(GAINED, np.zeros(6)) == pytest.approx(0)
    assert uplift_at(0.2, GAINED, np.zeros(6)) == pytest.approx(1)


def test_scores_of_several_costly_arms_by_hand():
    # log: arm 2 logged with probability ½, value 9, mu (4, 5, 6): score 6 + 3 / ½ = 12; control 4
    log = LoggedDecisions(np.array([9.0]), np.array([2]), np.array([[0.25, 0.25, 0.5]]), np.array([[0.0, 1.0, 2.0]]),
                          np.array([[4.0, 5.0, 6.0]]), np.array([1]))  # fmt: skip
    assert gained_by(log, np.array([[0.0, 0.0, 1.0]])) == pytest.approx([12 - 4 - 2])
    assert gained_by(log, np.array([[0.0, 1.0, 0.0]])) == pytest.approx([5 - 4 - 1])
    assert gained_by(log, np.array([[0.5, 0.5, 0.0]])) == pytest.approx([0])
    with pytest.raises(ValueError, match="policy: expected probabilities whose rows sum to 1"):
        gained_by(log, np.array([[0.0, 0.0, 0.5]]))


def test_interval_covers_the_truth_with_dependent_rows():
    # Effect x ~ N(0, 1) ranked by itself: Qini = ∫ φ(Φ⁻¹(q)) dq = 1 / (2√π), AUTOC = ∫ φ(Φ⁻¹(q)) / q dq.
    # Three near-copies per stakeholder. 99.9 % band of Binomial(150, 0.95), a little widened for few stakeholders.
    rng, draws = np.random.default_rng(72), 150
    shares = (np.arange(200_000) + 0.5) / 200_000
    truth = {"qini": 1 / (2 * np.sqrt(np.pi)), "autoc": float((stats.norm.pdf(stats.norm.ppf(shares)) / shares).mean())}
    covered = dict.fromkeys(truth, 0)
    naive = 0
    for each in range(draws):
        cluster = np.repeat(np.arange(150), 3)
        effect = rng.normal(size=150)[cluster]
        gained = effect + rng.normal(0, 2, 150)[cluster] + rng.normal(0, 0.1, 450)
        found = ranking_figures(gained, effect, cluster, seed=each, replicates=100)
        for name, value in truth.items():
            covered[name] += found[name].low <= value <= found[name].high
        rows = ranking_figures(gained, effect, np.arange(450), seed=each, replicates=60)["qini"]
        naive += rows.low <= truth["qini"] <= rows.high
    low, high = stats.binom.ppf([0.0005, 0.9995], draws, 0.94)
    assert all(low <= hits <= high for hits in covered.values()), covered
    assert naive < low


def test_intervals_are_those_of_the_drawn_people():
    rng, cluster = np.random.default_rng(73), np.repeat(np.arange(8), 2)
    gained, priority = rng.normal(size=16), rng.integers(5, size=16) / 4
    found = ranking_figures(gained, priority, cluster, seed=9, replicates=30)
    again, draws = np.random.default_rng(9), {name: [] for name in ("auuc", "qini", "autoc", "uplift_at_30")}
    for _ in range(30):
        rows = np.concatenate([np.flatnonzero(cluster == person) for person in again.integers(8, size=8)])
        for name, figure in (("auuc", auuc), ("qini", qini), ("autoc", autoc), ("uplift_at_30", at_30)):
            draws[name].append(figure(gained[rows], priority[rows]))
    for name, values in draws.items():
        low, high = np.quantile(values, [0.025, 0.975], method="weibull")
        assert (found[name].low, found[name].high) == pytest.approx((low, high))
        assert found[name].se == pytest.approx(np.std(values, ddof=1))
    assert ranking_figures(gained, priority, cluster, seed=9, replicates=2)["auuc"].se > 0


def at_30(gained, priority):
    return uplift_at(0.3, gained, priority)


def test_interval_is_seeded_and_alone_there_is_none():
    cluster = np.array([1, 1, 2, 2, 3, 3])
    first = ranking_figures(GAINED, PRIORITY, cluster, seed=1, replicates=50)["auuc"]
    assert first == ranking_figures(GAINED, PRIORITY, cluster, seed=1, replicates=50)["auuc"]
    assert first != ranking_figures(GAINED, PRIORITY, cluster, seed=2, replicates=50)["auuc"]
    assert first.low < first.value < first.high
    assert first.n == 6
    alone = ranking_figures(GAINED, PRIORITY, np.zeros(6), seed=1)["auuc"]
    assert (alone.value, alone.low, alone.se) == (pytest.approx(37 / 36), None, None)


def test_what_does_not_fit_is_refused():
    assert auuc(GAINED, PRIORITY) > 0
    with pytest.raises(ValueError, match=r"priority: expected shape \(6,\); got \(5,\)"):
        auuc(GAINED, PRIORITY[:5])
    with pytest.raises(ValueError, match="gained: expected finite numbers; got nan"):
        qini(GAINED * np.nan, PRIORITY)
    with pytest.raises(ValueError, match="gained: expected at least one row; got none"):
        autoc(np.zeros(0), np.zeros(0))
    for share in (0.0, 1.1):
        with pytest.raises(ValueError, match="share: expected above 0 and up to 1"):
            uplift_at(share, GAINED, PRIORITY)
    with pytest.raises(ValueError, match="replicates: expected at least 2; got 1"):
        ranking_figures(GAINED, PRIORITY, np.arange(6), seed=1, replicates=1)
