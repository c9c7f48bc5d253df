"""Times and certificates of the decision engine's solver, beside HiGHS, a greedy and the path of a single budget.

Run as `python benchmarks/decision.py PART`, PART one of large, highs, budgets, huge, teams, or several, or `all` of the
first four. Each part prints what is asked of it beside what was measured. Passes over many rows use two threads, the
rest one. The population is synthetic: gains with a heavy tail, four segments, five regions, costs that vary by
stakeholder, one pair of stakeholder and arm in ten not eligible. `huge` writes 1.3 GB to the folder in TMPDIR.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from rapport.policy.curve import budget_curve
from rapport.policy.limits import Limit, at_least, at_most, in_group, rate_gaps
from rapport.policy.problem import Problem
from rapport.policy.solve import Solution, solve

Empty = Callable[[int, int], np.ndarray]


def population(n: int, arms: int, empty: Empty, seed: int = 0) -> Problem:
    """Return gains and costs, made in pieces of 100,000, and nine or more limits that mostly bind."""
    rng = np.random.default_rng(seed)
    gain, cost = empty(n, arms), empty(n, arms)
    region, gender = rng.integers(0, 5, n), rng.integers(0, 2, n)
    for start in range(0, n, 100_000):
        part = slice(start, min(start + 100_000, n))
        rows, levels = part.stop - start, np.linspace(4, 12, arms - 1)
        segment = rng.integers(0, 4, rows)
        effect = rng.normal(1.0, 1.0, (rows, arms - 1)) * (2 + levels)
        effect += (segment[:, None] == np.arange(arms - 1) % 4) * 8.0 + gender[part, None] * 2.0
        price = np.round(rng.uniform(0.7, 1.3, (rows, arms - 1)) * levels, 2)
        net = effect * np.exp(rng.normal(0, 0.6, (rows, 1))) - price
        net[rng.random(net.shape) < 0.1] = np.nan
        gain[part, 0], gain[part, 1:], cost[part, 0], cost[part, 1:] = 0.0, net, 0.0, price
    return Problem(gain, cost, limits(n, arms, gender), {"region": region, "gender": gender}, rng.random(n))


def limits(n: int, arms: int, gender: np.ndarray) -> list[Limit]:
    """Return budget, regional budgets, a capacity, a channel, quotas, and a bound on the rates of two groups."""
    treated, at = np.arange(arms) > 0, np.arange(arms)
    every = [
        at_most("budget", 2.5 * n, treated, of_cost=True),
        at_most("capacity of arm 1", 0.06 * n, at == 1),
        at_most("channel of arms 2 and 3", 0.055 * n, (at == 2) | (at == 3)),
        at_least(f"quota of arm {arms - 1}", 0.16 * n, at == arms - 1),
    ]
    regional = at_most("budget of region", 0.42 * n, treated, of_cost=True)
    every += [in_group(replace(regional, name=f"budget of region {code}"), "region", code, 5) for code in range(2)]
    every.append(in_group(at_least("quota of region 4", 0.08 * n, treated), "region", 4, 5))
    return every + rate_gaps("gender", {"f": int((gender == 0).sum()), "m": int(gender.sum())}, 0.02, treated)


@contextmanager
def clocked(label: str) -> Iterator[dict[str, float]]:
    """Print CPU and wall seconds and the peak memory so far."""
    times: dict[str, float] = {}
    cpu, wall = time.process_time(), time.perf_counter()
    yield times
    times["cpu"], times["wall"] = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    busy = f"peak {peak:.2f} GiB, load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    print(f"{label}: {times['cpu']:.2f} CPU-s, {times['wall']:.2f} s wall, {busy}", flush=True)


def violation(problem: Problem, arm: np.ndarray) -> float:
    """Return by how much the worst limit is broken, relative to its bound; computed apart from the solver."""
    worst, rows = 0.0, np.arange(len(arm))
    spent = np.asarray(problem.cost[rows, arm])
    assert not np.isnan(problem.gain[rows, arm]).any()
    for limit in problem.limits:
        code = problem.groups[limit.group] if limit.group else np.zeros(len(arm), dtype=np.int64)
        used = float((limit.weight[code, arm] * (spent if limit.of_cost else 1.0)).sum())
        over = used - limit.bound if limit.kind == "le" else limit.bound - used
        worst = max(worst, over / max(abs(limit.bound), 1.0))
    return worst


def asked(what: str, met: bool) -> None:
    """Print what is asked beside what was measured, and whether it is met."""
    print(f"  asked: {what} -> {'met' if met else 'NOT MET'}", flush=True)


def told(problem: Problem, solution: Solution) -> None:
    """Print the certificate."""
    value = float(problem.gain[np.arange(len(solution.arm)), solution.arm].sum())
    binding = [use for use in solution.uses if use.price > 0]
    print(f"  value {value:,.0f}, bound {solution.bound:,.0f}, gap {(solution.bound - value) / solution.bound:.2e}, "
          f"worst violation {violation(problem, solution.arm):.1e}, "
          f"{len(binding)} of {len(solution.uses)} limits bind")  # fmt: skip
    asked(f"gap at most 0.1 %, six or more limits bind, none violated: {solution.gap:.1e}, {len(binding)}",
          solution.gap <= 0.001 and len(binding) >= 6 and violation(problem, solution.arm) <= 1e-9)  # fmt: skip
    for use in solution.uses:
        print(f"    {use.name}: {use.used:,.2f} of {use.kind} {use.bound:,.2f}, shadow price {use.price:,.4f}")


def large() -> None:
    """1 million × 5."""
    problem = population(1_000_000, 5, lambda n, k: np.empty((n, k)))
    with clocked("1,000,000 × 5, nine limits") as times:
        solution = solve(problem)
    asked(f"under 10 s: {times['wall']:.1f} s wall, {times['cpu']:.1f} CPU-s", times["wall"] < 10)
    told(problem, solution)
    with clocked("greedy by gain per money, the same limits"):
        value = greedy(problem)
    print(f"  greedy (its quotas and rates unmet): {value / solution.bound:.4f} of the bound")


def huge() -> None:
    """10 million × 8 from memory-mapped files."""
    with tempfile.TemporaryDirectory() as folder:
        files = iter(Path(folder) / f"{name}.npy" for name in ("gain", "cost"))

        def mapped(n: int, arms: int) -> np.ndarray:
            return np.lib.format.open_memmap(next(files), "w+", np.float64, (n, arms))

        problem = population(10_000_000, 8, mapped)
        with clocked("10,000,000 × 8, nine limits") as times:
            solution = solve(problem)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        measured = f"{times['wall']:.0f} s wall, {times['cpu']:.0f} CPU-s, {peak:.1f} GiB, mapped pages included"
        asked(f"under 150 s and 8 GiB: {measured}", times["wall"] < 150 and peak <= 8)
        told(problem, solution)


def greedy(problem: Problem) -> float:
    """Return the value of giving pairs in the order of gain per money as long as upper limits have room."""
    rows, arms = np.nonzero(problem.gain > 0)
    gain, cost = problem.gain[rows, arms], problem.cost[rows, arms]
    order = np.argsort(-gain / np.maximum(cost, 1e-9), kind="stable")
    upper = [limit for limit in problem.limits if limit.kind == "le" and not limit.name.startswith("rate")]
    uses = []
    for limit in upper:
        code = problem.groups[limit.group][rows] if limit.group else 0
        uses.append((limit.weight[code, arms] * (cost if limit.of_cost else 1.0)).tolist())
    room, taken, value = [limit.bound for limit in upper], bytearray(len(problem.gain)), 0.0
    row_of, gain_of = rows.tolist(), gain.tolist()
    for pair in order.tolist():
        if not taken[row_of[pair]] and all(use[pair] <= left for use, left in zip(uses, room, strict=True)):
            taken[row_of[pair]] = 1
            room = [left - use[pair] for use, left in zip(uses, room, strict=True)]
            value += gain_of[pair]
    return value


def highs_relaxation(problem: Problem) -> float:
    """Return the optimum of the linear relaxation by HiGHS."""
    rows, arms = np.nonzero(~np.isnan(problem.gain) & (np.arange(problem.gain.shape[1]) > 0))
    pairs, n = len(rows), len(problem.gain)
    blocks = [csr_array((np.ones(pairs), (rows, np.arange(pairs))), shape=(n, pairs))]
    room = [1.0] * n
    for limit in problem.limits:
        code = problem.groups[limit.group][rows] if limit.group else np.zeros(pairs, dtype=np.int64)
        use = limit.weight[code, arms] * (problem.cost[rows, arms] if limit.of_cost else 1.0)
        scale = np.abs(use).max() * (1.0 if limit.kind == "le" else -1.0)
        blocks.append(csr_array(use[None, :] / scale))
        room.append(limit.bound / scale)
    solved = linprog(-problem.gain[rows, arms], A_ub=vstack(blocks).tocsr(), b_ub=room, bounds=(0, 1), method="highs")
    return float(-solved.fun)


def highs() -> None:
    """The bound against the linear relaxation solved by HiGHS."""
    for n in (10_000, 50_000, 100_000):
        problem = population(n, 5, lambda rows, k: np.empty((rows, k)))
        with clocked(f"{n:,} × 5, ours") as ours:
            solution = solve(problem)
        with clocked(f"{n:,} × 5, HiGHS on the relaxation") as theirs:
            best = highs_relaxation(problem)
        asked(f"objective within 0.01 %: {abs(solution.bound / best - 1):.0e}", abs(solution.bound / best - 1) <= 1e-4)
        print(f"  bound {solution.bound / best - 1:+.1e}, value {solution.value / best - 1:+.1e} of HiGHS' optimum; "
              f"HiGHS takes {theirs['cpu'] / ours['cpu']:.1f} × our time")  # fmt: skip


def budgets() -> None:
    """One budget: all of its path at once, and single solutions beside it."""
    problem = population(1_000_000, 5, lambda n, k: np.empty((n, k)))
    with clocked("1,000,000 × 5, the whole path of one budget") as times:
        curve = budget_curve(problem.gain, problem.cost)
    measured = f"{times['wall']:.2f} s wall, {times['cpu']:.2f} CPU-s"
    asked(f"as fast as maq, which publishes 1.5 s (by CPU time): {measured}", times["cpu"] < 1.5)
    print(f"  {len(curve.spend):,} steps, up to {curve.spend[-1]:,.0f} spent and {curve.value[-1]:,.0f} gained")
    for share in (0.05, 0.2, 0.5, 0.9):
        budget = share * float(curve.spend[-1])
        only = replace(problem, limits=[at_most("budget", budget, np.arange(5) > 0, of_cost=True)])
        with clocked(f"  budget {budget:,.0f}"):
            solution = solve(only)
        at = curve.at(budget)
        print(f"    value {solution.value:,.1f}, bound {solution.bound:,.1f}, gap {solution.gap:.1e}; "
              f"path: value {at.value:,.1f}, price {at.price:.5f} (ours {solution.uses[0].price:.5f})")  # fmt: skip


def teams() -> None:
    """50 and 300 budgets of teams beside four other limits."""
    for n, count in ((100_000, 50), (200_000, 300)):
        problem = population(n, 5, lambda rows, k: np.empty((rows, k)))
        rng, treated = np.random.default_rng(5), np.arange(5) > 0
        team = rng.integers(0, count, n)
        each = [in_group(at_most(f"team {code}", (1.5 + 2 * rng.random()) * n / count, treated, of_cost=True),
                         "team", code, count) for code in range(count)]  # fmt: skip
        many = replace(problem, limits=[*problem.limits[:4], *each], groups={**problem.groups, "team": team})
        with clocked(f"{n:,} × 5, budgets of {count} teams and 4 more limits"):
            solution = solve(many)
        print(f"  gap {solution.gap:.1e}, {sum(use.price > 0 for use in solution.uses)} of {len(solution.uses)} bind, "
              f"worst violation {violation(many, solution.arm):.1e}")  # fmt: skip


PARTS = {"large": large, "highs": highs, "budgets": budgets, "huge": huge, "teams": teams}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, "all"], default=["all"], metavar="PART")
    given = parser.parse_args().parts
    for part in list(PARTS)[:4] if given == ["all"] else given:
        PARTS[part]()
