"""Stage ingest: source and ledger to checked tables, a quarantine file and counts.

Run as `python -m rapport.ingest` in the project's root.
"""

import pandas as pd

from .features.engine import open_engine
from .features.history import codes_of, contacts_received, history_parts, stored
from .features.occurrences import occurrences
from .sources.adapters import read_source
from .sources.consistency import check_iteration
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

    Partitions of this iteration and of later ones wait until the clock has moved on, and are counted: what was absorbed
    since a decision does not change it.
    """
    params = load_params()
    as_of = pd.Timestamp(params.clock.as_of).tz_localize("UTC")
    parts = read_ledger(params.source.kind)
    earlier = [part for part in parts if (part.decisions["decided_at"] < as_of).any()]
    check_iteration([part.iteration for part in earlier], params.clock.iteration)
    waiting = len(parts) - len(earlier)
    taken = take_in(read_source(params), params, [(part.decisions, part.events) for part in earlier])
    for name in ("stakeholders", "decisions", "quarantine"):
        write_frame(TABLES / f"{name}.parquet", getattr(taken, name))
    codes, slugs = codes_of(taken.told.event_types, taken.told.channels, list(params.interventions.arms))
    received = contacts_received(taken.decisions, params.interventions.control)
    history = history_parts(taken.stakeholders["stakeholder_id"], taken.event_parts, received, codes, slugs)
    write_evenly(TABLES / "events.parquet", taken.event_parts.tables())
    write_evenly(TABLES / "history.parquet", map(stored, history), deltas=["position"], codec="lz4")
    with open_engine(TABLES / "history.parquet", params) as engine:
        counts = occurrences(engine, params)
    write_json(TABLES / "history.json", {**codes.as_dict(), "occurrences": counts.to_dict("list")})
    write_json(TABLES / "counts.json", taken.counts | {"ledger_partitions_waiting": waiting})
    for warning in (*taken.warnings, *told_ahead(params.clock.iteration, len(parts))):
        say(f"warning: {warning}")
    say(f"{len(taken.stakeholders):,} stakeholders, {taken.counts['events']:,} events, {len(taken.decisions):,} "
        f"decisions ({told_of_ledger(len(parts), waiting)}), {len(taken.quarantine):,} rows in quarantine")  # fmt: skip


def told_ahead(iteration: int, partitions: int) -> list[str]:
    """Return what to tell of an iteration whose decisions `absorb` will refuse, since it takes them in order from 1 on.

    >>> told_ahead(2, 1), len(told_ahead(3, 1))
    ([], 1)
    """
    if iteration <= partitions + 1:
        return []
    return [
        f"params.yaml, clock.iteration: {iteration}, but absorb takes the iterations in order, and the ledger holds "
        f"{partitions}: set it to {partitions + 1}, and number decisions of your own log 0, -1, -2, …"
    ]


def told_of_ledger(partitions: int, waiting: int) -> str:
    """Return how many partitions there are, and how many of them are of decisions not yet made by the clock.

    >>> told_of_ledger(1, 1)
    '1 ledger partition, 1 waits for clock.as_of to move on'
    >>> told_of_ledger(2, 0)
    '2 ledger partitions'
    """
    there = f"{partitions} ledger partition{'' if partitions == 1 else 's'}"
    return f"{there}, {waiting} wait{'s' if waiting == 1 else ''} for clock.as_of to move on" if waiting else there


if __name__ == "__main__":
    run(app)
