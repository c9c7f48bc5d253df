"""What another budget or limit would bring, before anything is assigned.

Run as `python -m rapport.plan --limit decision.budget --values 0,10000,20000` in the project's root. The plan stage
writes data/plan for the report.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from .contracts.errors import ParamsError
from .policy.what_if import Step, sweep, usual_key
from .report.terminal import WIDE, new_console, show
from .report.what_if import plan_parts
from .serving.decisions import checked
from .store.atomic import write_text
from .store.bundle import read_bundle
from .store.console import new_app, run, say
from .store.documents import write_json
from .store.frames import read_frame
from .store.project import BUNDLE, FEATURES, WHAT_IF, load_params

app = new_app("Show gain, spend, assignments and shadow prices at each value of a limit.")


@app.command()
def main(
    limit: Annotated[str, typer.Option(help="key of params.yaml; without it the budget, or all contacts")] = "",
    values: Annotated[str, typer.Option(help="such as 0,10000,20000; without it a grid up to all that is used")] = "",
    output: Annotated[Path, typer.Option(help="folder for plan.json and plan.csv")] = WHAT_IF,
) -> None:
    """Read data/bundle and the population's features, print the table, write plan.json and plan.csv."""
    bundle, population = read_bundle(BUNDLE), checked(read_frame(FEATURES / "population.parquet"))
    bundle.refuse_changed(load_params())
    key = limit or usual_key(bundle.params)
    steps = list(sweep(bundle, population, key, _numbers(values)))
    show(plan_parts(key, steps, len(population)), new_console(WIDE))
    write_json(output / "plan.json", {"key": key, "stakeholders": len(population), "model_digest": bundle.digest,
                                      "steps": [step.as_dict() for step in steps]})  # fmt: skip
    write_text(output / "plan.csv", _table(steps).to_csv(index=False))
    say(f"{output}/plan.json and plan.csv written")


def _numbers(values: str) -> list[float]:
    """Return the numbers of a list with commas.

    Raises:
        ParamsError: something else.
    """
    try:
        return [float(value) for value in values.split(",") if value.strip()]
    except ValueError:
        raise ParamsError("--values", "numbers with commas between them", repr(values), "correct them") from None


def _table(steps: list[Step]) -> pd.DataFrame:
    """Return a row per step, the arms' counts as columns of their own."""
    rows = []
    for step in steps:
        row = step.as_dict()
        given, binding, explored = (row.pop(name) for name in ("given", "binding", "exploration"))
        prices = "; ".join(f"{name} {price!r}" for name, price in binding.items())
        counts = {f"given_{arm}": count for arm, count in given.items()}
        rows.append({**row, "explores": explored.get("found"), "binding": prices, **counts})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    run(app)
