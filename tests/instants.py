"""Snapshots of the same people at three instants, and trees that learn from them quickly, for tests of what ages."""

import numpy as np
import pandas as pd
from scipy.special import expit

from rapport.contracts.params import Learner
from rapport.models.boosting import Training

TRAINING = Training(Learner(rounds=20, learning_rate=0.2, min_leaf_rows=10, folds=2), 1, 1, ())


def snapshots(rng, shift=0.0, people=600):
    """Three instants, 90 days apart; those of low use leave, and in the last instant more of them by `shift`."""
    use = np.tile(rng.normal(size=people), 3)
    late = np.repeat([0.0, 0.0, shift], people)
    rows = pd.DataFrame({
        "stakeholder_id": [f"s{at}" for at in range(people)] * 3,
        "as_of": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.repeat([0, 90, 180], people), unit="D"),
        "churned": rng.random(3 * people) < expit(-1.5 - 1.5 * use + late),
        "value": rng.gamma(2.0, 50.0, 3 * people) + 80 * late,
    })  # fmt: skip
    return use[:, None].astype(np.float32), rows
