"""Stage evaluate: what the run is worth, from out-of-fold predictions only.

Run as `python -m rapport.evaluate` in the project's root.
"""

import numpy as np
import pandas as pd

from .contracts.params import Params
from .evaluation.pilot import pilot_size
from .evaluation.policy_value import LoggedDecisions
from .evaluation.scorecard import Held, churn_scorecard, policy_scorecard
from .policy.eligibility import costs, eligible
from .store.console import new_app, run, say
from .store.documents import read_json, write_json
from .store.frames import read_frame
from .store.project import EVALUATION, FEATURES, OUT_OF_FOLD, load_params

app = new_app("Judge churn risk and policy value, with intervals and beside all baselines.")


@app.command()
def main() -> None:
    """Read data/out_of_fold and data/features, write data/evaluation/metrics.json."""
    params = load_params()
    uplift_rows = read_frame(OUT_OF_FOLD / "uplift.parquet")
    log = read_json(OUT_OF_FOLD / "training.json")
    population = len(read_frame(FEATURES / "population.parquet", ["stakeholder_id"]))
    metrics = {
        "churn": {"split": log["churn"]["split"], **churn_scorecard(read_frame(OUT_OF_FOLD / "churn.parquet"), params)}
    }
    if uplift_rows.empty:
        snapshots = read_frame(FEATURES / "snapshots.parquet", ["value"])
        metrics["pilot"] = propose_pilot(snapshots["value"], params)
        say(pilot_message(metrics["pilot"]))
    else:
        decisions = read_frame(FEATURES / "decisions.parquet")
        metrics["uplift"] = policy_scorecard(_held(uplift_rows, decisions, params), params, population)
    write_json(EVALUATION / "metrics.json", metrics)


def propose_pilot(value: pd.Series, params: Params) -> dict[str, float]:
    """Return the size of the randomised pilot that would let effects be learned.

    The gain to be found is the dearest arm's cost, or a tenth of the value's standard deviation where that is more.
    """
    sd = float(value.std())
    dearest = max((arm.cost for arm in params.interventions.arms.values() if isinstance(arm.cost, float)), default=0.0)
    gain = max(dearest, 0.1 * sd, 1e-9)
    per_arm = pilot_size(sd, gain)
    return {"gain": gain, "value_sd": sd, "per_arm": per_arm, "arms": len(params.interventions.names),
            "stakeholders": per_arm * len(params.interventions.names)}  # fmt: skip


def pilot_message(pilot: dict[str, float]) -> str:
    """Return the pilot's size in a sentence."""
    return (
        f"no logged decisions: uplift needs a randomised pilot of {pilot['stakeholders']:,} stakeholders "
        f"({pilot['per_arm']:,} for each of {pilot['arms']} arms, the control included) to find a mean gain of "
        f"{pilot['gain']:.2f} per stakeholder with 80 % power; the exploration share assigns one"
    )


def _held(rows: pd.DataFrame, decisions: pd.DataFrame, params: Params) -> Held:
    if not rows["decision_id"].equals(decisions["decision_id"]):
        raise RuntimeError("out-of-fold rows and decisions differ; run `dvc repro`")
    may = eligible(decisions["kind"], params.interventions)
    cost = costs(decisions, params.interventions)
    arm, propensity = rows["arm"].to_numpy(dtype=np.int64), rows["propensity"].to_numpy(dtype=float)
    logged = LoggedDecisions(rows["value"].to_numpy(dtype=float), arm, propensity, cost,
                             _matrix(rows, "mu", params), rows["stakeholder_id"].to_numpy(dtype=object))  # fmt: skip
    gain = np.where(may, _matrix(rows, "effect", params) - cost, np.nan)
    gain[:, 0] = 0.0
    return Held(logged, gain, may, rows["fold"].to_numpy(dtype=np.int64), rows["churn_risk"].to_numpy(dtype=float),
                rows["propensity_logged"].to_numpy(dtype=bool))  # fmt: skip


def _matrix(rows: pd.DataFrame, name: str, params: Params) -> np.ndarray:
    return rows[[f"{name}_{arm}" for arm in params.interventions.names]].to_numpy(dtype=float)


if __name__ == "__main__":
    run(app)
