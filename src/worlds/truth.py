"""What would truly happen, on average, to each stakeholder under each arm: exact expectations, no simulation.

Given the state at `as_of`, a stakeholder's future is a Markov chain on {gone, calm, in trouble}; the expected outcome
is a sum over its steps. Pipelines must never read it; evaluations of the simulated world may.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..contracts.errors import InputError
from ..contracts.time import instant_micros
from . import habits
from .arms import ARMS, Effect, effect_of, may_receive
from .draws import Flags, Floats, Integers, capped_poisson_mean
from .dynamics import State, anniversary, churn_hazard, effect_in_force, remaining_gap, replay, trouble_turns
from .grid import Grid
from .plan import plan_of, step_of
from .population import Population
from .world import World

KNOWN_MARGINS = ("purchase", "renewal", "use")


@dataclass(frozen=True)
class TruthTerms:
    """What an outcome is worth: money per unit of `value` by event type, and money for being retained.

    The latter is one for all, or one for each stakeholder of the world, in the order of their ids.

    Raises:
        InputError: a margin for an event type whose expectation is not known in closed form.
    """

    margins: Mapping[str, float]
    retention_value: float | Floats

    def __post_init__(self) -> None:
        for event_type in self.margins:
            if event_type not in KNOWN_MARGINS:
                raise InputError(
                    f"outcome.value.{event_type}",
                    f"one of {', '.join(KNOWN_MARGINS)} in a simulated world",
                    event_type,
                    "remove it from the outcome",
                )


def truth(world: World, decisions: pd.DataFrame, as_of: pd.Timestamp, outcome: TruthTerms) -> pd.DataFrame:
    """Return each active stakeholder's expected outcome and churn probability under each arm from `as_of` on.

    Args:
        world: the world.
        decisions: contract columns; all decisions since the start and before `as_of`; the pilot's are skipped.
        as_of: UTC, a step's border within or after the history.
        outcome: what counts.

    Returns:
        one row per stakeholder active at `as_of`, in id order: stakeholder_id; value_<arm>, money, the arm's cost
        not deducted; churn_<arm>, probability; null where the stakeholder may not receive the arm (its kind is out
        of the arm's reach, or it opted out).

    Raises:
        InputError: as `answer`.
    """
    grid, population = world.grid, world.population()
    step = step_of(grid, instant_micros(as_of))
    plan = plan_of(population, grid, decisions, world.control, step - 1)
    *past, now = replay(population, grid, plan, population.draws, step)
    chain = _Chain(population, grid, now, {state.step: state.decided for state in past}, outcome)
    columns: dict[str, Floats] = {}
    for arm in (world.control, *ARMS):
        allowed = may_receive(population, arm) if arm in ARMS else np.ones(world.stakeholders, dtype=bool)
        value, churn = chain.expect(arm)
        columns[f"value_{arm}"] = np.where(allowed, value, np.nan)
        columns[f"churn_{arm}"] = np.where(allowed, churn, np.nan)
    names = sorted(columns, key=lambda name: name.startswith("churn_"))
    table = pd.DataFrame({"stakeholder_id": population.ids, **{name: columns[name] for name in names}})
    return table[now.active].reset_index(drop=True)


@dataclass(frozen=True)
class _Chain:
    """Everybody's Markov chain from the step of `now` on; `decided` holds earlier decisions by step."""

    population: Population
    grid: Grid
    now: State
    decided: Mapping[int, Integers]
    outcome: TruthTerms

    def expect(self, arm: str) -> tuple[Floats, Floats]:
        """Return expected outcome (money) and churn probability under an arm, each of shape (n,)."""
        value = np.zeros(len(self.now.trouble))
        in_state = {trouble: (self.now.trouble == trouble).astype(float) for trouble in (False, True)}
        for step in range(self.now.step, self.now.step + self.grid.horizon_steps):
            following = {False: np.zeros_like(value), True: np.zeros_like(value)}
            for trouble, share in in_state.items():
                flags = np.full(value.shape, trouble)
                effect = self._effect(arm, flags, step)
                hazard = churn_hazard(self.population, self.grid, flags, effect, step)
                value += share * self._month(flags, effect, hazard, step)
                starts, ends = trouble_turns(self.population, self.grid, effect, step)
                troubled = 1.0 - ends if trouble else starts
                following[True] += share * (1.0 - hazard) * troubled
                following[False] += share * (1.0 - hazard) * (1.0 - troubled)
            in_state = following
        retained = in_state[False] + in_state[True]
        return value + self.outcome.retention_value * retained, 1.0 - retained

    def _effect(self, arm: str, trouble: Flags, step: int) -> Effect:
        earliest = step - self.grid.horizon_steps + 1
        in_force = [codes for decided_step, codes in self.decided.items() if decided_step >= earliest]
        effect = effect_in_force(self.population, self.grid, in_force, trouble, step)
        if arm not in ARMS:
            return effect
        gap = remaining_gap(self.population, self.grid, step)
        return effect + effect_of(self.population.traits, gap, trouble, arm)

    def _month(self, trouble: Flags, effect: Effect, hazard: Floats, step: int) -> Floats:
        """Return the expected money of one step, retention apart; who leaves is there for half of it on average."""
        population, present = self.population, 1.0 - hazard / 2.0
        rate = habits.purchase_rate(population, trouble, effect)
        uses = capped_poisson_mean(habits.use_rate(population, trouble))
        fee = np.where(anniversary(population, self.grid, step)[0], habits.yearly_fee(population), 0.0)
        means = {
            "purchase": present * capped_poisson_mean(rate) * habits.purchase_size(population, effect),
            "use": present * uses * habits.use_minutes(population, self.grid, step),
            "renewal": (1.0 - hazard) * fee,
        }
        money = np.zeros_like(hazard)
        for event_type, margin in self.outcome.margins.items():
            money += margin * means[event_type]
        return money
