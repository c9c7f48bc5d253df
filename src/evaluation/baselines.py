"""The policies that ours must beat, as (n, k) matrices of probabilities.

Conventions: k arms in catalogue order with the control at 0, which everyone may receive; whoever may not
receive an arm receives the control. Arms are compared by net money, `dr_scores − cost`, on the other folds
only: the rows on which a baseline is valued have no say in it (through `mu` they have the usual
cross-fitting trace). Ties: the lower arm index, and the earlier row.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.scores import FloatArray, IntArray, checked_array

BoolArray = NDArray[np.bool_]


def nobody(n: int, k: int) -> FloatArray:
    """Return the policy, shape (n, k), that gives everyone the control.

    >>> nobody(1, 3).tolist()
    [[1.0, 0.0, 0.0]]
    """
    return _one_hot(np.zeros(n, dtype=np.int64), k)


def random(eligible: BoolArray) -> FloatArray:
    """Return the policy that draws each row's arm uniformly from those it may receive, the control included.

    Args:
        eligible: which arm each row may receive, shape (n, k).

    Returns:
        probabilities, shape (n, k).

    Raises:
        ValueError: `eligible` is not an (n, k) matrix of bool or bars someone from the control.

    >>> random(np.array([[True, True], [True, False]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    eligible = _checked_eligible(eligible)
    shares: FloatArray = eligible / eligible.sum(axis=1, keepdims=True)
    return shares


def best_single_arm(fold: NDArray[Any], eligible: BoolArray, cost: FloatArray, dr_scores: FloatArray) -> FloatArray:
    """Return the policy that gives a fold the one arm, control included, that earned most on the other folds.

    An arm's mean net value on the other folds counts the control for rows that may not receive the arm.

    Args:
        fold: the fold of each row, shape (n,), at least two folds.
        eligible: which arm each row may receive, shape (n, k).
        cost: money each arm charges, shape (n, k).
        dr_scores: doubly robust scores, money before costs, shape (n, k).

    Returns:
        one-hot rows, shape (n, k).

    Raises:
        ValueError: shapes disagree, or there is one fold only.
    """
    eligible = _checked_eligible(eligible)
    arm = _best_elsewhere(fold, eligible, cost, dr_scores, first=0)
    return _one_hot(np.where(_may(eligible, arm), arm, 0), eligible.shape[1])


def risk_ranking(
    fold: NDArray[Any],
    eligible: BoolArray,
    cost: FloatArray,
    dr_scores: FloatArray,
    churn_risk: FloatArray,
    treated: int,
) -> FloatArray:
    """Return the policy that gives the likeliest to leave their fold's best single arm, as many as `treated`.

    Rows that may not receive the arm are passed over; fewer than `treated` are treated only if fewer may be.

    Args:
        fold, eligible, cost, dr_scores: as in `best_single_arm`; the control is not among the arms compared.
        churn_risk: shape (n,).
        treated: rows that the policy to be compared treats.

    Returns:
        one-hot rows, shape (n, k).

    Raises:
        ValueError: shapes disagree, there is one fold or no arm beside the control, or `treated` is not in
        [0, n].
    """
    eligible = _checked_eligible(eligible)
    arm = _best_elsewhere(fold, eligible, cost, dr_scores, first=1)
    return _treat_first(checked_array("churn_risk", churn_risk, (len(arm),)), arm, eligible, treated)


def response_ranking(
    fold: NDArray[Any],
    eligible: BoolArray,
    cost: FloatArray,
    dr_scores: FloatArray,
    mu: FloatArray,
    treated: int,
) -> FloatArray:
    """Return the policy that gives those of highest predicted value their fold's best single arm.

    This is the habit of next-best-action products: it ranks by the response expected with the arm, not by the
    difference that the arm makes. As many as `treated`, as in `risk_ranking`.

    Args:
        fold, eligible, cost, dr_scores, treated: as in `risk_ranking`.
        mu: out-of-fold prediction of value under each arm, money before costs, shape (n, k).

    Returns:
        one-hot rows, shape (n, k).

    Raises:
        ValueError: as in `risk_ranking`.
    """
    eligible = _checked_eligible(eligible)
    arm = _best_elsewhere(fold, eligible, cost, dr_scores, first=1)
    predicted = checked_array("mu", mu, eligible.shape)[np.arange(len(arm)), arm]
    return _treat_first(predicted, arm, eligible, treated)


def _best_elsewhere(
    fold: NDArray[Any], eligible: BoolArray, cost: FloatArray, dr_scores: FloatArray, first: int
) -> IntArray:
    """Arm from index `first` on with the highest mean net value outside each row's fold; shape (n,)."""
    shape = eligible.shape
    if shape[1] <= first:
        raise ValueError(f"eligible: expected an arm beside the control; got {shape[1]} column")
    names, codes = np.unique(np.asarray(fold), return_inverse=True)
    if codes.shape != shape[:1] or len(names) < 2:
        raise ValueError(f"fold: expected shape {shape[:1]}, two folds or more; got {codes.shape}, {len(names)}")
    net = checked_array("dr_scores", dr_scores, shape) - checked_array("cost", cost, shape)
    applied = np.where(eligible, net, net[:, :1])
    # Each complement is averaged afresh: total minus own fold would let that fold in through rounding.
    elsewhere = [applied[codes != code, first:].mean(axis=0) for code in range(len(names))]
    best: IntArray = first + np.argmax(elsewhere, axis=1).astype(np.int64)
    return best[codes]


def _treat_first(priority: FloatArray, arm: IntArray, eligible: BoolArray, treated: int) -> FloatArray:
    if not 0 <= treated <= len(arm):
        raise ValueError(f"treated: expected a number of rows from 0 to {len(arm)}; got {treated}")
    order = np.argsort(-priority, kind="stable")
    chosen = order[_may(eligible, arm)[order]][:treated]
    given = np.zeros(len(arm), dtype=np.int64)
    given[chosen] = arm[chosen]
    return _one_hot(given, eligible.shape[1])


def _may(eligible: BoolArray, arm: IntArray) -> BoolArray:
    may: BoolArray = eligible[np.arange(len(arm)), arm]
    return may


def _one_hot(arm: IntArray, k: int) -> FloatArray:
    return np.eye(k)[arm]


def _checked_eligible(eligible: BoolArray) -> BoolArray:
    array = np.asarray(eligible)
    if array.ndim != 2 or array.dtype != np.bool_ or 0 in array.shape:
        raise ValueError(f"eligible: expected bool of shape (n, k); got {array.dtype} of shape {array.shape}")
    if not array[:, 0].all():
        row = int(np.flatnonzero(~array[:, 0])[0])
        raise ValueError(f"eligible: expected everyone to be eligible for the control (column 0); got row {row}")
    return array
