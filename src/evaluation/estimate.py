"""A number with its 95 % interval, and the clustered standard error behind it.

Conventions: rows of one stakeholder are one cluster; an undefined number is None, never NaN, so that JSON holds it.
Every interval of an influence function is made here, by Student's t: where few stakeholders carry the variance, it is
as little known as they are few (docs/decisions/0033).
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ..models.scores import FloatArray, IntArray


@dataclass(frozen=True)
class Estimate:
    """A value, its 95 % interval, its standard error and the rows behind it; None where undefined."""

    value: float | None
    low: float | None
    high: float | None
    se: float | None
    n: int

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the fields as plain Python numbers, ready for JSON.

        >>> Estimate.undefined(6).as_dict()
        {'value': None, 'low': None, 'high': None, 'se': None, 'n': 6}
        """
        return asdict(self)

    @classmethod
    def undefined(cls, n: int) -> "Estimate":
        """Return the estimate of a quantity that these n rows do not define."""
        return cls(None, None, None, None, n)


def cluster_codes(cluster: NDArray[Any], n: int) -> IntArray:
    """Return cluster ids of any sortable type, shape (n,), as codes from 0 in sorted order of the ids.

    Raises:
        ValueError: `cluster` does not have shape (n,), or n is 0.
    """
    ids = np.asarray(cluster)
    if ids.shape != (n,) or n == 0:
        raise ValueError(f"cluster: expected shape {(n,)} with at least one row; got {ids.shape}")
    return np.unique(ids, return_inverse=True)[1].astype(np.int64)


def clustered_mean(rows: FloatArray, codes: IntArray) -> Estimate:
    """Return the mean of per-row contributions with a standard error that allows dependence in clusters.

    se² = G/(G−1) Σ_g (Σ_{i in g} (rows_i − mean))² / n², G clusters; the interval is mean ± t se, t the 97.5 % point of
    Student's t with `degrees_of_freedom`: 1.96 of many clusters (Liang & Zeger 1986, Biometrika 73; Cameron & Miller
    2015, J. Human Resources 50). Give an estimator's influence function plus its value, and this is the estimator with
    its linearised standard error. One cluster alone has no se.

    Args:
        rows: contributions, shape (n,).
        codes: cluster codes from 0, shape (n,).

    >>> found = clustered_mean(np.array([0.0, 2.0]), np.array([0, 1]))
    >>> found.se, round(found.high - found.value, 2)
    (1.0, 12.71)
    """
    n, mean = len(rows), float(rows.mean())
    sums = np.bincount(codes, weights=rows - mean)
    groups = len(sums)
    if groups < 2:
        return Estimate(mean, None, None, None, n)
    se = float(np.sqrt(groups / (groups - 1) * (sums**2).sum()) / n)
    half = float(stdtrit(_freedom(sums), 0.975)) * se
    return Estimate(mean, mean - half, mean + half, se, n)


def nonnegative_mean(rows: FloatArray, codes: IntArray) -> Estimate:
    """Return the `clustered_mean` of contributions ≥ 0, the lower end of its interval held at 0.

    A mean that cannot be negative is covered as often as without that.

    >>> nonnegative_mean(np.array([0.0, 2.0]), np.array([0, 1])).low
    0.0
    """
    found = clustered_mean(rows, codes)
    return found if found.low is None else replace(found, low=max(0.0, found.low))


def degrees_of_freedom(rows: FloatArray, codes: IntArray) -> float:
    """Return how many degrees of freedom the standard error of `clustered_mean` has, from 1 to G − 1.

    Satterthwaite's (1946, Biometrics Bulletin 2): ν = 2G / (κ − (G − 3) / (G − 1)), κ the kurtosis of the G clusters'
    sums about the mean, which is G − 1 where they are normal, and few where few clusters make the variance.

    Args:
        rows, codes: as in `clustered_mean`, two clusters at least.

    >>> degrees_of_freedom(np.array([0.0, 2.0]), np.array([0, 1]))
    1.0
    """
    return _freedom(np.bincount(codes, weights=rows - rows.mean()))


def _freedom(sums: NDArray[Any]) -> float:
    """Degrees of freedom by the clusters' sums about the mean."""
    squares = sums**2
    groups, total = len(squares), float(squares.sum())
    if total == 0.0:
        return float(groups - 1)
    kurtosis = groups * float((squares**2).sum()) / total**2
    return float(np.clip(2 * groups / (kurtosis - (groups - 3) / (groups - 1)), 1.0, groups - 1))


def distance_by_chance(rows: FloatArray, error: FloatArray) -> float:
    """Return the 95 % quantile of Σ_b n_b/n |e_b|, e_b independent and normal about 0; by simulation of a fixed seed.

    Args:
        rows: of each bin, shape (bins,).
        error: standard error of each bin's mean, shape (bins,).
    """
    drawn = np.abs(np.random.default_rng(95).standard_normal((10_000, len(rows)))) @ (rows / rows.sum() * error)
    return float(np.quantile(drawn, 0.95))
