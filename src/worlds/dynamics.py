"""How a stakeholder's month goes: trouble comes and ends, people leave; all as one replay from the beginning.

A step is 30 days. There is no state besides (world, decisions so far): it is replayed. Only two things in a state
are random, whether someone is still there and whether they are in trouble, so expectations are exact sums.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..contracts.errors import InputError
from .arms import ARMS, Effect, effect_of, no_effect
from .draws import Draws, Flags, Floats, Integers, Purpose, logistic
from .grid import STEP_DAYS, STEP_MICROS, YEAR_DAYS, Grid
from .pilot import NOT_DECIDED, pilot_codes
from .population import Population


@dataclass(frozen=True)
class State:
    """One step of everybody, each array of shape (n,); `churn_at` is the share of the step before leaving."""

    step: int
    active: Flags
    trouble: Flags
    decided: Integers
    effect: Effect
    churns: Flags
    churn_at: Floats


def replay(
    population: Population, grid: Grid, plan: Mapping[int, Integers], draws: Draws, until_step: int
) -> Iterator[State]:
    """Yield the states of the steps 0 … `until_step`.

    Args:
        population: who.
        grid: when.
        plan: decisions by step, codes of shape (n,); NOT_DECIDED where there is none. The pilot
            needs no entry.
        draws: the chance.
        until_step: the last step to yield.

    Raises:
        InputError: a decision is for somebody who has left or has not begun.
    """
    begins = first_steps(population, grid)
    gone = np.zeros(draws.rows, dtype=bool)
    # Whoever begins has a trouble that is part of the past, so other futures do not touch it.
    trouble_at_first = population.draws.uniform(Purpose.TROUBLE, 1, item=2)[:, 0]
    trouble = np.zeros(draws.rows, dtype=bool)
    in_force: list[Integers] = []
    for step in range(until_step + 1):
        trouble = np.where(begins == step, trouble_at_first < trouble_share(population, grid, step), trouble)
        active = (begins <= step) & ~gone
        pilot = step in grid.waves()
        decided = pilot_codes(population, active, draws, step) if pilot else _decided(population, plan, active, step)
        in_force = [*in_force, decided][-grid.horizon_steps :]
        effect = effect_in_force(population, grid, in_force, trouble, step)
        leaving = draws.uniform(Purpose.CHURN, 2, step)
        churns = active & (leaving[:, 0] < churn_hazard(population, grid, trouble, effect, step))
        yield State(step, active, trouble, decided, effect, churns, leaving[:, 1])
        gone |= churns
        turn = draws.uniform(Purpose.TROUBLE, 1, step, item=1)[:, 0]
        starts, ends = trouble_turns(population, grid, effect, step)
        trouble = np.where(trouble, turn >= ends, turn < starts)


def first_steps(population: Population, grid: Grid) -> Integers:
    """Return the first whole step of each relationship, shape (n,)."""
    ago = population.since_micros - grid.origin_micros
    return np.maximum(-(-ago // STEP_MICROS), 0)


def remaining_gap(population: Population, grid: Grid, step: int) -> Floats:
    """Return the skill gap left at a step, shape (n,): it halves within about a year of practice."""
    tenure = np.maximum(population.tenure_days(grid.begin(step)), 0.0)
    return population.traits.skill_gap * (0.5 + 0.5 * np.exp(-tenure / YEAR_DAYS))


def effect_in_force(population: Population, grid: Grid, in_force: list[Integers], trouble: Flags, step: int) -> Effect:
    """Return the sum of the effects of the decisions whose horizon covers the step."""
    gap = remaining_gap(population, grid, step)
    total = no_effect(gap.shape)
    for codes in in_force:
        for code, arm in enumerate(ARMS, start=1):
            if (codes == code).any():
                total += effect_of(population.traits, gap, trouble, arm).where(codes == code)
    return total


def churn_hazard(population: Population, grid: Grid, trouble: Flags, effect: Effect, step: int) -> Floats:
    """Return the probability of leaving within the step, shape (n,)."""
    traits = population.traits
    log_odds = (
        population.by_kind(customer=-3.30, employee=-4.1, partner=-4.1, investor=-4.3)
        - 0.60 * traits.satisfaction
        - 0.35 * traits.engagement
        - 0.40 * traits.loyalty
        + 0.35 * traits.price_sensitivity
        + 0.35 * remaining_gap(population, grid, step)
        + 1.6 * trouble
        + 0.6 * anniversary(population, grid, step)[0]
    )
    return logistic(log_odds + effect.churn)


def trouble_turns(population: Population, grid: Grid, effect: Effect, step: int) -> tuple[Floats, Floats]:
    """Return the probabilities that trouble begins, and that it ends, as the step ends, each of shape (n,)."""
    gap = remaining_gap(population, grid, step)
    starts = logistic(-2.7 - 0.5 * population.traits.satisfaction + 0.3 * gap)
    return starts, logistic(-0.7 + effect.relief)


def trouble_share(population: Population, grid: Grid, step: int) -> Floats:
    """Return the long-run share of time in trouble without any arm, shape (n,)."""
    starts, ends = trouble_turns(population, grid, no_effect(population.traits.skill_gap.shape), step)
    return np.asarray(starts / (starts + ends))


def anniversary(population: Population, grid: Grid, step: int) -> tuple[Flags, Floats]:
    """Return who pays a yearly fee and has an anniversary within the step, and at which share of the step."""
    tenure = population.tenure_days(grid.begin(step))
    pays = population.by_kind(customer=1, employee=0, partner=1, investor=0) > 0
    ahead = -tenure % YEAR_DAYS
    return pays & (tenure > 0) & (ahead < STEP_DAYS), ahead / STEP_DAYS


def _decided(population: Population, plan: Mapping[int, Integers], active: Flags, step: int) -> Integers:
    codes = plan.get(step)
    if codes is None:
        return np.full(active.shape, NOT_DECIDED)
    refused = np.flatnonzero((codes != NOT_DECIDED) & ~active)
    if len(refused):
        raise InputError(
            f"decisions, column stakeholder_id, {population.ids.iloc[refused[0]]!r}",
            "a stakeholder who is there when the decision is taken",
            f"one who has left or has not begun ({len(refused)} such rows)",
            "leave those rows out",
        )
    return codes
