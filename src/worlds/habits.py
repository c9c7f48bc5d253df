"""How often each event happens and how much it is worth on average, given a stakeholder's state.

Rates are per step of 30 days. What the truth needs in closed form (purchases, use, renewals) and what the drawn
events follow is the same code.
"""

import numpy as np

from .arms import Effect
from .attributes import PLANS, plan_codes
from .draws import Flags, Floats, logistic
from .dynamics import remaining_gap
from .grid import Grid
from .population import Population

PURCHASE_SPREAD = 0.25  # standard deviation of the log of one purchase around its mean
MINUTES_SPREAD = 0.5
YEARLY_FEE = {"basic": 300.0, "team": 900.0, "business": 2400.0, "alliance": 600.0}
SEVERITY_SPREAD = 0.9
NPS_SPREAD = 0.8
CSAT_SPREAD = 0.7
CSAT_SHARE = 0.45  # tickets that are answered by a satisfaction survey


def purchase_rate(population: Population, trouble: Flags, effect: Effect) -> Floats:
    """Return the expected purchases per step before the cap, shape (n,)."""
    traits = population.traits
    base = population.by_kind(customer=0.80, employee=0.0, partner=0.55, investor=0.12)
    lift = 0.25 * traits.engagement + 0.15 * traits.integration_need - 0.2 * trouble + effect.purchase_rate
    return np.asarray(base * np.exp(lift))


def purchase_size(population: Population, effect: Effect) -> Floats:
    """Return the expected money of one purchase, shape (n,)."""
    traits = population.traits
    base = population.by_kind(customer=84.0, employee=0.0, partner=100.0, investor=600.0)
    return np.asarray(base * np.exp(0.25 * traits.wealth - 0.15 * traits.price_sensitivity + effect.purchase_size))


def use_rate(population: Population, trouble: Flags) -> Floats:
    """Return the expected uses per step before the cap, shape (n,)."""
    base = population.by_kind(customer=1.5, employee=1.5, partner=1.2, investor=0.5)
    return np.asarray(base * np.exp(0.5 * population.traits.engagement - 0.35 * trouble))


def use_minutes(population: Population, grid: Grid, step: int) -> Floats:
    """Return the expected minutes of one use, shape (n,): who lacks skill gives up early."""
    gap = remaining_gap(population, grid, step)
    return np.asarray(30.0 * np.exp(0.3 * population.traits.engagement - 0.45 * gap))


def yearly_fee(population: Population) -> Floats:
    """Return the money of a renewal, shape (n,); 0 for kinds that do not renew."""
    fees = np.array([YEARLY_FEE.get(plan, 0.0) for plan in PLANS])
    return np.asarray(fees[plan_codes(population)])


def ticket_rate(population: Population, grid: Grid, trouble: Flags, step: int) -> Floats:
    """Return the expected tickets per step before the cap, shape (n,)."""
    base = population.by_kind(customer=0.14, employee=0.10, partner=0.10, investor=0.05)
    gap = remaining_gap(population, grid, step)
    return np.asarray(base * np.exp(0.3 * gap - 0.3 * population.traits.satisfaction + 2.1 * trouble))


def ticket_severity(trouble: Flags) -> Floats:
    """Return the mean severity of a ticket before rounding to 1 … 5, of the shape of `trouble`."""
    return np.asarray(2.3 + 1.0 * trouble)


def phone_share(population: Population, grid: Grid, step: int) -> Floats:
    """Return the probability that a ticket comes by phone, shape (n,): who lacks skill calls, the others write."""
    return np.asarray(0.15 + 0.5 * (remaining_gap(population, grid, step) > 0.4))


def csat_score(population: Population, trouble: Flags) -> Floats:
    """Return the mean answer about a ticket before rounding to 1 … 5, shape (n,)."""
    return np.asarray(3.4 + 0.8 * population.traits.satisfaction - 0.7 * trouble)


def nps_score(population: Population, trouble: Flags) -> Floats:
    """Return the mean recommendation (NPS) before rounding to 0 … 10, shape (n,)."""
    return np.asarray(7.0 + 1.7 * population.traits.satisfaction - 1.5 * trouble)


def meeting_rate(population: Population) -> Floats:
    """Return the expected meetings per step before the cap, shape (n,): loyal people make time."""
    base = population.by_kind(customer=0.15, employee=0.40, partner=0.40, investor=0.35)
    return np.asarray(base * np.exp(0.6 * population.traits.loyalty))


def survey_share(population: Population) -> Floats:
    """Return the probability of answering a recommendation survey (NPS) within the step, shape (n,)."""
    return population.by_kind(customer=0.35, employee=0.30, partner=0.30, investor=0.25)


def reaction_share(suits: Floats) -> Floats:
    """Return the probability of a favourable reaction to an arm, given how well it suits (`arms.fit`)."""
    return logistic(0.2 + 1.5 * suits)
