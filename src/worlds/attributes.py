"""Attributes that betray the traits with noise: what the stakeholders table says of everybody.

Each of SIGNS is a normal variable around a mean linear in the traits, then stretched and rounded. One row per
stakeholder throughout.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..contracts.section import KINDS
from ..contracts.time import from_micros
from .draws import Floats, Integers, Purpose, logistic
from .population import Population, Traits

REGIONS = ("north", "south", "east", "west", "overseas", "islands")
PLANS = ("basic", "team", "business", "internal", "alliance", "portfolio")


@dataclass(frozen=True)
class Sign:
    """An attribute as least + stretch(normal variable), rounded to `decimals`; `shrink` is the inverse of `stretch`."""

    constant: float
    slopes: Mapping[str, float]
    spread: float
    stretch: Callable[[Floats], Floats]
    shrink: Callable[[Floats], Floats]
    decimals: int = 0
    least: float = 0.0

    def mean(self, traits: Traits) -> Floats:
        """Return the mean of the normal variable, of the traits' shape."""
        total = np.asarray(self.constant)
        for trait, slope in self.slopes.items():
            total = total + slope * getattr(traits, trait)
        return total

    def written(self, normal: Floats) -> Floats:
        """Return the attribute, given the normal variable."""
        return self.least + self.stretch(normal).round(self.decimals)

    def between(self, value: Floats) -> tuple[Floats, Floats]:
        """Return the bounds of the normal variable that is written as `value`."""
        half = 0.5 * 10.0**-self.decimals
        return self.shrink(value - self.least - half), self.shrink(value - self.least + half)


def _log(value: Floats) -> Floats:
    return np.log(value, out=np.full(value.shape, -np.inf), where=~(value <= 0))


def _as_it_is(value: Floats) -> Floats:
    return value


def _percent(normal: Floats) -> Floats:
    return 100 * logistic(normal)


def _from_percent(value: Floats) -> Floats:
    share = np.clip(value, 0.0, 100.0)
    return _log(share) - _log(100.0 - share)


SIGNS = {
    "company_size": Sign(3.5, {"wealth": 1.1}, 0.5, np.exp, _log),
    "seats": Sign(1.4, {"wealth": 0.5, "engagement": 0.4}, 0.4, np.exp, _log, least=1.0),
    "onboarding_score": Sign(0.3, {"skill_gap": -1.1}, 0.45, _percent, _from_percent, decimals=1),
    "integrations_wanted": Sign(0.8, {"integration_need": 0.6}, 0.3, np.exp, _log),
    "price_index": Sign(1.0, {"price_sensitivity": -0.12}, 0.05, _as_it_is, _as_it_is, decimals=3),
}


def stakeholder_table(population: Population) -> pd.DataFrame:
    """Return the contract's stakeholders table, in id order, with noisy signs of the traits as attributes."""
    noise = population.draws.normal(Purpose.ATTRIBUTES, len(SIGNS))
    chance = population.draws.uniform(Purpose.ATTRIBUTES, 3, item=1)
    signs = {
        name: sign.written(sign.mean(population.traits) + sign.spread * noise[:, column])
        for column, (name, sign) in enumerate(SIGNS.items())
    }
    missing = (chance[:, 0] < 0.12) | (population.by_kind(customer=0, employee=1, partner=0, investor=1) > 0)
    return pd.DataFrame(
        {
            "stakeholder_id": population.ids,
            "kind": _texts(KINDS, population.kind),
            "since": from_micros(population.since_micros),
            "opted_out": population.opted_out,
            "plan": _texts(PLANS, plan_codes(population)),
            "region": _texts(REGIONS, (chance[:, 1] ** 1.5 * len(REGIONS)).astype(np.int64)),
            "company_size": np.where(missing, np.nan, signs["company_size"]),
            "seats": signs["seats"],
            "price_index": signs["price_index"],
            "onboarding_score": np.where(chance[:, 2] < 0.05, np.nan, signs["onboarding_score"]),
            "integrations_wanted": signs["integrations_wanted"],
        }
    )


def plan_codes(population: Population) -> Integers:
    """Return the index into PLANS, shape (n,): customers by size and engagement, the other kinds by kind."""
    level = population.traits.wealth + 0.4 * population.traits.engagement
    tier = np.searchsorted([-0.2, 0.9], level)
    return np.where(population.kind == 0, tier, population.kind + 2)


def _texts(words: tuple[str, ...], codes: Integers) -> pd.Series:
    return pd.Series(pd.array(list(words), dtype="str").take(codes))
