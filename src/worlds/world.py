"""The simulated world: a pure function of size, seed, start and all decisions so far, replayed at every call.

Nothing of its state is stored. Other decisions meet the same chance, so what came before a decision, and everybody
whom it does not concern, stay as they were. Decisions are taken on borders of 30-day steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..contracts.errors import InputError
from ..contracts.time import from_micros, instant_micros, to_micros
from .arms import ARMS
from .attributes import stakeholder_table
from .draws import Draws
from .dynamics import State, replay
from .events import Batch, event_table
from .grid import STEP_DAYS, STEP_MICROS, Grid
from .month import Month
from .pilot import NOT_DECIDED, arm_probabilities
from .plan import DECISION_COLUMNS, plan_of, step_of
from .population import Population, create_population


@dataclass(frozen=True)
class World:
    """What a world depends on.

    Attributes:
        stakeholders: how many are ever created.
        seed: of all chance, >= 0.
        start: UTC; the end of the initial history and the first as_of.
        horizon_days: days over which an arm acts and an outcome counts; a multiple of 30.
        history_days: days of history before the start; a multiple of 30, at least four horizons.
        control: the name of the control.

    Raises:
        InputError: a value is out of these bounds.
    """

    stakeholders: int
    seed: int
    start: pd.Timestamp
    horizon_days: int = 90
    history_days: int = 540
    control: str = "none"

    def __post_init__(self) -> None:
        steps = f"a positive multiple of {STEP_DAYS}"
        bounds = (
            ("stakeholders", 1 <= self.stakeholders < 10_000_000, "1 to 9999999"),
            ("seed", self.seed >= 0, "a number not below 0"),
            ("horizon_days", self.horizon_days > 0 and self.horizon_days % STEP_DAYS == 0, steps),
            ("history_days", self.history_days % STEP_DAYS == 0, steps),
            ("history_days", self.history_days >= 4 * self.horizon_days, "at least four horizons"),
            ("control", self.control not in ARMS, "a name that no arm has"),
        )
        for name, holds, expected in bounds:
            if not holds:
                raise InputError(f"simulated world, {name}", expected, repr(getattr(self, name)), "change it")

    @property
    def grid(self) -> Grid:
        """The steps of this world's time."""
        history_steps = self.history_days // STEP_DAYS
        origin = instant_micros(self.start) - history_steps * STEP_MICROS
        return Grid(origin, history_steps, self.horizon_days // STEP_DAYS)

    def population(self) -> Population:
        """Return everybody who is ever there."""
        grid = self.grid
        draws = Draws(self.seed, self.stakeholders)
        return create_population(draws, grid.origin_micros, grid.begin(grid.start_step))


def initial_tables(world: World) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return stakeholders, events and decisions (a randomised pilot's) as in the contract, before the start.

    A few events that happened before the start become known after it.
    """
    grid, population = world.grid, world.population()
    states = list(replay(population, grid, {}, population.draws, grid.start_step - 1))
    events = event_table(population, _batches(population, grid, states, population.draws))
    return stakeholder_table(population), events, _pilot_table(world, population, states)


def answer(
    world: World, decisions: pd.DataFrame, as_of: pd.Timestamp, *, future: int | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the decisions at `as_of` as carried out, and the events of the horizon that follows.

    Args:
        world: the world.
        decisions: contract columns; all decisions since the start, those at `as_of` included; the pilot's are skipped.
        as_of: UTC, a step's border, not before the start.
        future: None for the world's own chance; a number draws another future from `as_of` on, to study spread.

    Returns:
        decisions at `as_of`, the contract's columns; events with occurred_at in [as_of, as_of + horizon_days).

    Raises:
        InputError: a decision concerns somebody unknown or gone, or an arm or time the world does not know.
    """
    grid, population = world.grid, world.population()
    step = step_of(grid, instant_micros(as_of))
    if step < grid.start_step:
        raise InputError("as_of", f"{world.start.isoformat()} or later", as_of.isoformat(), "start there")
    plan = plan_of(population, grid, decisions, world.control, step)
    draws = Draws(world.seed, world.stakeholders, future, step)
    states = replay(population, grid, plan, draws, step + grid.horizon_steps - 1)
    events = event_table(population, _batches(population, grid, [s for s in states if s.step >= step], draws))
    now = to_micros(decisions["decided_at"]) == grid.begin(step)
    carried_out = decisions.loc[now, list(DECISION_COLUMNS)].reset_index(drop=True)
    return carried_out.assign(decided_at=from_micros(to_micros(carried_out["decided_at"]))), events


def _batches(population: Population, grid: Grid, states: Sequence[State], draws: Draws) -> list[Batch]:
    return [batch for state in states for batch in Month(population, grid, state, draws).batches()]


def _pilot_table(world: World, population: Population, states: Sequence[State]) -> pd.DataFrame:
    names = pd.array([world.control, *ARMS], dtype="str")
    parts = []
    for wave, step in enumerate(world.grid.waves(), start=1):
        decided = states[step].decided
        row = np.flatnonzero(decided != NOT_DECIDED)
        ids = population.ids.take(row).reset_index(drop=True)
        parts.append(
            pd.DataFrame(
                {
                    "decision_id": f"d0-{wave}-" + ids,
                    "stakeholder_id": ids,
                    "decided_at": from_micros(np.full(len(row), world.grid.begin(step))),
                    "intervention": pd.Series(names.take(decided[row])),
                    "propensity": arm_probabilities()[population.kind[row], decided[row]],
                    "iteration": np.zeros(len(row), dtype=np.int64),
                    "policy": pd.Series("pilot", index=ids.index, dtype="str"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
