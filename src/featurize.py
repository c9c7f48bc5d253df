"""Stage featurize: checked tables to point-in-time features and outcomes.

Run as `python -m rapport.featurize` in the project's root.
"""

import pandas as pd

from .contracts.schemas import STAKEHOLDERS, decisions_schema, dtypes
from .features.build import Featurizer
from .features.engine import open_engine
from .features.history import STORED, Codes
from .features.labels import absent_outcomes, check_churn
from .store.console import new_app, run, say
from .store.documents import read_json, write_json
from .store.frames import check_file, read_canonical, write_parts
from .store.project import FEATURES, TABLES, load_params

app = new_app("Build point-in-time features at each decision, at snapshots, and at as_of for everyone.")


@app.command()
def main() -> None:
    """Read data/tables, write data/features."""
    params = load_params()
    document = read_json(TABLES / "history.json")
    codes, counts = Codes.from_dict(document), pd.DataFrame(document["occurrences"], dtype="int64")
    check_churn(codes.types, params)
    for name in sorted(absent_outcomes(codes.types, params)):
        say(f"warning: params.yaml names the event type {name!r}, which occurs nowhere in the events")
    stakeholders = read_canonical(TABLES / "stakeholders.parquet", dtypes(STAKEHOLDERS))
    decisions = read_canonical(TABLES / "decisions.parquet", dtypes(decisions_schema(params.interventions.names)))
    check_file(TABLES / "history.parquet", STORED)
    with open_engine(TABLES / "history.parquet", params) as engine:
        made = Featurizer(stakeholders, codes, counts, engine, params)
        write_json(FEATURES / "features.json", [feature.as_dict() for feature in made.features])
        say(f"{len(made.features)} features of {len(codes.types)} event types")
        learned, left_out = made.decisions(decisions)
        tables = {
            "decisions": learned,
            "snapshots": made.snapshots(decisions),
            "population": made.population(),
        }
        for name, parts in tables.items():
            say(f"{name}: {write_parts(FEATURES / f'{name}.parquet', parts):,} rows")
    for reason, number in left_out.items():
        say(f"decisions left out, {reason}: {number:,}")


if __name__ == "__main__":
    run(app)
