"""A stakeholder's months without their chance: shares of being calm and of being in trouble, carried from step to step.

Shares have the shape (2, …): calm, then in trouble; what they lack to 1 has left. The truth carries the state that is
into the future, belief a guess at it through the past.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .arms import ARMS, Effect
from .draws import Flags, Floats, Integers
from .dynamics import churn_hazard, effect_in_force, trouble_turns
from .grid import Grid
from .population import Population


@dataclass(frozen=True)
class Branch:
    """A step of those who are calm, or of those in trouble; `troubled` is the probability of trouble as it ends."""

    trouble: Flags
    effect: Effect
    hazard: Floats
    troubled: Floats


@dataclass(frozen=True)
class Chain:
    """The Markov chain on {gone, calm, in trouble} of each of a population, given decisions: codes by step."""

    population: Population
    grid: Grid
    decided: Mapping[int, Integers]

    def under(self, arm: str, step: int) -> "Chain":
        """Return the chain if everybody got an arm, or the control, at a step later than all decisions."""
        code = ARMS.index(arm) + 1 if arm in ARMS else 0
        return replace(self, decided={**self.decided, step: np.array(code)})

    def branches(self, step: int) -> tuple[Branch, Branch]:
        """Return what the step holds for who is calm, and for who is in trouble."""
        first = step - self.grid.horizon_steps + 1
        in_force = [codes for at, codes in self.decided.items() if first <= at <= step]
        return self._branch(step, in_force, False), self._branch(step, in_force, True)

    def _branch(self, step: int, in_force: list[Integers], in_trouble: bool) -> Branch:
        trouble = np.array(in_trouble)
        effect = effect_in_force(self.population, self.grid, in_force, trouble, step)
        starts, ends = trouble_turns(self.population, self.grid, effect, step)
        hazard = churn_hazard(self.population, self.grid, trouble, effect, step)
        return Branch(trouble, effect, hazard, 1.0 - ends if in_trouble else starts)


def following(shares: Floats, branches: tuple[Branch, Branch]) -> Floats:
    """Return the shares after a step, shape (2, …): those who leave drop out, trouble begins and ends."""
    calm, troubled = (share * (1.0 - branch.hazard) for share, branch in zip(shares, branches, strict=True))
    starts, stays = (branch.troubled for branch in branches)
    return np.stack([calm * (1.0 - starts) + troubled * (1.0 - stays), calm * starts + troubled * stays])
