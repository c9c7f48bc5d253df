"""Exploration of fixed size within its share of the limits, and a holdout that stays the same people."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from rapport.policy.explore import Exploration, explore, in_holdout
from rapport.policy.limits import Constraints, at_most, in_group
from simple_limits import Limits

FREE = Limits(None, [None] * 3)


def ids(rows: int) -> pd.Series:
    return pd.Series([f"s{at}" for at in range(rows)], dtype="str")


def allowed(rows: int, *groups: tuple[bool, bool, bool]) -> np.ndarray:
    """Return the arms each row may receive, the groups taking turns."""
    return np.array([groups[at % len(groups)] for at in range(rows)])


def population(seed: int, rows: int = 400) -> tuple[np.ndarray, np.ndarray, Limits, float]:
    """Return allowed arms in five strata, costs, limits and a share, all at random."""
    rng = np.random.default_rng(seed)
    strata = rng.random((5, 3)) < 0.7
    strata[:, 0] = True
    cost = rng.uniform(0, 10, (rows, 3))
    cost[:, 0] = 0.0
    budget = None if seed % 4 == 0 else float(rng.uniform(0, 500))
    capacity = [None] + [None if rng.random() < 0.3 else int(rng.integers(0, 60)) for _ in range(2)]
    return strata[rng.integers(0, 5, rows)], cost, Limits(budget, capacity), float(rng.uniform(0.02, 0.5))


def drawn(seed: int, salt: str = "explore") -> Exploration:
    may, cost, limits, share = population(seed)
    return explore(may, ids(len(may)), cost, limits.constraints, share, salt)


@pytest.mark.parametrize("seed", range(40))
def test_exploration_never_exceeds_its_share_of_any_limit(seed: int) -> None:
    may, cost, limits, share = population(seed)
    result = drawn(seed)
    who = np.flatnonzero(result.arm >= 0)
    counts = np.bincount(result.arm[who], minlength=3)
    spent = cost[who, result.arm[who]].sum()
    assert len(who) <= share * len(may)
    assert may[who, result.arm[who]].all()
    for at, room in enumerate(limits.capacity):
        assert room is None or counts[at] <= share * room
    if limits.budget is not None:
        assert spent <= share * limits.budget + 1e-9
        assert spent - 1e-9 <= result.use[0] <= share * limits.budget + 1e-9
    by_arm = [counts[at] for at, room in enumerate(limits.capacity) if room is not None]
    assert result.use[len(result.use) - len(by_arm) :].tolist() == by_arm


@pytest.mark.parametrize("seed", range(40))
def test_a_probability_is_the_number_drawn_over_the_size_of_the_stratum(seed: int) -> None:
    may, _, _, share = population(seed)
    result = drawn(seed)
    assert (result.probability[~may] == 0).all()
    assert (result.probability >= 0).all()
    assert (result.probability.sum(axis=1) <= share + 1e-12).all()
    for pattern in np.unique(may, axis=0):
        members = (may == pattern).all(axis=1)
        number = [(result.arm[members] == arm).sum() for arm in range(3)]
        np.testing.assert_allclose(result.probability[members], np.tile(number, (members.sum(), 1)) / members.sum())


def test_without_limits_the_share_is_spread_equally_over_the_arms_of_a_stratum() -> None:
    may = allowed(400, (True, True, True), (True, False, True))
    result = explore(may, ids(400), np.zeros((400, 3)), FREE.constraints, 0.15, "explore")
    by_stratum = [[(result.arm[may[:, 1] == both] == arm).sum() for arm in range(3)] for both in (True, False)]
    assert by_stratum == [[10, 10, 10], [15, 0, 15]]
    assert result.use.shape == (0,)


def test_a_stratum_too_small_explores_nothing() -> None:
    """A share of 0.1 needs ten people; of twenty the first two arms are explored, of thirty all three."""
    for rows, number in ((9, 0), (10, 1), (29, 2), (30, 3)):
        result = explore(
            allowed(rows, (True, True, True)), ids(rows), np.zeros((rows, 3)), FREE.constraints, 0.1, "explore"
        )
        assert (result.arm >= 0).sum() == number
        assert result.probability.sum() == pytest.approx(number)


def test_what_takes_off_the_share_is_told() -> None:
    """Of 29 with arms 9 are too few alike for a share of 0.1; of 20 two draw, but a capacity of 9 has room for one."""
    may = np.array([(True, True, False)] * 20 + [(False, True, True)] * 9 + [(True, False, False)] * 5)
    told = {"asked": 0.1, "found": 2 / 29, "open": 29, "too_few": 9, "no_room": 0}
    free, bound = (Constraints((at_most("calls", most, [0, 1, 0]),)) for most in (10, 9))
    result = explore(may, ids(34), np.zeros((34, 3)), free, 0.1, "explore")
    assert result.too_few.tolist() == [False] * 20 + [True] * 9 + [False] * 5
    assert result.account(0.1) == told
    result = explore(may, ids(34), np.zeros((34, 3)), bound, 0.1, "explore")
    assert result.account(0.1) == told | {"found": 1 / 29, "no_room": 1}


def test_a_household_stands_among_as_many_as_who_speaks_for_it() -> None:
    homes = Constraints(household=np.arange(40) // 4)
    result = explore(allowed(40, (True, True, True)), ids(40), np.zeros((40, 3)), homes, 0.05, "explore")
    assert result.account(0.05) == {"asked": 0.05, "found": 0.0, "open": 40, "too_few": 40, "no_room": 0}


def test_limits_are_used_up_by_many_small_strata() -> None:
    """Twenty strata of twenty people draw one each of two arms; a capacity leaves room for five of the ten calls."""
    groups = {"team": np.repeat(np.arange(20), 20)}
    of_teams = [in_group(at_most(f"team {code}", 99, [0, 1, 1]), "team", code, 20) for code in range(20)]
    limits = Constraints((at_most("calls", 100, [0, 0, 1]), *of_teams), groups)
    may = allowed(400, (False, True, True))
    result = explore(may, ids(400), np.zeros((400, 3)), limits, 0.05, "explore")
    assert [(result.arm == arm).sum() for arm in (1, 2)] == [10, 5]
    assert result.use[0] == 5


def test_rows_that_may_receive_nothing_take_no_part() -> None:
    may = allowed(200, (True, True, True), (False, False, False))
    result = explore(may, ids(200), np.zeros((200, 3)), FREE.constraints, 0.3, "explore")
    assert (result.arm[1::2] == -1).all()
    assert (result.probability[1::2] == 0).all()
    assert (result.arm[::2] >= 0).sum() == 30


@pytest.mark.parametrize("limits", [Limits(0.0, [None] * 3), Limits(None, [None, 0, 0])])
def test_limits_of_nothing_leave_the_control_to_explore(limits: Limits) -> None:
    may = allowed(300, (True, True, True))
    cost = np.tile([0.0, 1.0, 2.0], (300, 1))
    assert set(explore(may, ids(300), cost, limits.constraints, 0.3, "explore").arm) == {-1, 0}
    assert set(explore(may, ids(300), cost, FREE.constraints, 0.3, "explore").arm) == {-1, 0, 1, 2}


def test_a_share_of_nothing_explores_nothing() -> None:
    may = allowed(300, (True, True, True))
    assert (explore(may, ids(300), np.zeros((300, 3)), FREE.constraints, 0.0, "explore").arm == -1).all()


def test_nobody_at_all() -> None:
    result = explore(np.zeros((0, 3), dtype=bool), ids(0), np.zeros((0, 3)), FREE.constraints, 0.1, "explore")
    assert result.arm.shape == (0,)
    assert result.probability.shape == (0, 3)


def test_the_draw_depends_on_the_salt_and_not_on_the_order_of_rows() -> None:
    may, cost, limits, share = population(3)
    turned = np.random.default_rng(0).permutation(len(may))
    moved = explore(may[turned], ids(len(may)).iloc[turned], cost[turned], limits.constraints, share, "explore")
    np.testing.assert_array_equal(moved.arm, drawn(3).arm[turned])
    np.testing.assert_allclose(moved.probability, drawn(3).probability[turned])
    assert (drawn(3, "another").arm != drawn(3).arm).any()


def test_the_probabilities_match_the_frequencies_over_salts() -> None:
    """1,000 draws of 60 people in two strata. A right program fails in at most 1 of 1,000 choices of the salts."""
    may = allowed(60, (True, True, True), (True, False, True))
    results = [explore(may, ids(60), np.zeros((60, 3)), FREE.constraints, 0.3, f"salt {at}") for at in range(1000)]
    counts = np.stack([[(result.arm[row] == arm) for arm in range(3)] for row in range(60) for result in results])
    counts = counts.reshape(60, 1000, 3).sum(axis=1)
    chance = results[0].probability
    assert (counts[chance == 0] == 0).all()
    k, p = counts[chance > 0], chance[chance > 0]
    tails = 2 * np.minimum(binom.cdf(k, 1000, p), binom.sf(k - 1, 1000, p))
    assert tails.min() > 0.001 / len(k)


def test_the_holdout_is_sticky_and_independent_of_the_batch() -> None:
    everyone = ids(5000)
    held = in_holdout(everyone, 0.1)
    assert abs(held.mean() - 0.1) < 4 * np.sqrt(0.09 / 5000)
    some = everyone.iloc[[4000, 3, 77, 3]]
    np.testing.assert_array_equal(in_holdout(some, 0.1), held[[4000, 3, 77, 3]])
    alone = [in_holdout(everyone.iloc[[row]], 0.1)[0] for row in range(200)]
    np.testing.assert_array_equal(alone, held[:200])


def test_a_larger_holdout_contains_the_smaller_and_is_no_draw_of_exploration() -> None:
    held, more = (in_holdout(ids(5000), share) for share in (0.1, 0.2))
    assert more[held].all()
    assert more.sum() > held.sum()
    free, costs = np.ones((5000, 2), dtype=bool), np.zeros((5000, 2))
    explored = explore(free, ids(5000), costs, FREE.constraints, 0.1, "explore 1")
    assert abs((held & (explored.arm >= 0)).mean() - 0.01) < 4 * np.sqrt(0.01 / 5000)
    assert not in_holdout(ids(5000), 0.0).any()
