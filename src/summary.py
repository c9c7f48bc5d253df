"""The finished run in a page of text; `make repro` ends with it.

Run as `python -m rapport.summary` in the project's root.
"""

from typing import Annotated

import typer

from .evaluation.pilot import pilot_message
from .report.assigned import tally
from .report.findings import total_sentence
from .report.summary import Summary, new_console, print_summary
from .store.console import new_app, run
from .store.documents import read_json
from .store.frames import read_frame
from .store.project import ASSIGNMENTS, EVALUATION, REPORT, RULES, VERDICT, load_params

app = new_app("Print what the finished run is worth, what it assigns, and where report and model are.")


@app.command()
def main(
    version: Annotated[str, typer.Option(help="the registered version, to be named beside the model")] = "",
) -> None:
    """Read the run's files and print."""
    params = load_params()
    metrics, assignments = read_json(EVALUATION / "metrics.json"), read_frame(ASSIGNMENTS)
    account = read_json(RULES)
    tallies = tally(assignments, account["spend"])
    pilot = pilot_message(metrics["pilot"]) if "pilot" in metrics else ""
    total = total_sentence(assignments, params, metrics)
    judged = read_json(VERDICT)
    summary = Summary(params, metrics, tallies, account, pilot, judged, REPORT.as_posix(), version, total)
    print_summary(summary, new_console())


if __name__ == "__main__":
    run(app)
