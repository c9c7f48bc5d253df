"""Stage evaluate: what the run is worth, from out-of-fold predictions only.

Run as `python -m rapport.evaluate` in the project's root.
"""

from typing import Any

import numpy as np
import pandas as pd

from .contracts.params import Params
from .evaluation.change import number_drift, outcome_change, proxies, staleness
from .evaluation.churn_slices import churn_slices, curve_scorecard, slice_columns
from .evaluation.drift import feature_drift, independent_rows
from .evaluation.gain_scorecard import best_arms, gain_scorecard, group_scorecard
from .evaluation.incumbent import Incumbent, incumbent
from .evaluation.log import LoggedDecisions, clusters
from .evaluation.pilot import pilot_message, propose_pilot
from .evaluation.policies import Held
from .evaluation.policy_scorecard import policy_scorecard
from .evaluation.scorecard import churn_scorecard
from .evaluation.slices import groups as groups_of
from .models.bundle import Bundle
from .models.churn_rows import under_control
from .policy.constraints import constraints_of
from .policy.decide import make_offer
from .policy.eligibility import costs, eligible, expected_costs
from .policy.rules import permitted, rules_of
from .store.bundle import has_bundle, read_bundle
from .store.console import new_app, run, say
from .store.documents import read_json, write_json
from .store.frames import read_frame
from .store.project import BUNDLE, CHAMPION, EVALUATION, FEATURES, OUT_OF_FOLD, TABLES, load_params

SCORED = 20_000  # people of today whose scores are compared with those of training
BLOCK = 32  # features whose drift is measured at a time, so that memory does not grow with their number

app = new_app("Judge churn risk and policy value, with intervals and beside all baselines.")


@app.command()
def main() -> None:
    """Read what was made out of fold and data/features, write data/evaluation: metrics, features, groups, change."""
    params, bundle = load_params(), read_bundle(BUNDLE)
    uplift_rows = read_frame(OUT_OF_FOLD / "uplift.parquet")
    churn_rows = read_frame(OUT_OF_FOLD / "churn.parquet")
    everyone = read_frame(FEATURES / "population.parquet")
    log = read_json(OUT_OF_FOLD / "training.json")
    metrics: dict[str, Any] = {"churn": _churn(churn_rows, log["churn"]["split"], params)}
    groups: dict[str, Any] = {"slices": {}, "proxies": {}}
    held = None
    if uplift_rows.empty:
        snapshots = read_frame(FEATURES / "snapshots.parquet", ["value"])
        may = eligible(everyone["kind"], params.interventions)
        dearest = float(costs(everyone, params.interventions, may).max(initial=0.0))
        metrics["pilot"] = propose_pilot(snapshots["value"], dearest, len(params.interventions.names))
        say(pilot_message(metrics["pilot"]))
    else:
        decisions = read_frame(FEATURES / "decisions.parquet")
        held = _held(uplift_rows, decisions, params, len(everyone))
        metrics["uplift"] = {
            **policy_scorecard(held, params.interventions.names, _incumbent(held, decisions, params, len(everyone))),
            "gains": gain_scorecard(held, decisions["iteration"].to_numpy(dtype=np.int64), params),
        }
        groups = _groups(held, decisions, bundle, params)
    write_json(EVALUATION / "metrics.json", metrics)
    write_json(EVALUATION / "groups.json", groups)
    write_json(EVALUATION / "change.json", _change(bundle, held, churn_rows, everyone))
    write_json(EVALUATION / "features.json", _drift(("churn",) if uplift_rows.empty else ("churn", "uplift")))


def _churn(rows: pd.DataFrame, split: str, params: Params) -> dict[str, Any]:
    """Return the quality of churn risk: at the horizon, by other days, and in parts."""
    parts = slice_columns(rows["stakeholder_id"], rows["as_of"], read_frame(TABLES / "stakeholders.parquet"), params)
    return {
        "split": split,
        **churn_scorecard(rows, params),
        "curve": curve_scorecard(read_frame(OUT_OF_FOLD / "curve.parquet"), params),
        "slices": churn_slices(rows, parts, params),
    }


def _groups(held: Held, decisions: pd.DataFrame, bundle: Bundle, params: Params) -> dict[str, Any]:
    """Return the policy by kind, segment and audited attributes, and what stands in for the latter."""
    people = read_frame(TABLES / "stakeholders.parquet").set_index("stakeholder_id")
    audited = [name for name in params.features.audit_only if name in people]
    named = dict.fromkeys(["kind", *([params.kpis.segment] if params.kpis.segment else []), *audited])
    attributes = people.loc[decisions["stakeholder_id"], list(named)].reset_index(drop=True)
    training = bundle.training
    X = bundle.encoding.matrix(decisions) if audited else None
    found = {} if X is None else {
        name: proxies(X, bundle.encoding.names, groups_of(attributes[name]).to_numpy(dtype=object),
                      decisions["stakeholder_id"], training, params.evaluation.bootstrap)
        for name in audited
    }  # fmt: skip
    return {"slices": group_scorecard(held, attributes, params.interventions.names), "proxies": found}


def _change(bundle: Bundle, held: Held | None, churn_rows: pd.DataFrame, everyone: pd.DataFrame) -> dict[str, Any]:
    """Return drift of scores and outcomes, and how churn risk ages."""
    params = bundle.params
    snapshots = read_frame(FEATURES / "snapshots.parquet")
    snapshots = snapshots[under_control(snapshots)].reset_index(drop=True)
    reachable = everyone[~everyone["opted_out"]]
    some = reachable.sample(min(len(reachable), SCORED), random_state=params.seed).sort_index()
    predicted = bundle.predict(some)
    risks = churn_rows["churn_risk"].to_numpy(dtype=float)
    scores = {"churn_risk": number_drift(risks, predicted.churn_risk, len(risks))} if len(some) else {}
    if held is not None and len(some):
        offer = make_offer(some, predicted, params)
        worth = independent_rows(pd.Series(held.log.cluster))
        scores["best_gain"] = number_drift(best_arms(held.worth)[1], best_arms(offer.worth)[1], worth)
    old = staleness(bundle.encoding.matrix(snapshots), snapshots, bundle.training, params.clock.horizon_days,
                    params.evaluation.bootstrap)  # fmt: skip
    return {"scores": scores, "outcomes": outcome_change(snapshots), "staleness": old}


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
                             _matrix(rows, "mu", params), clusters(decisions, params.decision.one_per))  # fmt: skip
    caution = params.decision.caution * _matrix(rows, "effect_se", params) if params.decision.caution else 0.0
    worth = np.where(may, _matrix(rows, "effect", params) - cost - caution, np.nan)
    worth[:, 0] = 0.0
    constraints = constraints_of(decisions, params, len(decisions) / max(population, 1))
    return Held(logged, worth, may, constraints, rows["fold"].to_numpy(dtype=np.int64),
                rows["churn_risk"].to_numpy(dtype=float), rows["propensity_logged"].to_numpy(dtype=bool))  # fmt: skip


def _incumbent(held: Held, decisions: pd.DataFrame, params: Params, population: int) -> Incumbent | None:
    if not has_bundle(CHAMPION):
        return None
    return incumbent(read_bundle(CHAMPION), decisions, held, params, population)


def _matrix(rows: pd.DataFrame, name: str, params: Params) -> np.ndarray:
    return rows[[f"{name}_{arm}" for arm in params.interventions.names]].to_numpy(dtype=float)


if __name__ == "__main__":
    run(app)
