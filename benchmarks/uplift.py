"""Effects against rivals on worlds of known truth: share of the ceiling, CPU-seconds and peak memory.

    python benchmarks/uplift.py --worlds randomised null --seeds 1 2 --learners ours T --out results.csv

Each fit runs in a process of its own, one thread, so that its CPU time and peak memory are its own. A line of the CSV
per world, seed and learner is appended when it is done; those already there are skipped. econml and causalml are the
extra `bench`.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROWS, PARTNER_ROWS, NEW_ROWS = 40_000, 4_000, 40_000
WORLDS: dict[str, dict[str, object]] = {
    "randomised": {},
    "targeted, logged": {"logging": "targeted"},
    "targeted, unrecorded": {"logging": "unrecorded"},
    "employees": {"kind": "employees"},
    "partners": {"kind": "partners"},
    "drift": {"drift": 0.5},
    "null": {"null": True},
}
FIELDS = ("world", "rows", "seed", "learner", "share", "gain", "ceiling", "treated", "cpu_seconds", "extra_mib")


def one(world: str, seed: int, learner: str, rows: int) -> dict[str, object]:
    """Return what one learner earns in one world."""
    from rivals import LEARNERS, Task  # type: ignore[import-not-found]

    from rapport.models.logged import Logged
    from rapport.worlds.trial import TRIAL_ARMS, TRIAL_CATEGORIES, Trial, draw_trial

    settings = WORLDS[world]
    data = draw_trial(Trial(rows=rows, seed=seed, **settings))  # type: ignore[arg-type]
    new = draw_trial(Trial(rows=NEW_ROWS, seed=seed, later=True, **settings))  # type: ignore[arg-type]
    logged = Logged(
        arms=TRIAL_ARMS, X=data.X, arm=data.arm, propensity=data.recorded, money=data.money, retained=data.retained,
        retention_value=data.retention_value, ids=pd.Series(np.arange(rows)).astype("str"), iteration=data.wave,
        eligible=np.ones((rows, len(TRIAL_ARMS)), dtype=bool),
    )  # fmt: skip
    task = Task(logged, new.X, data.cost, TRIAL_CATEGORIES, "logging" not in settings)
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    effect = LEARNERS[learner](task)
    seconds = time.process_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    gain = new.value - new.value[:, :1] - data.cost
    chosen = (effect - data.cost).argmax(axis=1)
    earned, ceiling = float(gain[np.arange(len(gain)), chosen].mean()), float(gain.max(axis=1).mean())
    return {
        "world": world, "rows": rows, "seed": seed, "learner": learner,
        "share": round(earned / ceiling, 4) if ceiling > 0 else "", "gain": round(earned, 3),
        "ceiling": round(ceiling, 3), "treated": round(float((chosen > 0).mean()), 4),
        "cpu_seconds": round(seconds, 2), "extra_mib": round(memory / 1024),
    }  # fmt: skip


def main() -> None:
    """Run what is asked for and not yet in the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", nargs="*", default=list(WORLDS))
    parser.add_argument("--learners", nargs="*", default=None)
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/uplift.csv"))
    parser.add_argument("--limit-seconds", type=int, default=1200)
    parser.add_argument("--one", default=None, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print("RESULT " + json.dumps(one(**json.loads(asked.one))))
        return
    from rivals import LEARNERS

    asked.out.parent.mkdir(parents=True, exist_ok=True)
    done = set()
    if asked.out.exists():
        done = {(r["world"], r["seed"], r["learner"]) for r in csv.DictReader(asked.out.open())}
    else:
        asked.out.write_text(",".join(FIELDS) + "\n")
    for seed in asked.seeds:
        for world in asked.worlds:
            for learner in asked.learners or list(LEARNERS):
                if (world, str(seed), learner) in done:
                    continue
                rows = PARTNER_ROWS if world == "partners" else ROWS
                job = json.dumps({"world": world, "seed": seed, "learner": learner, "rows": rows})
                result = run(job, asked.limit_seconds)
                with asked.out.open("a", newline="") as file:
                    csv.DictWriter(file, FIELDS).writerow(result)
                print(result, flush=True)


def run(job: str, limit_seconds: int) -> dict[str, object]:
    """Return the result of one fit in a process of its own; without figures where it did not finish."""
    told = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    asked = json.loads(job)
    empty = {key: asked.get(key, "") for key in FIELDS}
    try:
        ran = subprocess.run([sys.executable, __file__, "--one", job], capture_output=True, text=True, env=told,
                             timeout=limit_seconds, check=False)  # fmt: skip
    except subprocess.TimeoutExpired:
        return {**empty, "cpu_seconds": f">{limit_seconds}"}
    lines = [line for line in ran.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        print(ran.stderr[-600:], file=sys.stderr)
        return {**empty, "cpu_seconds": "failed"}
    result: dict[str, object] = json.loads(lines[0].removeprefix("RESULT "))
    return result


if __name__ == "__main__":
    main()
