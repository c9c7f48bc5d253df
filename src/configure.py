"""Check params.yaml, or turn it to another source by that source's preset.

Run as `python -m rapport.configure [SOURCE] [--data FOLDER]` in the project's root. The file in force is kept as
params.<its source>.yaml, and a source configured before comes back as it was left.
"""

from pathlib import Path
from typing import Annotated

import typer

from .contracts.columns import check_columns
from .contracts.errors import InputError, ParamsError, listed
from .contracts.params import Params
from .contracts.schemas import STAKEHOLDERS
from .features.history import contact_type, slug
from .features.labels import absent_outcomes, check_churn
from .sources.adapters import ADAPTERS, adapter_of, preset_path
from .sources.files import at_hand
from .store.atomic import write_text
from .store.console import new_app, run, say
from .store.graph import check_for_dvc
from .store.ledger import read_ledger
from .store.project import PARAMS, load_params, overlay_params, read_commented

app = new_app("Check params.yaml, or turn it to another source.")


@app.command()
def main(
    source: Annotated[str, typer.Argument(help=f"one of {', '.join(ADAPTERS)}")] = "",
    data: Annotated[str, typer.Option(help="folder that holds the source's files")] = "",
) -> None:
    """Check params.yaml; with SOURCE, turn it to that source first."""
    params = load_params()
    if source and source not in ADAPTERS:
        raise ParamsError("configure, SOURCE", f"one of {', '.join(ADAPTERS)}", repr(source), "correct the name")
    if data:
        check_data(data, source or params.source.kind)
    if source and source != params.source.kind:
        params = switch(source, params.source.kind)
    path = at_home(data or params.source.path)
    if path != params.source.path:
        params = overlay_params({"source.path": path})
    check_for_dvc(params)
    check_path(params)
    if params.source.kind == "files":
        check_names(params)
    say(f"{PARAMS} is in order: source {params.source.kind} in {params.source.path}, to decide among "
        f"{listed(params.interventions.names)}; `make repro` runs the pipeline")  # fmt: skip


def at_home(path: str) -> str:
    """Return a path with the home folder in place of `~`, which DVC takes for a name."""
    return str(Path(path).expanduser()) if path == "~" or path.startswith("~/") else path


def check_data(data: str, source: str) -> None:
    """Refuse a folder that is not there, or that the source would not read, before anything is changed."""
    where = f"configure, --data {data}"
    if not Path(at_home(data)).exists():
        raise InputError(where, "a folder", "nothing there", "correct the path; nothing has changed")
    if source == "simulated":
        fix = f"name the source, as with tables of your own: `make repro SOURCE=files DATA={data}`"
        raise InputError(where, "a source that reads files", "the simulated company", fix)


def switch(source: str, leaving: str) -> Params:
    """Turn params.yaml to `source` and keep the file in force under the name of the source it leaves.

    Raises:
        ParamsError: there is no preset for the source.
    """
    before = PARAMS.read_text(encoding="utf-8")
    told = f"{PARAMS} now describes {source}; the one for {leaving} is kept as {kept(leaving)}"
    if kept(source).is_file():
        load_params(kept(source))
        write_text(kept(leaving), before)
        write_text(PARAMS, kept(source).read_text(encoding="utf-8"))
    elif source == "files":  # which only the person who exported them can describe
        write_text(kept(leaving), before)
        overlay_params({"source.kind": source})
        told += f"; clock, outcome, interventions, features and kpis are still those of {leaving}: write your own"
    else:
        preset = read_commented(preset_path(source))
        write_text(kept(leaving), before)
        overlay_params(preset)
    say(told)
    return load_params()


def kept(source: str) -> Path:
    """Return where the params of a source are kept while another is in force."""
    return PARAMS.with_name(f"params.{source}.yaml")


def check_path(params: Params) -> None:
    """Refuse a `source.path` that does not exist.

    Raises:
        ParamsError: there is no such source.
        InputError: there is nothing at the path.
    """
    advice = adapter_of(params.source.kind).advice
    if not Path(params.source.path).exists():
        fix = advice if params.source.kind == "simulated" else f"{advice}, or give the folder: make repro DATA=FOLDER"
        raise InputError(f"params.yaml, source.path {params.source.path}", "a folder", "nothing there", fix)


def check_names(params: Params) -> None:
    """Refuse, or warn of, columns and event types that `ingest` and `featurize` would, in tables that are not large.

    Raises:
        ParamsError: params name no column, or define churn by types that no event has.
        InputError: the tables or the ledger cannot be read as what they should be.
    """
    people, events = at_hand(params, "stakeholders"), at_hand(params, "events")
    if people is not None:
        check_columns(dict.fromkeys([*people.columns, *STAKEHOLDERS.columns]), params)
    if events is None or list(events.columns).count("event_type") != 1:  # as ingest will say
        return
    found = [events["event_type"], *(part.events["event_type"] for part in read_ledger(params.source.kind))]
    names = {name for types in found for name in types.dropna().astype("str").unique()}
    types = {*map(slug, names), *map(contact_type, params.interventions.arms)}
    check_churn(types, params)
    for name in sorted(absent_outcomes(types, params)):
        say(f"warning: {PARAMS} names the event type {name!r}, which occurs nowhere in the events")


if __name__ == "__main__":
    run(app)
