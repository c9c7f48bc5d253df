"""Effects on two public randomised trials beside plain learners and baselines.

    python benchmarks/uplift_public.py hillstrom --data FILE.csv --outcomes spend visit --splits 20 --out splits.csv
    python benchmarks/uplift_public.py starbucks --project FOLDER

Hillstrom: per seeded split one half of the customers teaches, the other values every learner's policy (the arm of
highest estimated effect, e-mails at no cost) by inverse propensities, the shares of the arms in that half. The best
constant is the arm of the highest mean over all customers, known only afterwards. A line of the CSV per split, outcome
and learner is appended, those already there are skipped; a table is printed at the end. Splits share customers:
`--by-customer` prints instead how far ours is ahead of S and of the constant with the error over customers, each one's
difference averaged over the splits that held it out.

Starbucks: FOLDER is a project in which `rapport configure starbucks_rewards`, ingest and featurize have run. Learned on
waves before the last, valued on the last by doubly robust scores, clustered by member; the baselines choose their arm
on the same earlier waves.
"""

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rivals import LEARNERS, Task  # type: ignore[import-not-found]

from rapport.evaluation.held import Held
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.policies import OURS, policies
from rapport.evaluation.policy_value import difference, doubly_robust
from rapport.models.boosting import Training, fit_booster, predict
from rapport.models.encoding import Encoding
from rapport.models.logged import Floats, Logged, logged_decisions
from rapport.models.uplift import fit_uplift
from rapport.policy.eligibility import costs, eligible
from rapport.policy.limits import Constraints
from rapport.store.documents import read_json
from rapport.store.frames import read_frame
from rapport.store.project import FEATURES, load_params

ARMS = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
COLUMNS = ("recency", "history", "mens", "womens", "newbie", "history_segment", "zip_code", "channel")
CATEGORIES = (5, 6, 7)
CONSTANT = "best constant, afterwards"
COMPARED = ("ours", "S", "T", "X", "DR", "response ranking", "risk ranking", "random")
FIELDS = ("outcome", "split", "learner", "value")


def hillstrom(path: Path, outcomes: list[str], splits: int, out: Path) -> None:
    """Append what is not yet in `out`, then print means over the splits and the differences to the best constant."""
    X, arm, results = _customers(path)
    if not out.exists():
        out.write_text(",".join(FIELDS) + "\n")
    done = {(r["outcome"], r["split"], r["learner"]) for r in csv.DictReader(out.open())}
    for outcome in outcomes:
        y = results[outcome].to_numpy(dtype=float)
        for split in range(splits):
            taught = _taught(split, len(y))
            task = _task(X, arm, y, outcome, taught)
            for learner in (CONSTANT, *COMPARED):
                if (outcome, str(split), learner) not in done:
                    value = round(float(_earned(learner, task, arm, y, taught).mean()), 5)
                    with out.open("a", newline="") as file:
                        csv.writer(file, lineterminator="\n").writerow([outcome, split, learner, value])
    found = pd.read_csv(out).pivot(index=["outcome", "split"], columns="learner", values="value")
    for outcome, values in found.groupby("outcome"):
        away = values.sub(values[CONSTANT], axis=0)
        told = pd.DataFrame(
            {"mean": values.mean(), "less constant": away.mean(), "deviation": away.std(), "splits": away.count()}
        )
        print(outcome, told.sort_values("mean", ascending=False).round(4).to_string(), sep="\n")


def by_customer(path: Path, outcomes: list[str], splits: int) -> None:
    """Print how far ours is ahead of S and of the best constant, with the standard error over customers."""
    X, arm, results = _customers(path)
    for outcome in outcomes:
        y = results[outcome].to_numpy(dtype=float)
        ahead, times = np.zeros((2, len(y))), np.zeros(len(y))
        for split in range(splits):
            taught = _taught(split, len(y))
            task = _task(X, arm, y, outcome, taught)
            ours, *others = (_earned(learner, task, arm, y, taught) for learner in ("ours", "S", CONSTANT))
            ahead[:, ~taught] += ours - np.stack(others)
            times += ~taught
        each = ahead[:, times > 0] / times[times > 0]
        for name, values in zip(("S", CONSTANT), each, strict=True):
            error = values.std() / np.sqrt(len(values))
            print(f"{outcome}: ours ahead of {name} by {values.mean():.5f} ± {error:.5f}", flush=True)


def _customers(path: Path) -> tuple[Any, Any, pd.DataFrame]:
    """Return features, arms and the table that holds the outcomes."""
    table = pd.read_csv(path)
    coded = [pd.factorize(table[name], sort=True)[0] if name in COLUMNS[5:] else table[name] for name in COLUMNS]
    return np.column_stack(coded).astype(np.float32), pd.Index(ARMS).get_indexer(table["segment"]), table


def _taught(split: int, customers: int) -> Any:
    """Return which customers a split learns from, half of them."""
    return np.random.default_rng([split, 101]).permutation(customers) < customers // 2


def _task(X: Any, arm: Any, y: Floats, outcome: str, taught: Any) -> Task:
    nothing = np.zeros(int(taught.sum()))
    money, kept = (y[taught], nothing + 1) if outcome == "spend" else (nothing, y[taught])
    log = Logged(
        arms=ARMS, X=X[taught], arm=arm[taught], propensity=nothing + 1 / 3, money=money, retained=kept,
        retention_value=0.0 if outcome == "spend" else 1.0, ids=pd.Series(np.flatnonzero(taught)).astype("str"),
        iteration=np.zeros(len(nothing), dtype=np.int64), eligible=np.ones((len(nothing), 3), dtype=bool),
    )  # fmt: skip
    return Task(log, X[~taught], np.zeros(3), CATEGORIES, True)


def _earned(learner: str, task: Task, arm: Any, y: Floats, taught: Any) -> Floats:
    """Return what each customer not learned from is worth to the value of a learner's policy, shape (m,)."""
    if learner == CONSTANT:
        chosen = np.full((~taught).sum(), np.argmax([y[arm == a].mean() for a in range(3)]))
    else:
        chosen = LEARNERS[learner](task).argmax(axis=1)
    arm, y = arm[~taught], y[~taught]
    share = np.bincount(arm, minlength=3) / len(arm)
    return np.asarray((chosen == arm) * y / share[arm])


def starbucks(project: Path) -> None:
    """Print the value of ours and the baselines on the last wave, and ours less each, with 95 % intervals."""
    params = load_params(project / "params.yaml")
    table = read_frame(project / FEATURES / "decisions.parquet")
    names = [(each["name"], each["unit"]) for each in read_json(project / FEATURES / "features.json")]
    last = (table["as_of"] == table["as_of"].max()).to_numpy()
    encoding = Encoding.fit(table[~last], names, params.features.max_categories)
    training = Training(params.learner, params.seed, params.threads, tuple(encoding.category_indexes))
    may = eligible(table["kind"], params.interventions)
    log = logged_decisions(table, encoding, may, params)
    mu, effect, _ = fit_uplift(log.take(~last), training).predict(log.X, log.retention_value, params.threads)
    cost = costs(table, params.interventions)
    logged = LoggedDecisions(log.value, log.arm, log.propensity, cost, mu, log.ids.to_numpy(dtype=object))
    risk = fit_booster(log.X[~last], 1.0 - log.retained[~last], training, "binary")
    held = Held(logged, np.where(may, effect - cost, np.nan), may, Constraints(), last.astype(np.int64),
                predict(risk, log.X, params.threads), ~table["propensity"].isna().to_numpy(),
                effect - cost)  # fmt: skip
    compared, _ = policies(held)
    newest = LoggedDecisions(log.value[last], log.arm[last], log.propensity[last], cost[last], mu[last],
                             log.ids[last].to_numpy(dtype=object))  # fmt: skip
    for name, policy in compared.items():
        value = doubly_robust(newest, policy[last])
        ahead = difference(newest, compared[OURS][last], policy[last])
        print(f"| {name} | {value.value:.2f} ({value.low:.2f} to {value.high:.2f}) | "
              f"{ahead.value:.2f} ({ahead.low:.2f} to {ahead.high:.2f}) |")  # fmt: skip


def main() -> None:
    """Run one of the two trials."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    trials = parser.add_subparsers(dest="trial", required=True)
    emails = trials.add_parser("hillstrom")
    emails.add_argument("--data", type=Path, required=True)
    emails.add_argument("--outcomes", nargs="*", default=["spend", "visit"])
    emails.add_argument("--splits", type=int, default=20)
    emails.add_argument("--out", type=Path)
    emails.add_argument("--by-customer", action="store_true")
    trials.add_parser("starbucks").add_argument("--project", type=Path, required=True)
    asked = parser.parse_args()
    if asked.trial == "hillstrom" and asked.by_customer:
        by_customer(asked.data, asked.outcomes, asked.splits)
    elif asked.trial == "hillstrom":
        if asked.out is None:
            parser.error("hillstrom: --out, the CSV to append to, or --by-customer")
        hillstrom(asked.data, asked.outcomes, asked.splits, asked.out)
    else:
        starbucks(asked.project)


if __name__ == "__main__":
    main()
