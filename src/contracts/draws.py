"""Sticky random numbers: a stakeholder's draw depends on the id and a salt alone, never on the batch around it.

Folds are by cluster: who shares a value of `decision.one_per`, such as a household, is learned from or judged together.
"""

import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def uniform_by_id(ids: pd.Series, salt: str) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each id, shape (n,); equal ids get equal numbers.

    >>> uniform_by_id(pd.Series(["a", "b", "a"]), "holdout 1").round(4).tolist()
    [0.0619, 0.4512, 0.0619]
    """
    key = hashlib.sha256(salt.encode()).hexdigest()[:16]
    hashed = pd.util.hash_array(ids.to_numpy(dtype=object), hash_key=key, categorize=False)
    uniform: NDArray[np.float64] = (hashed >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return uniform


def folds_by_id(ids: pd.Series, folds: int, seed: int) -> NDArray[np.int64]:
    """Return each id's fold, 0 … folds − 1, shape (n,): a cluster never stands on both sides of a split."""
    fold: NDArray[np.int64] = np.floor(uniform_by_id(ids, f"fold {seed}") * folds).astype(np.int64)
    return fold


def clusters(rows: pd.DataFrame, one_per: str | None) -> pd.Series:
    """Return whose outcomes hang together with whose, text of shape (n,): a stakeholder's, and those of a household.

    Args:
        rows: stakeholder_id and the column `one_per`.
        one_per: column whose equal values make a household; a missing value makes none.

    >>> clusters(pd.DataFrame({"stakeholder_id": ["a", "b", "c"], "home": ["x", "x", None]}), "home").tolist()
    ['\\x1fx', '\\x1fx', 'c']
    """
    alone = rows["stakeholder_id"]
    if one_per is None:
        return alone
    homes = rows[one_per]
    return ("\x1f" + homes.astype("str")).where(homes.notna(), alone)  # no id begins so
