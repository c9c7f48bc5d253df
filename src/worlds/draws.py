"""Randomness keyed by what it is for, so that other decisions meet the same chance (common random numbers).

Every draw has one row per stakeholder and a key (seed, purpose, step); nobody's draws depend on anybody's history,
and the first rows of a larger world are those of a smaller one.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaln

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
TINY = 1e-300  # stands for a probability of 0 where a log is taken
MAX_COUNT = 6  # occurrences of one event type per stakeholder and step


class Purpose(IntEnum):
    """What a draw is for; the numbers are part of every world and must not change."""

    TRAITS = 1
    ATTRIBUTES = 2
    ARRIVAL = 3
    PILOT = 4
    TROUBLE = 5
    CHURN = 6
    EVENT_COUNT = 7
    EVENT_TIME = 8
    EVENT_VALUE = 9
    EVENT_DETAIL = 10
    EVENT_LATE = 11
    BELIEF = 12


@dataclass(frozen=True)
class Draws:
    """The chance of one world; `future` replaces all chance from `branch_step` on, to draw other futures."""

    seed: int
    rows: int
    future: int | None = None
    branch_step: int = 0

    def uniform(self, purpose: Purpose, columns: int, step: int = 0, item: int = 0) -> Floats:
        """Return numbers in [0, 1), shape (rows, columns)."""
        return self._generator(purpose, step, item).random((self.rows, columns))

    def normal(self, purpose: Purpose, columns: int, step: int = 0, item: int = 0) -> Floats:
        """Return standard normal numbers, shape (rows, columns)."""
        return self._generator(purpose, step, item).standard_normal((self.rows, columns))

    def _generator(self, purpose: Purpose, step: int, item: int) -> np.random.Generator:
        branched = self.future is not None and step >= self.branch_step
        future = (self.future or 0) + 1 if branched else 0
        return np.random.default_rng(np.random.SeedSequence([self.seed, int(purpose), step, item, future]))


def capped_poisson(rate: Floats, uniform: Floats) -> Integers:
    """Return counts by inverting the Poisson distribution, capped at MAX_COUNT; both arguments of shape (n,).

    >>> capped_poisson(np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.3, 0.99])).tolist()
    [0, 0, 4]
    """
    count = np.zeros(rate.shape, dtype=np.int64)
    mass = np.exp(-rate)
    below = mass.copy()
    for k in range(1, MAX_COUNT + 1):
        count += uniform >= below
        mass = mass * rate / k
        below = below + mass
    return count


def capped_poisson_log_mass(count: Floats, rate: Floats) -> Floats:
    """Return log P(min(N, MAX_COUNT) = count) for N ~ Poisson(rate); shapes (n, 1) and (n, S).

    >>> capped_poisson_log_mass(np.array([[0.0], [6.0]]), np.array([[1.0], [9.0]])).round(3).tolist()
    [[-1.0], [-0.123]]
    """
    mass = count * np.log(np.maximum(rate, TINY)) - rate - gammaln(count + 1.0)
    capped = np.flatnonzero(count >= MAX_COUNT)
    mass[capped] = np.log(np.maximum(gammainc(MAX_COUNT, rate[capped]), TINY))
    return np.asarray(mass)


def capped_poisson_mean(rate: Floats) -> Floats:
    """Return E[min(N, MAX_COUNT)] = Σ_{k < MAX_COUNT} P(N > k) for N ~ Poisson(rate), any shape."""
    mass = np.exp(-rate)
    below, mean = mass.copy(), 1.0 - mass
    for k in range(1, MAX_COUNT):
        mass = mass * rate / k
        below = below + mass
        mean = mean + (1.0 - below)
    return mean


def logistic(log_odds: Floats) -> Floats:
    """Return 1 / (1 + exp(-log_odds)), any shape."""
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))
