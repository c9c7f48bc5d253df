"""Effects on visits in worlds of known truth that look like a mailing: ours beside plain S and rankings, by how much
effects differ.

    python benchmarks/uplift_visits.py --seeds 31 32 33 --differences 0 0.1 0.2 0.4

32,000 people, a control and two e-mails at random; one in eight visits without an e-mail, each e-mail raises the log-
odds of everybody, and by `difference` times its fit to the person besides. Printed by difference: the share of the
ceiling in % (the visits that the policy adds over those that each one's truly best e-mail adds, 32,000 others), mean
± standard error over seeds.
"""

import argparse

import numpy as np
import pandas as pd
from rivals import LEARNERS, Task  # type: ignore[import-not-found]

from rapport.models.logged import Floats, Logged
from rapport.worlds.draws import logistic
from rapport.worlds.trial import TRIAL_CATEGORIES, TRIAL_FEATURES, Trial, draw_trial
from rapport.worlds.trial_effects import Drivers, fits

ROWS = 32_000
ARMS = ("none", "personal_support", "discount")
FITS = (1, 3)  # of the trial's arms, those that the two e-mails have
RAISES = (0.0, 0.45, 0.35)  # log-odds that each arm adds for everybody
COMPARED = ("ours", "S", "risk ranking", "response ranking")


def people(seed: int, difference: float, later: bool) -> tuple[np.ndarray, Floats]:
    """Return features and the true probability of a visit under each arm, shape (n, 3)."""
    X = draw_trial(Trial(ROWS, seed, "shoppers", later=later)).X
    drivers = Drivers.of(X, TRIAL_FEATURES)
    base = -2.1 + 0.35 * drivers.engagement - 0.3 * drivers.idle + 0.15 * drivers.size
    each = fits(drivers, np.zeros(ROWS))
    personal = np.column_stack([np.zeros(ROWS), *(each[at] for at in FITS)])
    return X, logistic(base[:, None] + np.array(RAISES) + difference * personal)


def shares(seed: int, difference: float) -> list[float]:
    """Return the share of the ceiling of each compared learner, and of the e-mail that is best for all."""
    X, visit = people(seed, difference, later=False)
    rng = np.random.default_rng([seed, 77])
    arm = rng.integers(0, len(ARMS), ROWS)
    visited = rng.random(ROWS) < visit[np.arange(ROWS), arm]
    log = Logged(
        arms=ARMS, X=X, arm=arm, propensity=np.full(ROWS, 1 / len(ARMS)), money=np.zeros(ROWS),
        retained=visited.astype(float), retention_value=1.0, ids=pd.Series(np.arange(ROWS)).astype("str"),
        iteration=np.zeros(ROWS, dtype=np.int64), eligible=np.ones((ROWS, len(ARMS)), dtype=bool),
    )  # fmt: skip
    X_new, truth = people(seed, difference, later=True)
    nobody, ceiling = truth[:, 0].mean(), truth.max(axis=1).mean()
    task = Task(log, X_new, np.zeros(len(ARMS)), TRIAL_CATEGORIES, True)
    chosen = [LEARNERS[name](task).argmax(axis=1) for name in COMPARED]
    earned = [float(truth[np.arange(ROWS), each].mean()) for each in chosen]
    return [100 * (each - nobody) / (ceiling - nobody) for each in (*earned, truth.mean(axis=0).max())]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(31, 41)))
    parser.add_argument("--differences", type=float, nargs="+", default=[0.0, 0.1, 0.2, 0.4])
    asked = parser.parse_args()
    heads = ["difference", *COMPARED, "best constant", "ours less S"]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|", flush=True)
    for difference in asked.differences:
        found = np.array([shares(seed, difference) for seed in asked.seeds])
        columns = np.column_stack([found, found[:, 0] - found[:, 1]])
        errors = columns.std(axis=0, ddof=1) / np.sqrt(len(columns)) if len(columns) > 1 else np.zeros(columns.shape[1])
        cells = [f"{mean:.1f} ± {error:.1f}" for mean, error in zip(columns.mean(axis=0), errors, strict=True)]
        print(f"| {difference:g} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
