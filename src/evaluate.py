"""Stage evaluate: what the run is worth, from out-of-fold predictions only.

Run as `python -m rapport.evaluate` in the project's root.
"""

from typing import Any

from .evaluation.drift import feature_drift
from .evaluation.evaluate import TrainedRun, evaluate
from .evaluation.learned import learned_by_churn, learned_by_uplift
from .evaluation.pilot import pilot_message
from .store.bundle import has_bundle, read_bundle
from .store.console import new_app, run, say
from .store.documents import read_json, write_json
from .store.frames import read_frame
from .store.project import BUNDLE, CHAMPION, EVALUATION, FEATURES, OUT_OF_FOLD, TABLES, load_params

BLOCK = 32  # features whose drift is measured at a time, so that memory does not grow with their number

app = new_app("Judge churn risk and policy value, with intervals and beside all baselines.")


@app.command()
def main() -> None:
    """Read what was made out of fold and data/features, write data/evaluation: metrics, features, groups, change."""
    trained = _trained_run()
    documents = evaluate(trained)
    for name, document in documents.items():
        write_json(EVALUATION / f"{name}.json", document)
    if pilot := pilot_message(documents["metrics"]):
        say(pilot)
    with_uplift = not trained.uplift.empty
    del trained
    write_json(EVALUATION / "features.json", _drift(with_uplift))


def _trained_run() -> TrainedRun:
    churn, curve, uplift = (read_frame(OUT_OF_FOLD / f"{name}.parquet") for name in ("churn", "curve", "uplift"))
    tables = ("decisions", "snapshots", "population")
    decisions, snapshots, population = (read_frame(FEATURES / f"{name}.parquet") for name in tables)
    champion = read_bundle(CHAMPION) if has_bundle(CHAMPION) else None
    split = read_json(OUT_OF_FOLD / "training.json")["churn"]["split"]
    return TrainedRun(load_params(), read_bundle(BUNDLE), champion, split, churn, curve, uplift, decisions, snapshots,
                      population, read_frame(TABLES / "stakeholders.parquet"))  # fmt: skip


def _drift(with_uplift: bool) -> list[dict[str, Any]]:
    """Return every feature's drift between the rows each model learned from and those who may be contacted today."""
    features, params = read_json(FEATURES / "features.json"), load_params()
    tables = {"churn": FEATURES / "snapshots.parquet", "uplift": FEATURES / "decisions.parquet"}
    everyone = FEATURES / "population.parquet"
    keys = ["stakeholder_id", "as_of", *([params.decision.one_per] if params.decision.one_per else [])]
    snapshots, decisions = (
        read_frame(tables["churn"], [*keys, "contacts"]),
        read_frame(tables["uplift"], [*keys, "arm"]),
    )
    learned = {"churn": learned_by_churn(snapshots, decisions, params)}
    if with_uplift:
        learned["uplift"] = learned_by_uplift(decisions, params)
    independent = {model: each.independent for model, each in learned.items()}
    reachable = ~read_frame(everyone, ["opted_out"])["opted_out"]
    found: list[dict[str, Any]] = []
    for start in range(0, len(features), BLOCK):
        block = features[start : start + BLOCK]
        names = [each["name"] for each in block]
        training = {model: read_frame(tables[model], names)[each.rows] for model, each in learned.items()}
        found += feature_drift(block, training, read_frame(everyone, names)[reachable], independent)
    return found


if __name__ == "__main__":
    run(app)
