"""One row of the assignments table, and what the ledger remembers of it once people have acted."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..contracts.errors import InputError
from ..contracts.normal import Z95

_SHORTEST = 8  # characters of an id


@dataclass(frozen=True)
class Gain:
    """An arm's expected gain net of cost, its standard error and 95 % interval, money; None where unknown."""

    gain: float | None
    error: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, gain: float, error: float) -> "Gain":
        """Return the gain; NaN is unknown."""
        return cls(known(gain), known(error), known(gain - Z95 * error), known(gain + Z95 * error))


@dataclass(frozen=True)
class Assigned:
    """An assignment; columns of the contract, and `gains`: of each arm but the control, in catalogue order."""

    decision_id: str
    stakeholder_id: str
    decided_at: str
    iteration: int
    policy: str
    intervention: str
    propensity: float
    best_intervention: str
    churn_risk: float
    expected_gain: float | None
    reason: str
    model_digest: str
    gains: Mapping[str, Gain]

    @classmethod
    def of(cls, row: pd.Series) -> "Assigned":
        """Return a row of the assignments table."""
        arms = [name.removeprefix("gain_se_") for name in row.index if name.startswith("gain_se_")]
        return cls(
            decision_id=str(row["decision_id"]),
            stakeholder_id=str(row["stakeholder_id"]),
            decided_at=row["decided_at"].isoformat(),
            iteration=int(row["iteration"]),
            policy=str(row["policy"]),
            intervention=str(row["intervention"]),
            propensity=float(row["propensity"]),
            best_intervention=str(row["best_intervention"]),
            churn_risk=float(row["churn_risk"]),
            expected_gain=known(row["expected_gain"]),
            reason=str(row["reason"]),
            model_digest=str(row["model_digest"]),
            gains={arm: Gain.of(row[f"gain_{arm}"], row[f"gain_se_{arm}"]) for arm in arms},
        )


@dataclass(frozen=True)
class Outcome:
    """What people made of a proposal; None where they did not say."""

    status: str | None = None
    delivered_intervention: str | None = None
    status_reason: str | None = None

    @classmethod
    def of(cls, decision: pd.Series) -> "Outcome":
        """Return what a row of the ledger's decisions says."""
        said = {name: decision.get(name) for name in cls.__dataclass_fields__}
        return cls(**{name: None if pd.isna(value) else str(value) for name, value in said.items()})


def row_of(assignments: pd.DataFrame, asked: str) -> int | None:
    """Return the row of a decision_id, a stakeholder_id or the beginning of one decision_id; None if there is none.

    A beginning has 8 characters or more and is no stakeholder's id, so that nobody's decision is taken for another's.

    Args:
        assignments: of one iteration, one row per stakeholder.
        asked: the id.

    Raises:
        InputError: several decisions begin so.
    """
    ids = assignments["decision_id"]
    rows = np.flatnonzero(ids == asked)
    if not len(rows):
        rows = np.flatnonzero(assignments["stakeholder_id"] == asked)
    if not len(rows) and len(asked) >= _SHORTEST:
        rows = np.flatnonzero(ids.str.startswith(asked))
    if len(rows) > 1:
        got = f"{len(rows)}, such as {', '.join(ids.iloc[rows[:3]])}"
        raise InputError(f"decision {asked}", "the beginning of one decision_id", got, "give more of it")
    return int(rows[0]) if len(rows) else None


def known(number: float) -> float | None:
    """Return a number, None for NaN."""
    return None if np.isnan(number) else float(number)
