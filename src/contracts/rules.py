"""The catalogue of interventions and the rules of deciding, as data; a default means that there is no such rule.

Every rule is known by its place in params.yaml (`interventions.arms.call.capacity`): counts, prices and errors say so.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from .expression import condition
from .section import KINDS, Column, Instant, Kind, Listed, Misfit, Name, Section, Share

Days = Annotated[int, Field(ge=0, le=3650)]
Count = Annotated[int, Field(ge=0)]
_ARM, _CHANNEL, _TEAM = "an arm of the catalogue", "a channel that an arm names", "a team that an arm names"
CostOn = Literal["assignment", "retained", "paying"]


def _checked(text: str | None) -> str | None:
    if text is not None:
        condition(text)
    return text


class Sharing(Section):
    """How many assignments there may be, and must be, at a time."""

    capacity: Count | None = None
    quota: Count = 0

    @model_validator(mode="after")
    def _room_for_the_quota(self) -> "Sharing":
        if self.capacity is not None and self.quota > self.capacity:
            raise Misfit("quota", f"at most the capacity ({self.capacity})", self.quota)
        return self


class Contacting(Sharing):
    """What holds for an arm as for a channel.

    `consent` names a true/false attribute that must be true, `opt_out` one that must not be true; a missing cell is
    no consent, and no opt-out.
    """

    cooldown_days: Days = 0
    consent: str | None = None
    opt_out: str | None = None


class Arm(Contacting):
    """One intervention: money per assignment (or a stakeholder column that holds it) and who may get it when.

    The cost is due on assignment, or only by those who are retained or who pay within the horizon (`cost_on`).
    `where` is a condition on attributes, `not_after` the days that must have passed since other arms, and the arm is
    on offer from `available_from` until just before `available_until`.
    """

    cost: float | Column = 0.0
    cost_on: CostOn = "assignment"
    channel: str | None = None
    team: str | None = None
    kinds: Listed[Kind] = KINDS
    where: str | None = None
    available_from: Instant | None = None
    available_until: Instant | None = None
    not_after: dict[Name, Annotated[int, Field(ge=1, le=3650)]] = Field(default_factory=dict)

    _where = field_validator("where")(_checked)

    @model_validator(mode="after")
    def _some_time(self) -> "Arm":
        both = self.available_from is not None and self.available_until is not None
        if both and self.available_from >= self.available_until:  # type: ignore[operator]
            expected = f"an instant before available_until ({self.available_until})"
            raise Misfit("available_from", expected, self.available_from)
        return self


class Interventions(Section):
    """The catalogue: the control and the arms, by name whatever the order in the file; rules of channels and teams."""

    control: Name
    arms: dict[Name, Arm] = Field(min_length=1)
    channels: dict[str, Contacting] = Field(default_factory=dict)
    teams: dict[str, Sharing] = Field(default_factory=dict)

    @field_validator("arms", "channels", "teams")
    @classmethod
    def _by_name(cls, named: dict[str, Any]) -> dict[str, Any]:
        """Sort by name, so that no draw, tie or rounding hangs on the order of the file."""
        return dict(sorted(named.items()))

    @model_validator(mode="after")
    def _names_are_known(self) -> "Interventions":
        if self.control in self.arms:
            raise Misfit("control", "a name that no arm has", repr(self.control))
        _refuse_unknown("channels", self.channels, {arm.channel for arm in self.arms.values()}, _CHANNEL)
        _refuse_unknown("teams", self.teams, {arm.team for arm in self.arms.values()}, _TEAM)
        for name, arm in self.arms.items():
            _refuse_unknown(f"arms.{name}.not_after", arm.not_after, self.arms, _ARM)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The control first, then the arms by name."""
        return (self.control, *self.arms)

    @property
    def successes(self) -> tuple[str, ...]:
        """The kinds of success on which some arm's cost is due."""
        return tuple(sorted({arm.cost_on for arm in self.arms.values()} - {"assignment"}))


class MostContacts(Section):
    """At most so many contacts within the days before the decision and it together, over all arms or one channel's."""

    most: int = Field(ge=1)
    days: int = Field(ge=1, le=3650)
    channel: str | None = None


class Bounds(Section):
    """A bound on the contacts or the cost of some assignments: of some arms, a channel or a team, of some stakeholders.

    Without arms, channel and team all arms count; without `where` all stakeholders. With `by`, an attribute, the
    bounds are given for some of its values.
    """

    of: Literal["contacts", "cost"] = "contacts"
    arms: Listed[Name] = ()
    channel: str | None = None
    team: str | None = None
    where: str | None = None
    by: str | None = None
    at_most: Annotated[float, Field(ge=0)] | dict[str, Annotated[float, Field(ge=0)]] | None = None
    at_least: Annotated[float, Field(ge=0)] | dict[str, Annotated[float, Field(ge=0)]] | None = None

    _where = field_validator("where")(_checked)

    @model_validator(mode="after")
    def _one_form(self) -> "Bounds":
        given = [bound for bound in (self.at_most, self.at_least) if bound is not None]
        if not given:
            raise ValueError("at_most, at_least or both")
        if any(isinstance(bound, dict) is (self.by is None) for bound in given):
            raise ValueError("with `by` a bound for each value, such as {north: 100}, and without it one number")
        if self.by is not None and self.where is not None:
            raise ValueError("`by` or `where`, not both")
        if self.of == "cost" and self.at_least is not None:
            raise ValueError("at_least for contacts; cost can only be bounded by at_most")
        if sum(map(bool, (self.arms, self.channel, self.team))) > 1:
            raise ValueError("one of arms, channel and team")
        return self


class RateGap(Section):
    """A bound on the difference between any two groups' rates, a rate being the mean probability of getting the arms.

    Groups are the values of an attribute; those of fewer than `least` stakeholders, and missing cells, are left out.
    """

    by: str
    most: float = Field(gt=0, le=1)
    arms: Listed[Name] = ()
    least: int = Field(default=30, ge=1)


class Decision(Section):
    """Limits, contact rules and randomness of the assignment; `null` and 0 mean no limit.

    An arm is chosen by its expected gain less `caution` standard errors. `explore_within` standard errors of the
    difference to the best arm's gain is how far an arm may fall behind and still be explored; null: any arm is.
    """

    budget: float | None = Field(default=None, ge=0)
    caution: float = Field(default=0.0, ge=0, le=5)
    contacts: Listed[MostContacts] = ()
    rest_after_refusal_days: Days = 0
    one_per: str | None = None
    limits: dict[Name, Bounds] = Field(default_factory=dict)
    rate_gaps: dict[Name, RateGap] = Field(default_factory=dict)
    holdout: Share = 0.05
    exploration: Share = 0.05
    min_exploration: Share = 0.0
    explore_within: float | None = Field(default=None, ge=0)
    policy: str = "rapport"

    @model_validator(mode="after")
    def _share_can_be_reached(self) -> "Decision":
        if self.min_exploration > self.exploration:
            raise Misfit("min_exploration", f"at most exploration ({self.exploration})", self.min_exploration)
        return self


def refuse_unknown_names(interventions: Interventions, decision: Decision) -> None:
    """Refuse rules of arms, channels and teams that the catalogue does not have.

    Raises:
        ValueError: names the rule.
    """
    channels = {arm.channel for arm in interventions.arms.values()}
    teams = {arm.team for arm in interventions.arms.values()}
    for at, rule in enumerate(decision.contacts):
        _refuse_unknown(f"decision.contacts[{at}]", [rule.channel] if rule.channel else [], channels, _CHANNEL)
    for name, bounds in decision.limits.items():
        where = f"decision.limits.{name}"
        _refuse_unknown(where, bounds.arms, interventions.arms, _ARM)
        _refuse_unknown(where, [bounds.channel] if bounds.channel else [], channels, _CHANNEL)
        _refuse_unknown(where, [bounds.team] if bounds.team else [], teams, _TEAM)
    for name, gap in decision.rate_gaps.items():
        _refuse_unknown(f"decision.rate_gaps.{name}", gap.arms, interventions.arms, _ARM)


def rule_columns(interventions: Interventions, decision: Decision) -> dict[str, str]:
    """Return the columns of stakeholders that rules name, each with the key that names it; conditions' come apart."""
    named: dict[str, str] = {}
    contacting = {**{f"arms.{name}": arm for name, arm in interventions.arms.items()},
                  **{f"channels.{name}": channel for name, channel in interventions.channels.items()}}  # fmt: skip
    for place, rules in contacting.items():
        for key in ("consent", "opt_out"):
            if getattr(rules, key) is not None:
                named.setdefault(getattr(rules, key), f"interventions.{place}.{key}")
    for name, arm in interventions.arms.items():
        if isinstance(arm.cost, str):
            named.setdefault(arm.cost, f"interventions.arms.{name}.cost")
    if decision.one_per is not None:
        named.setdefault(decision.one_per, "decision.one_per")
    for name, bounds in decision.limits.items():
        if bounds.by is not None:
            named.setdefault(bounds.by, f"decision.limits.{name}.by")
    for name, gap in decision.rate_gaps.items():
        named.setdefault(gap.by, f"decision.rate_gaps.{name}.by")
    return named


def condition_columns(interventions: Interventions, decision: Decision) -> dict[str, str]:
    """Return the columns that conditions name, attributes or features, each with the key that names it."""
    conditions = {f"interventions.arms.{name}.where": arm.where for name, arm in interventions.arms.items()}
    conditions |= {f"decision.limits.{name}.where": bounds.where for name, bounds in decision.limits.items()}
    named: dict[str, str] = {}
    for key, text in conditions.items():
        for column in condition(text).columns if text is not None else ():
            named.setdefault(column, key)
    return named


def _refuse_unknown(where: str, named: Iterable[str], known: Iterable[str | None], what: str) -> None:
    there = sorted({each for each in known if each is not None})
    unknown = sorted({*named} - {*there})
    if unknown:
        raise Misfit(where, f"{what} ({', '.join(there) or 'none'})", repr(unknown[0]))
