"""After people have acted: take decisions as carried out and the events since into the ledger, as a new partition.

Run as `python -m rapport.absorb --decisions FILE --events FILE` in the project's root.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from .contracts.carried_out import canonical_carried_out
from .contracts.cells import Origin, refuse
from .contracts.errors import InputError
from .contracts.params import Params
from .contracts.tables import canonical_events, no_events
from .policy.carried_out import as_proposed
from .sources.adapters import read_source
from .sources.files import read_file
from .sources.intake import take_in
from .store.console import new_app, run, say
from .store.frames import read_frame
from .store.ledger import Partition, append, read_ledger, track
from .store.project import ASSIGNMENTS, load_params

app = new_app("Absorb decisions as carried out and new events into the ledger.")


@app.command()
def main(
    decisions: Annotated[Path, typer.Option(help="decisions as carried out (contract's table, Parquet or CSV)")],
    events: Annotated[Path, typer.Option(help="events since the decisions (contract's table, Parquet or CSV)")],
) -> None:
    """Check both tables and write data/ledger/iteration=N, N being the iteration of the decisions."""
    params = load_params()
    raw, origin = read_file(decisions)
    carried_out = canonical_carried_out(raw, params.interventions.names, origin)
    happened, origin = read_file(events)
    since = canonical_events(happened, origin) if len(happened) else no_events()
    folder, new = absorb(carried_out, since, params)
    say(", ".join(f"{status} {count:,}" for status, count in carried_out["status"].value_counts().items()))
    say(f"{folder} {'written' if new else 'is there already, with this content; nothing changed'}")
    if new:
        say("Next: set clock.as_of and clock.iteration in params.yaml to the next decision, then `make repro`.")


def absorb(decisions: pd.DataFrame, events: pd.DataFrame, params: Params) -> tuple[Path, bool]:
    """Add a partition of canonical tables and return its folder, and whether it is new.

    The ledger is never rewritten, so what the next ingest would refuse is refused here, before anything is written.

    Raises:
        InputError: the decisions are not of one iteration, the ledger already holds other content for it, or the source
            and the ledger with this partition do not keep the contract.
    """
    iterations = sorted(decisions["iteration"].unique())
    if len(iterations) != 1:
        got = ", ".join(map(str, iterations)) or "no decisions"
        raise InputError("decisions, column iteration", "one iteration", got, "absorb one iteration at a time")
    proposed = read_frame(ASSIGNMENTS) if ASSIGNMENTS.is_file() else None
    if proposed is not None:
        decisions = as_proposed(decisions, proposed)
        _say_left_out(decisions, proposed)
    _say_too_early(decisions, events, params)
    partition = Partition(int(iterations[0]), decisions, events, proposed)
    earlier = [part for part in read_ledger(params.source.kind) if part.iteration < partition.iteration]
    taken = take_in(read_source(params), params, [(part.decisions, part.events) for part in (*earlier, partition)])
    known = decisions["stakeholder_id"].isin(taken.stakeholders["stakeholder_id"])
    refuse(~known, decisions["stakeholder_id"], Origin("decisions"), "a stakeholder of the source", "correct the id")
    folder, new = append(partition, params.source.kind)
    track([folder])
    return folder, new


def _say_left_out(decisions: pd.DataFrame, proposed: pd.DataFrame) -> None:
    left_out = (~proposed["decision_id"].isin(decisions["decision_id"])).sum()
    if left_out:
        say(f"warning: {left_out:,} of {len(proposed):,} proposals are left out; what nobody carried out is declined")


def _say_too_early(decisions: pd.DataFrame, events: pd.DataFrame, params: Params) -> None:
    """Warn of events that end well before the outcomes do; a day's silence at the end is none."""
    ends = decisions["decided_at"].max() + pd.Timedelta(days=params.clock.horizon_days)
    last = events["known_at"].max()
    if pd.isna(last) or last < ends - pd.Timedelta(days=max(1.0, params.clock.horizon_days / 10)):
        told = "there is no event" if pd.isna(last) else f"the last event is of {last:%Y-%m-%d}"
        say(f"warning: {told}, while the outcomes of these decisions last until {ends:%Y-%m-%d}: what is not in the "
            "events will count as not having happened")  # fmt: skip


if __name__ == "__main__":
    run(app)
