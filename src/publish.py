"""After the graph: put the bundle into the MLflow registry, as champion or as challenger; idempotent.

Run as `python -m rapport.publish` in the project's root.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from .contracts.params import Params
from .report.verdict import checked_verdict, sentences
from .store.bundle import read_bundle
from .store.console import new_app, run, say
from .store.documents import read_json
from .store.frames import read_frame
from .store.project import BUNDLE, EVALUATION, FEATURES, OUT_OF_FOLD, PARAMS, REPORT, VERDICT, load_params
from .store.standing import Standing, check_verdict
from .store.tracking import Published, Record, publish

app = new_app("Publish the bundle: MLflow run, registered version, alias. Idempotent.")


@app.command()
def main(
    promote: Annotated[bool, typer.Option("--promote", help="make it champion whatever the gate says")] = False,
) -> None:
    """Read the run's files, write to the tracking store."""
    done = publish_run(load_params(), promote)
    say(f"{'published' if done.new else 'already there'}: models:/{done.name}/{done.version}, alias {done.alias}, "
        f"run {done.run_id}")  # fmt: skip
    say(done.reason)


def publish_run(params: Params, by_hand: bool = False) -> Published:
    """Publish the run whose files lie in the project; `by_hand`: as champion, whatever the gate's verdict."""
    verdict, digest = checked_verdict(read_json(VERDICT), str(VERDICT)), read_bundle(BUNDLE).digest
    check_verdict(verdict, digest, params.gate)
    metrics = {**read_json(EVALUATION / "metrics.json"), "gate": verdict}
    record = Record(
        digest=digest,
        standing=Standing(params.source.kind, params.clock.iteration, verdict, sentences(verdict)[0], params.gate),
        params={key: str(value)[:500] for key, value in flat(params.model_dump(mode="json"))},
        metrics={key: float(value) for key, value in flat(metrics) if isinstance(value, int | float)},
        files={"evaluation": EVALUATION / "metrics.json", "report": REPORT, "params": PARAMS,
               "training": OUT_OF_FOLD / "training.json", "gate": VERDICT},
    )  # fmt: skip
    return publish(BUNDLE, record, read_frame(FEATURES / "population.parquet").head(100), params.registry, by_hand)


def flat(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested mappings with dotted names; lists are leaves.

    >>> dict(flat({"a": {"b": 1}, "c": [2]}))
    {'a.b': 1, 'c': [2]}
    """
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


if __name__ == "__main__":
    run(app)
