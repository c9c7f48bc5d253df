"""Drawn logs of known truth for the evaluation study: who is logged with which arm, what it earns, and models of it.

A person has four features and one to three decisions that share a mood; the value is skewed, as money is: a gamma
payment around the expected value. Models are ridge lines per arm, fitted on other folds of people: cheap, and honest
as long as nobody is told the truth.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rapport.evaluation.held import Held
from rapport.evaluation.log import LoggedDecisions
from rapport.policy.limits import Constraints

Floats = NDArray[np.float64]
Logging = Literal["randomised", "targeted"]
ARMS, FEATURES, FOLDS = 4, 4, 3
SHAPE = 10.0  # of payments: their standard deviation is a third of their mean, their skewness 0.6
TILT = np.random.default_rng(4).normal(0, 0.6, (FEATURES, ARMS))  # of the targeted logging policy
DIRECTIONS = np.random.default_rng(5).normal(0, 1.0, (FEATURES, ARMS))  # in which effects differ between people


@dataclass(frozen=True)
class World:
    """What a log is drawn from.

    Attributes:
        level: mean effect of the arms after the control, money.
        spread: how far effects differ between people, money.
        cost: money per assignment of each arm but the control.
        logging: uniform, or by features.
        mood: standard deviation of what a person's decisions share, money.
        most: decisions per person at most.
        shape: of payments, a gamma's: their skewness is 2 / √shape.
        rare: probability of the last arm, which then does what the one before it does; None: logged as others are.
    """

    level: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spread: float = 0.0
    cost: float = 0.0
    logging: Logging = "targeted"
    mood: float = 5.0
    most: int = 3
    shape: float = SHAPE
    rare: float | None = None


@dataclass(frozen=True)
class Draw:
    """A log with its truth; n rows.

    Attributes:
        x: features, (n, FEATURES).
        person: code, (n,).
        arm, value, propensity: as logged.
        mean: expected value of every arm given the features, (n, ARMS).
        cost: (n, ARMS).
    """

    x: Floats
    person: NDArray[np.int64]
    arm: NDArray[np.int64]
    value: Floats
    propensity: Floats
    mean: Floats
    cost: Floats

    @property
    def gain(self) -> Floats:
        """True gain net of cost, (n, ARMS)."""
        return self.mean - self.mean[:, :1] - self.cost


def draw(world: World, people: int, rng: np.random.Generator) -> Draw:
    """Return a log of people's decisions."""
    rows = rng.integers(1, world.most + 1, people)
    person = np.repeat(np.arange(people), rows)
    n = len(person)
    x = (rng.normal(size=(people, FEATURES)))[person]
    mean = expected(world, x)
    propensity = logging(world, x)
    arm = (rng.random((n, 1)) > propensity.cumsum(axis=1)).sum(axis=1).clip(max=ARMS - 1)
    mood = rng.normal(0, world.mood, people)[person]
    value = rng.gamma(world.shape, mean[np.arange(n), arm] / world.shape) + mood
    return Draw(x, person, arm.astype(np.int64), value, propensity, mean, charges(world, n))


def expected(world: World, x: Floats) -> Floats:
    """Return the expected value of every arm, (n, ARMS); above 1 but for one person in many thousands."""
    base = 60.0 + 8.0 * x[:, :1] + 4.0 * np.tanh(x[:, 1:2] * x[:, 2:3])
    effect = np.array([0.0, *world.level]) + world.spread * np.tanh(x @ DIRECTIONS)
    effect[:, 0] = 0.0
    if world.rare is not None:
        effect[:, -1] = effect[:, -2]
    return np.maximum(base + effect, 1.0)


def charges(world: World, n: int) -> Floats:
    """Return what each arm costs, (n, ARMS)."""
    cost = np.full((n, ARMS), world.cost)
    cost[:, 0] = 0.0
    return cost


def logging(world: World, x: Floats) -> Floats:
    """Return the logging policy's probabilities, (n, ARMS), at least 0.05 each but for a rare arm."""
    if world.logging == "randomised":
        return np.full((len(x), ARMS), 1 / ARMS)
    share = np.exp(x @ TILT)
    if world.rare is not None:
        others = share[:, :-1] / share[:, :-1].sum(axis=1, keepdims=True)
        return np.column_stack([0.05 + (1 - 0.05 * (ARMS - 1) - world.rare) * others, np.full(len(x), world.rare)])
    return 0.05 + (1 - 0.05 * ARMS) * share / share.sum(axis=1, keepdims=True)


def together(parts: list[Draw]) -> Draw:
    """Return draws one below the other, the people of each distinct."""
    before, shifted = 0, []
    for part in parts:
        shifted.append(part.person + before)
        before += int(part.person.max()) + 1
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Draw.__dataclass_fields__}
    return Draw(**{**joined, "person": np.concatenate(shifted)})


def lines(data: Draw, rows: NDArray[np.bool_]) -> Floats:
    """Return a ridge line per arm, (FEATURES + 1, ARMS), of some rows."""
    found = np.empty((FEATURES + 1, ARMS))
    for arm in range(ARMS):
        mine = rows & (data.arm == arm)
        design = np.column_stack([np.ones(mine.sum()), data.x[mine]])
        penalty = np.diag([1e-6, *[1.0] * FEATURES])
        found[:, arm] = np.linalg.solve(design.T @ design + penalty, design.T @ data.value[mine])
    return found


def predicted(line: Floats, x: Floats) -> Floats:
    """Return the value of every arm that lines predict, (n, ARMS)."""
    return np.column_stack([np.ones(len(x)), x]) @ line


def out_of_fold(data: Draw) -> tuple[Floats, NDArray[np.int64]]:
    """Return predictions by lines of other folds of people, (n, ARMS), and the folds, (n,)."""
    fold = (data.person % FOLDS).astype(np.int64)
    mu = np.empty_like(data.mean)
    for k in range(FOLDS):
        mu[fold == k] = predicted(lines(data, fold != k), data.x[fold == k])
    return mu, fold


def held(data: Draw, mu: Floats, fold: NDArray[np.int64], gain: Floats) -> Held:
    """Return a draw as the scorecard sees it, the challenger choosing by `gain`, (n, ARMS)."""
    n = len(data.value)
    log = LoggedDecisions(data.value, data.arm, data.propensity, data.cost, mu, data.person)
    eligible = np.ones((n, ARMS), dtype=bool)
    return Held(log, gain, eligible, Constraints(), fold, -mu[:, 0], np.ones(n, dtype=bool), gain)
