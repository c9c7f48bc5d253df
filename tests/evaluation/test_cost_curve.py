"""The cost curve: three people by hand, ties as the mean of their orders, coverage of its intervals."""

import json
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from rapport.evaluation.cost_curve import SHARES, cost_curve, gain_per_cost
from rapport.evaluation.estimate import Estimate

GAINED, COST = np.array([6.0, 3.0, 1.0]), np.array([1.0, 1.0, 3.0])


def curve(gained, cost, priority, person=None, replicates=20):
    person = np.arange(len(gained)) if person is None else person
    return cost_curve(gained, cost, priority, person, 1, replicates)


def gains(found):
    """Sums over the rows at each share, from those per row."""
    return [point.gained.value * point.gained.n for point in found.points]


def test_by_hand():
    found = curve(GAINED, COST, GAINED / COST)
    # shares of cost 0.2 0.4 1, of gain 0.6 0.9 1: 0.2·0.3 + 0.2·0.75 + 0.6·0.95
    assert found.area.value == pytest.approx(0.78)
    assert curve(GAINED, COST, -GAINED / COST).area.value == pytest.approx(1 - 0.78)
    # of a total of 5: half of the first, the first, and half of the second, both, then sixths of the last
    assert gains(found) == pytest.approx([3, 6, 7.5, 9, 9 + 1 / 6, 9 + 2 / 6, 9.5, 9 + 4 / 6, 9 + 5 / 6, 10])
    assert [point.spend * 3 for point in found.points] == pytest.approx([5 * share for share in SHARES])
    assert [point.share for point in found.points] == list(SHARES)
    assert json.loads(json.dumps(found.as_dict()))["points"][1]["share"] == 0.2


def test_what_costs_nothing_is_reached_at_once_or_last():
    gained, cost = np.array([2.0, 6.0, -5.0]), np.array([0.0, 2.0, 0.0])
    priority = gain_per_cost(gained, cost)
    assert gains(curve(gained, cost, priority))[::3] == pytest.approx([2.6, 4.4, 6.2, 3.0])
    income = curve(gained, np.array([-1.0, 2.0, 0.0]), priority)
    assert income.points[4].spend == pytest.approx(1 / 3)  # income widens no budget
    assert curve(gained, 0 * cost, priority).points == []


def test_what_costs_next_to_nothing_stands_with_what_costs_nothing():
    gained, cost = np.array([2.0, 6.0, -5.0]), np.array([1e-310, 2.0, 1e-310])
    free = gain_per_cost(gained, np.array([0.0, 2.0, 0.0]))
    assert gain_per_cost(gained, cost).tolist() == free.tolist()
    assert gains(curve(gained, cost, free))[::3] == pytest.approx([2.6, 4.4, 6.2, 3.0])


def test_ties_count_as_the_mean_over_all_their_orders():
    assert curve(GAINED, COST, np.zeros(3)).area.value == 0.5
    gained, equal, tied = np.array([6.0, 3.0, 1.0, 2.0]), np.ones(4), np.array([1.0, 1.0, 0.0, 2.0])
    orders = [curve(gained, equal, tied + 0.1 * np.array([a, b, 0, 0])) for a, b in permutations(range(2))]
    found = curve(gained, equal, tied)
    assert found.area.value == pytest.approx(np.mean([each.area.value for each in orders]))
    assert gains(found)[4] == pytest.approx(np.mean([gains(each)[4] for each in orders]))  # after two of four
    shuffled = np.array([2, 0, 3, 1])
    assert gains(curve(gained[shuffled], equal, tied[shuffled])) == pytest.approx(gains(found))


def draw(rng, people=100):
    """Four near-copies per person of a noisy gain; half of the people gain 6 at a cost of 1, the others 2 at 3."""
    good = rng.random(people) < 0.5
    mean, cost, person = np.where(good, 6.0, 2.0), np.where(good, 1.0, 3.0), np.repeat(np.arange(people), 4)
    gained = (mean + rng.normal(0, 4, people))[person] + rng.normal(0, 0.5, 4 * people)
    return gained, cost[person], gain_per_cost(mean, cost)[person], person


def test_intervals_hold_the_truth_at_the_stated_rate():
    """99.9 % band of Binomial(120, 0.95); rows taken as independent fail it.

    The good cost a quarter and gain three quarters of all, so the area is ¼·⅜ + ¾·⅞ = 0.75. Half of the money, 1 per
    row, pays the good (½ per row, gaining 3) and a third of the others (gaining 1/3).
    """
    rng, hits, naive = np.random.default_rng(141), np.zeros(2), np.zeros(2)
    for _ in range(120):
        gained, cost, priority, person = draw(rng)
        for held, cluster in ((hits, person), (naive, np.arange(len(person)))):
            found = curve(gained, cost, priority, cluster, 80)
            half = found.points[4].gained
            held += [found.area.low <= 0.75 <= found.area.high, half.low <= 3 + 1 / 3 <= half.high]
    low, high = stats.binom.ppf([0.0005, 0.9995], 120, 0.95)
    assert (hits >= low).all(), hits
    assert (hits <= high).all(), hits
    assert (naive < low).all(), naive


def test_every_replicate_is_the_curve_of_the_drawn_people():
    gained, cost, priority, person = draw(np.random.default_rng(142), people=40)
    found = cost_curve(gained, cost, priority, person, seed=5, replicates=30)
    rng, areas, halves = np.random.default_rng(5), [], []
    for _ in range(30):
        picked = rng.integers(40, size=40)
        rows = np.concatenate([np.flatnonzero(person == each) for each in picked])
        again = curve(gained[rows], cost[rows], priority[rows])
        areas.append(again.area.value)
        halves.append(again.points[4].gained.value)
    for each, draws in ((found.area, areas), (found.points[4].gained, halves)):
        ends = np.quantile(draws, [0.025, 0.975], method="weibull")
        assert (each.low, each.high) == pytest.approx(tuple(ends))
        assert each.se == pytest.approx(np.std(draws, ddof=1))


def test_without_gain_or_cost_there_is_no_area():
    for gained, cost in ((-GAINED, COST), (GAINED, 0 * COST), (0 * GAINED, COST)):
        assert curve(gained, cost, GAINED).area == Estimate.undefined(3)
    uncertain = curve(np.array([9.0, -1.0, -1.0]), np.ones(3), GAINED)
    assert (uncertain.area.value is not None, uncertain.area.low) == (True, None)
    assert uncertain.points[4].gained.low is not None
    assert curve(GAINED, COST, GAINED, np.zeros(3)).points[0].gained.low is None
    with pytest.raises(ValueError, match=r"cost: expected shape \(3,\); got \(2,\)"):
        curve(GAINED, COST[:2], GAINED)
    with pytest.raises(ValueError, match=r"priority: expected shape \(3,\); got \(2,\)"):
        curve(GAINED, COST, GAINED[:2])
