"""A whole small run keeps the contract."""

import json
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from projects import REPOSITORY
from rapport import cli
from rapport.cli import COMMANDS, MODULES, PLAIN
from rapport.contracts.schemas import assignments_schema
from rapport.models.churn_rows import control_weights
from rapport.store.frames import read_frame
from rapport.store.project import ASSIGNMENTS, EVALUATION, FEATURES, OUT_OF_FOLD, TABLES, load_params

POLICIES = ["rapport", "nobody", "best_single_arm", "random", "risk_ranking", "response_ranking",
            "current_policy"]  # fmt: skip


def test_assignments_keep_the_contract(small_run: Path) -> None:
    params = load_params(small_run / "params.yaml")
    assignments = read_frame(small_run / ASSIGNMENTS)
    population = read_frame(small_run / FEATURES / "population.parquet")
    assignments_schema(params.interventions.names).validate(assignments)
    assert assignments["stakeholder_id"].tolist() == sorted(population["stakeholder_id"])
    assert assignments["decision_id"].is_unique
    assert (assignments.loc[assignments["intervention"] == "none", "expected_gain"] == 0).all()


def test_the_opted_out_are_left_alone_and_never_learned_from(small_run: Path) -> None:
    stakeholders = read_frame(small_run / TABLES / "stakeholders.parquet")
    opted_out = set(stakeholders.loc[stakeholders["opted_out"], "stakeholder_id"])
    assignments = read_frame(small_run / ASSIGNMENTS)
    theirs = assignments[assignments["stakeholder_id"].isin(opted_out)]
    assert len(theirs) > 0
    assert set(theirs["intervention"]) == {"none"}
    assert set(theirs["propensity"]) == {1.0}
    for name in ("decisions", "snapshots"):
        assert opted_out.isdisjoint(read_frame(small_run / FEATURES / f"{name}.parquet")["stakeholder_id"])


def test_every_policy_has_every_estimator_with_an_interval(small_run: Path) -> None:
    metrics = json.loads((small_run / EVALUATION / "metrics.json").read_text())
    assert list(metrics["uplift"]["policies"]) == POLICIES
    for policy in metrics["uplift"]["policies"].values():
        for estimator in ("doubly_robust", "snips", "ipw"):
            assert policy[estimator]["low"] < policy[estimator]["value"] < policy[estimator]["high"]
    assert metrics["churn"]["auc"]["low"] < metrics["churn"]["auc"]["value"] < metrics["churn"]["auc"]["high"]


def test_training_and_held_out_rows_share_no_stakeholder(small_run: Path) -> None:
    rows = read_frame(small_run / OUT_OF_FOLD / "uplift.parquet")
    assert (rows.groupby("stakeholder_id")["fold"].nunique() == 1).all()
    assert rows["fold"].nunique() == 2


def test_churn_is_judged_on_later_time(small_run: Path) -> None:
    rows = read_frame(small_run / OUT_OF_FOLD / "churn.parquet")
    snapshots = read_frame(small_run / FEATURES / "snapshots.parquet")
    assert rows["as_of"].unique().tolist() == [snapshots["as_of"].max()]
    assert json.loads((small_run / EVALUATION / "metrics.json").read_text())["churn"]["split"].startswith("later time")


def test_a_pilot_that_treats_all_alike_weighs_all_alike(small_run: Path) -> None:
    """To the last bit; where it had left some alone more likely than others, its rows of the control would differ."""
    decisions, snapshots = (read_frame(small_run / FEATURES / f"{name}.parquet") for name in ("decisions", "snapshots"))
    control = load_params(small_run / "params.yaml").interventions.control
    assert (control_weights(snapshots, decisions, control) == 1.0).all()
    aimed = decisions.assign(propensity=np.where(np.arange(len(decisions)) % 2 == 0, 0.3, 0.6))
    assert (control_weights(snapshots, aimed, control) != 1.0).sum() > 50


@pytest.mark.filterwarnings("ignore")  # of libraries, met only when they are imported here
@pytest.mark.parametrize("command", COMMANDS)
def test_every_runner_explains_itself(command: str) -> None:
    shown = CliRunner().invoke(import_module(f"rapport.{MODULES.get(command, command)}").app, ["--help"])
    assert shown.exit_code == 0
    assert "Usage" in shown.output


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_without_options_explain_themselves_at_once(command: str) -> None:
    app = get_command(import_module(f"rapport.{MODULES.get(command, command)}").app)
    assert (command in PLAIN) == (not app.params and not hasattr(app, "commands"))
    if command not in PLAIN:
        return
    asked = f"import sys; sys.argv = ['rapport', '{command}', '--help']; from rapport.cli import main; main()"
    code = f"{asked}; assert not {{'pandas', 'typer'}} & {{*sys.modules}}"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.startswith(f"Usage: rapport {command}\n\n")


def test_the_command_lists_every_runner() -> None:
    runners = {path.stem for path in (REPOSITORY / "src").glob("*.py")} - {"__init__", "cli"}
    assert {MODULES.get(name, name) for name in COMMANDS} == runners


def test_the_command_tells_its_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["rapport", "--version"])
    cli.main()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert capsys.readouterr().out == f"rapport {project['version']}\n"


def test_a_mistake_is_one_line_and_status_1(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "rapport.ingest"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stderr.startswith("error: params.yaml: expected the project's parameters; got no file.")
    assert len(run.stderr.splitlines()) == 1


def test_tables_are_written_with_checksums_that_are_verified(small_run: Path, tmp_path: Path) -> None:
    from rapport.contracts.errors import ArtifactError

    damaged = tmp_path / "events.parquet"
    content = bytearray((small_run / TABLES / "events.parquet").read_bytes())
    damaged.write_bytes(content)
    pd.testing.assert_frame_equal(read_frame(damaged), read_frame(small_run / TABLES / "events.parquet"))
    content[len(content) // 3] ^= 0x10
    damaged.write_bytes(content)
    with pytest.raises(ArtifactError, match="expected an undamaged Parquet file"):
        read_frame(damaged)
