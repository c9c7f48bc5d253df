"""The events of one step: drawn for everybody, with the same chance whatever was decided, until they leave."""

from dataclasses import dataclass

import numpy as np

from ..contracts.time import MICROS_PER_DAY
from . import habits
from .arms import ARMS, fit
from .draws import MAX_COUNT, Draws, Floats, Integers, Purpose, capped_poisson
from .dynamics import State, anniversary, remaining_gap
from .events import CHANNELS, EVENT_TYPES, NO_CHANNEL, Batch
from .grid import STEP_DAYS, STEP_MICROS, Grid
from .population import Population

LATE_SHARE = 0.04  # tickets and surveys that become known only later
LATE_DAYS = 20.0
REACTION_SHARE = 0.6  # arms to which anybody reacts at all
REACTION_DAYS = 14.0
SURVEY_DELAY_DAYS = 3.0
SURVEYED = ("ticket", "nps", "csat")


@dataclass(frozen=True)
class Month:
    """One step of everybody, about to be written down as events."""

    population: Population
    grid: Grid
    state: State
    draws: Draws

    def batches(self) -> list[Batch]:
        """Return all events of the step, one batch per type; none lies at or after its stakeholder's leaving."""
        return [
            self._use(),
            self._purchases(),
            *self._tickets_and_csat(),
            self._nps(),
            self._renewals(),
            self._meetings(),
            self._reactions(),
            self._leaving(),
        ]

    def _use(self) -> Batch:
        row, slot = self._occurrences("use", habits.use_rate(self.population, self.state.trouble))
        minutes = habits.use_minutes(self.population, self.grid, self.state.step)
        value = _spread(minutes[row], self._normal("use")[row, slot], habits.MINUTES_SPREAD)
        channel = _choose(self._detail("use")[row, slot], {"web": 0.7, "mobile": 0.3})
        return self._batch("use", row, slot, self._share("use")[row, slot], value.round(1), channel)

    def _purchases(self) -> Batch:
        effect = self.state.effect
        rate = habits.purchase_rate(self.population, self.state.trouble, effect)
        row, slot = self._occurrences("purchase", rate)
        size = habits.purchase_size(self.population, effect)
        value = _spread(size[row], self._normal("purchase")[row, slot], habits.PURCHASE_SPREAD)
        return self._batch("purchase", row, slot, self._share("purchase")[row, slot], value.round(2))

    def _tickets_and_csat(self) -> list[Batch]:
        trouble, step = self.state.trouble, self.state.step
        rate = habits.ticket_rate(self.population, self.grid, trouble, step)
        row, slot = self._occurrences("ticket", rate)
        share, detail = self._share("ticket")[row, slot], self._detail("ticket")[row, slot]
        severity = habits.ticket_severity(trouble)[row] + habits.SEVERITY_SPREAD * self._normal("ticket")[row, slot]
        calling = habits.phone_share(self.population, self.grid, step)[row]
        written = _choose(detail / (1.0 - calling), {"email": 0.6, "chat": 0.4})
        channel = np.where(detail >= 1.0 - calling, CHANNELS.index("phone"), written)
        tickets = self._batch("ticket", row, slot, share, np.clip(severity.round(), 1, 5), channel)
        asked = self._detail("csat")[row, slot] < habits.CSAT_SHARE
        row, slot, share = row[asked], slot[asked], share[asked]
        delay = self._share("csat")[row, slot] * np.minimum(1.0 - share, SURVEY_DELAY_DAYS / STEP_DAYS)
        score = habits.csat_score(self.population, trouble)[row] + habits.CSAT_SPREAD * self._normal("csat")[row, slot]
        score = np.clip(score.round(), 1, 5)
        return [tickets, self._batch("csat", row, slot, share + delay, score)]

    def _nps(self) -> Batch:
        asked = self._detail("nps")[:, 0] < habits.survey_share(self.population)
        row = np.flatnonzero(asked & self.state.active)
        score = habits.nps_score(self.population, self.state.trouble) + habits.NPS_SPREAD * self._normal("nps")[:, 0]
        score = np.clip(score.round(), 0.0, 10.0)
        return self._batch("nps", row, np.zeros_like(row), self._share("nps")[row, 0], score[row])

    def _renewals(self) -> Batch:
        due, share = anniversary(self.population, self.grid, self.state.step)
        row = np.flatnonzero(due & self.state.active)
        # Who leaves later in the same step has already declined.
        money = np.where(self.state.churns, 0.0, habits.yearly_fee(self.population))
        return self._batch("renewal", row, np.zeros_like(row), share[row], money[row])

    def _meetings(self) -> Batch:
        row, slot = self._occurrences("meeting", habits.meeting_rate(self.population))
        channel = _choose(self._detail("meeting")[row, slot], {"video": 0.6, "phone": 0.25, "onsite": 0.15})
        minutes = np.where(self._normal("meeting")[row, slot] > 0, 60.0, 30.0)
        return self._batch("meeting", row, slot, self._share("meeting")[row, slot], minutes, channel)

    def _reactions(self) -> Batch:
        decided, detail = self.state.decided, self._detail("response")
        reached = self.state.active & (decided > 0) & (detail[:, 0] < REACTION_SHARE)
        gap = remaining_gap(self.population, self.grid, self.state.step)
        chance = np.zeros(len(decided))
        for code, arm in enumerate(ARMS, start=1):
            suits = fit(self.population.traits, gap, self.state.trouble, arm)
            chance = np.where(decided == code, habits.reaction_share(suits), chance)
        row = np.flatnonzero(reached)
        share = self._share("response")[row, 0] * REACTION_DAYS / STEP_DAYS
        value = (detail[row, 1] < chance[row]).astype(float)
        return self._batch("response", row, np.zeros_like(row), share, value)

    def _leaving(self) -> Batch:
        row = np.flatnonzero(self.state.churns)
        at = self._leaves_at()[row]
        nothing, none = np.full(len(row), np.nan), np.full(len(row), NO_CHANNEL)
        return Batch("churned", self.state.step, row, np.zeros_like(row), at, at, nothing, none)

    def _leaves_at(self) -> Integers:
        return self.grid.begin(self.state.step) + (self.state.churn_at * STEP_MICROS).astype(np.int64)

    def _occurrences(self, event_type: str, rate: Floats) -> tuple[Integers, Integers]:
        chance = self.draws.uniform(Purpose.EVENT_COUNT, 1, self.state.step, EVENT_TYPES.index(event_type))
        count = np.where(self.state.active, capped_poisson(rate, chance[:, 0]), 0)
        row, slot = np.nonzero(np.arange(MAX_COUNT) < count[:, None])
        return row, slot

    def _share(self, event_type: str) -> Floats:
        item = EVENT_TYPES.index(event_type)
        return self.draws.uniform(Purpose.EVENT_TIME, MAX_COUNT, self.state.step, item)

    def _normal(self, event_type: str) -> Floats:
        item = EVENT_TYPES.index(event_type)
        return self.draws.normal(Purpose.EVENT_VALUE, MAX_COUNT, self.state.step, item)

    def _detail(self, event_type: str) -> Floats:
        item = EVENT_TYPES.index(event_type)
        return self.draws.uniform(Purpose.EVENT_DETAIL, MAX_COUNT, self.state.step, item)

    def _batch(
        self,
        event_type: str,
        row: Integers,
        slot: Integers,
        share: Floats,
        value: Floats,
        channel: Integers | None = None,
    ) -> Batch:
        """Place events at `share` of the step and drop those of stakeholders who have left by then."""
        offset = np.minimum((share * STEP_MICROS).astype(np.int64), STEP_MICROS - 1)
        at = self.grid.begin(self.state.step) + offset
        known = at + self._delay(event_type, row, slot)
        keep = ~self.state.churns[row] | (at < self._leaves_at()[row])
        codes = np.full(len(row), NO_CHANNEL) if channel is None else channel
        return Batch(
            event_type=event_type,
            step=self.state.step,
            row=row[keep],
            slot=slot[keep],
            at=at[keep],
            known=known[keep],
            value=value[keep],
            channel=codes[keep],
        )

    def _delay(self, event_type: str, row: Integers, slot: Integers) -> Integers:
        if event_type not in SURVEYED:
            return np.zeros_like(row)
        item = EVENT_TYPES.index(event_type)
        chance = self.draws.uniform(Purpose.EVENT_LATE, MAX_COUNT, self.state.step, item)[row, slot]
        days = 1.0 + chance / LATE_SHARE * (LATE_DAYS - 1.0)
        return np.where(chance < LATE_SHARE, (days * MICROS_PER_DAY).astype(np.int64), 0)


def known_share(steps_ago: int) -> float:
    """Return the share of a step's tickets and surveys that are known so many steps after it began, 1 or more."""
    # A delay is uniform between 1 and LATE_DAYS days, an event between the ends of its step.
    return 1.0 - LATE_SHARE * (1.0 + LATE_DAYS) / 2.0 / STEP_DAYS if steps_ago == 1 else 1.0


def _spread(mean: Floats, normal: Floats, deviation: float) -> Floats:
    """Return log-normal numbers around `mean`, their exact expectation."""
    return np.asarray(mean * np.exp(deviation * normal - deviation**2 / 2.0))


def _choose(chance: Floats, shares: dict[str, float]) -> Integers:
    codes = np.array([CHANNELS.index(channel) for channel in shares])
    steps = np.cumsum(list(shares.values()))[:-1]
    return np.asarray(codes[np.searchsorted(steps, chance, side="right")])
