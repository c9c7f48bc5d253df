"""Stage measure: relationship KPIs of each stakeholder, and their rates per kind and segment over time.

Run as `python -m rapport.measure` in the project's root.
"""

from .contracts.schemas import STAKEHOLDERS, dtypes
from .features.engine import open_engine
from .features.history import STORED, Codes
from .features.kpi_counts import absent_types
from .features.kpi_summary import definitions, summarise
from .features.kpis import measure
from .features.labels import check_churn
from .policy.eligibility import costs, eligible
from .store.console import new_app, run, say
from .store.documents import read_json, write_json
from .store.frames import check_file, read_canonical, write_frame
from .store.project import KPIS, TABLES, load_params

app = new_app(
    "Measure the relationships: engagement, satisfaction, loyalty, cost, value, NPS, retention, lifetime value."
)


@app.command()
def main() -> None:
    """Read data/tables, write data/kpis."""
    params = load_params()
    codes = Codes.from_dict(read_json(TABLES / "history.json"))
    check_churn(codes.types, params)
    for name in sorted(absent_types(codes.types, params)):
        say(f"warning: params.yaml, kpis names the event type {name!r}, which occurs nowhere in the events")
    stakeholders = read_canonical(TABLES / "stakeholders.parquet", dtypes(STAKEHOLDERS))
    arm_costs = costs(stakeholders, params.interventions, eligible(stakeholders["kind"], params.interventions))
    check_file(TABLES / "history.parquet", STORED)
    with open_engine(TABLES / "history.parquet", params) as engine:
        measured = measure(stakeholders, codes, engine, arm_costs, params)
    for name, count in measured.astray.items():
        if count:
            say(f"warning: {count:,} answers of {name} are off its scale (params.yaml, kpis.surveys) and left out")
    write_frame(KPIS / "stakeholders.parquet", measured.stakeholders())
    write_frame(KPIS / "summary.parquet", summarise(measured, params))
    kpis = [each.as_dict() for each in definitions(params)]
    write_json(KPIS / "definitions.json", {"kpis": kpis, "lifetime": measured.lifetime})
    say(f"{int(measured.rows['present'].sum()):,} rows at {len(measured.lifetime)} instants")
    for note in [note for latest in measured.lifetime[-1:] for note in latest["notes"]]:
        say(f"lifetime value: {note}")


if __name__ == "__main__":
    run(app)
