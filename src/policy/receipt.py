"""The receipt of one assignment: the arms considered, what decided between them, and the randomness involved.

It is made by deciding again for the same population with the same bundle; that the answer is the one assigned is
checked on every row and every column before anything is explained.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..contracts.errors import ArtifactError
from ..models.bundle import Bundle
from .assigned import Assigned, Gain
from .choose import charge
from .decide import Decided, assignments_of, deliberate

_CHARGED = 1e-9  # money below which a price does not show


@dataclass(frozen=True)
class Considered:
    """One arm, as it stood for the stakeholder.

    Attributes:
        arm: its name.
        expected: gain net of cost.
        cost: money.
        forbidden: keys of the rules that forbid it.
        charges: what the limits' prices take off, by limit, money; a quota adds.
        worth: what arms are compared by: the gain, less caution where params ask for it, less the charges; None where
            the arm may not be planned.
        probability: over holdout, exploration and plan.
    """

    arm: str
    expected: Gain
    cost: float
    forbidden: tuple[str, ...]
    charges: dict[str, float]
    worth: float | None
    probability: float


@dataclass(frozen=True)
class Randomness:
    """Why the probability is what it is.

    Attributes:
        holdout: probability of being held out; held: whether this stakeholder is.
        explored: probability of drawing each arm for exploration, those above 0.
        drawn: the arm drawn, None where the stakeholder does not explore.
        planned: the arm of the plan, draws aside.
        planned_share: probability that the plan decides.
    """

    holdout: float
    held: bool
    explored: dict[str, float]
    drawn: str | None
    planned: str
    planned_share: float


@dataclass(frozen=True)
class Receipt:
    """Why a stakeholder has an arm.

    Attributes:
        assigned: the row.
        considered: all arms in catalogue order, the control first.
        runner_up: the arm that was worth most after the planned one, None where there is none.
        lead: by how much the planned arm was worth more, money; below 0 where whole numbers or a household decided.
        prices: of the limits that bind, money per unit.
        randomness: holdout, exploration and plan.
        replayed: assignments that deciding again gave alike, this one among them.
    """

    assigned: Assigned
    considered: tuple[Considered, ...]
    runner_up: str | None
    lead: float | None
    prices: dict[str, float]
    randomness: Randomness
    replayed: int

    @property
    def explained(self) -> str | None:
        """The arm whose gain tells most: the assigned one, or the best where that is the control; None if unknown."""
        known = {each.arm: each.expected.gain for each in self.considered[1:] if each.expected.gain is not None}
        if self.assigned.intervention in known:
            return self.assigned.intervention
        return max(known, key=lambda arm: known[arm], default=None)


def replay(bundle: Bundle, population: pd.DataFrame, assignments: pd.DataFrame) -> Decided:
    """Return the decision taken again.

    Args:
        bundle: that decided.
        population: the feature table it decided for, as `deliberate` takes it.
        assignments: what was assigned.

    Raises:
        ArtifactError: another bundle decided, or the answer differs; names what differs.
    """
    if (assignments["model_digest"] != bundle.digest).any():
        got = ", ".join(str(digest)[:12] for digest in assignments["model_digest"].unique())
        raise ArtifactError("assignments, column model_digest", f"the bundle at hand, {bundle.digest[:12]}", got,
                            "run `dvc repro`, or `dvc checkout` of the revision that assigned")  # fmt: skip
    decided = deliberate(bundle, population)
    refuse_difference(assignments_of(bundle, decided), assignments)
    return decided


def refuse_difference(again: pd.DataFrame, assignments: pd.DataFrame) -> None:
    """Check two assignments tables for equality, bit by bit.

    Raises:
        ArtifactError: they differ; names the columns, how many rows, and the first cell.
    """
    fix = "data/features or data/assignments is not what was decided on: run `dvc repro`, or `dvc checkout`"
    ids, others = list(assignments["decision_id"]), list(again["decision_id"])
    if ids != others:
        got = f"{len({*ids} - {*others})} of others, {len({*others} - {*ids})} absent"
        raise ArtifactError("assignments, column decision_id", "one for each of the population, in order", got, fix)
    wrong = {name: flags for name in again.columns if (flags := _differs(again[name], assignments[name])).any()}
    if wrong:
        name, row = next(iter(wrong)), int(next(iter(wrong.values())).argmax())
        rows = int(np.any(list(wrong.values()), axis=0).sum())
        got = f"{assignments[name].iloc[row]}; {rows:,} rows differ, in {', '.join(wrong)}"
        expected = f"{again[name].iloc[row]}, as decided again"
        raise ArtifactError(f"assignments, decision {ids[row]}, column {name}", expected, got, fix)


def receipt(bundle: Bundle, decided: Decided, assignments: pd.DataFrame, row: int) -> Receipt:
    """Return the receipt of an assignment.

    Args:
        bundle: that decided.
        decided: of `replay`.
        assignments: the same rows.
        row: which.
    """
    names = bundle.params.interventions.names
    considered = tuple(_considered(decided, names, row))
    planned = considered[int(decided.plan.arm[row])]
    rivals = {each.arm: each.worth for each in considered if each is not planned and each.worth is not None}
    second = max(rivals, key=lambda arm: rivals[arm], default=None)
    return Receipt(
        assigned=Assigned.of(assignments.iloc[row]),
        considered=considered,
        runner_up=second,
        lead=None if second is None or planned.worth is None else planned.worth - rivals[second],
        prices={use.name: use.price for use in decided.plan.uses if use.binding},
        randomness=_randomness(bundle, decided, names, row),
        replayed=len(assignments),
    )


def _considered(decided: Decided, names: tuple[str, ...], row: int) -> Iterator[Considered]:
    offer = decided.offer
    for at, name in enumerate(names):
        charges, worth = _charges(decided, row, at), float(offer.worth[row, at])
        yield Considered(
            arm=name,
            expected=Gain.of(float(offer.gain[row, at]), float(offer.error[row, at])),
            cost=float(offer.cost[row, at]),
            forbidden=tuple(rule.key for rule in offer.rules if rule.forbids[row, at]),
            charges=charges,
            worth=worth - sum(charges.values()) if offer.today[row, at] and not np.isnan(worth) else None,
            probability=float(decided.probability[row, at]),
        )


def _charges(decided: Decided, row: int, arm: int) -> dict[str, float]:
    """Return what each limit's price charges for an arm, money; those that charge something."""
    at, found = np.array([row]), {}
    for limit, use in zip(decided.planned.limits, decided.plan.uses, strict=True):
        code = None if limit.group is None else decided.planned.groups[limit.group][at]
        money = float(charge(limit, use.price, code, np.array([arm]), decided.offer.cost[at, arm])[0])
        if abs(money) > _CHARGED:
            found[limit.name] = money
    return found


def _randomness(bundle: Bundle, decided: Decided, names: tuple[str, ...], row: int) -> Randomness:
    drawn, probability = int(decided.exploration.arm[row]), decided.exploration.probability[row]
    holdout = 1.0 if decided.table["opted_out"].iloc[row] else bundle.params.decision.holdout
    return Randomness(
        holdout=holdout,
        held=bool(decided.held[row]),
        explored={name: float(share) for name, share in zip(names, probability, strict=True) if share > 0},
        drawn=names[drawn] if drawn >= 0 else None,
        planned=names[int(decided.plan.arm[row])],
        planned_share=float((1.0 - holdout) * (1.0 - probability.sum())),
    )


def _differs(again: pd.Series, before: pd.Series) -> np.ndarray:
    same = (again == before) | (again.isna() & before.isna())
    return ~same.to_numpy(dtype=bool)
