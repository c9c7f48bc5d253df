"""Stage assign: one intervention, or the control, for everyone.

Run as `python -m rapport.assign` in the project's root.
"""

from .contracts.cells import Origin
from .contracts.schemas import assignments_schema
from .contracts.tables import conform
from .serving.decisions import answer
from .store.bundle import read_bundle
from .store.console import new_app, run, say
from .store.frames import read_frame, write_frame
from .store.project import ASSIGNMENTS, BUNDLE, FEATURES

app = new_app("Assign every stakeholder the intervention with the highest expected gain under the rules.")


@app.command()
def main() -> None:
    """Read data/bundle and the population's features, write data/assignments."""
    bundle = read_bundle(BUNDLE)
    assignments = answer(bundle, read_frame(FEATURES / "population.parquet"))
    conform(assignments, assignments_schema(bundle.params.interventions.names), Origin("assignments"))
    write_frame(ASSIGNMENTS, assignments)
    counts = assignments["intervention"].value_counts()
    say(", ".join(f"{name} {count:,}" for name, count in counts.items()))


if __name__ == "__main__":
    run(app)
