"""The interventions of the simulated world, whom they may reach, and what they truly do to whom.

An arm acts for one horizon: on the monthly log-odds of churn, on purchases (log rate, log size) and on the
log-odds that a trouble ends. Every effect is a bounded function of how well the arm suits the person, and hurts
where it does not.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..contracts.section import KINDS, Kind
from .draws import Flags, Floats
from .population import Population, Traits

ARM_KINDS: dict[str, tuple[Kind, ...]] = {
    "training": ("customer", "employee", "partner"),
    "personal_support": ("customer", "employee", "partner", "investor"),
    "integration_advice": ("customer", "partner"),
    "discount": ("customer",),
    "premium_upsell": ("customer", "investor"),
}
ARMS: tuple[str, ...] = tuple(ARM_KINDS)


@dataclass(frozen=True)
class Effect:
    """What an arm adds, each of shape (n,): to the log-odds of churn and of a trouble's end, to log purchases."""

    churn: Floats
    purchase_rate: Floats
    purchase_size: Floats
    relief: Floats

    def __add__(self, other: "Effect") -> "Effect":
        return Effect(
            self.churn + other.churn,
            self.purchase_rate + other.purchase_rate,
            self.purchase_size + other.purchase_size,
            self.relief + other.relief,
        )

    def where(self, flags: Flags) -> "Effect":
        """Keep the effect where `flags`, shape (n,), and nothing elsewhere."""
        return Effect(
            np.where(flags, self.churn, 0.0),
            np.where(flags, self.purchase_rate, 0.0),
            np.where(flags, self.purchase_size, 0.0),
            np.where(flags, self.relief, 0.0),
        )


def no_effect(shape: tuple[int, ...]) -> Effect:
    """Return the effect of the control, each part of a shape."""
    zero = np.zeros(shape)
    return Effect(zero, zero, zero, zero)


def may_receive(population: Population, arm: str) -> Flags:
    """Return who may be assigned `arm`, shape (n,): its kinds, less those who opted out."""
    allowed = np.array([kind in ARM_KINDS[arm] for kind in KINDS])
    return allowed[population.kind] & ~population.opted_out


def fit(traits: Traits, gap: Floats, trouble: Flags, arm: str) -> Floats:
    """Return how well the arm suits each person, shape (n,), between -1 (it annoys) and 1.

    Args:
        traits: latent traits.
        gap: what is left of the skill gap, shape (n,).
        trouble: who is in trouble now, shape (n,).
        arm: one of ARMS.
    """
    return np.asarray(np.tanh(_FITS[arm](traits, gap, trouble.astype(float))))


def effect_of(traits: Traits, gap: Floats, trouble: Flags, arm: str) -> Effect:
    """Return the true effect of an arm on a month of each person; arguments as in `fit`."""
    suits = fit(traits, gap, trouble, arm)
    sizes = _SIZES[arm]
    annoyed = logistic_step(-traits.satisfaction - 0.6) if arm == "premium_upsell" else np.zeros(suits.shape)
    return Effect(
        churn=sizes.churn_base - sizes.churn * suits + 0.9 * annoyed,
        purchase_rate=sizes.rate_base + sizes.rate * suits,
        purchase_size=sizes.size_base + sizes.size * suits,
        relief=sizes.relief * np.maximum(suits, 0.0),
    )


def logistic_step(score: Floats) -> Floats:
    """Return a steep logistic step from 0 to 1 at score 0, any shape."""
    return np.asarray(1.0 / (1.0 + np.exp(-3.0 * score)))


@dataclass(frozen=True)
class _Sizes:
    """Size of an arm's effects per unit of fit, and what it does to everybody (`_base`)."""

    churn: float
    rate: float
    churn_base: float = 0.0
    rate_base: float = 0.0
    size: float = 0.0
    size_base: float = 0.0
    relief: float = 0.0


_SIZES = {
    "training": _Sizes(churn=0.8, churn_base=-0.15, rate=0.22, rate_base=0.13),
    "personal_support": _Sizes(churn=0.9, churn_base=-0.4, rate=0.18, rate_base=0.23, relief=1.0),
    "integration_advice": _Sizes(churn=0.5, rate=0.24, rate_base=0.10),
    "discount": _Sizes(churn=0.7, rate=0.23, rate_base=0.30, size_base=-0.20),
    "premium_upsell": _Sizes(churn=0.1, rate=0.0, size=0.22, size_base=0.05),
}

_FITS: dict[str, Callable[[Traits, Floats, Floats], Floats]] = {
    "training": lambda t, gap, trouble: 1.6 * gap + 0.5 * gap * t.engagement + 0.65,
    "personal_support": lambda t, gap, trouble: 1.3 * trouble - 1.0 * t.satisfaction - 0.3 * t.loyalty + 0.55,
    "integration_advice": lambda t, gap, trouble: 1.5 * t.integration_need - 0.5 * gap * t.integration_need + 0.3,
    "discount": lambda t, gap, trouble: 1.5 * t.price_sensitivity - 0.4 * t.loyalty - 0.6 * trouble + 0.7,
    "premium_upsell": lambda t, gap, trouble: 1.1 * t.wealth + 0.8 * t.engagement - 0.8 * trouble + 0.4,
}
