"""The typed form of params.yaml: frozen, every bound declared here, an unknown key is an error.

Money has one currency; every duration carries its unit in its name. `docs/contract.md` gives the meaning in words.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from .errors import ParamsError
from .faults import explained
from .rules import Decision, Interventions, refuse_unknown_names
from .section import Instant, Listed, Misfit, Name, Section


class Source(Section):
    """Where the tables come from: the simulated world, contract files, or a named adapter."""

    kind: Name
    path: str = "data/raw"
    stakeholders: int = Field(default=20_000, ge=100, le=5_000_000)


class Clock(Section):
    """The instant of decision (UTC), the days over which an outcome counts, and others at which churn is foretold."""

    as_of: Instant
    horizon_days: int = Field(gt=0, le=3650)
    iteration: int = Field(default=1, ge=1)
    curve_days: Listed[Annotated[int, Field(gt=0, le=3650)]] = ()

    @property
    def curve(self) -> tuple[int, ...]:
        """The days at which churn is foretold, the horizon among them, from the nearest on."""
        return tuple(sorted({self.horizon_days, *self.curve_days}))

    @property
    def lost_by(self) -> dict[int, str]:
        """The columns that say who was lost within each of those days; that of the horizon is the outcome's own."""
        return {days: "churned" if days == self.horizon_days else f"churned_by_{days}d" for days in self.curve}


class Churn(Section):
    """Churn by a leaving event, or by no activity in the last `inactive_days` of the horizon."""

    event: str | None = None
    inactive_days: int | None = Field(default=None, gt=0)
    activity: Listed[str] = ()

    @model_validator(mode="after")
    def _one_definition(self) -> "Churn":
        by_event, by_silence = self.event is not None, self.inactive_days is not None and bool(self.activity)
        if by_event == by_silence:
            raise ValueError("either `event`, or `inactive_days` together with `activity`")
        return self


class Outcome(Section):
    """What churn is, and the money each event type's `value` and retention are worth."""

    churn: Churn
    value: dict[str, float]
    retention_value: float | Literal["clv"] = Field()


class Features(Section):
    """Windows and snapshot dates of the features; attributes left out, or kept for audits only.

    `responses` and `refusals` name the event types by which stakeholders answer contacts, or turn them down.
    `allow` names features that may tell churn all by themselves; any other that does is refused as a leak.
    """

    windows_days: Annotated[Listed[Annotated[int, Field(gt=0, le=36_500)]], Field(min_length=1)] = (30, 90, 365)
    snapshots: int = Field(default=4, ge=1, le=100)
    snapshot_every_days: int = Field(default=90, gt=0, le=3650)
    exclude: Listed[str] = ()
    audit_only: Listed[str] = ()
    allow: Listed[str] = ()
    max_categories: int = Field(default=50, ge=2, le=1000)
    max_event_types: int = Field(default=40, ge=1, le=1000)
    max_channels: int = Field(default=8, ge=0, le=1000)
    responses: Listed[str] = ()
    refusals: Listed[str] = ()


class Kpis(Section):
    """What the relationship KPIs are made of (docs/kpis.md): windows, surveys with their scales, money, segment."""

    window_days: int = Field(default=90, ge=1, le=3650)
    period_days: int = Field(default=7, ge=1, le=3650)
    engagement: Listed[str] = ()
    surveys: dict[str, Annotated[tuple[float, float], Field(strict=False)]] = Field(default_factory=dict)
    costs: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    base_cost: float = Field(default=1.0, gt=0)
    lifetime_days: int = Field(default=1095, ge=1, le=36_500)
    yearly_discount: float = Field(default=0.1, ge=0, le=10)
    segment: str | None = None

    @property
    def periods(self) -> int:
        """Whole periods in the window."""
        return self.window_days // self.period_days

    @model_validator(mode="after")
    def _scales_and_periods(self) -> "Kpis":
        for name, (low, high) in self.surveys.items():
            if high - low < 2:
                raise Misfit(f"surveys.{name}", "[lowest, highest], three steps of 1 or more", [low, high])
        if not 1 <= self.periods <= 52:
            raise Misfit("window_days", f"1 to 52 times period_days ({self.period_days})", self.window_days)
        return self


class Search(Section):
    """How many sizes of the churn model's trees are tried beside the given one; 0: none."""

    trials: int = Field(default=0, ge=0, le=1000)


class Learner(Section):
    """Size of the boosted trees, and the folds (by stakeholder) of every cross-fit.

    The log-odds of churn are nearly a sum over features, so its trees have few leaves.
    """

    rounds: int = Field(default=150, ge=1, le=5000)
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    leaves: int = Field(default=15, ge=2, le=1024)
    min_leaf_rows: int = Field(default=50, ge=1)
    folds: int = Field(default=3, ge=2, le=20)
    churn_leaves: int = Field(default=5, ge=2, le=1024)
    search: Search = Search()

    @property
    def of_churn(self) -> "Learner":
        """The size of the churn model's trees."""
        return self.model_copy(update={"leaves": self.churn_leaves})


class Evaluation(Section):
    """Bootstrap replicates behind the intervals of ranking metrics; PSI from which drift is called some or strong."""

    bootstrap: int = Field(default=200, ge=50, le=10_000)
    drift_some: float = Field(default=0.1, gt=0)
    drift_strong: float = Field(default=0.25, gt=0)


class Gate(Section):
    """When a challenger becomes champion: error of all looks together, power, margin of a refresh (money per decision).

    `unsupported`: share of decisions in which a proof may rest on arms that could not have been chosen in the log.

    A refresh is a challenger made under the champion's params, the clock aside: the same, learned from newer data.
    """

    error: float = Field(default=0.05, gt=0, lt=0.5)
    power: float = Field(default=0.8, ge=0.5, lt=1)
    refresh_margin: float = Field(default=0.0, ge=0)
    unsupported: float = Field(default=0.05, ge=0, le=1)


class Registry(Section):
    """Where the bundle goes in MLflow, and the aliases of the version that decides and of one without proof."""

    experiment: str = "rapport"
    model: str = Field(default="rapport", pattern=r"^[A-Za-z0-9_-]+$")
    alias: str = Field(default="champion", pattern=r"^[A-Za-z0-9_-]+$")
    challenger: str = Field(default="challenger", pattern=r"^[A-Za-z0-9_-]+$")


class Params(Section):
    """All of params.yaml."""

    seed: int = Field(default=1, ge=0, lt=2**31)
    threads: int = Field(default=1, ge=1, le=256)
    engine: Literal["duckdb", "spark"] = "duckdb"
    memory_gb: float = Field(default=4.0, ge=0.25)
    source: Source
    clock: Clock
    outcome: Outcome
    interventions: Interventions
    decision: Decision = Decision()
    features: Features = Features()
    kpis: Kpis = Kpis()
    learner: Learner = Learner()
    evaluation: Evaluation = Evaluation()
    gate: Gate = Gate()
    registry: Registry = Registry()

    @model_validator(mode="after")
    def _silence_fits(self) -> "Params":
        silence, horizon, soonest = self.outcome.churn.inactive_days, self.clock.horizon_days, self.clock.curve[0]
        if silence is not None and silence > horizon:
            raise Misfit("outcome.churn.inactive_days", f"at most clock.horizon_days ({horizon})", silence)
        if silence is not None and silence > soonest:
            raise Misfit("clock.curve_days", f"outcome.churn.inactive_days ({silence}) or more", soonest)
        return self

    @model_validator(mode="after")
    def _rules_fit(self) -> "Params":
        refuse_unknown_names(self.interventions, self.decision)
        if self.decision.rest_after_refusal_days and not self.features.refusals:
            expected = "event types, from which decision.rest_after_refusal_days counts"
            raise Misfit("features.refusals", expected, "none")
        return self


def parse_params(document: object, where: str = "params.yaml") -> Params:
    """Return the checked parameters.

    Args:
        document: what the YAML reader returned, a mapping of sections.
        where: the file, for messages.

    Raises:
        ParamsError: a key is unknown or missing, or a value out of bounds; the first fault is named, the rest counted.

    >>> try:
    ...     parse_params({"clocks": 1})
    ... except ParamsError as fault:
    ...     print(fault)  # doctest: +ELLIPSIS
    params.yaml, clocks: expected no such key; got 1. To mend it: correct or remove the key (4 more faults ...).
    """
    if not isinstance(document, Mapping):
        raise ParamsError(where, "a mapping of sections", type(document).__name__, "see docs/contract.md")
    try:
        return Params.model_validate(document)
    except ValidationError as fault:
        raise explained(fault, document, where) from None
