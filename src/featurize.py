"""Stage featurize: canonical tables to point-in-time features and outcomes.

Run as `python -m rapport.featurize` in the project's root.
"""

from .features.build import featurize
from .features.labels import absent_outcomes
from .store.console import new_app, run, say
from .store.documents import write_json
from .store.frames import read_frame, write_frame
from .store.project import FEATURES, TABLES, load_params

app = new_app("Build point-in-time features at each decision, at snapshots, and at as_of for everyone.")


@app.command()
def main() -> None:
    """Read data/tables, write data/features."""
    params = load_params()
    stakeholders, events, decisions = (
        read_frame(TABLES / f"{name}.parquet") for name in ("stakeholders", "events", "decisions")
    )
    for name in sorted(absent_outcomes(events, params)):
        say(f"warning: params.yaml, outcome names the event type {name!r}, which occurs nowhere in the events")
    built = featurize(stakeholders, events, decisions, params)
    write_frame(FEATURES / "decisions.parquet", built.decisions)
    write_frame(FEATURES / "snapshots.parquet", built.snapshots)
    write_frame(FEATURES / "population.parquet", built.population)
    write_json(FEATURES / "features.json", [feature.as_dict() for feature in built.features])
    say(f"{len(built.features)} features: {len(built.decisions):,} decisions, {len(built.snapshots):,} snapshots, "
        f"{len(built.population):,} stakeholders at {params.clock.as_of:%Y-%m-%d}")  # fmt: skip


if __name__ == "__main__":
    run(app)
