"""Small projects laid out as a clone has them, for tests of whole runs."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rapport.contracts.params import Params, parse_params
from rapport.sources.adapters import preset_path
from rapport.store.project import PLAN, overlay_params, read_yaml

REPOSITORY = Path(__file__).resolve().parents[1]
SMALL = {"source.stakeholders": 1500, "learner.rounds": 20, "learner.folds": 2, "evaluation.bootstrap": 50}


@contextmanager
def inside(folder: Path) -> Iterator[Path]:
    """Run the block with `folder` as the working directory."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield folder
    finally:
        os.chdir(before)


def make_project(folder: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """Lay out a project as a clone has it: params (small world, then `changes`), graph, code, data folders."""
    for name in ("params.yaml", "dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(REPOSITORY / name, folder / name)
    shutil.copytree(REPOSITORY / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("data/raw", "data/ledger", "data/registry/champion", "data/registry/looks"):
        (folder / name).mkdir(parents=True)
        shutil.copy(REPOSITORY / name / "README.md", folder / name / "README.md")
    overlay_params({**SMALL, **(changes or {})}, folder / "params.yaml")
    return folder


def run_stages(folder: Path) -> Path:
    """Run every stage of the graph in `folder`, in this process."""
    from rapport import assign, evaluate, featurize, gate, ingest, measure, plan, render, train

    with inside(folder):
        for stage in (ingest, featurize, measure, train, evaluate, gate, assign):
            stage.main()
        plan.main(output=PLAN)
        render.main()
    return folder


def preset_params(source: str, folder: Path) -> Params:
    """Return the params of a source's preset, its files lying in `folder`."""
    document = read_yaml(REPOSITORY / "params.yaml") | read_yaml(preset_path(source))
    document["source"]["path"] = str(folder)
    return parse_params(document)
