"""The policy group by group: who is treated how often, what it gains for whom, and whether the promise holds for all.

Groups are kinds, segments and audited attributes. Audited attributes are never features (`features.audit_only` keeps
them out by schema); `proxies` tells whether other columns stand in for them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.scores import FloatArray, IntArray
from .calibration import wilson_interval
from .estimate import Estimate, cluster_codes, clustered_mean
from .gain_calibration import gain_line
from .log import LoggedDecisions
from .policy_value import doubly_robust
from .uplift_ranking import gained_by


@dataclass(frozen=True)
class Slice:
    """One group of decisions; money per decision, shares per arm.

    Attributes:
        group: its name.
        decisions, stakeholders: how many.
        value: of our policy, net of cost.
        gain: of our policy over nobody.
        surplus: gain less predicted gain; 0 is right, below: too much was promised.
        slope: of gain in predicted gain; 1 is right, below: too extreme; undefined where all predictions are alike.
        treated: share that gets each arm, by name, the control included.
    """

    group: str
    decisions: int
    stakeholders: int
    value: Estimate
    gain: Estimate
    surplus: Estimate
    slope: Estimate
    treated: Mapping[str, Estimate]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain Python numbers, ready for JSON."""
        return asdict(self)


def slices(log: LoggedDecisions, policy: FloatArray, predicted: FloatArray, group: NDArray[Any],
           names: tuple[str, ...]) -> list[Slice]:  # fmt: skip
    """Return the groups in the order of their names.

    Args:
        log: n decisions.
        policy: ours, shape (n, k).
        predicted: out-of-fold gain of what it gives, money, shape (n,).
        group: of each row, shape (n,).
        names: of the arms.
    """
    return [_slice(str(each), log, policy, predicted, np.asarray(group == each), names) for each in np.unique(group)]


def _slice(name: str, log: LoggedDecisions, policy: FloatArray, predicted: FloatArray, rows: NDArray[np.bool_],
           names: tuple[str, ...]) -> Slice:  # fmt: skip
    part, mine = log.take(rows), policy[rows]
    gained, codes = gained_by(part, mine), cluster_codes(part.cluster, len(mine))
    treated = {arm: clustered_share(mine[:, at], codes) for at, arm in enumerate(names)}
    surplus, slope = gain_line(gained, predicted[rows], part.cluster)
    return Slice(name, len(mine), int(codes.max()) + 1, doubly_robust(part, mine),
                 clustered_mean(gained, codes), surplus, slope, treated)  # fmt: skip


def clustered_share(flags: FloatArray, codes: IntArray) -> Estimate:
    """Return a share with Wilson's interval of as many independent rows as give the clustered standard error.

    It stays within 0 and 1, and where all rows are alike, so that they show no spread, it is that of the clusters'
    number (Dean & Pagano 2015, J. Survey Statistics and Methodology 3).

    Args:
        flags: 0 or 1, shape (n,).
        codes: cluster codes from 0, shape (n,).

    >>> clustered_share(np.zeros(10), np.arange(10)).high  # doctest: +ELLIPSIS
    0.2775...
    """
    mean = clustered_mean(flags, codes)
    if mean.value is None or mean.se is None:
        return mean
    worth = mean.value * (1 - mean.value) / mean.se**2 if mean.se > 0 else float(codes.max() + 1)
    low, high = wilson_interval(mean.value * worth, worth)
    return Estimate(mean.value, low, high, mean.se, mean.n)
