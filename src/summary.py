"""The finished run in a page of text; `make repro` ends with it.

Run as `python -m rapport.summary` in the project's root.
"""

from collections.abc import Mapping
from typing import Any

from .contracts.errors import InputError
from .contracts.params import Params
from .evaluation.pilot import pilot_message
from .report.assigned import tally
from .report.findings import total_sentence
from .report.summary import Summary, print_summary, registry_lines
from .report.terminal import new_console
from .report.verdict import checked_verdict, sentences
from .store.console import new_app, run
from .store.documents import read_json
from .store.frames import read_frame
from .store.project import ASSIGNMENTS, EVALUATION, REPORT, RULES, VERDICT, load_params
from .store.registry import registered
from .store.standing import Standing

app = new_app("Print what the finished run is worth, what it assigns, and where report and model are.")


@app.command()
def main() -> None:
    """Read the run's files, ask the registry, and print."""
    params, verdict = load_params(), checked_verdict(read_json(VERDICT), str(VERDICT))
    metrics, assignments = read_json(EVALUATION / "metrics.json"), read_frame(ASSIGNMENTS)
    account = read_json(RULES)
    model, against = _registry(params, verdict)
    summary = Summary(
        params=params,
        metrics=metrics,
        tallies=tally(assignments, account["spend"]),
        account=account,
        pilot=pilot_message(metrics),
        verdict=verdict,
        report=REPORT.as_posix(),
        total=total_sentence(assignments, params, metrics),
        model=model,
        against=against,
    )
    print_summary(summary, new_console())


def _registry(params: Params, verdict: Mapping[str, Any]) -> tuple[list[str], str]:
    """Return what the registry says of the bundle that was judged, or why it is silent; and against the verdict."""
    standing = Standing(params.source.kind, params.clock.iteration, verdict, sentences(verdict)[0], params.gate)
    try:
        found = registered(params.registry, standing)
    except InputError as fault:
        return [str(fault)], ""
    return registry_lines(params.registry.model, found.version, found.aliases), found.against


if __name__ == "__main__":
    run(app)
