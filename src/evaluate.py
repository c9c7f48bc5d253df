"""Stage evaluate: what the run is worth, from out-of-fold predictions only.

Run as `python -m rapport.evaluate` in the project's root.
"""

from typing import Any

import numpy as np
import pandas as pd

from .contracts.params import Params
from .evaluation.churn_slices import churn_slices, curve_scorecard, slice_columns
from .evaluation.drift import feature_drift, independent_rows
from .evaluation.pilot import pilot_message, propose_pilot
from .evaluation.policy_value import LoggedDecisions
from .evaluation.scorecard import Held, churn_scorecard, policy_scorecard
from .models.churn_rows import under_control
from .policy.constraints import constraints_of
from .policy.eligibility import costs, expected_costs
from .policy.rules import permitted, rules_of
from .store.console import new_app, run, say
from .store.documents import read_json, write_json
from .store.frames import read_frame
from .store.project import EVALUATION, FEATURES, OUT_OF_FOLD, TABLES, load_params

BLOCK = 32  # features whose drift is measured at a time, so that memory does not grow with their number

app = new_app("Judge churn risk and policy value, with intervals and beside all baselines.")


@app.command()
def main() -> None:
    """Read data/out_of_fold, data/features and stakeholders, write data/evaluation: metrics.json and features.json."""
    params = load_params()
    uplift_rows = read_frame(OUT_OF_FOLD / "uplift.parquet")
    log = read_json(OUT_OF_FOLD / "training.json")
    population = len(read_frame(FEATURES / "population.parquet", ["stakeholder_id"]))
    metrics = {"churn": _churn(log["churn"]["split"], params)}
    if uplift_rows.empty:
        snapshots = read_frame(FEATURES / "snapshots.parquet", ["value"])
        everyone = read_frame(FEATURES / "population.parquet")
        dearest = float(costs(everyone, params.interventions).max(initial=0.0))
        metrics["pilot"] = propose_pilot(snapshots["value"], dearest, len(params.interventions.names))
        say(pilot_message(metrics["pilot"]))
    else:
        decisions = read_frame(FEATURES / "decisions.parquet")
        metrics["uplift"] = policy_scorecard(
            _held(uplift_rows, decisions, params, population), params.interventions.names
        )
    write_json(EVALUATION / "metrics.json", metrics)
    write_json(EVALUATION / "features.json", _drift(("churn",) if uplift_rows.empty else ("churn", "uplift")))


def _churn(split: str, params: Params) -> dict[str, Any]:
    """Return the quality of churn risk: at the horizon, by other days, and in parts."""
    rows = read_frame(OUT_OF_FOLD / "churn.parquet")
    parts = slice_columns(rows["stakeholder_id"], rows["as_of"], read_frame(TABLES / "stakeholders.parquet"), params)
    return {
        "split": split,
        **churn_scorecard(rows, params),
        "curve": curve_scorecard(read_frame(OUT_OF_FOLD / "curve.parquet"), params),
        "slices": churn_slices(rows, parts, params),
    }


def _drift(models: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return every feature's drift between the rows each model learned from and those who may be contacted today."""
    features = read_json(FEATURES / "features.json")
    decisions, snapshots = FEATURES / "decisions.parquet", FEATURES / "snapshots.parquet"
    everyone = FEATURES / "population.parquet"
    keys = read_frame(snapshots, ["stakeholder_id", "contacts"])
    untouched, reachable = under_control(keys), ~read_frame(everyone, ["opted_out"])["opted_out"]
    ids = {"churn": keys.loc[untouched, "stakeholder_id"],
           "uplift": read_frame(decisions, ["stakeholder_id"])["stakeholder_id"]}  # fmt: skip
    worth = {model: independent_rows(ids[model]) for model in models}
    found: list[dict[str, Any]] = []
    for start in range(0, len(features), BLOCK):
        block = features[start : start + BLOCK]
        names = [each["name"] for each in block]
        rows = {"churn": read_frame(snapshots, names)[untouched], "uplift": read_frame(decisions, names)}
        training = {model: rows[model] for model in models}
        found += feature_drift(block, training, read_frame(everyone, names)[reachable], worth)
    return found


def _held(rows: pd.DataFrame, decisions: pd.DataFrame, params: Params, population: int) -> Held:
    if not rows["decision_id"].equals(decisions["decision_id"]):
        raise RuntimeError("out-of-fold rows and decisions differ; run `dvc repro`")
    today = decisions.assign(as_of=params.clock.as_of, opted_out=False)
    success = {kind: _matrix(rows, kind, params) for kind in params.interventions.successes}
    cost = expected_costs(costs(decisions, params.interventions), success, params.interventions)
    may = permitted(rules_of(today, params), cost.shape)[1]
    arm, propensity = rows["arm"].to_numpy(dtype=np.int64), rows["propensity"].to_numpy(dtype=float)
    logged = LoggedDecisions(rows["value"].to_numpy(dtype=float), arm, propensity, cost,
                             _matrix(rows, "mu", params), rows["stakeholder_id"].to_numpy(dtype=object))  # fmt: skip
    caution = params.decision.caution * _matrix(rows, "effect_se", params) if params.decision.caution else 0.0
    worth = np.where(may, _matrix(rows, "effect", params) - cost - caution, np.nan)
    worth[:, 0] = 0.0
    constraints = constraints_of(decisions, params, len(decisions) / max(population, 1))
    return Held(logged, worth, may, constraints, rows["fold"].to_numpy(dtype=np.int64),
                rows["churn_risk"].to_numpy(dtype=float), rows["propensity_logged"].to_numpy(dtype=bool))  # fmt: skip


def _matrix(rows: pd.DataFrame, name: str, params: Params) -> np.ndarray:
    return rows[[f"{name}_{arm}" for arm in params.interventions.names]].to_numpy(dtype=float)


if __name__ == "__main__":
    run(app)
