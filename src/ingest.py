"""Stage ingest: source and ledger to checked tables, a quarantine file and counts.

Run as `python -m rapport.ingest` in the project's root.
"""

import pandas as pd

from .features.engine import open_engine
from .features.history import codes_of, contacts_received, history_parts, stored
from .features.occurrences import occurrences
from .sources.adapters import read_source
from .sources.intake import take_in
from .store.console import new_app, run, say
from .store.documents import write_json
from .store.frames import write_evenly, write_frame
from .store.ledger import read_ledger
from .store.project import TABLES, load_params

app = new_app("Check the source's tables and the ledger, and write them in canonical form.")


@app.command()
def main() -> None:
    """Read the source named in params.yaml and data/ledger, write data/tables.

    Partitions of this iteration and of later ones wait until the clock has moved on: what was absorbed since a decision
    does not change it, so after absorbing nothing but this stage runs again.
    """
    params = load_params()
    as_of = pd.Timestamp(params.clock.as_of).tz_localize("UTC")
    ledger = [(part.decisions, part.events) for part in read_ledger(params.source.kind)
              if (part.decisions["decided_at"] < as_of).any()]  # fmt: skip
    taken = take_in(read_source(params), params, ledger)
    for name in ("stakeholders", "decisions", "quarantine"):
        write_frame(TABLES / f"{name}.parquet", getattr(taken, name))
    codes, slugs = codes_of(taken.told.event_types, taken.told.channels, list(params.interventions.arms))
    received = contacts_received(taken.decisions, params.interventions.control)
    history = history_parts(taken.stakeholders["stakeholder_id"], taken.event_parts, received, codes, slugs)
    write_evenly(TABLES / "events.parquet", taken.event_parts.tables())
    write_evenly(TABLES / "history.parquet", map(stored, history), deltas=["position"])
    with open_engine(TABLES / "history.parquet", params) as engine:
        counts = occurrences(engine, params)
    write_json(TABLES / "history.json", {**codes.as_dict(), "occurrences": counts.to_dict("list")})
    write_json(TABLES / "counts.json", taken.counts)
    say(f"{len(taken.stakeholders):,} stakeholders, {taken.counts['events']:,} events, {len(taken.decisions):,} "
        f"decisions ({len(ledger)} ledger partitions), {len(taken.quarantine):,} rows in quarantine")  # fmt: skip


if __name__ == "__main__":
    run(app)
