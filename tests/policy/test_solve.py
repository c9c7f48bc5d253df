"""The solver against brute force on tiny problems, against HiGHS on small ones, and against its own bound."""

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from rapport.policy.limits import InfeasibleError, Limit, at_least, at_most, in_group, rate_gaps
from rapport.policy.problem import Problem
from rapport.policy.solve import Effort, Solution, solve

SMALL_STEPS = Effort(direct=150, sample=500)  # the whole method, prices and samples included, on a few thousand rows
SEEDS = st.integers(0, 2**32 - 1)
QUIET = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def problem(seed: int, rows: int, arms: int | None = None, ties: bool = False) -> Problem:
    """Return a problem with every kind of rule: budgets, capacities, quotas, groups, rates, households."""
    rng = np.random.default_rng(seed)
    arms = int(rng.integers(2, 5)) if arms is None else arms
    gain, cost = rng.normal(1, 4, (rows, arms)), np.round(rng.uniform(0, 5, (rows, arms)), 2)
    if ties:
        gain, cost = np.round(gain / 3) * 3, np.round(cost)
    gain[rng.random((rows, arms)) < 0.15] = np.nan
    gain[:, 0], cost[:, 0] = 0.0, 0.0
    region, gender = rng.integers(0, 3, rows), rng.integers(0, 2, rows)
    treated = np.arange(arms) > 0

    def some() -> np.ndarray:
        return treated & (rng.random(arms) < 0.6)

    limits = [at_most("budget", rng.uniform(0, 0.9) * rows, treated, of_cost=True)]
    limits += [at_most(f"capacity {at}", int(rng.uniform(0, 0.3) * rows), some()) for at in range(2)]
    if rng.random() < 0.5:
        limits.append(at_least("quota", int(rng.uniform(0, 0.25) * rows), some()))
    if rng.random() < 0.8:
        north = at_most("north", rng.uniform(0, 0.2) * rows, treated, of_cost=True)
        limits.append(in_group(north, "region", 1, 3))
    if rng.random() < 0.4:
        sizes = {"a": int((gender == 0).sum()), "b": int((gender == 1).sum())}
        limits += rate_gaps("gender", sizes, float(rng.uniform(0.05, 0.4)), treated)
    if rng.random() < 0.3:
        limits.append(at_least("untreated", int(0.3 * rows), ~treated))
    house = (
        np.where(rng.random(rows) < 0.5, rng.integers(0, max(rows // 3, 1), rows), -1) if rng.random() < 0.5 else None
    )
    return Problem(gain, cost, limits, {"region": region, "gender": gender}, rng.random(rows), house)


def used(given: Problem, limit: Limit, arm: np.ndarray) -> float:
    """Return the use of a limit, stakeholder by stakeholder."""
    total = 0.0
    for row, chosen in enumerate(arm):
        code = 0 if limit.group is None else given.groups[limit.group][row]
        total += limit.weight[code, chosen] * (given.cost[row, chosen] if limit.of_cost else 1.0)
    return total


def assert_kept(given: Problem, arm: np.ndarray) -> None:
    for limit in given.limits:
        tolerance = 1e-8 * max(1.0, abs(limit.bound))
        if limit.kind == "le":
            assert used(given, limit, arm) <= limit.bound + tolerance, limit.name
        else:
            assert used(given, limit, arm) >= limit.bound - tolerance, limit.name
    assert not np.isnan(given.gain[np.arange(len(arm)), arm]).any(), "what may not be assigned is not"
    if given.household is not None:
        lucky = given.household[(arm > 0) & (given.household >= 0)]
        assert len(lucky) == len(np.unique(lucky)), "one contact per household"


def total(given: Problem, arm: np.ndarray) -> float:
    return float(given.gain[np.arange(len(arm)), arm].sum())


def brute_force(given: Problem) -> float | None:
    """Return the highest gain of all assignments that keep every rule, None where none does."""
    n, arms = given.gain.shape
    every, rows = np.array(list(product(range(arms), repeat=n))), np.arange(n)
    gains = given.gain[rows, every].sum(axis=1)
    allowed = ~np.isnan(gains)
    for limit in given.limits:
        code = np.zeros(n, dtype=int) if limit.group is None else given.groups[limit.group]
        use = (limit.weight[code] * (given.cost if limit.of_cost else 1.0))[rows, every].sum(axis=1)
        allowed &= use <= limit.bound + 1e-9 if limit.kind == "le" else use >= limit.bound - 1e-9
    if given.household is not None:
        for house in np.unique(given.household[given.household >= 0]):
            allowed &= (every[:, given.household == house] > 0).sum(axis=1) <= 1
    return float(gains[allowed].max()) if allowed.any() else None


def relaxation(given: Problem) -> float | None:
    """Return the optimum of the linear relaxation, built stakeholder by stakeholder for HiGHS."""
    n, arms = given.gain.shape
    rows = np.repeat(np.arange(n), arms)
    once = csr_array((np.ones(n * arms), (rows, np.arange(n * arms))), shape=(n, n * arms))
    weight, bound = [], []
    for limit in given.limits:
        code = np.zeros(n, dtype=int) if limit.group is None else given.groups[limit.group]
        each = limit.weight[code] * (given.cost if limit.of_cost else 1.0)
        scale = max(np.abs(each).max(), 1e-12) * (1.0 if limit.kind == "le" else -1.0)
        weight.append(each.ravel() / scale)
        bound.append(limit.bound / scale)
    blocks, room = [csr_array(np.array(weight))], [np.array(bound)]
    if given.household is not None:
        house = np.repeat(given.household, arms)
        treated = np.flatnonzero((house >= 0) & (np.tile(np.arange(arms), n) > 0))
        shape = (int(given.household.max()) + 1, n * arms)
        blocks.append(csr_array((np.ones(len(treated)), (house[treated], treated)), shape=shape))
        room.append(np.ones(shape[0]))
    free = np.column_stack([np.zeros(n * arms), (~np.isnan(given.gain)).ravel()])
    solved = linprog(-np.nan_to_num(given.gain).ravel(), A_ub=vstack(blocks).tocsr(), b_ub=np.concatenate(room),
                     A_eq=once, b_eq=np.ones(n), bounds=free, method="highs")  # fmt: skip
    return None if solved.status == 2 else float(-solved.fun)


@cache
def small(seed: int) -> tuple[Problem, Solution | None]:
    given_problem = problem(seed, 2000, ties=seed % 4 == 3)
    return given_problem, solved(given_problem)


def solved(given: Problem, effort: Effort = SMALL_STEPS) -> Solution | None:
    try:
        return solve(given, effort)
    except InfeasibleError:
        return None


# ---- tiny problems, every rule on ----


@QUIET
@given(SEEDS, st.booleans())
def test_tiny_problems_are_solved_exactly(seed: int, ties: bool) -> None:
    given_problem = problem(seed, 5, ties=ties)
    best, found = brute_force(given_problem), solved(given_problem)
    assert (found is None) == (best is None)
    if found is not None and best is not None:
        assert_kept(given_problem, found.arm)
        assert total(given_problem, found.arm) == pytest.approx(best, abs=1e-6)
        assert found.value == pytest.approx(best, abs=1e-6)
        assert found.bound >= best - 1e-6


@QUIET
@given(SEEDS)
def test_a_further_limit_never_raises_the_value(seed: int) -> None:
    whole = problem(seed, 7)
    values = []
    for count in range(len(whole.limits) + 1):
        found = solved(replace(whole, limits=whole.limits[:count]))
        values.append(-np.inf if found is None else found.value)
    assert (np.diff([value for value in values if np.isfinite(value)]) <= 1e-6).all()
    assert np.isfinite(values).tolist() == sorted(np.isfinite(values).tolist(), reverse=True)


@QUIET
@given(SEEDS)
def test_more_budget_never_lowers_the_value(seed: int) -> None:
    whole = problem(seed, 7)
    values = []
    for share in (0.0, 0.3, 0.8, 1.0, 1.5, 4.0):
        first = replace(whole.limits[0], bound=whole.limits[0].bound * share)
        found = solved(replace(whole, limits=[first, *whole.limits[1:]]))
        values.append(-np.inf if found is None else found.value)
    finite = [value for value in values if np.isfinite(value)]
    assert (np.diff(finite) >= -1e-6).all()


# ---- the whole method, on small problems ----


@pytest.mark.parametrize("seed", range(16))
def test_the_bound_is_the_relaxation_and_the_value_is_near_it(seed: int) -> None:
    """2,000 rows through samples, prices and the exact last step; the bound is HiGHS' optimum within 0.01 %."""
    given_problem, found = small(seed)
    best = relaxation(given_problem)
    assert (found is None) == (best is None)
    if found is not None and best is not None:
        assert_kept(given_problem, found.arm)
        assert found.value == pytest.approx(total(given_problem, found.arm), rel=1e-9)
        assert best * (1 - 1e-9) - 1e-6 <= found.bound <= best * (1 + 1e-4) + 1e-6
        assert found.gap <= 0.004


def test_some_of_these_problems_bind_and_some_are_infeasible() -> None:
    """Or the test above shows little."""
    every = [small(seed)[1] for seed in range(16)]
    binding = [sum(use.binding for use in found.uses) for found in every if found is not None]
    assert 2 <= sum(found is None for found in every) <= 8
    assert max(binding) >= 4


@pytest.mark.parametrize("seed", [0, 2, 5])
@pytest.mark.parametrize("rows", [50, 140, 2000])
def test_the_order_of_rows_and_the_size_of_chunks_change_nothing(rows: int, seed: int) -> None:
    given_problem = problem(seed, rows)
    first = solved(given_problem)
    turned = np.random.default_rng(seed).permutation(rows)
    groups = {name: codes[turned] for name, codes in given_problem.groups.items()}
    assert given_problem.key is not None
    house = None if given_problem.household is None else given_problem.household[turned]
    moved = Problem(given_problem.gain[turned], given_problem.cost[turned], given_problem.limits, groups,
                    given_problem.key[turned], house)  # fmt: skip
    second, third = solved(moved), solved(given_problem, replace(SMALL_STEPS, chunk=97))
    if first is None or second is None or third is None:
        assert first is second is third is None
        return
    np.testing.assert_array_equal(second.arm, first.arm[turned])
    np.testing.assert_array_equal(third.arm, first.arm)
    assert first.bound == second.bound == third.bound
    np.testing.assert_array_equal(first.price, second.price)


def test_pieces_on_two_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    given_problem = replace(problem(1, 2000), household=None)
    whole = solved(given_problem)
    monkeypatch.setattr("rapport.policy.prepared._PIECE", 61)
    pieces = solved(given_problem)
    assert whole is not None
    assert pieces is not None
    np.testing.assert_array_equal(pieces.arm, whole.arm)
    assert pieces.bound == whole.bound


@pytest.mark.parametrize("seed", range(8))
def test_the_order_of_arms_changes_nothing(seed: int) -> None:
    given_problem = problem(seed, 2000, arms=4)
    order = np.array([0, 3, 1, 2])
    limits = [replace(limit, weight=limit.weight[:, order]) for limit in given_problem.limits]
    moved = replace(given_problem, gain=given_problem.gain[:, order], cost=given_problem.cost[:, order], limits=limits)
    first, second = solved(given_problem), solved(moved)
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert second.value == pytest.approx(first.value, rel=1e-4)
        assert second.bound == pytest.approx(first.bound, rel=1e-6)


def test_the_bound_rises_with_the_budget_and_is_concave() -> None:
    whole = problem(1, 3000)
    bounds = []
    for share in np.linspace(0.1, 1.1, 5):
        first = replace(whole.limits[0], bound=3000.0 * share)
        found = solved(replace(whole, limits=[first, *whole.limits[1:3]]))
        assert found is not None
        bounds.append(found.bound)
    steps = np.diff(bounds)
    assert (steps >= -1e-5 * bounds[-1]).all()
    assert (np.diff(steps) <= 1e-5 * bounds[-1]).all()


def test_a_shadow_price_is_what_one_more_unit_is_worth() -> None:
    whole = problem(3, 3000, arms=3)
    budget = replace(whole.limits[0], bound=1200.0)
    base = solved(replace(whole, limits=[budget], household=None))
    more = solved(replace(whole, limits=[replace(budget, bound=1212.0)], household=None))
    assert base is not None
    assert more is not None
    assert base.uses[0].price > 0
    assert (more.bound - base.bound) / 12.0 == pytest.approx(base.uses[0].price, rel=0.02)


# ---- many alike, households, groups ----


def test_many_stakeholders_who_are_all_alike() -> None:
    """Twelve segments of identical people: at the best prices whole segments are indifferent."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 12, 30_000)
    gain = np.column_stack([np.zeros(12), rng.uniform(1, 9, (12, 3))])[kind]
    cost = np.column_stack([np.zeros(12), rng.uniform(1, 5, (12, 3))])[kind]
    limits = [at_most("budget", 40_000, [0, 1, 1, 1], of_cost=True), at_most("calls", 5000, [0, 1, 0, 0]),
              at_least("mails", 9000, [0, 0, 1, 0])]  # fmt: skip
    found = solve(Problem(gain, cost, limits))
    assert found.gap <= 0.001
    assert cost[np.arange(30_000), found.arm].sum() <= 40_000 + 1e-6
    assert (found.arm == 1).sum() <= 5000
    assert (found.arm == 2).sum() >= 9000


def test_a_hundred_budgets_of_teams() -> None:
    rng = np.random.default_rng(1)
    team = rng.integers(0, 100, 20_000)
    gain = np.column_stack([np.zeros(20_000), rng.normal(3, 4, (20_000, 2))])
    cost = np.column_stack([np.zeros(20_000), rng.uniform(1, 5, (20_000, 2))])
    limits = [in_group(at_most(f"team {code}", 150 + code, [0, 1, 1], of_cost=True), "team", code, 100)
              for code in range(100)]  # fmt: skip
    found = solve(Problem(gain, cost, limits, {"team": team}))
    spent = np.bincount(team, cost[np.arange(20_000), found.arm], 100)
    assert (spent <= 150 + np.arange(100) + 1e-6).all()
    assert found.gap <= 0.002
    assert all(use.binding for use in found.uses)


# ---- what cannot be kept ----


def test_a_smallest_set_of_contradicting_limits_is_named() -> None:
    gain, cost = np.tile([0.0, 2.0, 3.0], (500, 1)), np.tile([0.0, 4.0, 1.0], (500, 1))
    limits = [at_most("mails", 400, [0, 0, 1]), at_most("budget", 1000, [0, 1, 1], of_cost=True),
              at_least("calls", 300, [0, 1, 0])]  # fmt: skip
    with pytest.raises(InfeasibleError, match="keeps 'budget', 'calls'; got budget at most 1000 together with calls"):
        solve(Problem(gain, cost, limits))
    fewer = [*limits[:2], replace(limits[2], bound=250)]
    assert (solve(Problem(gain, cost, fewer)).arm == 1).sum() == 250


def test_contradictions_only_single_stakeholders_show_are_found_too() -> None:
    """A household of two cannot get two contacts."""
    gain = np.array([[0.0, 2.0], [0.0, 3.0]])
    quota = [at_most("free", 5, [0, 1]), at_least("two", 2, [0, 1])]
    with pytest.raises(InfeasibleError, match="keeps 'two'; got two at least 2"):
        solve(Problem(gain, np.zeros(2), quota, household=np.array([0, 0])))
    assert solve(Problem(gain, np.zeros(2), quota)).arm.tolist() == [1, 1]


def test_a_contradiction_of_many_households_is_a_smallest_set() -> None:
    """Six thousand people in pairs can get three thousand contacts; mails and budget have nothing to do with it."""
    rng = np.random.default_rng(0)
    gain = np.column_stack([np.zeros(6000), rng.uniform(1, 2, (6000, 2))])
    cost = np.tile([0.0, 1.0, 2.0], (6000, 1))
    limits = [at_most("budget", 9000, [0, 1, 1], of_cost=True), at_most("mails", 100, [0, 0, 1]),
              at_least("contacts", 3300, [0, 1, 1])]  # fmt: skip
    pairs = np.arange(6000) // 2
    with pytest.raises(InfeasibleError, match="keeps 'contacts'; got contacts at least 3300, which"):
        solve(Problem(gain, cost, limits, household=pairs), SMALL_STEPS)
    met = [*limits[:2], replace(limits[2], bound=2900)]
    assert (solve(Problem(gain, cost, met, household=pairs), SMALL_STEPS).arm > 0).sum() >= 2900


def test_a_quota_nobody_is_eligible_for() -> None:
    gain = np.full((3000, 3), np.nan)
    gain[:, 0], gain[:, 2] = 0.0, 1.0
    with pytest.raises(InfeasibleError, match="keeps 'calls'"):
        solve(Problem(gain, np.zeros(3), [at_least("calls", 1, [0, 1, 0]), at_most("all", 10, [0, 1, 1])]))
    assert (solve(Problem(gain, np.zeros(3), [at_least("mails", 1, [0, 0, 1])])).arm == 2).all()


# ---- degenerate problems ----


@pytest.mark.parametrize("rows", [0, 1, 5000])
@pytest.mark.parametrize("gain", [np.nan, -1.0, 0.0])
def test_nothing_to_gain_is_the_control_for_all(rows: int, gain: float) -> None:
    table = np.full((rows, 3), gain)
    table[:, 0] = 0.0
    found = solve(Problem(table, np.ones(3), [at_most("budget", 1, [0, 1, 1], of_cost=True)]))
    assert found.arm.shape == (rows,)
    assert (found.arm == 0).all()
    assert found.value == found.bound == found.gap == 0.0


def test_one_stakeholder_one_arm_and_the_control_alone() -> None:
    assert solve(Problem(np.array([[0.0, 2.0]]), np.array([0.0, 1.0]), [])).arm.tolist() == [1]
    assert solve(Problem(np.zeros((4, 1)), np.zeros(1), [])).arm.tolist() == [0] * 4
    none = [at_most("calls", 0, [0, 1])]
    assert solve(Problem(np.array([[0.0, 2.0]]), np.array([0.0, 1.0]), none)).arm.tolist() == [0]


def test_a_quota_is_filled_at_the_least_loss() -> None:
    gain = np.column_stack([np.zeros(50), -np.arange(50.0) - 1])
    found = solve(Problem(gain, np.zeros(2), [at_least("calls", 3, [0, 1])]))
    assert np.flatnonzero(found.arm).tolist() == [0, 1, 2]
    assert found.value == -6.0
    assert found.uses[0].binding
    assert 3.0 <= found.uses[0].price <= 4.0


def test_income_and_wrong_shapes_are_refused() -> None:
    gain = np.zeros((3, 2))
    with pytest.raises(ValueError, match="costs must be finite and not below 0"):
        solve(Problem(gain, np.array([0.0, -1.0]), []))
    with pytest.raises(ValueError, match="'calls' must have 1 rows and 2 columns"):
        solve(Problem(gain, np.zeros(2), [at_most("calls", 1, [0, 1, 1])]))
    limit = in_group(at_most("calls", 1, [0, 1]), "team", 0, 2)
    with pytest.raises(ValueError, match="the codes of team must be at least 0"):
        solve(Problem(gain, np.zeros(2), [limit], {"team": np.array([0, -1, 1])}))
    assert solve(Problem(gain, np.zeros(2), [at_most("calls", 1, [0, 1])])).value == 0.0


def test_many_arms() -> None:
    """Forty arms with a quota that nobody can meet, and one that all can."""
    gain = np.random.default_rng(0).normal(0, 1, (200, 40))
    gain[:, 7] = np.nan
    seventh, eighth = np.arange(40) == 7, np.arange(40) == 8
    with pytest.raises(InfeasibleError, match="keeps 'seventh'; got seventh at least 1"):
        solve(Problem(gain, np.zeros(40), [at_least("seventh", 1, seventh)]))
    assert (solve(Problem(gain, np.zeros(40), [at_least("eighth", 150, eighth)])).arm == 8).sum() == 150
    with pytest.raises(ValueError, match="at most 127 arms, the control included; got 128"):
        solve(Problem(np.zeros((2, 128)), np.zeros(128), []))


def test_the_region_of_prices_moves_until_it_holds_the_best() -> None:
    """The rows with the smallest keys, from which prices are guessed, are ten times poorer than the others."""
    rng = np.random.default_rng(0)
    n, key = 6000, rng.random(6000)
    gain = np.column_stack([np.zeros(n), rng.exponential(3, n), rng.exponential(4, n)])
    gain[key < 0.2] /= 10.0
    cost = np.column_stack([np.zeros(n), rng.uniform(1, 3, (n, 2))])
    limits = [at_most("budget", 1500, [0, 1, 1], of_cost=True), at_most("calls", 500, [0, 1, 0])]
    misled = Problem(gain, cost, limits, key=key)
    found = solve(misled, SMALL_STEPS)
    best = relaxation(misled)
    assert best is not None
    assert found.bound == pytest.approx(best, rel=1e-6)
    assert found.gap < 1e-3
    assert_kept(misled, found.arm)
