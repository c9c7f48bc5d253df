"""What a learner of effects is given in the benchmarks, and the size that all of their boosted trees have."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapport.contracts.params import Learner
from rapport.models.boosting import Training
from rapport.models.logged import Floats, Logged

SIZE = Learner()
FOLDS = 3


@dataclass(frozen=True)
class Task:
    """A log, new rows, costs of the arms, and what is known of the design."""

    logged: Logged
    new: NDArray[np.float32]
    cost: Floats
    categories: tuple[int, ...]
    randomised: bool

    @property
    def training(self) -> Training:
        """Settings of all boosted trees."""
        return Training(SIZE, 1, 1, self.categories)

    @property
    def arms(self) -> int:
        """How many, the control included."""
        return len(self.logged.arms)
