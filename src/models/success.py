"""The probability that an arm succeeds, where its cost is due on success only.

Success is to be `retained` at the end of the horizon, or to be `paying`: to bring money within it. Both come from the
parts of the outcome model under the arm, as they are, without the correction of effects. Where money is no hurdle
(sometimes negative, or nearly always there) everyone counts as paying, so that the cost is never understated.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from .lines import widened
from .logged import Floats
from .outcomes import OutcomeModel

PART = {"retained": "retention", "paying": "pays"}
_CHUNK = 65_536


def success_probabilities(outcomes: OutcomeModel | None, X: NDArray[np.float32], arms: int, threads: int,
                          wanted: Iterable[str]) -> Mapping[str, Floats]:  # fmt: skip
    """Return P(success | arm) by the kind of success, shape (n, arms) each, in the order of training; 1 if unknown.

    Args:
        outcomes: of training; None: there was no decision to learn from.
        X: features, n rows.
        arms: their number, the control included.
        threads: of LightGBM.
        wanted: kinds of success.
    """
    found = {kind: np.ones((len(X), arms)) for kind in wanted}
    for first in range(0, len(X) if found and outcomes is not None else 0, _CHUNK):
        assert outcomes is not None
        part = slice(first, first + _CHUNK)
        wide = widened(outcomes.basis, X[part])
        for kind, probability in found.items():
            mean = getattr(outcomes, PART[kind]).predict(X[part], wide, arms, threads)[0]
            probability[part] = np.clip(mean, 0.0, 1.0)
    return found
