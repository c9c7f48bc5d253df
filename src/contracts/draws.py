"""Sticky random numbers: a stakeholder's draw depends on the id and a salt alone, never on the batch around it."""

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
    """Return each id's fold, 0 … folds − 1, shape (n,): a stakeholder never stands on both sides of a split."""
    fold: NDArray[np.int64] = np.floor(uniform_by_id(ids, f"fold {seed}") * folds).astype(np.int64)
    return fold
