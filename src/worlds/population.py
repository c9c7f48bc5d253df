"""Who the stakeholders are: kinds, latent traits and arrival.

Traits are standard normal and correlated; nothing outside `worlds` sees them. One row per stakeholder throughout.
What is computed from them here and in dynamics, habits and arms goes element by element, so that S guesses at the
traits of each, shape (n, S), may stand beside what is known, shape (n, 1).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..contracts.section import KINDS
from ..contracts.time import MICROS_PER_DAY
from .draws import Draws, Flags, Floats, Integers, Purpose

KIND_SHARES = {"customer": 0.60, "employee": 0.15, "partner": 0.15, "investor": 0.10}
OPTED_OUT_SHARE = 0.02
VETERAN_SHARE = 0.45  # the others arrive during the history
VETERAN_DAYS = 700.0  # mean relationship of a veteran when the history begins, of average loyalty
LOYAL_STAY = 0.4  # by which the log of that mean rises with loyalty

# Loadings of the traits on two shared factors (wellbeing, size); the rest of the variance is each trait's own.
TRAIT_LOADINGS = {
    "engagement": (0.50, 0.20),
    "satisfaction": (0.60, 0.00),
    "skill_gap": (-0.35, -0.15),
    "integration_need": (0.10, 0.45),
    "price_sensitivity": (-0.15, -0.50),
    "loyalty": (0.45, 0.15),
    "wealth": (0.05, 0.65),
}


@dataclass(frozen=True)
class Traits:
    """Latent traits, each of shape (n,), mean 0 and standard deviation 1."""

    engagement: Floats
    satisfaction: Floats
    skill_gap: Floats
    integration_need: Floats
    price_sensitivity: Floats
    loyalty: Floats
    wealth: Floats


@dataclass(frozen=True)
class Population:
    """All stakeholders of a world; `kind` indexes KINDS, `since_micros` is int64 microseconds since 1970."""

    ids: pd.Series
    kind: Integers
    since_micros: Integers
    opted_out: Flags
    traits: Traits
    draws: Draws

    def by_kind(self, **values: float) -> Floats:
        """Return each stakeholder's value, shape (n,), given one value for each kind."""
        return np.array([values[kind] for kind in KINDS])[self.kind]

    def tenure_days(self, instant_micros: int) -> Floats:
        """Return days since the relationship began, shape (n,); negative before it."""
        return np.asarray((instant_micros - self.since_micros) / MICROS_PER_DAY)


def create_population(draws: Draws, history_start_micros: int, start_micros: int) -> Population:
    """Create `draws.rows` stakeholders who arrive before `start_micros`."""
    arrival = draws.uniform(Purpose.ARRIVAL, 4)
    traits = _traits(draws)
    kind = np.searchsorted(np.cumsum(list(KIND_SHARES.values()))[:-1], arrival[:, 0], side="right")
    veteran = arrival[:, 1] < VETERAN_SHARE
    # Loyal people have stayed longer: tenure is a sign of loyalty.
    veteran_days = -np.log1p(-arrival[:, 2]) * VETERAN_DAYS * np.exp(LOYAL_STAY * traits.loyalty)
    before = history_start_micros - (veteran_days * MICROS_PER_DAY).astype(np.int64) - 1
    during = history_start_micros + (arrival[:, 2] * (start_micros - history_start_micros)).astype(np.int64)
    return Population(
        ids="s" + pd.Series(np.arange(1, draws.rows + 1)).astype("str").str.zfill(7),
        kind=kind.astype(np.int64),
        since_micros=np.where(veteran, before, during),
        opted_out=arrival[:, 3] < OPTED_OUT_SHARE,
        traits=traits,
        draws=draws,
    )


def trait_covariance() -> Floats:
    """Return the covariance of the traits, in the order of TRAIT_LOADINGS."""
    loadings = np.array(list(TRAIT_LOADINGS.values()))
    covariance: Floats = loadings @ loadings.T
    np.fill_diagonal(covariance, 1.0)
    return covariance


def _traits(draws: Draws) -> Traits:
    loadings = np.array(list(TRAIT_LOADINGS.values()))
    normal = draws.normal(Purpose.TRAITS, 2 + len(loadings))
    shared = np.einsum("nf,tf->nt", normal[:, :2], loadings)
    own = normal[:, 2:] * np.sqrt(1.0 - (loadings**2).sum(axis=1))
    return Traits(**dict(zip(TRAIT_LOADINGS, (shared + own).T, strict=True)))
