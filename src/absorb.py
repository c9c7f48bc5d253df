"""After people have acted: take decisions as carried out and the events since into the ledger, as a new partition.

Run as `python -m rapport.absorb --decisions FILE --events FILE` in the project's root.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from .contracts.cells import Origin
from .contracts.errors import InputError
from .contracts.params import Params
from .contracts.tables import canonical_decisions, canonical_events
from .policy.carried_out import honest_propensities
from .sources.files import read_table
from .store.console import new_app, run, say
from .store.frames import read_frame
from .store.ledger import Partition, append, track
from .store.project import ASSIGNMENTS, load_params

app = new_app("Absorb decisions as carried out and new events into the ledger.")


@app.command()
def main(
    decisions: Annotated[Path, typer.Option(help="decisions as carried out (contract's table, Parquet or CSV)")],
    events: Annotated[Path, typer.Option(help="events since the decisions (contract's table, Parquet or CSV)")],
) -> None:
    """Check both tables and write data/ledger/iteration=N, N being the iteration of the decisions."""
    params = load_params()
    carried_out = canonical_decisions(*_named(decisions, params.interventions.names))
    happened, origin = read_table([_present(events)], events)
    folder, new = absorb(carried_out, canonical_events(happened, origin), params)
    say(f"{folder} {'written' if new else 'is there already, with this content; nothing changed'}")
    if new:
        say("Next: set clock.as_of and clock.iteration in params.yaml to the next decision, then `make repro`.")


def absorb(decisions: pd.DataFrame, events: pd.DataFrame, params: Params) -> tuple[Path, bool]:
    """Add a partition of canonical tables and return its folder, and whether it is new.

    Raises:
        InputError: the decisions are not of one iteration, or the ledger already holds other content for it.
    """
    iterations = sorted(decisions["iteration"].unique())
    if len(iterations) != 1:
        got = ", ".join(map(str, iterations)) or "no decisions"
        raise InputError("decisions, column iteration", "one iteration", got, "absorb one iteration at a time")
    if ASSIGNMENTS.is_file():
        proposed = read_frame(ASSIGNMENTS, ["decision_id", "stakeholder_id", "intervention"])
        decisions = honest_propensities(decisions, proposed)
    folder, new = append(Partition(int(iterations[0]), decisions, events), params.source.kind)
    track([folder])
    return folder, new


def _named(path: Path, arms: tuple[str, ...]) -> tuple[pd.DataFrame, tuple[str, ...], Origin]:
    table, origin = read_table([_present(path)], path)
    return table, arms, origin


def _present(path: Path) -> Path:
    if not path.is_file():
        raise InputError(str(path), "a Parquet or CSV file", "no such file", "correct the path")
    return path


if __name__ == "__main__":
    run(app)
