"""The snapshots that churn is learned from, and how they are parted into rows to learn from and later rows to judge by.

Risk is asked under the control: no intervention decided or received at the instant. Where one was decided, the row
counts with the decided arm, whatever was delivered: who is gone declines. Interventions later in the horizon stay in,
as business as usual: only those who have not left meet them, so leaving such rows out would select on the outcome. What
is judged is predicted from earlier snapshots, whose outcomes were known by then, of other stakeholders.

Whom a policy left alone is unlike those whom it did not. So rows of the control weigh by the inverse of the probability
with which the control was decided for them: inverse probability of censoring weights (Robins & Rotnitzky 1992),
stabilised (Robins, Hernán & Brumback 2000, Epidemiology 11:550) and truncated (Cole & Hernán 2008, AJE 168:656).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import clusters, folds_by_id
from ..contracts.errors import InputError
from ..contracts.params import Clock
from .boosting import Training
from .encoding import Encoding
from .logged import Floats

LEAST_LEARNT = 500  # rows under the control below which a time-forward fit falls back to rows of the same instants
HEAVIEST = 5.0  # weight of a row, times the mean: a few whom a policy hardly ever left alone must not decide everything
_DECIMALS = 9  # of weights: where all are alike they are 1 to the last bit


@dataclass(frozen=True)
class ChurnRows:
    """Snapshots under one arm each, n rows.

    Attributes:
        X: matrix, shape (n, p); names: of its columns.
        lost: by days of the clock's curve: 1 who had left, 0 who had not, NaN where that is not over; shape (n,).
        money: margin within the horizon, shape (n,).
        ids, as_of: stakeholder and instant, shape (n,).
        horizon: days.
        cluster: stakeholders, or the households that hold them, by which folds go, shape (n,).
        arm: index of the arm decided at the instant, the control 0, shape (n,).
        weight: of `control_weights`, shape (n,).
    """

    X: NDArray[np.float32]
    names: tuple[str, ...]
    lost: Mapping[int, Floats]
    money: Floats
    ids: pd.Series
    as_of: pd.Series
    horizon: int
    cluster: pd.Series
    arm: NDArray[np.int64]
    weight: Floats

    @property
    def churned(self) -> NDArray[np.bool_]:
        """Who had left by the end of the horizon, shape (n,)."""
        return np.asarray(self.lost[self.horizon] == 1.0)

    @property
    def control(self) -> NDArray[np.bool_]:
        """Which rows are under the control, shape (n,)."""
        return np.asarray(self.arm == 0)

    @property
    def latest(self) -> NDArray[np.bool_]:
        """Which rows are of the latest instant with rows under the control, shape (n,)."""
        return np.asarray(self.as_of == self.as_of[self.control].max())

    def where(self, rows: NDArray[np.bool_]) -> "ChurnRows":
        """Return some of the rows, mask of shape (n,)."""
        lost = {days: each[rows] for days, each in self.lost.items()}
        ids, as_of, cluster = (each[rows].reset_index(drop=True) for each in (self.ids, self.as_of, self.cluster))
        return ChurnRows(self.X[rows], self.names, lost, self.money[rows], ids, as_of, self.horizon, cluster,
                         self.arm[rows], self.weight[rows])  # fmt: skip

    def over_by(self, instant: pd.Timestamp, days: int) -> NDArray[np.bool_]:
        """Return the rows whose outcome after so many days was known at an instant, shape (n,)."""
        return np.asarray(self.as_of + pd.Timedelta(days=days) <= instant)


def under_control(snapshots: pd.DataFrame) -> pd.Series:
    """Return which snapshots are under the control, shape (n,): no intervention decided or received at the instant."""
    return snapshots["contacts"] == 0


def decided_arms(snapshots: pd.DataFrame, decisions: pd.DataFrame, arms: Sequence[str]) -> NDArray[np.int64]:
    """Return the index of the arm decided for each snapshot at its instant, shape (n,).

    Args:
        snapshots: stakeholder_id, as_of, contacts.
        decisions: the features stage's, with stakeholder_id, as_of and arm.
        arms: the catalogue, the control first.

    Returns:
        −1 where there was a contact and not one decision to explain it: the row is under no known arm.
    """
    decided, at = _only_one(snapshots, decisions[decisions["arm"] != arms[0]])
    code = np.append(pd.Index(arms).get_indexer(pd.Index(decided["arm"])), -1)[at]  # −1 takes the last
    return np.where(under_control(snapshots), 0, code).astype(np.int64)


def control_weights(snapshots: pd.DataFrame, decisions: pd.DataFrame, control: str) -> Floats:
    """Return how much each snapshot counts where the risk under the control is chosen or calibrated, shape (n,).

    Args:
        snapshots: stakeholder_id, as_of, contacts.
        decisions: the features stage's, with stakeholder_id, as_of, arm and propensity, NaN where it is unknown.
        control: its name.

    Returns:
        `inverse_weights` of those for whom the control was decided at the instant; 1 of others: for them nobody chose.
    """
    decided, at = _only_one(snapshots, decisions[decisions["arm"] == control])
    propensity = np.append(decided["propensity"].to_numpy(dtype=np.float64), np.nan)[at]  # −1 takes the last
    return inverse_weights(np.where(under_control(snapshots), propensity, np.nan), snapshots["as_of"])


def _only_one(snapshots: pd.DataFrame, decisions: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Return the decisions that are the only one of a stakeholder at an instant, and the row among them of each
    snapshot's, −1 where there is none, shape (n,)."""
    keys = ["stakeholder_id", "as_of"]
    decided = decisions.drop_duplicates(keys, keep=False)
    at = pd.MultiIndex.from_frame(decided[keys]).get_indexer(pd.MultiIndex.from_frame(snapshots[keys]))
    return decided, at.astype(np.int64)


def inverse_weights(propensity: Floats, as_of: pd.Series) -> Floats:
    """Return weights ∝ 1 / propensity of the control, held at `HEAVIEST` times their mean, then brought to mean 1 at
    each instant; shape (n,).

    Args:
        propensity: with which the control was decided, NaN where it was not, or nobody knows: those weigh 1.
        as_of: instant, shape (n,).
    """
    inverse, instant = pd.Series(1.0 / propensity), as_of.to_numpy()
    held = (inverse / inverse.groupby(instant).transform("mean")).clip(upper=HEAVIEST)
    weight = held / held.groupby(instant).transform("mean")
    return weight.round(_DECIMALS).fillna(1.0).to_numpy(dtype=np.float64)


def churn_rows(snapshots: pd.DataFrame, arm: NDArray[np.int64], weight: Floats, encoding: Encoding, clock: Clock,
               one_per: str | None = None) -> ChurnRows:  # fmt: skip
    """Return the snapshots of known arms.

    Args:
        snapshots: features and outcomes, n rows.
        arm: of `decided_arms`, shape (n,).
        weight: of `control_weights`, shape (n,).
        encoding: of the features.
        clock: horizon and curve.
        one_per: as in `clusters`.

    Raises:
        InputError: none is under the control.
    """
    if not (arm == 0).any():
        expected = "stakeholders without an intervention at an instant whose horizon is over"
        fix = "move clock.as_of, or features.snapshots and snapshot_every_days, to where the history lies"
        raise InputError("snapshots to learn churn from", expected, "none", fix)
    known = snapshots[arm >= 0].reset_index(drop=True)
    lost = {
        days: np.asarray(known[name].astype("Float64").to_numpy(na_value=np.nan), dtype=np.float64)
        for days, name in clock.lost_by.items()
    }
    money = known["money"].to_numpy(dtype=np.float64)
    ids, as_of = known["stakeholder_id"], known["as_of"]
    return ChurnRows(encoding.matrix(known), encoding.names, lost, money, ids, as_of, clock.horizon_days,
                     clusters(known, one_per), arm[arm >= 0], weight[arm >= 0])  # fmt: skip


def held_out_parts(rows: ChurnRows, days: int, training: Training) -> Iterator[tuple[ChurnRows, ChurnRows]]:
    """Yield (rows to learn from, rows to predict): the latest snapshot in parts, earlier ones of other stakeholders.

    What is predicted is under the control. Earlier are those whose outcome after so many days was over at the latest
    instant: others were not known then. Where they are too few, rows of the same instant are learned from.
    """
    tested, earlier = rows.latest & rows.control, earlier_rows(rows, days)
    learnt = rows.latest if earlier is None else earlier
    fold = folds_by_id(rows.cluster, training.learner.folds, training.seed)
    for k in np.unique(fold[tested]):
        yield rows.where(learnt & (fold != k)), rows.where(tested & (fold == k))


def earlier_rows(rows: ChurnRows, days: int) -> NDArray[np.bool_] | None:
    """Return the rows whose outcome was known at the latest instant, shape (n,); None where they are too few."""
    earlier = rows.over_by(rows.as_of[rows.control].max(), days)
    return earlier if int((earlier & rows.control).sum()) >= LEAST_LEARNT else None
