"""A budget and capacities of arms alone, for tests that need no other limits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rapport.policy.limits import Constraints, at_most


@dataclass(frozen=True)
class Limits:
    """Budget in money, and how often each arm may be given (index 0, the control, has no limit); None: no limit."""

    budget: float | None
    capacity: Sequence[int | None]

    @property
    def constraints(self) -> Constraints:
        """The same as constraints."""
        at = np.arange(len(self.capacity))
        limits = [] if self.budget is None else [at_most("budget", self.budget, at > 0, of_cost=True)]
        limits += [at_most(f"capacity {arm}", room, at == arm) for arm, room in enumerate(self.capacity)
                   if room is not None]  # fmt: skip
        return Constraints(tuple(limits))
