"""The DVC graph: a second repro runs nothing, a forced one changes no byte, the loop feeds itself."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from projects import inside, make_project
from rapport.store.documents import read_json
from rapport.store.project import OUT_OF_FOLD, load_params

OUTPUTS = ("tables", "features", "kpis", "bundle", "out_of_fold", "evaluation", "gate", "assignments", "risk", "plan",
           "report")  # fmt: skip


def dvc(folder: Path, *words: str) -> str:
    """Run DVC in a project and return what it printed."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, "-m", "dvc", *words], cwd=folder, env=environment, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make_graph(folder: Path) -> Path:
    """Return a small project under DVC."""
    make_project(folder)
    dvc(folder, "init", "--no-scm", "-q")
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = [path for name in OUTPUTS for path in sorted((folder / "data" / name).rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_repro_is_complete_and_forced_repro_is_byte_identical(tmp_path: Path) -> None:
    project = make_graph(tmp_path)
    dvc(project, "repro")
    first = digests(project)
    assert {name.split("/")[1] for name in first} == set(OUTPUTS)
    again = dvc(project, "repro")
    assert "Running stage" not in again
    assert again.count("didn't change, skipping") == 9
    forced = dvc(project, "repro", "--force")
    assert forced.count("Running stage") == 9
    assert digests(project) == first


def test_an_edited_module_reruns_the_stages_that_use_it(tmp_path: Path, small_run: Path) -> None:
    project = make_graph(tmp_path)
    for name in OUTPUTS:
        shutil.copytree(small_run / "data" / name, project / "data" / name)
    dvc(project, "commit", "--force")
    assert "up to date" in dvc(project, "status")
    with (project / "src" / "evaluation" / "ranking.py").open("a") as module:
        module.write("\n# edited\n")
    changed = dvc(project, "status")
    assert "evaluate:" in changed
    assert "train:" not in changed


@pytest.mark.filterwarnings("ignore")  # MLflow's and its dependencies' own, met only when it is imported here
def test_later_iterations_learn_from_earlier_decisions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rapport.loop import main

    project = make_graph(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with inside(project):
        main(iterations=2)
    assert sorted(path.name for path in (project / "data/ledger").glob("iteration=*[0-9]")) == [
        "iteration=0001",
        "iteration=0002",
    ]
    learnt = read_json(project / OUT_OF_FOLD / "training.json")["uplift"]["by_iteration"]
    assert sorted(learnt) == ["0", "1"]
    assert learnt["1"] > 500
    params = load_params(project / "params.yaml")
    assert (params.clock.iteration, f"{params.clock.as_of:%Y-%m-%d}") == (2, "2025-06-30")
    assert capsys.readouterr().out.splitlines()[-1] == (
        "params.yaml still stands at iteration 2, as of 2025-06-30, which the ledger holds now; `make loop "
        "ITERATIONS=1` moves the clock on and runs iteration 3"
    )
    again = dvc(project, "repro")  # of the iteration whose answer has been absorbed since
    assert "Running stage 'ingest'" in again
    assert "Running stage 'report'" in again  # which counts what waits
    assert again.count("Running stage") == 2
