"""Stage ingest: source and ledger to checked tables, a quarantine file and counts.

Run as `python -m rapport.ingest` in the project's root.
"""

from .features.history import build_history, stored
from .sources.adapters import read_source
from .sources.intake import take_in
from .store.console import new_app, run, say
from .store.documents import write_json
from .store.frames import write_frame, write_parts
from .store.ledger import read_ledger
from .store.project import TABLES, load_params

app = new_app("Check the source's tables and the ledger, and write them in canonical form.")


@app.command()
def main() -> None:
    """Read the source named in params.yaml and data/ledger, write data/tables."""
    params = load_params()
    ledger = [(part.decisions, part.events) for part in read_ledger(params.source.kind)]
    taken = take_in(read_source(params), params, ledger)
    for name in ("stakeholders", "events", "decisions", "quarantine"):
        write_frame(TABLES / f"{name}.parquet", getattr(taken, name))
    control, arms = params.interventions.control, list(params.interventions.arms)
    history, codes = build_history(taken.stakeholders, taken.events, taken.decisions, control, arms)
    write_parts(TABLES / "history.parquet", [stored(history)], deltas=["position"])
    write_json(TABLES / "history.json", codes.as_dict())
    write_json(TABLES / "counts.json", taken.counts)
    say(f"{len(taken.stakeholders):,} stakeholders, {len(taken.events):,} events, {len(taken.decisions):,} decisions "
        f"({len(ledger)} ledger partitions), {len(taken.quarantine):,} rows in quarantine")  # fmt: skip


if __name__ == "__main__":
    run(app)
