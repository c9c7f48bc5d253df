"""The runners `plan` and `explain` on a finished run: what they print, write and refuse."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from projects import inside
from rapport.absorb import main as absorb
from rapport.assign import main as assign
from rapport.contracts.errors import ArtifactError, InputError, ParamsError
from rapport.explain import main as explain
from rapport.plan import main as plan
from rapport.store.frames import read_frame, write_frame
from rapport.store.ledger import Partition, append
from rapport.store.project import ASSIGNMENTS, PLAN, overlay_params


@pytest.fixture
def project(small_run: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(small_run, folder, ignore=shutil.ignore_patterns("src"))
    return folder


def decision_of(reason: str) -> str:
    assignments = read_frame(ASSIGNMENTS)
    return str(assignments.loc[assignments["reason"] == reason, "decision_id"].iloc[0])


def test_the_stage_sweeps_the_budget_up_to_what_is_assigned_without_one(project: Path) -> None:
    with inside(project):
        document = json.loads((PLAN / "plan.json").read_text())
        assignments = read_frame(ASSIGNMENTS)
    assert document["key"] == "decision.budget"
    assert document["model_digest"] == assignments["model_digest"].iloc[0]
    last = document["steps"][-1]
    assert last["given"] == {**dict.fromkeys(last["given"], 0), **assignments["intervention"].value_counts().to_dict()}
    assert last["gain"] == pytest.approx(assignments["expected_gain"].sum())
    assert document["steps"][0]["spend"] == 0.0


def test_plan_prints_and_writes_the_same_twice(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with inside(project):
        plan("interventions.arms.discount.capacity", "0, 20, 1000", Path("out"))
        first = {path.name: path.read_bytes() for path in Path("out").iterdir()}
        printed = capsys.readouterr().out
        plan("interventions.arms.discount.capacity", "0,20,1000", Path("out"))
        assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == first
        table = pd.read_csv(Path("out/plan.csv"))
    assert table["value"].tolist() == [0.0, 20.0, 1000.0]
    assert table["given_discount"].tolist()[0] == 0
    assert table["explores"].between(0, 0.05).all()
    assert "exploration" not in table
    assert 10 <= table["given_discount"].tolist()[1] <= 20
    assert table["price"].tolist()[2] == 0.0
    for told in ("personal_support", "one more is worth", "stakeholders by arm", "beyond 1,000 more is worth nothing"):
        assert told in printed


def test_plan_refuses_what_is_no_number_or_key(project: Path) -> None:
    with inside(project):
        with pytest.raises(ParamsError, match=r"--values: expected numbers with commas between them; got '1;2'"):
            plan("decision.budget", "1;2", Path("out"))
        with pytest.raises(ParamsError, match=r"expected one of the arms discount, .*; got 'trainnig'"):
            plan("interventions.arms.trainnig.capacity", "1", Path("out"))
        assert not Path("out").exists()


def test_a_stakeholders_id_asks_for_their_decision(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with inside(project):
        who, decision_id = read_frame(ASSIGNMENTS)[["stakeholder_id", "decision_id"]].iloc[3]
        explain(decision_id)
        told = capsys.readouterr().out
        explain(who)
    assert f"Decision {decision_id}: " in told
    assert capsys.readouterr().out == told


@pytest.mark.parametrize("reason", ["best_gain", "no_gain", "holdout", "explore", "opted_out"])
def test_every_kind_of_decision_has_a_receipt(project: Path, capsys: pytest.CaptureFixture[str], reason: str) -> None:
    with inside(project):
        decision_id = decision_of(reason)
        explain(decision_id[:16])
    printed = capsys.readouterr().out
    assert decision_id in printed
    for told in ("Why: ", "personal_support", "Randomness", "What the churn risk is made of",
                 "Deciding again with the same bundle gives", "data  "):  # fmt: skip
        assert told in printed


def best_gain_as_json(project: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, pd.Series, dict[str, Any]]:
    """Return a decision for the best gain: its id, its row of the assignments, and its receipt as JSON."""
    with inside(project):
        decision_id = decision_of("best_gain")
        explain(decision_id, as_json=True)
        row = read_frame(ASSIGNMENTS).set_index("decision_id").loc[decision_id]
    return decision_id, row, json.loads(capsys.readouterr().out)


def test_a_receipt_as_json_holds_gains_that_their_drivers_add_up_to(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decision_id, row, document = best_gain_as_json(project, capsys)
    told, drivers = document["receipt"], document["drivers"]
    assert told["assigned"]["decision_id"] == decision_id
    assert drivers["arm"] == told["assigned"]["intervention"] == row["intervention"]
    assert sum(each["contribution"] for each in drivers["contributions"]) == pytest.approx(
        row["expected_gain"], abs=1e-6
    )
    chosen = next(each for each in told["considered"] if each["arm"] == row["intervention"])
    assert chosen["expected"]["gain"] == row["expected_gain"]
    assert set(document["hashes"]) == {"model", "code", "params", "data", "assignments"}
    assert document["hashes"]["model"] == row["model_digest"]


def test_a_receipt_holds_what_adds_up_to_the_log_odds_of_the_assigned_risk(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decision_id, row, document = best_gain_as_json(project, capsys)
    with inside(project):
        explain(decision_id)
    printed = capsys.readouterr().out
    told = document["churn_drivers"]
    assert told["calibration"] == "platt"  # an isotonic one comes after the sum
    baseline, *features = told["contributions"]
    assert sum(each["contribution"] for each in told["contributions"]) == pytest.approx(told["log_odds"])
    assert told["log_odds"] == pytest.approx(logit(row["churn_risk"]), abs=1e-6)
    assert baseline["feature"] == "baseline"
    assert [abs(each["contribution"]) for each in features] == sorted(
        (abs(each["contribution"]) for each in features), reverse=True
    )
    assert all(each["odds_factor"] == pytest.approx(np.exp(each["contribution"])) for each in features)
    assert any(each["value"] is not None for each in features)
    assert f"{features[0]['feature']} (" in printed


def test_what_is_not_there_is_refused_in_one_line(project: Path) -> None:
    with inside(project):
        with pytest.raises(
            InputError, match=r"explain nobody: expected a decision_id, .*, or a stakeholder_id of data"
        ):
            explain("nobody")
        ASSIGNMENTS.unlink()
        with pytest.raises(ArtifactError, match=r"assignments.parquet: expected a table .*; got no file.*dvc repro"):
            explain("nobody")


def test_an_assignment_that_deciding_again_does_not_give_has_no_receipt(project: Path) -> None:
    with inside(project):
        decision_id = decision_of("best_gain")
        assignments = read_frame(ASSIGNMENTS)
        explain(decision_id)
        write_frame(ASSIGNMENTS, assignments.assign(propensity=assignments["propensity"].where(
            assignments["decision_id"] != decision_id, 0.25)))  # fmt: skip
        with pytest.raises(ArtifactError, match=rf"decision {decision_id}, column propensity: .* got 0.25; 1 rows"):
            explain(decision_of("no_gain"))


def test_a_past_decision_is_told_as_the_ledger_remembers_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with inside(project):
        decision_id = decision_of("best_gain")
        assignments = read_frame(ASSIGNMENTS)
        marks = assignments.assign(
            status="delivered", status_reason=None, delivered_intervention=None
        )  # fmt: skip
        row = marks["decision_id"] == decision_id
        marks.loc[row, ["status", "status_reason", "delivered_intervention"]] = ["overridden", "asked not to", "none"]
        marks.to_csv("carried_out.csv", index=False)
        events = pd.DataFrame(columns=["stakeholder_id", "occurred_at", "event_type", "value"])
        events.to_csv("events.csv", index=False)
        absorb(Path("carried_out.csv"), Path("events.csv"))
        write_frame(ASSIGNMENTS, assignments.assign(decision_id="later " + assignments["decision_id"], iteration=2))
        capsys.readouterr()
        explain(decision_id)
        printed = capsys.readouterr().out
        explain(decision_id, as_json=True)
        document = json.loads(capsys.readouterr().out)
    assert "People: overridden, delivered none, because: asked not to" in printed
    assert "Not replayed" in printed
    assert document["outcome"] == {
        "status": "overridden",
        "delivered_intervention": "none",
        "status_reason": "asked not to",
    }
    assert document["assigned"]["reason"] == "best_gain"


def test_of_a_stakeholder_who_is_gone_the_ledger_tells_the_newest_decision(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with inside(project):
        assignments = read_frame(ASSIGNMENTS)
        who, events = assignments["stakeholder_id"].iloc[3], pd.DataFrame({"stakeholder_id": pd.array([], dtype="str")})
        for iteration in (1, 2):
            decided = assignments.assign(decision_id=f"{iteration} " + assignments["decision_id"], iteration=iteration)
            append(Partition(iteration, decided, events, decided), "simulated")
        write_frame(ASSIGNMENTS, assignments[assignments["stakeholder_id"] != who])
        explain(who)
        newest = f"Decision 2 {assignments['decision_id'].iloc[3]}: "
        assert newest in capsys.readouterr().out
        explain(f"1 {assignments['decision_id'].iloc[3]}")
        assert newest.replace("2", "1", 1) in capsys.readouterr().out


@pytest.mark.parametrize("runner", [assign, lambda: plan(limit="", values="", output=PLAN)], ids=["assign", "plan"])
def test_rules_changed_since_training_are_not_passed_over(project: Path, runner: Callable[[], None]) -> None:
    with inside(project):
        runner()
        before = ASSIGNMENTS.read_bytes(), (PLAN / "plan.json").read_bytes()
        overlay_params({"decision.budget": 60000.0}, Path("params.yaml"))
        with pytest.raises(ParamsError, match=r"params.yaml, decision: expected what data/bundle was trained under"):
            runner()
        assert before == (ASSIGNMENTS.read_bytes(), (PLAN / "plan.json").read_bytes())
