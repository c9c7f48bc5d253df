"""Maximum likelihood for the two models of lifetime value: the search, standard errors, grouping of equal rows.

Conventions: parameters are searched as logarithms of scale-free numbers, from fixed starts, so a fit is a function of
its rows alone. Log-likelihoods in here are means per customer.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ..contracts.errors import InputError

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
LogLikelihood = Callable[[Floats], tuple[float, Floats]]

FEWEST_REPEATERS = 30  # below it the parameters follow the noise
LOG_PARAMETER = (float(np.log(1e-3)), float(np.log(1e3)))
EDGE = 1e-6


@dataclass(frozen=True)
class Fit:
    """The best of the maxima found: θ = ln parameters, the mean log-likelihood there, and how sure θ is.

    Attributes:
        theta: shape (k,).
        log_likelihood: mean per customer.
        errors: standard errors of θ were there one customer, shape (k,); None when the data do not settle θ.
        notes: which parameters ended at an edge of the search.
    """

    theta: Floats
    log_likelihood: float
    errors: Floats | None
    notes: tuple[str, ...]

    def standard_errors(self, slopes: Floats, customers: int) -> tuple[float, ...] | None:
        """Return the errors of parameters that change by `slopes` per unit of θ (delta method), or None."""
        return None if self.errors is None else tuple((slopes * self.errors / np.sqrt(customers)).tolist())


class Parameters:
    """Turns a frozen dataclass of numbers into plain JSON-able fields and back."""

    def as_dict(self) -> dict[str, Any]:
        """Return every field as number, list of numbers or texts, or None."""
        described: dict[str, Any] = asdict(self)  # type: ignore[call-overload]
        return {key: list(value) if isinstance(value, tuple) else value for key, value in described.items()}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Return the model that `as_dict` described; raise InputError when keys are missing or unknown."""
        known = sorted(field.name for field in fields(cls))  # type: ignore[arg-type]
        if sorted(document) != known:
            raise InputError(cls.__name__, f"the keys {known}", f"{sorted(document)}", "fit the model again")
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in document.items()})


def distinct(*columns: Floats) -> tuple[Rows, Rows, Rows]:
    """Return one row of each distinct tuple, sorted by value; the tuple of each row; how many rows each tuple has.

    >>> first, group, count = distinct(np.array([3.0, 1.0, 3.0]))
    >>> first.tolist(), group.tolist(), count.tolist()
    ([1, 0], [1, 0, 1], [1, 2])
    """
    order = np.lexsort(columns[::-1])
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = np.any([column[order][1:] != column[order][:-1] for column in columns], axis=0)
    group = np.empty(len(order), dtype=np.intp)
    group[order] = np.cumsum(starts) - 1
    return order[starts], group, np.bincount(group)


def maximise(log_likelihood: LogLikelihood, starts: Floats, limits: list[tuple[float, float]], names: list[str]) -> Fit:
    """Return the best maximum that L-BFGS-B reaches from the starts.

    Args:
        log_likelihood: θ → value and gradient, shape (k,).
        starts: shape (m, k).
        limits: lowest and highest value of each θ; a maximum there is noted and gets no standard errors.
        names: of the k parameters, for the notes.
    """

    def cost(theta: Floats) -> tuple[float, Floats]:
        value, gradient = log_likelihood(theta)
        return -value, -gradient

    options = {"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-9}
    with threadpool_limits(1, user_api="blas"):  # its threads cost ten times what 20 × 20 matrices take
        found = [minimize(cost, one, jac=True, method="L-BFGS-B", bounds=limits, options=options) for one in starts]
    best = min(found, key=lambda one: float(one.fun))
    low, high = np.transpose(limits)
    edge = (best.x - low < EDGE) | (high - best.x < EDGE)
    notes = tuple(f"{name} lies at the edge of the search" for name, at in zip(names, edge, strict=True) if at)
    return Fit(best.x, -float(best.fun), None if notes else _errors(cost, best.x), notes)


def _errors(cost: LogLikelihood, theta: Floats, step: float = 1e-4) -> Floats | None:
    moves = step * np.eye(len(theta))
    information = np.array([(cost(theta + move)[1] - cost(theta - move)[1]) / (2 * step) for move in moves])
    values, vectors = np.linalg.eigh((information + information.T) / 2)
    if values[0] <= 1e-9 * values[-1]:  # flat along some direction: any parameters there do as well
        return None
    errors: Floats = np.sqrt((vectors**2 / values).sum(axis=1))
    return errors
