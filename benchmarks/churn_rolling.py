"""Churn risk at one later instant after another, beside baselines and beside chance.

    python benchmarks/churn_rolling.py --datasets FOLDER [--snapshots 7] NAME …

Each instant is predicted from snapshots of other stakeholders whose horizon was over by then, as churn.py predicts the
latest one where there are enough; here 150 rows are, before a fold of them is taken out. Scores are compared within an
instant only: the AUC is the share of won pairs among all instants' pairs, its interval by bootstrap over stakeholders.
"By chance" is the share of 1,000 permutations of the outcome within instants that rank as well: exact where outcomes do
not overlap and nothing known before tells who leaves. "Of like tenure" compares within fifths of the tenure at an
instant: whether anything but the tenure was learned.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from churn import shown
from churn_project import project, project_rows

from rapport import configure, featurize, ingest
from rapport.contracts.draws import folds_by_id
from rapport.evaluation.estimate import cluster_codes
from rapport.evaluation.resample import percentile_interval, resamples
from rapport.models.boosting import Training
from rapport.models.churn_baselines import BASELINES, baseline_columns
from rapport.models.churn_rows import ChurnRows
from rapport.models.churn_training import fit_risk
from rapport.store.project import load_params, overlay_params

FEWEST = 150  # rows to learn from, below which an instant is not judged
TENURE = "tenure_days"
NEWEST_FIRST = "newest first"  # needs no learning: the shorter the relationship, the likelier its end
RIVALS = (*BASELINES, NEWEST_FIRST)
INSTANT, OF_LIKE_TENURE = ("as_of",), ("as_of", "fifth")


def rolling(rows: ChurnRows, training: Training) -> pd.DataFrame:
    """Return held-out risk and rivals at each instant before which enough outcomes were over."""
    fold = folds_by_id(rows.cluster, training.learner.folds, training.seed)
    parts = []
    for instant in sorted(rows.as_of.unique()):
        known, asked = rows.over_by(instant, rows.horizon), rows.control & (rows.as_of == instant).to_numpy()
        if (known & rows.control).sum() >= FEWEST:
            parts += [
                predicted(rows.where(known & (fold != k)), rows.where(asked & (fold == k)), training)
                for k in np.unique(fold[asked])
            ]
    if not parts:
        raise SystemExit(f"no instant has {FEWEST} rows whose outcome was over before it: more --snapshots, or no time")
    table = pd.concat(parts, ignore_index=True)
    share = table.groupby("as_of")[NEWEST_FIRST].rank(pct=True)
    return table.assign(fifth=np.ceil(5 * share))


def predicted(others: ChurnRows, new: ChurnRows, training: Training) -> pd.DataFrame:
    """Return risk and rivals of new rows, learned from others."""
    untouched = others.where(others.control)
    return pd.DataFrame({
        "stakeholder_id": new.ids,
        "as_of": new.as_of,
        "churned": new.churned,
        "churn_risk": fit_risk(others, training).predict(new.X, training.threads),
        **baseline_columns(untouched.X, untouched.churned, new.X, others.names, training),
        NEWEST_FIRST: -new.X[:, others.names.index(TENURE)],
    })  # fmt: skip


def auc_within(table: pd.DataFrame, score: str, strata: Sequence[str]) -> float:
    """Return the share of pairs of a leaver and a stayer of one stratum that the score ranks rightly, ties half."""
    rank = table.groupby([*strata])[score].rank()
    sums = table.assign(won=rank.where(table["churned"], 0.0)).groupby([*strata]).agg(
        won=("won", "sum"), left=("churned", "sum"), size=("churned", "size"))  # fmt: skip
    won = sums["won"] - sums["left"] * (sums["left"] + 1) / 2
    return float(won.sum() / (sums["left"] * (sums["size"] - sums["left"])).sum())


def resampled(table: pd.DataFrame, score: str, strata: Sequence[str]) -> np.ndarray:
    """Return the AUC of bootstrap samples of stakeholders, the same for each score."""
    codes = cluster_codes(table["stakeholder_id"].to_numpy(), len(table))
    samples = (np.repeat(np.arange(len(table)), times[codes]) for times in resamples(codes, 1, 200))
    return np.array([auc_within(table.iloc[rows], score, strata) for rows in samples])


def judged(table: pd.DataFrame, score: str, strata: Sequence[str]) -> str:
    """Return the AUC with its interval."""
    value = auc_within(table, score, strata)
    return shown(percentile_interval(value, resampled(table, score, strata), len(table)).as_dict())


def ahead(table: pd.DataFrame, other: str) -> str:
    """Return by how much the risk's AUC is ahead of another score's."""
    value = auc_within(table, "churn_risk", INSTANT) - auc_within(table, other, INSTANT)
    draws = resampled(table, "churn_risk", INSTANT) - resampled(table, other, INSTANT)
    return shown(percentile_interval(value, draws, len(table)).as_dict())


def by_chance(table: pd.DataFrame, score: str, strata: Sequence[str], times: int = 1_000) -> float:
    """Return the share of permutations of the outcome within strata, the given one among them, that rank as well."""
    rng, value = np.random.default_rng(1), auc_within(table, score, strata)
    draws = (table.assign(churned=shuffled(table, strata, rng)) for _ in range(times))
    return (1 + sum(auc_within(each, score, strata) >= value for each in draws)) / (1 + times)


def shuffled(table: pd.DataFrame, strata: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """Return the outcomes, each at a place of the same stratum drawn at random."""
    code = table.groupby([*strata]).ngroup().to_numpy()
    churned = np.empty(len(table), bool)
    churned[np.argsort(code, kind="stable")] = table["churned"].to_numpy()[np.lexsort((rng.random(len(table)), code))]
    return churned


def summary(table: pd.DataFrame) -> Iterator[str]:
    """Yield the cells of a source's line."""
    yield from (str(table["as_of"].nunique()), f"{len(table):,}", f"{table['churned'].mean():.1%}")
    for strata in (INSTANT, OF_LIKE_TENURE):
        yield from (judged(table, "churn_risk", strata), f"{by_chance(table, 'churn_risk', strata):.3f}")
    for name in RIVALS:
        yield from (judged(table, name, INSTANT), ahead(table, name))


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--datasets", type=Path, required=True, help="holds a folder for each source")
    parser.add_argument("--snapshots", type=int, help="instants that rows are made at, where not the preset's number")
    given = parser.parse_args()
    heads = ["source", "instants", "held-out rows", "left", "AUC", "by chance", "AUC of like tenure", "by chance"]
    heads += [head for name in RIVALS for head in (name.replace("_", " "), f"ahead of {name.replace('_', ' ')}")]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|", flush=True)
    for name in given.names:
        with project():
            configure.main(name, str(given.datasets.resolve() / name))
            if given.snapshots:
                overlay_params({"features.snapshots": given.snapshots})
            for stage in (ingest, featurize):
                stage.main()
            table = rolling(*project_rows(load_params())[:2])
        print(f"| {' | '.join([name, *summary(table)])} |", flush=True)


if __name__ == "__main__":
    main()
