"""Effects against rivals on worlds of known truth: share of the ceiling, CPU-seconds and peak memory.

    python benchmarks/uplift.py --worlds randomised null --seeds 1 2 --learners ours T --out results.csv

Each fit runs in a process of its own, one thread, so that its CPU time and peak memory are its own; one that needs more
CPU-seconds than the limit is ended and listed as such. A line of the CSV per world, rows, seed and learner is appended
when it is done; those already there are skipped. econml and causalml are the extra `bench`. `--summarise` prints the
file as a table per seed.
"""

import argparse
import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rapport.models.logged import Logged
from rapport.worlds.trial import TRIAL_ARMS, TRIAL_CATEGORIES, Trial, TrialData, draw_trial

ROWS, PARTNER_ROWS, NEW_ROWS = 40_000, 4_000, 40_000
WORLDS: dict[str, dict[str, Any]] = {
    "randomised": {},
    "targeted, logged": {"logging": "targeted"},
    "targeted, unrecorded": {"logging": "unrecorded"},
    "employees": {"kind": "employees"},
    "partners": {"kind": "partners"},
    "drift": {"drift": 0.5},
    "shoppers": {"kind": "shoppers"},
    "null": {"null": True},
}
FIELDS = ("world", "rows", "seed", "learner", "share", "gain", "ceiling", "treated", "cpu_seconds", "extra_mib")


def one(world: str, seed: int, learner: str, rows: int) -> dict[str, object]:
    """Return what one learner earns in one world."""
    from rivals import LEARNERS, Task  # type: ignore[import-not-found]

    settings = WORLDS[world]
    data = draw_trial(Trial(rows=rows, seed=seed, **settings))
    new = draw_trial(Trial(rows=NEW_ROWS, seed=seed, later=True, **settings))
    task = Task(log_of(data), new.X, data.cost, TRIAL_CATEGORIES, "logging" not in settings)
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before, started = resident_mib("VmRSS"), time.process_time()
    effect = LEARNERS[learner](task)
    seconds, memory = time.process_time() - started, resident_mib("VmHWM") - before
    gain = new.value - new.value[:, :1] - data.cost
    chosen = (effect - data.cost).argmax(axis=1)
    earned, ceiling = float(gain[np.arange(len(gain)), chosen].mean()), float(gain.max(axis=1).mean())
    return {
        "world": world, "rows": rows, "seed": seed, "learner": learner,
        "share": round(earned / ceiling, 4) if ceiling > 0 else "", "gain": round(earned, 3),
        "ceiling": round(ceiling, 3), "treated": round(float((chosen > 0).mean()), 4),
        "cpu_seconds": round(seconds, 2), "extra_mib": round(memory),
    }  # fmt: skip


def log_of(data: TrialData) -> Logged:
    """Return a trial as a log."""
    rows = len(data.arm)
    return Logged(
        arms=TRIAL_ARMS, X=data.X, arm=data.arm, propensity=data.recorded, money=data.money, retained=data.retained,
        retention_value=data.retention_value, ids=pd.Series(np.arange(rows)).astype("str"), iteration=data.wave,
        eligible=np.ones((rows, len(TRIAL_ARMS)), dtype=bool),
    )  # fmt: skip


def resident_mib(which: str) -> float:
    """Return resident memory: VmRSS, what is in use, or VmHWM, its peak (Linux)."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{which}:"))
    return float(line.split()[1]) / 1024


def summarise(path: Path) -> None:
    """Print, by seed, each learner's share of the ceiling in % by world, and its cost in the first world it was run in.

    The null world has no ceiling: there it is the share of people treated. A fit that was ended has its limit.
    """
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])  # a world is called null
    table = table[table["rows"] == np.where(table["world"] == "partners", PARTNER_ROWS, ROWS)]
    shown = (100 * table["share"].where(table["world"] != "null", table["treated"])).round(1).astype("str")
    table["shown"] = shown.where(table["gain"].notna(), table["cpu_seconds"].astype("str") + " s")
    table["seconds"] = table["cpu_seconds"].astype("str")
    table["mib"] = table["extra_mib"].astype("Int64").astype("str").where(table["extra_mib"].notna(), "–")
    worlds = [world for world in WORLDS if (table["world"] == world).any()]
    for seed, part in table.groupby("seed", sort=False):
        first = part.sort_values("world", key=lambda names: names.map(worlds.index), kind="stable")
        costs = first.drop_duplicates("learner").set_index("learner")[["seconds", "mib"]]
        order = first.sort_values("share", ascending=False, kind="stable").drop_duplicates(["world", "learner"])
        order = order.sort_values("world", key=lambda names: names.map(worlds.index), kind="stable")
        cells = part.pivot_table("shown", "learner", "world", aggfunc="first").reindex(columns=worlds)
        whole = cells.join(costs).fillna("–").loc[order["learner"].drop_duplicates()]
        print(f"\nSeed {seed}\n\n| learner | {' | '.join([*worlds, 'CPU-s', 'MiB'])} |")
        print("|---" * (len(whole.columns) + 1) + "|")
        for learner, row in whole.iterrows():
            print(f"| {learner} | {' | '.join(map(str, row))} |")


def main() -> None:
    """Run what is asked for and not yet in the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", nargs="*", default=list(WORLDS))
    parser.add_argument("--learners", nargs="*", default=None)
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/uplift.csv"))
    parser.add_argument("--rows", type=int, default=None, help=f"decisions; else {ROWS}, partners {PARTNER_ROWS}")
    parser.add_argument("--limit-seconds", type=int, default=300, help="of CPU, per fit and scoring")
    parser.add_argument("--summarise", action="store_true")
    parser.add_argument("--one", default=None, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.summarise:
        summarise(asked.out)
        return
    if asked.one:
        resource.setrlimit(resource.RLIMIT_CPU, (asked.limit_seconds, asked.limit_seconds + 10))
        print("RESULT " + json.dumps(one(**json.loads(asked.one))))
        return
    from rivals import LEARNERS

    asked.out.parent.mkdir(parents=True, exist_ok=True)
    done = set()
    if asked.out.exists():
        done = {tuple(r[key] for key in ("world", "rows", "seed", "learner")) for r in csv.DictReader(asked.out.open())}
    else:
        asked.out.write_text(",".join(FIELDS) + "\n")
    for seed in asked.seeds:
        for world in asked.worlds:
            for learner in asked.learners or list(LEARNERS):
                rows = asked.rows or (PARTNER_ROWS if world == "partners" else ROWS)
                if (world, str(rows), str(seed), learner) in done:
                    continue
                job = json.dumps({"world": world, "seed": seed, "learner": learner, "rows": rows})
                result = run(__file__, job, asked.limit_seconds, FIELDS)
                with asked.out.open("a", newline="") as file:
                    csv.DictWriter(file, FIELDS).writerow(result)
                print(result, flush=True)


def run(script: str, job: str, limit_seconds: int, fields: Sequence[str]) -> dict[str, object]:
    """Return the result of `script --one job` in a process of its own; without figures where it did not finish."""
    told = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    asked = json.loads(job)
    empty = {key: asked.get(key, "") for key in fields}
    command = [sys.executable, script, "--limit-seconds", str(limit_seconds), "--one", job]
    ran = subprocess.run(command, capture_output=True, text=True, env=told, check=False)
    if ran.returncode == -signal.SIGXCPU:
        return {**empty, "cpu_seconds": f">{limit_seconds}"}
    lines = [line for line in ran.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        print(ran.stderr[-600:], file=sys.stderr)
        return {**empty, "cpu_seconds": "failed"}
    result: dict[str, object] = json.loads(lines[0].removeprefix("RESULT "))
    return result


if __name__ == "__main__":
    main()
