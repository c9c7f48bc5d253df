"""The path of a single budget against the relaxation solved by HiGHS, and against the solver."""

import numpy as np
import pytest
from scipy.optimize import linprog

from rapport.policy.curve import budget_curve
from rapport.policy.limits import at_most
from rapport.policy.problem import Problem
from rapport.policy.solve import solve


def table(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    gain, cost = rng.normal(1, 3, (rows, 4)), np.round(rng.uniform(0, 4, (rows, 4)), 1)
    gain[rng.random((rows, 4)) < 0.2] = np.nan
    gain[:, 0], cost[:, 0] = 0.0, 0.0
    return gain, cost


def relaxed(gain: np.ndarray, cost: np.ndarray, budget: float) -> float:
    n, arms = gain.shape
    once = np.kron(np.eye(n), np.ones(arms))
    solved = linprog(-np.nan_to_num(gain, nan=-1e3).ravel(), A_ub=cost.reshape(1, -1), b_ub=[budget], A_eq=once,
                     b_eq=np.ones(n), bounds=(0, 1), method="highs")  # fmt: skip
    return float(-solved.fun)


@pytest.mark.parametrize("seed", range(6))
def test_every_point_of_the_path_is_the_relaxations_optimum(seed: int) -> None:
    gain, cost = table(seed, 30)
    curve = budget_curve(gain, cost, chunk=7)
    for budget in np.linspace(0, float(curve.spend[-1]) * 1.2, 9):
        assert curve.at(budget).value == pytest.approx(relaxed(gain, cost, budget), abs=1e-6)


def test_the_path_rises_ever_more_slowly() -> None:
    curve = budget_curve(*table(1, 500))
    assert (np.diff(curve.spend) > 0).all()
    assert (np.diff(curve.price) <= 1e-9).all()
    np.testing.assert_allclose(np.diff(curve.value), curve.price * np.diff(curve.spend))
    assert curve.at(float(curve.spend[-1]) + 1).price == 0.0
    assert curve.at(0.0).price == curve.price[0]


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_the_path_is_the_bound_and_price_of_the_solver(share: float) -> None:
    gain, cost = table(2, 8000)
    curve = budget_curve(gain, cost)
    budget = share * float(curve.spend[-1])
    found = solve(Problem(gain, cost, [at_most("budget", budget, [0, 1, 1, 1], of_cost=True)]))
    assert found.bound == pytest.approx(curve.at(budget).value, rel=1e-6)
    assert found.uses[0].price == pytest.approx(curve.at(budget).price, rel=0.02)
    assert found.gap < 1e-4


def test_nobody_and_nothing_to_buy() -> None:
    curve = budget_curve(np.zeros((0, 3)), np.zeros((0, 3)))
    assert curve.at(5.0).value == 0.0
    free = budget_curve(np.array([[0.0, 2.0], [0.0, np.nan]]), np.zeros((2, 2)))
    assert (free.spend.tolist(), free.value.tolist(), free.price.tolist()) == ([0.0], [2.0], [])
