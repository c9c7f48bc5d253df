"""The regression of the churn model: risk under the control, from the columns that tell of it (docs/decisions/0038).

Of many columns and few rows most is noise, and no penalty on all coefficients alike keeps it out: columns are screened
one by one first (Fan & Lv 2008, JRSS B 70, "Sure independence screening").
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from .boosting import Training
from .linear_risk import DECIMALS, Floats, LinearRisk, Matrix, described, enough, with_coefficients

FALSE_SHARE = 0.2  # of the columns that are kept, expected at most
LEAST_COLUMNS = 20  # the most telling, kept whatever the rows prove
STRENGTH = 0.03  # inverse, of the L2 penalty


def fit_control_risk(X: Matrix, y: Floats, arm: NDArray[np.int64], training: Training) -> tuple[LinearRisk, Floats]:
    """Return the regression under the control, and by how much each row's arm moves its log-odds, shape (n,).

    An arm moves everyone's log-odds by as much, so that rows of other arms teach the rest.

    Args:
        X: shape (n, p).
        y: 0 or 1, both present, shape (n,).
        arm: index of each row's arm, the control 0, shape (n,).
        training: category columns of X, seed and threads.
    """
    at = X.shape[1]
    whole, outcome = enough(np.column_stack([X, arm.astype(np.float32)]), y, training)
    blank = described(whole, (*training.category_indexes, at) if arm.any() else training.category_indexes)
    design = blank.design(whole)
    kept = telling(design, outcome) | (np.array(blank.sources, dtype=np.int64) == at)
    both = with_coefficients(blank.only(kept), design[:, kept], outcome, training, STRENGTH)
    if not arm.any():
        return both, np.zeros(len(y))
    rest, added = both.apart(at)
    of_control = added.get(0, 0.0)
    moves = np.array([added.get(code, 0.0) - of_control for code in range(int(arm.max()) + 1)])
    return replace(rest, intercept=round(rest.intercept + of_control, DECIMALS)), moves[arm]


def telling(design: Floats, y: Floats) -> NDArray[np.bool_]:
    """Return which columns tell of the outcome, each by itself, shape (columns,).

    Score tests z = Σ (x − x̄) (y − ȳ) / √(ȳ (1 − ȳ) Σ (x − x̄)²) at a false discovery rate of FALSE_SHARE (Benjamini &
    Hochberg 1995, JRSS B 57), and in any case the LEAST_COLUMNS of largest |z|. A stakeholder's rows count as if they
    were of different ones, so that more is kept.

    Args:
        design: shape (n, columns).
        y: 0 or 1, both present, shape (n,).
    """
    count, share = design.shape[1], y.mean()
    spread = (design**2).sum(axis=0) - len(y) * design.mean(axis=0) ** 2
    product = np.abs(design.T @ (y - share))
    z = np.zeros(count)  # of a constant column too, whose spread is what rounding leaves of it
    np.divide(product, np.sqrt(share * (1 - share) * np.abs(spread)), out=z, where=spread > 1e-9 * len(y))
    order = np.argsort(-np.round(z, DECIMALS), kind="stable")
    proven = erfc(z[order] / np.sqrt(2)) <= FALSE_SHARE * np.arange(1, count + 1) / max(count, 1)
    kept = np.zeros(count, dtype=np.bool_)
    kept[order[: max(LEAST_COLUMNS, int(np.flatnonzero(proven).max(initial=-1)) + 1)]] = True
    return kept
