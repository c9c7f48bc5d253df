"""The assignments of a run, counted: per arm with spend and gain, and by reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.errors import ArtifactError
from .formats import words

MEANING_OF_REASON = {
    "best_gain": "the arm with the highest expected gain",
    "no_gain": "no arm is worth its cost here",
    "budget": "a better arm did not fit into the budget",
    "capacity": "a better arm was full",
    "cooldown": "a better arm was given too recently",
    "opted_out": "wants no contact",
    "not_eligible": "not open to this stakeholder",
    "explore": "drawn at random, so that effects can be learned",
    "holdout": "always left alone, so that the whole can be judged",
    "quota": "another arm must be given often enough",
    "rate_gap": "groups must not be treated too differently",
    "household": "another member of the household is contacted",
    "exclusion": "a better arm must not follow another one so soon",
    "contact_limit": "has been contacted often enough lately",
    "refusal": "turned a contact down lately",
    "unknown_gain": "of no arm is the gain known yet",
}


@dataclass(frozen=True)
class ArmTally:
    """One arm's assignments.

    Attributes:
        arm: its name.
        count: stakeholders assigned to it.
        spend: expected money, all of them together.
        mean_gain: mean expected gain, money; None when nobody has it or no gain is known.
        reasons: stakeholders by reason, in the order of `MEANING_OF_REASON`.
    """

    arm: str
    count: int
    spend: float
    mean_gain: float | None
    reasons: dict[str, int]


def tally(assignments: pd.DataFrame, spend: Mapping[str, float]) -> list[ArmTally]:
    """Return the counts of each arm, in catalogue order.

    Args:
        assignments: intervention, expected_gain and reason, one row per stakeholder.
        spend: expected money by arm, the control first, then the arms in catalogue order.

    Raises:
        ArtifactError: an assigned arm is not in the catalogue.
    """
    names = list(spend)
    at = pd.Index(names).get_indexer(pd.Index(assignments["intervention"]))
    if (at < 0).any():
        unknown = repr(assignments["intervention"].iloc[int((at < 0).argmax())])
        raise ArtifactError(
            "assignments, column intervention", f"one of {', '.join(names)}", unknown, "run `dvc repro`"
        )
    gain, reason = assignments["expected_gain"].to_numpy(dtype=float), assignments["reason"].to_numpy(dtype=object)
    return [_tally(name, at == k, spend[name], gain, reason) for k, name in enumerate(names)]


def reasons_in(tallies: Sequence[ArmTally]) -> list[str]:
    """Return the reasons that occur, the known ones in the order of `MEANING_OF_REASON`, then others by name.

    >>> reasons_in([ArmTally("none", 2, 0.0, None, {"holdout": 1, "no_gain": 1})])
    ['no_gain', 'holdout']
    """
    return _ordered({reason for each in tallies for reason in each.reasons})


def reason_parts(tallies: Sequence[ArmTally]) -> dict[str, int]:
    """Return each occurring reason's place in the palette: always the same for the known ones, unknown ones after them.

    >>> reason_parts([ArmTally("none", 2, 0.0, None, {"explore": 1, "no_gain": 1})])
    {'no_gain': 1, 'explore': 7}
    """
    occurring, order = reasons_in(tallies), list(MEANING_OF_REASON)
    order += [reason for reason in occurring if reason not in MEANING_OF_REASON]
    return {reason: order.index(reason) for reason in occurring}


def meaning(reason: str) -> str:
    """Return what a reason means, in words.

    >>> meaning("budget"), meaning("some_other")
    ('a better arm did not fit into the budget', 'some other')
    """
    return MEANING_OF_REASON.get(reason, words(reason))


def _tally(name: str, mine: NDArray[np.bool_], spend: float, gain: NDArray[np.float64],
           reason: NDArray[np.object_]) -> ArmTally:  # fmt: skip
    known = gain[mine & ~np.isnan(gain)]
    found, counts = np.unique(reason[mine].astype(str), return_counts=True)
    by_reason = dict(zip(found.tolist(), counts.tolist(), strict=True))
    mean = float(known.mean()) if len(known) else None
    return ArmTally(name, int(mine.sum()), spend, mean, {r: by_reason[r] for r in _ordered(by_reason)})


def _ordered(reasons: set[str] | dict[str, int]) -> list[str]:
    order = list(MEANING_OF_REASON)
    return sorted(reasons, key=lambda reason: (order.index(reason) if reason in order else len(order), reason))
