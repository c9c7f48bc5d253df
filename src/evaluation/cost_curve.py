"""The cost curve: what is gained as money is spent on people in the order of their predicted gain per cost.

Conventions: n rows; `gained` is an unbiased score of each row's gain before cost under the one arm that it would get
(`uplift_ranking.gained_by` plus the cost), `cost` that arm's, so several costly arms will do. Of rows of equal priority
a random part is reached, and every figure is its expectation, so the order of rows means nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.scores import FloatArray, checked_array
from .estimate import Estimate, cluster_codes
from .resample import percentile_interval, resamples

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of what treating everyone would cost


@dataclass(frozen=True)
class CostPoint:
    """A share of what treating everyone would cost: that money per row, and what it gains per row, before cost."""

    share: float
    spend: float
    gained: Estimate


@dataclass(frozen=True)
class CostCurve:
    """The curve at SHARES, and the area under its shares of gain against shares of cost: ½ is random, 1 the most."""

    area: Estimate
    points: Sequence[CostPoint]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain Python numbers, ready for JSON."""
        return asdict(self)


def gain_per_cost(gain: FloatArray, cost: FloatArray) -> FloatArray:
    """Return the priority by which money is spent: gain before cost per cost; what costs nothing stands at an end.

    >>> gain_per_cost(np.array([3.0, 4.0, 1.0, -1.0]), np.array([1.0, 2.0, 0.0, 0.0])).argsort().tolist()
    [3, 1, 0, 2]
    """
    most = np.finfo(np.float64).max
    with np.errstate(over="ignore"):  # what costs next to nothing stands at an end too
        priority = np.divide(gain, cost, out=np.sign(gain) * most, where=cost > 0)
    return np.clip(priority, -most, most)


def cost_curve(gained: FloatArray, cost: FloatArray, priority: FloatArray, cluster: NDArray[Any], seed: int,
               replicates: int = 200) -> CostCurve:  # fmt: skip
    """Return the curve with cluster bootstrap percentile intervals.

    The area is the AUCC of Du, Lee & Ghaffarizadeh (2019, arXiv 1909.03064), by trapezoids. It is undefined where the
    gain of all is not above 0, and without interval where that holds of a sample: its shares would mean nothing.

    Args:
        gained: money, shape (n,).
        cost: money, shape (n,); below 0 counts as 0, and where nothing costs there are no points.
        priority: the higher the earlier, shape (n,).
        cluster: stakeholder ids, shape (n,).
        seed, replicates: of the bootstrap.

    Raises:
        ValueError: shapes disagree, a number is not finite, or `replicates` is below 2.
    """
    gained = checked_array("gained", gained, (len(gained),))
    cost = np.maximum(checked_array("cost", cost, gained.shape), 0.0)
    group = np.unique(-checked_array("priority", priority, gained.shape), return_inverse=True)[1]
    codes, n = cluster_codes(cluster, len(gained)), len(gained)
    drawn = [_figures(gained, cost, group, times[codes]) for times in resamples(codes, seed, replicates)]
    if not cost.any():
        return CostCurve(Estimate.undefined(n), [])
    draws = np.array(drawn).reshape(-1, 1 + len(SHARES))
    draws[:, 0] = np.nan if np.isnan(draws[:, 0]).any() else draws[:, 0]
    area, *gains = _figures(gained, cost, group, np.ones(n))
    points = [CostPoint(share, share * float(cost.mean()), percentile_interval(gain, draws[:, at], n))
              for at, (share, gain) in enumerate(zip(SHARES, gains, strict=True), start=1)]  # fmt: skip
    return CostCurve(Estimate.undefined(n) if np.isnan(area) else percentile_interval(area, draws[:, 0], n), points)


def _figures(gained: FloatArray, cost: FloatArray, group: NDArray[np.int64], times: NDArray[Any]) -> list[float]:
    """The area, NaN without a gain or cost above 0, then the gain per row at each share.

    Each row counts so many times; groups of equal priority are reached one by one, a part of them at random.
    """
    spent, won = (np.r_[0.0, np.cumsum(np.bincount(group, weights=part * times))] for part in (cost, gained))
    shares = won[-1] > 0 and spent[-1] > 0
    area = np.trapezoid(won / won[-1], spent / spent[-1]) if shares else np.nan
    return [float(area), *(_reached(spent, won, share * spent[-1]) / times.sum() for share in SHARES)]


def _reached(spent: FloatArray, won: FloatArray, money: float) -> float:
    """What so much money gains: of groups paid in full, and of the part of the next one that it pays."""
    full = int(np.searchsorted(spent, money, side="right")) - 1
    if full == len(spent) - 1:
        return float(won[full])
    part = (money - spent[full]) / (spent[full + 1] - spent[full])
    return float(won[full] + part * (won[full + 1] - won[full]))
