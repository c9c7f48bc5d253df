"""How likely the records of a stakeholder are, given traits and trouble: the densities of what month.py draws.

Guesses at the traits have the shape (n, S), S for each of n stakeholders, and so has every log-likelihood here; what
is known of a stakeholder has the shape (n, 1). Constants that no guess changes are left out.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from ..contracts.time import MICROS_PER_DAY
from . import habits
from .arms import ARMS, fit
from .attributes import SIGNS, plan_codes
from .chain import Branch
from .draws import TINY, Floats, capped_poisson_log_mass
from .dynamics import remaining_gap
from .grid import Grid
from .month import known_share
from .population import LOYAL_STAY, VETERAN_DAYS, Population
from .records import SCALES, Records


@dataclass(frozen=True)
class Evidence:
    """Records of n stakeholders, and a population of S guesses at each."""

    records: Records
    population: Population
    grid: Grid

    def of_attributes(self) -> Floats:
        """Return the log-likelihood of what the stakeholders table says."""
        total = self._of_tenure()
        for name, sign in SIGNS.items():
            value = self.records.signs[name][:, None]
            mean = sign.mean(self.population.traits)
            low, high = ((bound - mean) / sign.spread for bound in sign.between(value))
            total = total + np.where(np.isnan(value), 0.0, log_mass(low, high))
        same_plan = plan_codes(self.population) == self.records.plan[:, None]
        return np.where(same_plan, total, total + np.log(TINY))

    def _of_tenure(self) -> Floats:
        """Only of those who were there when the history began: the others came at any time."""
        days = (self.grid.origin_micros - self.population.since_micros) / MICROS_PER_DAY
        mean = VETERAN_DAYS * np.exp(LOYAL_STAY * self.population.traits.loyalty)
        return np.where(days > 0, -days / mean - np.log(mean), 0.0)

    def whatever_the_trouble(self, step: int) -> Floats:
        """Return the log-likelihood of the step's events in which trouble has no part."""
        calls, tickets = self.records.calls[:, [step]], self.records.counts["ticket"][:, [step]]
        phone = habits.phone_share(self.population, self.grid, step)
        minutes = habits.use_minutes(self.population, self.grid, step)
        return np.asarray(
            calls * np.log(phone)
            + (tickets - calls) * np.log(1.0 - phone)
            + self._count("meeting", habits.meeting_rate(self.population), step)
            + self._values("use", minutes, habits.MINUTES_SPREAD, step)
        )

    def given(self, branch: Branch, step: int) -> Floats:
        """Return the log-likelihood of the step's other events of who is calm, or in trouble."""
        population, trouble = self.population, branch.trouble
        known = known_share(self.records.steps - step)
        sizes = habits.purchase_size(population, branch.effect)
        return np.asarray(
            self._count("use", habits.use_rate(population, trouble), step)
            + self._count("purchase", habits.purchase_rate(population, trouble, branch.effect), step)
            + self._values("purchase", sizes, habits.PURCHASE_SPREAD, step)
            + self._count("ticket", known * habits.ticket_rate(population, self.grid, trouble, step), step)
            + self._scores("ticket", habits.ticket_severity(trouble), habits.SEVERITY_SPREAD, step)
            + self._scores("csat", habits.csat_score(population, trouble), habits.CSAT_SPREAD, step)
            + self._scores("nps", habits.nps_score(population, trouble), habits.NPS_SPREAD, step)
            + self._reactions(branch, step)
        )

    def _count(self, event_type: str, rate: Floats, step: int) -> Floats:
        return capped_poisson_log_mass(self.records.counts[event_type][:, [step]], rate)

    def _values(self, event_type: str, mean: Floats, spread: float, step: int) -> Floats:
        """Log-normal around `mean`, their expectation, as `month._spread` draws them."""
        count, logs = self.records.counts[event_type][:, [step]], self.records.logs[event_type][:, [step]]
        centre = np.log(np.maximum(mean, TINY)) - spread**2 / 2.0
        return np.asarray((logs - 0.5 * count * centre) * centre / spread**2)

    def _scores(self, event_type: str, mean: Floats, spread: float, step: int) -> Floats:
        """Rounded and clipped to the scale, normal around `mean`."""
        counts = self.records.scores[event_type][:, step]
        least, most = SCALES[event_type]
        total = np.zeros(self.population.traits.satisfaction.shape)
        for at, value in enumerate(range(least, most + 1)):
            row = np.flatnonzero(counts[:, at])
            if len(row):
                low = -np.inf if value == least else value - 0.5
                high = np.inf if value == most else value + 0.5
                centre = np.broadcast_to(mean, total.shape)[row]
                total[row] += counts[row, at, None] * log_mass((low - centre) / spread, (high - centre) / spread)
        return total

    def _reactions(self, branch: Branch, step: int) -> Floats:
        liked, disliked = self.records.liked[:, [step]], self.records.disliked[:, [step]]
        traits, total = self.population.traits, np.zeros(self.population.traits.loyalty.shape)
        for code, arm in enumerate(ARMS, start=1):
            reacts = (self.records.decided[:, [step]] == code) & (liked + disliked > 0)
            if reacts.any():
                suits = fit(traits, remaining_gap(self.population, self.grid, step), branch.trouble, arm)
                chance = habits.reaction_share(suits)
                total += np.where(reacts, np.log(np.where(liked > 0, chance, 1.0 - chance)), 0.0)
        return total


def log_mass(low: Floats, high: Floats) -> Floats:
    """Return log P(low < Z < high) for a standard normal Z, any shape; accurate in either tail."""
    upper = low > 0
    low, high = np.where(upper, -high, low), np.where(upper, -low, high)
    return np.asarray(np.log(np.maximum(ndtr(high) - ndtr(low), TINY)))
