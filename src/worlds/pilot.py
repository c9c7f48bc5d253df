"""The randomised pilot inside the history: three waves, a horizon apart, the last a horizon before the start.

In each wave an active stakeholder who did not opt out takes part with probability PARTICIPATION; a participant gets
the control with probability CONTROL_SHARE, else one of the arms that its kind may receive, each equally likely. The
propensity is the one given participation: who does not take part has no decision.
"""

import numpy as np

from ..contracts.section import KINDS
from .arms import ARM_KINDS, ARMS
from .draws import Draws, Flags, Floats, Integers, Purpose
from .population import Population

PARTICIPATION = 0.7
CONTROL_SHARE = 0.4
NOT_DECIDED = -1  # codes of decisions: 0 is the control, 1 … the ARMS in order


def pilot_codes(population: Population, active: Flags, draws: Draws, step: int) -> Integers:
    """Return what the wave at `step` assigns, codes of shape (n,); NOT_DECIDED for who does not take part."""
    chance = draws.uniform(Purpose.PILOT, 2, step)
    takes_part = active & ~population.opted_out & (chance[:, 0] < PARTICIPATION)
    cumulative = np.cumsum(arm_probabilities()[population.kind], axis=1)
    # Rounding may leave the last sums just below 1: what is left over goes to the last arm allowed.
    code = (chance[:, 1:] >= cumulative[:, :-1]).sum(axis=1)
    last = np.array([max(i for i, p in enumerate(row) if p > 0) for row in arm_probabilities()])
    return np.where(takes_part, np.minimum(code, last[population.kind]), NOT_DECIDED)


def arm_probabilities() -> Floats:
    """Return the probability of each code given participation, shape (kinds, 1 + arms), kinds in KINDS order.

    >>> arm_probabilities()[0].round(2).tolist()
    [0.4, 0.12, 0.12, 0.12, 0.12, 0.12]
    """
    allowed = np.array([[kind in ARM_KINDS[arm] for arm in ARMS] for kind in KINDS], dtype=float)
    shares = (1.0 - CONTROL_SHARE) * allowed / allowed.sum(axis=1, keepdims=True)
    return np.column_stack([np.full(len(KINDS), CONTROL_SHARE), shares])
