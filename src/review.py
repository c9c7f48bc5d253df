"""People decide: the worklist of proposals, and what became of each.

Run as `python -m rapport.review`, and with `--marks FILE` after people have decided, in the project's root.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from .contracts.carried_out import MARKS, canonical_worklist, reviewed
from .contracts.errors import InputError
from .sources.files import read_file
from .store.atomic import write_text
from .store.console import new_app, run, say
from .store.frames import read_frame
from .store.project import ASSIGNMENTS, REVIEW, load_params

app = new_app("Keep the status of each proposal: proposed, approved, overridden, declined, delivered.")
COLUMNS = ["decision_id", "stakeholder_id", "decided_at", "intervention", "propensity", "iteration", "policy",
           "expected_gain", "reason"]  # fmt: skip


@app.command()
def main(
    marks: Annotated[str, typer.Option(help="decision_id, status, delivered_intervention and status_reason")] = "",
) -> None:
    """Write data/review/iteration=N.csv, the proposals with their status; `absorb` takes it once all are settled."""
    params, assignments = load_params(), read_frame(ASSIGNMENTS)
    place = REVIEW / f"iteration={assignments['iteration'].max():04d}.csv"
    worklist = _worklist(place, assignments, params.interventions.control)
    if marks:
        raw, origin = read_file(Path(marks))
        worklist = reviewed(worklist, raw, params.interventions.control, origin)
    write_text(place, worklist.to_csv(index=False))
    counts = worklist["status"].value_counts()
    say(f"{place}: " + ", ".join(f"{status} {count:,}" for status, count in counts.items()))


def _worklist(place: Path, assignments: pd.DataFrame, control: str) -> pd.DataFrame:
    """Return the proposals with the marks made so far.

    Raises:
        InputError: the marks are of other proposals than those assigned, or contradict each other.
    """
    fresh = assignments[COLUMNS].assign(**dict.fromkeys(MARKS, pd.array([None] * len(assignments), dtype="str")))
    fresh["status"] = assignments["status"]
    if not place.is_file():
        return fresh
    marked, origin = read_file(place)
    same = ["decision_id", "intervention"]
    if not marked[same].astype("str").reset_index(drop=True).equals(fresh[same].astype("str")):
        fix = f"move {place} away to begin with the new proposals"
        raise InputError(str(place), "marks of the proposals in data/assignments", "those of others", fix)
    return canonical_worklist(fresh.assign(**{name: marked[name].array for name in MARKS}), control, origin)


if __name__ == "__main__":
    run(app)
