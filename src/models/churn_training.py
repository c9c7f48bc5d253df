"""The churn part of a training: risk, curve and margin for today, and held-out predictions by which to judge them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from .boosting import Training
from .churn import ChurnModel, Decided, fit_churn
from .churn_baselines import RULE, baseline_columns
from .churn_curve import ChurnCurve, fit_curve
from .churn_rows import ChurnRows, earlier_rows, held_out_parts
from .logged import Floats
from .margin import Margin, fit_margin
from .progress import Say
from .search import search_learner
from .single_feature import refuse_telltale


@dataclass(frozen=True)
class TrainedChurn:
    """What the churn part yields.

    Attributes:
        risk, curve, margin: fitted to all rows.
        held_out: risk of the latest snapshot's rows beside its baselines'.
        curve_rows: stakeholder_id, as_of, days, churned, churn_risk: held out for each of the curve's other days, at
            the latest snapshot of which that outcome is known.
        log: plain facts, JSON-ready.
    """

    risk: ChurnModel
    curve: ChurnCurve
    margin: Margin
    held_out: pd.DataFrame
    curve_rows: pd.DataFrame
    log: dict[str, object]


def train_churn(rows: ChurnRows, training: Training, allowed: Collection[str], say: Say) -> TrainedChurn:
    """Return the models and their held-out predictions.

    Args:
        rows: of `churn_rows`.
        training: how trees are grown.
        allowed: features that may tell churn all by themselves.
        say: receives one line of progress per fit.

    Raises:
        InputError: another feature alone tells who churned.
    """
    _refuse_leaks(rows, training, allowed)
    untouched = rows.where(rows.control)
    say(f"churn: {len(untouched.ids):,} snapshots without an intervention, {untouched.churned.sum():,} churned; "
        f"{len(rows.ids) - len(untouched.ids):,} with one")  # fmt: skip
    if not untouched.churned.any():
        say("warning: nobody without an intervention churned, so churn risk is the same for everyone: see that "
            "outcome.churn is what leaving means here, and that the snapshots reach back to some who left")  # fmt: skip
    searched = search_learner(rows, training, say)
    risk = fit_risk(rows, replace(training, learner=searched.learner))
    curve = _fit_curve(untouched, untouched.lost, training)
    margin = fit_margin(untouched.X, untouched.money, ~untouched.churned, untouched.cluster, training)
    held_out, curve_rows, split = _held_out(rows, training, say)
    log = {"rows": len(untouched.ids), "churned": int(untouched.churned.sum()), "split": split,
           "rows_of_other_arms": len(rows.ids) - len(untouched.ids),
           "calibration": risk.calibrator.kind, "search": list(searched.trials),
           "learner": searched.learner.model_dump(exclude={"folds", "churn_leaves", "search"})}  # fmt: skip
    return TrainedChurn(risk, curve, margin, held_out, curve_rows, log)


def fit_risk(rows: ChurnRows, training: Training) -> ChurnModel:
    """Return the risk at the horizon learned from the rows."""
    return fit_churn(rows.X, rows.churned, rows.cluster, training, Decided(rows.as_of, rows.arm, rows.weight))


def _fit_curve(rows: ChurnRows, lost: Mapping[int, Floats], training: Training) -> ChurnCurve:
    return fit_curve(rows.X, lost, rows.cluster, training, rows.horizon, rows.weight)


def _refuse_leaks(risk: ChurnRows, training: Training, allowed: Collection[str]) -> None:
    """Refuse features that alone tell who churned, in the latest snapshot or in all.

    What an export says of today, such as a status, is perfect in the latest snapshot only: in earlier ones it also
    marks those who left later.
    """
    for rows in (risk.latest & risk.control, risk.control):
        refuse_telltale(
            risk.X[rows], risk.churned[rows], risk.cluster[rows], risk.names, training.category_indexes, allowed
        )


def _held_out(rows: ChurnRows, training: Training, say: Say) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Predict the latest snapshot, and for days beyond the horizon the latest of which the outcome is known by now.

    The baselines learn from those of the risk's rows that are under the control.
    """
    before = [days for days in rows.lost if days < rows.horizon]
    parts, curve = [], []
    for fold in _folds(rows, rows.horizon, training, say):
        untouched = fold.others.where(fold.others.control)
        baselines = baseline_columns(untouched.X, untouched.churned, fold.new.X, rows.names, training)
        known = {"stakeholder_id": fold.new.ids, "as_of": fold.new.as_of, "churned": fold.new.churned}
        parts.append(pd.DataFrame({**known, "churn_risk": fold.risk, **baselines}))
        curve.append(_curve_rows(fold, before, training))
    after = sorted(days for days in rows.lost if days > rows.horizon)
    for at, days in enumerate(after, start=1):
        known_by_now = rows.where(np.isfinite(rows.lost[days]))
        if known_by_now.control.any():
            found = [_curve_rows(fold, after[:at], training) for fold in _folds(known_by_now, days, training, say)]
            curve += [each[each["days"] == days] for each in found]
    table = pd.concat(parts).sort_values("stakeholder_id", kind="stable", ignore_index=True)
    of_curve = pd.concat(curve).sort_values(["days", "stakeholder_id"], kind="stable", ignore_index=True)
    later = earlier_rows(rows, rows.horizon) is not None
    split = "later time and other stakeholders" if later else "other stakeholders, same time: the data have no earlier"
    return table.astype({RULE: "str"}), of_curve, split


@dataclass(frozen=True)
class _Fold:
    """Rows to learn from, rows of other stakeholders to predict, and their risk at the horizon."""

    others: ChurnRows
    new: ChurnRows
    risk: Floats


def _folds(rows: ChurnRows, days: int, training: Training, say: Say) -> Iterator[_Fold]:
    for k, (others, new) in enumerate(held_out_parts(rows, days, training), start=1):
        say(f"churn within {days} days, held out: fold {k} of {training.learner.folds}")
        learner = training.learner if days != rows.horizon else search_learner(others, training, say).learner
        risk = fit_risk(others, replace(training, learner=learner))
        yield _Fold(others, new, risk.predict(new.X, training.threads))


def _curve_rows(fold: _Fold, other_days: list[int], training: Training) -> pd.DataFrame:
    """Return the fold's new rows once for each of the days, with what was predicted and what came."""
    others, new = fold.others.where(fold.others.control), fold.new
    lost = {days: others.lost[days] for days in (*other_days, others.horizon)}
    curve = _fit_curve(others, lost, training)
    risk = curve.predict(new.X, fold.risk, training.threads)
    days = np.repeat(np.array(other_days, dtype=np.int64), len(new.ids))
    return pd.DataFrame({
        "stakeholder_id": np.tile(new.ids.to_numpy(dtype=object), len(other_days)),
        "as_of": pd.concat([new.as_of[:0], *[new.as_of] * len(other_days)], ignore_index=True),
        "days": days,
        "churned": np.concatenate([np.zeros(0, bool), *(new.lost[each] == 1.0 for each in other_days)]),
        "churn_risk": np.concatenate([np.zeros(0), *(risk[each] for each in other_days)]),
    }).astype({"stakeholder_id": "str"})  # fmt: skip
