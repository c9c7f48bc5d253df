"""Score with a registered model: the same decisions as the assign stage, for any population.

Run as `python -m rapport.serve batch --model models:/rapport@champion --input … --output …`.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from .contracts.errors import ArtifactError, InputError
from .store.console import new_app, run, say
from .store.frames import read_frame, write_frame
from .store.tracking import answer, load_registered

app = new_app("Decide with a registered model.")


@app.callback()
def callback() -> None:
    """Decide with a registered model."""


@app.command()
def batch(
    model: Annotated[str, typer.Option(help="MLflow address, such as models:/rapport@champion")],
    source: Annotated[Path, typer.Option("--input", help="the population's features (Parquet)")],
    output: Annotated[Path, typer.Option(help="where the assignments go (Parquet)")],
) -> None:
    """Read a population's feature table and write its assignments."""
    request = _request(source)
    loaded, resolved = load_registered(model)
    say(f"{resolved}: deciding for {len(request):,} stakeholders")
    assignments = answer(loaded, request, f"--input {source}")
    write_frame(output, assignments)
    say(f"{output} written")


def _request(source: Path) -> pd.DataFrame:
    """Read a population's feature table that anybody may have written.

    Raises:
        InputError: there is none, or it is no Parquet file.
    """
    fix = "give the population table that the featurize stage writes, or one like it, as Parquet"
    if not source.is_file():
        raise InputError(f"--input {source}", "a Parquet file", "no such file", fix)
    try:
        return read_frame(source)
    except ArtifactError as fault:
        raise InputError(f"--input {source}", "a Parquet file", fault.got, fix) from None


if __name__ == "__main__":
    run(app)
