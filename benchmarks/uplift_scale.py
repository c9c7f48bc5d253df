"""CPU-seconds and peak memory of learning effects by rows, beside one plain LightGBM fit and the forests of libraries.

    python benchmarks/uplift_scale.py --rows 20000 200000 1000000 --learners "plain LightGBM" ours --out scale.csv

A randomised trial of 5 arms and a control with 50 features: the trial's 24 and 26 columns of noise. Every fit runs in a
process of its own, one thread; one that needs more CPU-seconds than the limit is ended and listed so. Memory is the
peak above what was in use before the fit, where the log and its float32 matrix were. The plain fit is one regression of
the value with as many rounds. Seconds are those of fitting alone for ours and the plain fit; libraries' include effects
for 1,000 rows.
"""

import argparse
import csv
import json
import resource
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from uplift import log_of, resident_mib, run  # type: ignore[import-not-found]

from rapport.models.boosting import Training, fit_booster
from rapport.models.uplift import fit_uplift
from rapport.worlds.trial import COSTS, TRIAL_CATEGORIES, Trial, draw_trial

FEATURES = 50
FIELDS = ("rows", "learner", "cpu_seconds", "matrix_mib", "extra_mib", "peak_mib")


def one(rows: int, learner: str) -> dict[str, object]:
    """Return seconds and memory of one fit."""
    from rivals import LEARNERS, SIZE, Task  # type: ignore[import-not-found]

    log = log_of(draw_trial(Trial(rows=rows, seed=101)))
    noise = np.random.default_rng(101).standard_normal((rows, FEATURES - log.X.shape[1]), dtype=np.float32)
    log = replace(log, X=np.hstack([log.X, noise]))
    del noise
    training = Training(SIZE, 1, 1, TRIAL_CATEGORIES)
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before, started = resident_mib("VmRSS"), time.process_time()
    if learner == "ours":
        fit_uplift(log, training)
    elif learner == "plain LightGBM":
        fit_booster(log.X, log.value, training, "regression")
    else:
        LEARNERS[learner](Task(log, log.X[:1000], np.array(COSTS["customers"]), TRIAL_CATEGORIES, True))
    seconds, peak = time.process_time() - started, resident_mib("VmHWM")
    return {
        "rows": rows, "learner": learner, "cpu_seconds": round(seconds, 1), "matrix_mib": round(log.X.nbytes / 2**20),
        "extra_mib": round(peak - before), "peak_mib": round(peak),
    }  # fmt: skip


def main() -> None:
    """Run what is asked for and not yet in the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="*", type=int, default=[20_000, 200_000, 1_000_000])
    parser.add_argument("--learners", nargs="*", default=["plain LightGBM", "ours"])
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/uplift_scale.csv"))
    parser.add_argument("--limit-seconds", type=int, default=300, help="of CPU, per fit")
    parser.add_argument("--one", default=None, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        resource.setrlimit(resource.RLIMIT_CPU, (asked.limit_seconds, asked.limit_seconds + 10))
        print("RESULT " + json.dumps(one(**json.loads(asked.one))))
        return
    if not asked.out.exists():
        asked.out.write_text(",".join(FIELDS) + "\n")
    done = {(each["rows"], each["learner"]) for each in csv.DictReader(asked.out.open())}
    for rows in asked.rows:
        for learner in asked.learners:
            if (str(rows), learner) not in done:
                result = run(__file__, json.dumps({"rows": rows, "learner": learner}), asked.limit_seconds, FIELDS)
                with asked.out.open("a", newline="") as file:
                    csv.DictWriter(file, FIELDS).writerow(result)
                print(result, flush=True)


if __name__ == "__main__":
    main()
