"""Churn risk on held-out stakeholders beside rivals, and beside the truth where it is known.

    python benchmarks/churn.py sources --datasets FOLDER [NAME …]   public sources; FOLDER holds a folder for each
    python benchmarks/churn.py worlds --seeds 1 2 3 4               the simulated company today, default size
    python benchmarks/churn.py trials --worlds null --seeds 1 2     trials of benchmarks/uplift.py, the truth a function
                                                                    of the features

`--search 12` tries twelve sizes of trees in every fit of the first two and compares with none.

A line of the table is printed when it is done. Sources and worlds run with their presets from ingest to featurize in a
folder of their own; effects are not learned.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from churn_project import project, project_rows
from uplift import PARTNER_ROWS, ROWS, WORLDS, log_of

from rapport import configure, featurize, ingest
from rapport.contracts.params import Learner, Params, Search
from rapport.evaluation.calibration import expected_calibration_error, recalibration
from rapport.evaluation.ranking import auc, auc_difference
from rapport.models.boosting import Training
from rapport.models.churn_baselines import BASELINES, baseline_columns
from rapport.models.churn_rows import ChurnRows, held_out_parts, inverse_weights
from rapport.models.churn_training import fit_risk, train_churn
from rapport.models.linear_risk import fit_linear_risk
from rapport.models.propensity import with_estimated_propensities
from rapport.models.search import search_learner
from rapport.sources.adapters import DATASETS
from rapport.sources.simulated import simulated_world
from rapport.store.project import load_params, overlay_params
from rapport.worlds.belief import belief
from rapport.worlds.trial import TRIAL_CATEGORIES, Trial, TrialData, draw_trial
from rapport.worlds.truth import TruthTerms, truth
from rapport.worlds.world import World, initial_tables

DEFAULT_LIGHTGBM = "default LightGBM"
WITHOUT_SEARCH = "ours without search"
BEST_READER = "the best reader of the records"
WITHOUT_OTHER_ARMS = "ours from the control's rows"
WITHOUT_WEIGHTS = "ours without weights"
TRIALS = [world for world in WORLDS if world != "shoppers"]  # of shoppers nobody leaves


def held_out(params: Params, trials: int) -> tuple[pd.DataFrame, str]:
    """Return held-out risk, baselines and default LightGBM of the project in the current folder, and the split.

    With `trials`, the risk is that of a search, beside `without search`.
    """
    rows, given, _ = project_rows(params)
    training = replace(given, learner=given.learner.model_copy(update={"search": Search(trials=trials)}))
    trained = train_churn(rows, training, params.features.allow, quiet)
    parts = [
        pd.Series(default_lightgbm(others, new.X, training), index=new.ids)
        for others, new in held_out_parts(rows, rows.horizon, training)
    ]
    table = trained.held_out
    if trials:
        table[WITHOUT_SEARCH] = train_churn(rows, given, params.features.allow, quiet).held_out["churn_risk"]
    table[DEFAULT_LIGHTGBM] = pd.concat(parts).loc[table["stakeholder_id"]].to_numpy()
    return table, str(trained.log["split"])


def quiet(line: str) -> None:
    """Say nothing."""


def default_lightgbm(rows: ChurnRows, X: np.ndarray, training: Training) -> np.ndarray:
    """Return the probabilities of LightGBM as it comes, of the rows under the control, categories told."""
    model = lgb.LGBMClassifier(random_state=training.seed, n_jobs=1, verbosity=-1, deterministic=True,
                               force_row_wise=True)  # fmt: skip
    model.fit(rows.X[rows.control], rows.churned[rows.control], categorical_feature=list(training.category_indexes))
    return np.asarray(model.predict_proba(X))[:, 1]


def shown(estimate: Mapping[str, Any]) -> str:
    """Return a value with its interval."""
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"


def quality(table: pd.DataFrame, rivals: list[str]) -> list[str]:
    """Return AUC, calibration error and slope of ours and the calibration error of default LightGBM; AUC ahead."""
    label, ours, ids = (table[name].to_numpy() for name in ("churned", "churn_risk", "stakeholder_id"))
    slope = recalibration(label, ours, ids).slope.as_dict()
    errors = [f"{expected_calibration_error(label, table[name].to_numpy()):.4f}"
              for name in ("churn_risk", DEFAULT_LIGHTGBM)]  # fmt: skip
    ahead = [
        shown(auc_difference(label, ours, table[name].to_numpy(), ids, 1).as_dict()) if name in table else "–"
        for name in rivals
    ]
    return [shown(auc(label, ours, ids, 1).as_dict()), errors[0], shown(slope), errors[1], *ahead]


def heading(first: list[str], rivals: list[str]) -> None:
    """Print the head of a table."""
    heads = [*first, "AUC", "calibration error", "slope", f"calibration error, {DEFAULT_LIGHTGBM}",
             *(f"ahead of {name.replace('_', ' ')}" for name in rivals)]  # fmt: skip
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|", flush=True)


def sources(names: list[str], datasets: Path, trials: int) -> None:
    """Print the table of public sources."""
    rivals = [*BASELINES, DEFAULT_LIGHTGBM, *([WITHOUT_SEARCH] if trials else [])]
    heading(["source", "held-out rows", "left", "judged on"], rivals)
    for name in names:
        with project():
            configure.main(name, str(datasets.resolve() / name))
            for stage in (ingest, featurize):
                stage.main()
            table, split = held_out(load_params(), trials)
        judged = "later time" if split.startswith("later") else "the same time"
        first = [name, f"{len(table):,}", f"{table['churned'].mean():.1%}", judged]
        print(f"| {' | '.join([*first, *quality(table, rivals)])} |", flush=True)


def worlds(seeds: list[int], stakeholders: int, futures: int, trials: int) -> None:
    """Print the table of simulated companies: their truth knows what no record shows, the best reader all they do."""
    rivals = ["the truth", BEST_READER, *BASELINES[1:], DEFAULT_LIGHTGBM, *([WITHOUT_SEARCH] if trials else [])]
    heading(["seed", "stakeholders", "leave", "error against the truth", f"AUC of {BEST_READER}"], rivals)
    for seed in seeds:
        with project():
            params = overlay_params({"seed": seed, "source": {"kind": "simulated", "stakeholders": stakeholders}})
            for stage in (ingest, featurize):
                stage.main()
            table = today(params, trials)
        world, at = simulated_world(params), pd.Timestamp(params.clock.as_of, tz="UTC")
        table["the truth"], table[BEST_READER] = true_and_believed(world, table["stakeholder_id"], at)
        error, people = against_truth(table), len(table)
        table = pd.concat([table] * futures, ignore_index=True)
        table["churned"] = np.random.default_rng([seed, len(table)]).random(len(table)) < table["the truth"]
        best = auc(table["churned"].to_numpy(), table[BEST_READER].to_numpy(), table["stakeholder_id"].to_numpy(), 1)
        first = [str(seed), f"{people:,}", f"{table['churned'].mean():.1%}", f"{error:.4f}", shown(best.as_dict())]
        print(f"| {' | '.join([*first, *quality(table, rivals)])} |", flush=True)


def today(params: Params, trials: int) -> pd.DataFrame:
    """Return the risk of everybody who is there today in the project of the current folder, beside rivals.

    Every model learns from all snapshots, as those do that are registered.
    """
    rows, given, encoding = project_rows(params)
    population = pd.read_parquet("data/features/population.parquet")
    new, untouched = encoding.matrix(population), rows.where(rows.control)
    training = replace(given, learner=given.learner.model_copy(update={"search": Search(trials=trials)}))
    found = {"churn_risk": replace(given, learner=search_learner(rows, training, quiet).learner)}
    risks = found | ({WITHOUT_SEARCH: given} if trials else {})
    return pd.DataFrame({
        "stakeholder_id": population["stakeholder_id"],
        **{name: fit_risk(rows, each).predict(new, 1) for name, each in risks.items()},
        **baseline_columns(untouched.X, untouched.churned, new, rows.names, given),
        DEFAULT_LIGHTGBM: default_lightgbm(rows, new, given),
    })  # fmt: skip


def true_and_believed(world: World, ids: pd.Series, at: pd.Timestamp) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of churn under the control by all that is, and by the records, each of shape (n,)."""
    stakeholders, events, decisions = initial_tables(world)
    known = truth(world, decisions, at, TruthTerms({}, 0.0)).set_index("stakeholder_id")
    read = belief(world, (stakeholders[stakeholders["stakeholder_id"].isin(ids)], events, decisions), at)
    believed = read.set_index("stakeholder_id")
    return known.loc[ids, f"churn_{world.control}"].to_numpy(), believed.loc[ids, "churn"].to_numpy()


def against_truth(table: pd.DataFrame) -> float:
    """Return the mean distance, over tenths of the risk, of the mean risk from the mean true risk."""
    tenth = table["churn_risk"].rank(method="first").mul(10 / len(table)).sub(1e-9).astype(int)
    means = table.groupby(tenth)[["churn_risk", "the truth"]].mean()
    return float((means["churn_risk"] - means["the truth"]).abs().mean())


def trial_worlds(names: list[str], seeds: list[int], rows: int, later_rows: int) -> None:
    """Print the table of trials: judged on everybody of the wave after the last, whose outcomes under the control are
    drawn by the truth."""
    rivals = ["the truth", WITHOUT_OTHER_ARMS, "logistic_regression", DEFAULT_LIGHTGBM]
    heading(["world", "seed", "left", "error against the truth", f"calibration error, {WITHOUT_WEIGHTS}"], rivals)
    for name in names:
        for seed in seeds:
            decisions = PARTNER_ROWS if name == "partners" else rows
            data = draw_trial(Trial(decisions, seed, **WORLDS[name]))
            later = draw_trial(Trial(later_rows, seed, later=True, **WORLDS[name]))
            table = trial_table(data, later, Training(Learner().of_churn, seed, 1, TRIAL_CATEGORIES))
            before = expected_calibration_error(table["churned"].to_numpy(), table[WITHOUT_WEIGHTS].to_numpy())
            first = [name, str(seed), f"{table['churned'].mean():.1%}", f"{against_truth(table):.4f}", f"{before:.4f}"]
            print(f"| {' | '.join([*first, *quality(table, rivals)])} |", flush=True)


def trial_table(data: TrialData, later: TrialData, training: Training) -> pd.DataFrame:
    """Return the risk of everybody in the later wave beside rivals, which learn from the control's rows alone."""
    rows = trial_rows(data, training)
    even, control = replace(rows, weight=np.ones(len(rows.weight))), rows.where(rows.control)
    risk, truth = fit_risk(rows, training).predict(later.X, 1), later.churn[:, 0]
    alike = np.ptp(rows.weight) == 0
    return pd.DataFrame({
        "stakeholder_id": np.arange(len(truth)).astype(str),
        "churned": np.random.default_rng([training.seed, len(truth)]).random(len(truth)) < truth,
        "churn_risk": risk,
        "the truth": truth,
        WITHOUT_WEIGHTS: risk if alike else fit_risk(even, training).predict(later.X, 1),
        WITHOUT_OTHER_ARMS: fit_risk(control, training).predict(later.X, 1),
        "logistic_regression": fit_linear_risk(control.X, control.lost[90], training).log_odds(later.X),
        DEFAULT_LIGHTGBM: default_lightgbm(control, later.X, training),
    })  # fmt: skip


def trial_rows(data: TrialData, training: Training) -> ChurnRows:
    """Return a trial's decisions as snapshots; propensities that were not recorded are estimated."""
    logged = with_estimated_propensities(log_of(data), training)
    weight = inverse_weights(np.where(data.arm == 0, logged.propensity, np.nan), pd.Series(data.wave))
    left = {90: (data.retained == 0).astype(float)}
    return ChurnRows(data.X, (), left, data.money, logged.ids, pd.Series(data.wave), 90, logged.ids, data.arm, weight)


def main() -> None:
    """Print one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="what", required=True)
    public = kinds.add_parser("sources")
    public.add_argument("names", nargs="*", default=list(DATASETS))
    public.add_argument("--datasets", type=Path, required=True)
    company, trial = kinds.add_parser("worlds"), kinds.add_parser("trials")
    for each in (company, trial):
        each.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    for each in (public, company):
        each.add_argument("--search", type=int, default=0, help="trials of a search for the size of trees")
    company.add_argument("--stakeholders", type=int, default=20_000, help="ever in the company")
    company.add_argument("--futures", type=int, default=10, help="outcomes drawn for each of those who are there today")
    trial.add_argument("--worlds", nargs="+", default=TRIALS, choices=TRIALS)
    trial.add_argument("--rows", type=int, default=ROWS, help=f"decisions; of partners {PARTNER_ROWS:,}")
    trial.add_argument("--later-rows", type=int, default=100_000, help="people of the wave to judge on")
    given = parser.parse_args()
    if getattr(given, "futures", 1) < 1:
        parser.error("--futures: at least 1")
    if given.what == "sources":
        sources(given.names, given.datasets, given.search)
    elif given.what == "worlds":
        worlds(given.seeds, given.stakeholders, given.futures, given.search)
    else:
        trial_worlds(given.worlds, given.seeds, given.rows, given.later_rows)


if __name__ == "__main__":
    main()
