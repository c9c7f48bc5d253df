"""Stage report: the finished run as one offline HTML page.

Run as `python -m rapport.render` in the project's root.
"""

from .evaluation.pilot import pilot_message
from .models.bundle import Bundle
from .policy.drivers import CHURN_RISK, average_drivers
from .report.churn import churn_page
from .report.features import importance_shares
from .report.judged import alarms, judged_tables
from .report.kpis import kpi_page
from .report.page import FinishedRun, render_page
from .report.verdict import checked_verdict, verdict_page
from .report.what_if import plan_page
from .store.atomic import write_text
from .store.bundle import read_bundle
from .store.console import new_app, run, say
from .store.documents import read_json
from .store.frames import read_frame
from .store.project import (
    ASSIGNMENTS,
    BUNDLE,
    EVALUATION,
    FEATURES,
    KPIS,
    OUT_OF_FOLD,
    PLAN,
    REPORT,
    RISK,
    RULES,
    TABLES,
    VERDICT,
    load_params,
)

app = new_app("Write the report: one HTML file that opens anywhere, offline.")


@app.command()
def main() -> None:
    """Read what the other stages wrote, write data/report/report.html."""
    write_text(REPORT, render_page(finished_run()))
    say(f"{REPORT} written")


def finished_run() -> FinishedRun:
    """Return the run whose files lie in the project; see `Bundle.params_of_run` for its params."""
    bundle = read_bundle(BUNDLE)
    params = bundle.params_of_run(load_params())
    metrics, assignments = read_json(EVALUATION / "metrics.json"), read_frame(ASSIGNMENTS)
    population = read_frame(FEATURES / "population.parquet").set_index("stakeholder_id", drop=False)
    features = read_json(FEATURES / "features.json")
    meanings = {each["name"]: each["meaning"] for each in features}
    change, drivers = read_json(EVALUATION / "change.json"), average_drivers(bundle, population)
    return FinishedRun(
        params=params,
        metrics=metrics,
        assignments=assignments,
        account=read_json(RULES),
        training=read_json(OUT_OF_FOLD / "training.json"),
        features=features,
        counts=read_json(TABLES / "counts.json"),
        importance=drivers.get(CHURN_RISK, {}),
        model_digest=bundle.digest,
        drift=read_json(EVALUATION / "features.json"),
        outcome_importance=_outcome_shares(bundle),
        pilot=pilot_message(metrics),
        plan=plan_page(read_json(PLAN / "plan.json")),
        churn=churn_page(metrics["churn"], read_frame(RISK), population, params,
                         drivers, meanings),
        judged=judged_tables(metrics, read_json(EVALUATION / "groups.json"), change, params.evaluation),
        alarms=alarms(change, params.evaluation),
        verdict=verdict_page(checked_verdict(read_json(VERDICT), str(VERDICT))),
        kpis=kpi_page(read_frame(KPIS / "summary.parquet"), read_json(KPIS / "definitions.json")),
    )  # fmt: skip


def _outcome_shares(bundle: Bundle) -> dict[str, float]:
    """Return what each feature brought the models of the outcome's parts, arms aside; empty without them."""
    if bundle.uplift is None or bundle.uplift.outcomes is None:
        return {}
    names, outcomes = bundle.encoding.names, bundle.uplift.outcomes
    bases = [part.base for part in (outcomes.retention, outcomes.pays, outcomes.size) if part.base is not None]
    return importance_shares([dict(zip(names, base.importance(len(names)).tolist(), strict=True)) for base in bases])


if __name__ == "__main__":
    run(app)
