"""Whether predicted gains can be taken at their word: slope, tenths, and what was promised against what came.

Conventions: n decisions; `predicted` is the out-of-fold gain of what a policy gives each row, net of cost, and `gained`
an unbiased score of the same (`uplift_ranking.gained_by`), money, shape (n,). One row's score says nothing, means do.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.scores import FloatArray, checked_array
from .estimate import Estimate, cluster_codes, clustered_mean, distance_by_chance


@dataclass(frozen=True)
class GainBin:
    """Rows of similar predicted gain: its mean, and the mean gain that came of them."""

    mean_predicted: float
    gained: Estimate

    @property
    def held(self) -> bool:
        """Whether the interval of the gain holds the prediction."""
        low, high = self.gained.low, self.gained.high
        return low is not None and high is not None and low <= self.mean_predicted <= high

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain Python numbers, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Promise:
    """What decisions of an iteration were predicted to gain over nobody in all, and what they gained; money."""

    iteration: int
    predicted: float
    realised: Estimate

    @property
    def ratio(self) -> dict[str, float | None]:
        """Predicted over realised as value, low and high; None unless the realised total, or its end, is above zero."""
        value, low, high = (self._over(end) for end in (self.realised.value, self.realised.high, self.realised.low))
        if low is None or high is None:
            return {"value": value, "low": None, "high": None}
        return {"value": value, "low": min(low, high), "high": max(low, high)}

    def _over(self, realised: float | None) -> float | None:
        return self.predicted / realised if realised is not None and realised > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields and the ratio as plain Python numbers, ready for JSON."""
        return {**asdict(self), "ratio": self.ratio}


def gain_line(gained: FloatArray, predicted: FloatArray, cluster: NDArray[Any]) -> tuple[Estimate, Estimate]:
    """Return mean gain less mean prediction (0 is right), and slope (1 is right; below: too extreme).

    Least squares of `gained` on `predicted`, the best linear predictor of Chernozhukov, Demirer, Duflo & Fernández-Val
    (2018); standard errors clustered by stakeholder. The slope is undefined where all predictions are equal.

    Raises:
        ValueError: shapes disagree or a number is not finite.
    """
    gained, predicted, codes = _checked(gained, predicted, cluster)
    ahead = predicted - predicted.mean()
    offset = clustered_mean(gained - predicted, codes)
    spread = float((ahead**2).mean())
    if spread <= 1e-12 * max(1.0, float((predicted**2).mean())):
        return offset, Estimate.undefined(len(gained))
    slope = float((ahead * gained).mean() / spread)
    residual = gained - gained.mean() - slope * ahead
    return offset, clustered_mean(slope + ahead * residual / spread, codes)


def gain_table(gained: FloatArray, predicted: FloatArray, cluster: NDArray[Any], bins: int = 10) -> list[GainBin]:
    """Return predicted and gained means in bins of equal mass, by increasing prediction; equal predictions share one.

    Raises:
        ValueError: as in `gain_line`, or `bins` is below 1.
    """
    gained, predicted, codes = _checked(gained, predicted, cluster)
    if bins < 1:
        raise ValueError(f"bins: expected at least 1; got {bins}")
    _, inverse, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    place = np.floor(bins * middle / len(gained)).astype(np.int64)[inverse]
    return [_bin(gained[place == b], predicted[place == b], codes[place == b]) for b in np.unique(place)]


def expected_gain_error(table: list[GainBin]) -> float:
    """Return Σ_b n_b/n |mean predicted − mean gained|, money per decision: above 0 by chance alone (`gain_noise`)."""
    total = sum(each.gained.n for each in table)
    return float(sum(each.gained.n * abs(each.mean_predicted - (each.gained.value or 0.0)) for each in table) / total)


def gain_noise(table: list[GainBin]) -> float | None:
    """Return what the expected gain error stays below in 95 of 100 samples where every prediction is right.

    None where a bin is of too few stakeholders for a standard error.
    """
    errors = [each.gained.se for each in table]
    if any(error is None for error in errors):
        return None
    rows = np.array([each.gained.n for each in table], dtype=np.float64)
    return distance_by_chance(rows, np.array(errors, dtype=np.float64))


def promises(
    gained: FloatArray, predicted: FloatArray, cluster: NDArray[Any], iteration: NDArray[np.int64]
) -> list[Promise]:
    """Return predicted and realised totals of each iteration's decisions, in its order.

    Args:
        gained: what each decision gained over the control, net of cost: value less cost less the doubly robust value
            under the control, money, shape (n,).
        predicted: out-of-fold gain of the logged arm, money, shape (n,).
        cluster: stakeholder ids, shape (n,).
        iteration: shape (n,).
    """
    gained, predicted, codes = _checked(gained, predicted, cluster)
    found = []
    for each in np.unique(iteration):
        rows = iteration == each
        mean, n = clustered_mean(gained[rows], _packed(codes[rows])), int(rows.sum())
        found.append(Promise(int(each), float(predicted[rows].sum()), _times(mean, n)))
    return found


def _times(estimate: Estimate, factor: int) -> Estimate:
    value, low, high, se = (None if part is None else part * factor
                            for part in (estimate.value, estimate.low, estimate.high, estimate.se))  # fmt: skip
    return Estimate(value, low, high, se, estimate.n)


def _bin(gained: FloatArray, predicted: FloatArray, codes: NDArray[np.int64]) -> GainBin:
    return GainBin(float(predicted.mean()), clustered_mean(gained, _packed(codes)))


def _packed(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codes from 0 without gaps, as part of the rows leaves them."""
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def _checked(gained: FloatArray, predicted: FloatArray,
             cluster: NDArray[Any]) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:  # fmt: skip
    gained = checked_array("gained", gained, (len(gained),))
    return gained, checked_array("predicted", predicted, gained.shape), cluster_codes(cluster, len(gained))
