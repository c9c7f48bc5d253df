"""How often 95 % intervals of effects hold the truth, and whether promised gains are kept, over many drawn trials.

    python benchmarks/intervals.py --worlds randomised "targeted, logged" --draws 200 --rows 10000

Prints one JSON line per world: coverage of the average effect by arm (the unbiased doubly robust mean, over the log's
own rows), of the effect of single rows met later, and the promised and true gain of the chosen arms.
"""

import argparse
import json

import numpy as np
import pandas as pd
from uplift import WORLDS  # type: ignore[import-not-found]

from rapport.contracts.params import Learner
from rapport.models.boosting import Training
from rapport.models.logged import Floats, Logged, with_estimated_propensities
from rapport.models.uplift import fit_uplift
from rapport.worlds.trial import TRIAL_ARMS, TRIAL_CATEGORIES, Trial, TrialData, draw_trial

TRAINING = Training(Learner(), 1, 1, TRIAL_CATEGORIES)
NEW_ROWS = 4_000
NORMAL = 1.959964


def logged(data: TrialData) -> Logged:
    """Return a trial as a log."""
    rows = len(data.arm)
    return Logged(
        arms=TRIAL_ARMS, X=data.X, arm=data.arm, propensity=data.recorded, money=data.money, retained=data.retained,
        retention_value=data.retention_value, ids=pd.Series(np.arange(rows)).astype("str"), iteration=data.wave,
        eligible=np.ones((rows, len(TRIAL_ARMS)), dtype=bool),
    )  # fmt: skip


def draw(world: str, rows: int, seed: int) -> dict[str, Floats]:
    """Return one draw's hits by arm, and the promised and true mean gain of the arms chosen."""
    data = draw_trial(Trial(rows=rows, seed=seed, **WORLDS[world]))
    new = draw_trial(Trial(rows=NEW_ROWS, seed=seed, later=True, **WORLDS[world]))
    model = fit_uplift(with_estimated_propensities(logged(data), TRAINING), TRAINING)
    truth = (data.value - data.value[:, :1]).mean(axis=0)[1:]
    lines = [line for line in model.effects if line is not None]
    average = np.array([line.average for line in lines])
    deviation = np.sqrt([line.var_average for line in lines])
    _, effect, error = model.predict(new.X, new.retention_value, 1)
    effects = new.value - new.value[:, :1]
    chosen = (effect - new.cost).argmax(axis=1)
    at = np.arange(NEW_ROWS)
    return {
        "average": (np.abs(average - truth) <= NORMAL * deviation).astype(float),
        "row": (np.abs(effect - effects) <= NORMAL * error)[:, 1:].mean(axis=0),
        "promised": np.array([(effect - new.cost)[at, chosen].mean()]),
        "true": np.array([(effects - new.cost)[at, chosen].mean()]),
        "ceiling": np.array([(effects - new.cost).max(axis=1).mean()]),
    }


def main() -> None:
    """Print coverage by world."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--worlds", nargs="*", default=["randomised", "targeted, logged", "targeted, unrecorded", "null"]
    )
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--rows", type=int, default=10_000)
    asked = parser.parse_args()
    for world in asked.worlds:
        draws = [draw(world, asked.rows, 1000 + seed) for seed in range(asked.draws)]
        means = {name: np.stack([each[name] for each in draws]).mean(axis=0).round(3).tolist() for name in draws[0]}
        overall = {
            "average_all": round(float(np.mean(means["average"])), 3),
            "row_all": round(float(np.mean(means["row"])), 3),
        }
        print(json.dumps({"world": world, "draws": asked.draws, "rows": asked.rows, **means, **overall}), flush=True)


if __name__ == "__main__":
    main()
