"""How often 95 % intervals hold the truth, over many drawn trials: of average effects, of single rows, and of the total
gain that the chosen arms are expected to bring.

    python benchmarks/intervals.py --worlds randomised "targeted, logged" --seeds 2000 2200 --rows 4000 --out draws.csv
    python benchmarks/intervals.py --out draws.csv --summarise
    python benchmarks/intervals.py --by-arm

The first appends a line per world and seed, those already there are skipped; the second prints a table by world, of the
first 200 draws and of all; the third how often the average effect of each arm by itself is held.
Average effects: the doubly robust mean by arm, over the log's own rows. Single rows: 2,000 of the population met later,
every arm but the control. Total: the sum over these 2,000 of the true gain of the arm chosen, against the interval that
held-out rows tell, as the product does; `expected` is the model's own sum. Boosters have a third of the default's
rounds at three times the rate, so that 200 draws with their out-of-fold fits take ten CPU-minutes.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from uplift import WORLDS, log_of  # type: ignore[import-not-found]

from rapport.contracts.params import Learner
from rapport.evaluation.estimate import Estimate
from rapport.evaluation.policy_value import LoggedDecisions
from rapport.evaluation.promise import gain_per_treated, total_gain
from rapport.models.boosting import Training
from rapport.models.logged import Floats, Logged
from rapport.models.propensity import with_estimated_propensities
from rapport.models.uplift import UpliftModel, fit_uplift
from rapport.worlds.trial import TRIAL_ARMS, TRIAL_CATEGORIES, Trial, TrialData, draw_trial

TRAINING = Training(Learner(rounds=50, learning_rate=0.15), 1, 1, TRIAL_CATEGORIES)
NEW_ROWS = 2_000
NORMAL = 1.959964
ASKED = 200  # draws
FIELDS = (
    "world", "rows", "seed", "average", "row", "treated", "expected", "told", "true", "held", "ceiling",
    "per_treated", "per_treated_se", "per_treated_expected",
)  # fmt: skip


def out_of_fold(log: Logged, cost: Floats, model: UpliftModel) -> tuple[Estimate, float]:
    """Return what those gain whom the model of all rows treats, told by held-out rows, and what models of other
    stakeholders expected of whom they treat, on average."""
    mu, effect = (np.empty((len(log), len(log.arms))) for _ in range(2))
    fold = np.empty(len(log), dtype=np.int64)
    for k, (inside, others) in enumerate(log.splits(TRAINING.learner.folds, TRAINING.seed)):
        mu[inside], effect[inside], _ = fit_uplift(others, TRAINING).predict(log.X[inside], log.retention_value, 1)
        fold[inside] = k
    gain = effect - cost
    charges = np.tile(cost, (len(log), 1))
    decisions = LoggedDecisions(log.value, log.arm, log.propensity, charges, mu, log.ids.to_numpy())
    treated = gain.argmax(axis=1) > 0
    expected = float(gain[treated].max(axis=1).mean()) if treated.any() else 0.0
    whole = model.predict(log.X, log.retention_value, 1)[1] - cost
    policies = (np.eye(len(cost))[each.argmax(axis=1)] for each in (gain, whole))
    return gain_per_treated(decisions, fold, *policies, whole), expected


def learned(world: str, rows: int, seed: int) -> tuple[TrialData, Logged, UpliftModel]:
    """Return a trial, its log with propensities, and the model learned from it."""
    data = draw_trial(Trial(rows=rows, seed=seed, **WORLDS[world]))
    log = with_estimated_propensities(log_of(data), TRAINING)
    return data, log, fit_uplift(log, TRAINING)


def draw(world: str, rows: int, seed: int) -> dict[str, object]:
    """Return one draw: the share of intervals that hold; the chosen arms' gain as expected, as told and in truth."""
    data, log, model = learned(world, rows, seed)
    new = draw_trial(Trial(rows=NEW_ROWS, seed=seed, later=True, **WORLDS[world]))
    _, effect, error = model.predict(new.X, new.retention_value, 1)
    effects = new.value - new.value[:, :1]
    chosen, at = (effect - new.cost).argmax(axis=1), np.arange(NEW_ROWS)
    table = pd.DataFrame({"intervention": np.array(TRIAL_ARMS)[chosen], "reason": "best_gain",
                          "expected_gain": (effect - new.cost)[at, chosen]})  # fmt: skip
    gained, expected = out_of_fold(log, new.cost, model)
    total = total_gain(table, TRIAL_ARMS[0], gained.as_dict())
    true = float((effects - new.cost)[at, chosen].sum())
    held = "" if total["low"] is None else int(total["low"] <= true <= total["high"])  # type: ignore[operator]
    return {
        "world": world, "rows": rows, "seed": seed, "average": round(float(_averages_held(model, data).mean()), 4),
        "row": round(float((np.abs(effect - effects) <= NORMAL * error)[:, 1:].mean()), 4),
        "treated": int((chosen > 0).sum()), "expected": round(float(total["expected"] or 0) / NEW_ROWS, 3),
        "told": "" if total["value"] is None else round(float(total["value"]) / NEW_ROWS, 3),
        "true": round(true / NEW_ROWS, 3), "held": held,
        "ceiling": round(float((effects - new.cost).max(axis=1).mean()), 3),
        "per_treated": gained.value, "per_treated_se": gained.se, "per_treated_expected": round(expected, 3),
    }  # fmt: skip


def _averages_held(model: UpliftModel, data: TrialData) -> NDArray[np.bool_]:
    """Return for each arm whether its interval holds the average effect over the log's rows, shape (arms − 1,)."""
    lines = [line for line in model.effects if line is not None]
    off = np.array([line.average for line in lines]) - (data.value - data.value[:, :1]).mean(axis=0)[1:]
    return np.asarray(np.abs(off) <= NORMAL * np.sqrt([line.var_average for line in lines]))


def by_arm(worlds: list[str], seeds: range, rows: int) -> None:
    """Print how often each arm's interval of the average effect holds."""
    print(f"| world | rows | draws | {' | '.join(TRIAL_ARMS[1:])} |\n{'|---' * (2 + len(TRIAL_ARMS))}|")
    for world in worlds:
        held = []
        for seed in seeds:
            data, _, model = learned(world, rows, seed)
            held.append(_averages_held(model, data))
        shares = " | ".join(f"{100 * share:.1f} %" for share in np.mean(held, axis=0))
        print(f"| {world} | {rows} | {len(held)} | {shares} |", flush=True)


def summarise(path: Path) -> None:
    """Print, by world and rows, how often intervals held, and the gain per stakeholder."""
    print("| world | rows | draws | average gain | single rows | total gain | expected | told | true | ceiling |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for (world, rows), every in pd.read_csv(path).groupby(["world", "rows"], sort=False):
        for draws in [every.iloc[:ASKED]] + ([every] if len(every) > ASKED else []):
            shares = [f"{100 * draws[name].mean():.1f} %" for name in ("average", "row", "held")]
            means = [f"{draws[name].mean():.1f}" for name in ("expected", "told", "true", "ceiling")]
            print(f"| {world} | {rows} | {len(draws):,} | {' | '.join(shares + means)} |")


def main() -> None:
    """Draw what is asked for and not yet in the file, or summarise it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", nargs="*", default=["randomised", "targeted, logged"])
    parser.add_argument("--seeds", nargs=2, type=int, default=[2000, 2200], help="first, and one beyond the last")
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--summarise", action="store_true")
    parser.add_argument("--by-arm", action="store_true", help="average effects alone, each arm by itself; no file")
    asked = parser.parse_args()
    if asked.by_arm:
        by_arm(asked.worlds, range(*asked.seeds), asked.rows)
        return
    if asked.out is None:
        parser.error("--out, the CSV to append to, or --by-arm")
    if asked.summarise:
        summarise(asked.out)
        return
    if not asked.out.exists():
        asked.out.write_text(",".join(FIELDS) + "\n")
    done = {(r["world"], r["rows"], r["seed"]) for r in csv.DictReader(asked.out.open())}
    for world in asked.worlds:
        for seed in range(*asked.seeds):
            if (world, str(asked.rows), str(seed)) not in done:
                with asked.out.open("a", newline="") as file:
                    csv.DictWriter(file, FIELDS).writerow(draw(world, asked.rows, seed))


if __name__ == "__main__":
    main()
