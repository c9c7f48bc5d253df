"""Stage report: the finished run as one offline HTML page.

Run as `python -m rapport.render` in the project's root.
"""

from .evaluation.pilot import pilot_message
from .policy.eligibility import costs
from .report.page import FinishedRun, render_page
from .store.atomic import write_text
from .store.bundle import read_bundle
from .store.console import new_app, run, say
from .store.documents import read_json
from .store.frames import read_frame
from .store.project import ASSIGNMENTS, BUNDLE, EVALUATION, FEATURES, OUT_OF_FOLD, REPORT, TABLES

app = new_app("Write the report: one HTML file that opens anywhere, offline.")


@app.command()
def main() -> None:
    """Read what the other stages wrote, write data/report/report.html."""
    write_text(REPORT, render_page(finished_run()))
    say(f"{REPORT} written")


def finished_run() -> FinishedRun:
    """Return the run whose files lie in the project; the params are those in its bundle."""
    bundle = read_bundle(BUNDLE)
    metrics, assignments = read_json(EVALUATION / "metrics.json"), read_frame(ASSIGNMENTS)
    population = read_frame(FEATURES / "population.parquet").set_index("stakeholder_id", drop=False)
    booster = bundle.churn.booster
    gains = [] if booster is None else booster.feature_importance("gain").tolist()
    return FinishedRun(
        params=bundle.params,
        metrics=metrics,
        assignments=assignments,
        cost=costs(population.loc[assignments["stakeholder_id"]], bundle.params.interventions),
        training=read_json(OUT_OF_FOLD / "training.json"),
        features=read_json(FEATURES / "features.json"),
        counts=read_json(TABLES / "counts.json"),
        importance=dict(zip(bundle.encoding.names, gains, strict=True)) if gains else {},
        model_digest=bundle.digest,
        pilot=pilot_message(metrics["pilot"]) if "pilot" in metrics else "",
    )


if __name__ == "__main__":
    run(app)
