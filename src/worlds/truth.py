"""What would truly happen, on average, to each stakeholder under each arm: exact expectations, no simulation.

Given the state at `as_of`, a stakeholder's future is a Markov chain on {gone, calm, in trouble}; the expected outcome
is a sum over its steps. Pipelines must never read it; evaluations of the simulated world may.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..contracts.errors import InputError
from ..contracts.time import instant_micros
from . import habits
from .arms import ARMS, may_receive
from .chain import Branch, Chain, following
from .draws import Floats, capped_poisson_mean
from .dynamics import anniversary, replay
from .plan import plan_of, step_of
from .world import World


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
            if event_type not in _KNOWN_MEANS:
                raise InputError(
                    f"outcome.value.{event_type}",
                    f"one of {', '.join(_KNOWN_MEANS)} in a simulated world",
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
    chain = Chain(population, grid, {state.step: state.decided for state in past})
    shares = np.stack([~now.trouble, now.trouble]).astype(float)
    columns: dict[str, Floats] = {}
    for arm in (world.control, *ARMS):
        allowed = may_receive(population, arm) if arm in ARMS else np.ones(world.stakeholders, dtype=bool)
        value, churn = expect(chain.under(arm, step), shares, step, outcome)
        columns[f"value_{arm}"] = np.where(allowed, value, np.nan)
        columns[f"churn_{arm}"] = np.where(allowed, churn, np.nan)
    names = sorted(columns, key=lambda name: name.startswith("churn_"))
    table = pd.DataFrame({"stakeholder_id": population.ids, **{name: columns[name] for name in names}})
    return table[now.active].reset_index(drop=True)


def expect(chain: Chain, shares: Floats, step: int, outcome: TruthTerms) -> tuple[Floats, Floats]:
    """Return expected outcome (money) and churn probability over the horizon from a step on.

    `shares`, shape (2, …), is the probability of being calm and of being in trouble as the step begins.
    """
    value = np.zeros(shares.shape[1:])
    for at in range(step, step + chain.grid.horizon_steps):
        branches = chain.branches(at)
        for share, branch in zip(shares, branches, strict=True):
            value += share * _month(chain, branch, at, outcome)
        shares = following(shares, branches)
    retained = shares.sum(axis=0)
    return value + outcome.retention_value * retained, 1.0 - retained


def _month(chain: Chain, branch: Branch, step: int, outcome: TruthTerms) -> Floats:
    """Return the expected money of one step, retention apart."""
    money = np.zeros_like(branch.hazard)
    for event_type, margin in outcome.margins.items():
        money += margin * _KNOWN_MEANS[event_type](chain, branch, step)
    return money


def _purchases(chain: Chain, branch: Branch, step: int) -> Floats:
    rate = habits.purchase_rate(chain.population, branch.trouble, branch.effect)
    size = habits.purchase_size(chain.population, branch.effect)
    return _present(branch) * capped_poisson_mean(rate) * size


def _uses(chain: Chain, branch: Branch, step: int) -> Floats:
    uses = capped_poisson_mean(habits.use_rate(chain.population, branch.trouble))
    return _present(branch) * uses * habits.use_minutes(chain.population, chain.grid, step)


def _renewals(chain: Chain, branch: Branch, step: int) -> Floats:
    due = anniversary(chain.population, chain.grid, step)[0]
    return (1.0 - branch.hazard) * np.where(due, habits.yearly_fee(chain.population), 0.0)


def _present(branch: Branch) -> Floats:
    """Return the expected share of the step: who leaves is there for half of it on average."""
    return 1.0 - branch.hazard / 2.0


# The expected sum of the event's values in a step of those who are there as it begins.
_KNOWN_MEANS: dict[str, Callable[[Chain, Branch, int], Floats]] = {
    "purchase": _purchases,
    "renewal": _renewals,
    "use": _uses,
}
