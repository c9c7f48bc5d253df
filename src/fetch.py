"""Run `python -m rapport.fetch NAME`: put a public dataset where its preset looks for it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from .contracts.errors import InputError
from .sources.adapters import DATASETS
from .store.console import new_app, run, say
from .store.download import fetch
from .store.project import RAW

app = new_app("Fetch a public dataset that rapport has an adapter for.")


@app.command()
def main(
    name: Annotated[str, typer.Argument(help=f"The dataset: {', '.join(DATASETS)}.")],
    origin: Annotated[
        Path | None, typer.Option("--from", help="A local folder that has the files; without it, download them.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Where to put them; by default data/raw/NAME.")] = None,
) -> None:
    """Copy or download the files, check them, and say where they are."""
    if name not in DATASETS:
        known = f"one of {', '.join(DATASETS)}"
        raise InputError("fetch, NAME", known, repr(name), "other sources need nothing fetched")
    dataset = DATASETS[name]
    say(f"{dataset.about}. Licence: {dataset.licence}.")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)
        paths = fetch(
            dataset, to or RAW / name, origin, lambda done, total: bar.update(task, completed=done, total=total)
        )
    for path in paths:
        say(f"{path}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    run(app)
