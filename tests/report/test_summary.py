"""The summary in the terminal."""

import io
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from rapport.report.assigned import tally
from rapport.report.summary import Summary, print_summary, registry_lines
from rapport.report.terminal import LEAST_WIDTH, new_console

VERDICT = {"outcome": "no_policy", "promoted": True, "look": 1, "level": 0.025, "unbeaten": [], "rivals": {}}


@pytest.fixture
def summary(params, metrics, assignments, account):
    tallies, total = tally(assignments, account["spend"]), "The expected gains add up to 4."
    model = registry_lines("rapport", "7", {"champion": "6"})
    return Summary(params, metrics, tallies, account, "", VERDICT, "data/report/report.html", total, model)


def printed(summary, terminal=False):
    into = io.StringIO()
    print_summary(summary, Console(file=into, width=LEAST_WIDTH, force_terminal=terminal, _environ={}))
    return into.getvalue()


def lines(summary):
    return [" ".join(line.split()) for line in printed(summary).splitlines()]


def test_it_tells_the_run(summary):
    found = lines(summary)
    for told in (
        "Iteration 1, as of 2025-04-01, outcomes over 90 days",
        "Churn risk AUC 0.7100 (0.6900 to 0.7300)",
        "best single feature AUC 0.6000, ours ahead by 0.1100 (0.1000 to 0.1200): use_count_30d, lowest first",
        "logistic regression AUC 0.7000, ours ahead by 0.0100 (0.0050 to 0.0150): all features, L2 penalty",
        "calibration error 0.0100; below 0.0200 in 95 of 100 samples if all risks are right",
        "judged on 100 stakeholders without an intervention at the latest snapshot, 20 left",
        "held out: later time and other stakeholders",
        "log-loss 0.4500 (0.4400 to 0.4600); of the base rate 0.5000",
        "rapport 12.00 11.00 to 13.00 50.0 % 6.00",
        "nobody 10.00 9.00 to 11.00 2.00 1.50 to 2.50 0.0 % 0.00",
        "random – – – – 60.0 % 7.00",
        "Average effect of each arm, money",
        "call 16.50 14.25 to 18.75",
        "mail too few decisions of it or of the control: 4 –",
        "call 2 33.3 % 20.00 2.00",
        "interventions.arms.call.where forbids 3 pairs of stakeholder and arm, of 3 stakeholders",
        "decision.budget at most 25.00 23.00 1.25",
        "The plan, draws aside, is worth 9.00; none under the limits is worth more than 10.00 (gap 10.000 %).",
        "mail 1 16.7 % 3.00 –",
        "all 6 23.00",
        "reasons: best gain 2, no gain 2, explore 1, holdout 1",
        "The expected gains add up to 4.",
        "report data/report/report.html",
        "model models:/rapport/7",
        "models:/rapport@champion is version 6",
    ):
        assert told in found


def test_how_many_explore_is_told_with_why_it_is_no_more(summary):
    explored = summary.account["exploration"]
    assert "Of the 5 with arms to draw from 1 explore (20.0 %); decision.exploration asks for 20.0 %." in lines(summary)
    explored |= {"found": 0.02, "open": 100, "too_few": 3, "no_room": 7}
    (told,) = (line for line in lines(summary) if "Of the 100" in line)
    assert told == (
        "Of the 100 with arms to draw from 2 explore (2.0 %), where decision.exploration asks for 20.0 %: of each "
        "group alike in arms and limits it is a whole number, rounded down; 3 are in groups of fewer than 5, where "
        "nobody explores; limits leave no room for 7 more."
    )
    explored |= {"found": 0.05, "held": 2, "closed": 1}
    (told,) = (line for line in lines(summary) if "Of the 100" in line)
    assert told.startswith(
        "Of the 100 with arms to draw from 5 are drawn to explore (5.0 %) and 2 do (2 held out, 1 open"
    )
    explored |= {"open": 0, "found": 0.0, "held": 0, "closed": 0}
    assert "Nobody explores, since nobody has two arms to draw from." in lines(summary)
    explored["asked"] = 0.0
    assert not any("explores" in line for line in lines(summary))


def test_a_plan_of_unknown_gain_is_worth_an_unknown_amount(summary):
    summary.account["plan"] = dict.fromkeys(("value", "bound", "gap"))
    assert "No gain is known yet, so what a plan is worth is unknown." in lines(summary)


def test_a_champion_valued_on_other_decisions_is_marked(summary):
    assert not any("*" in line for line in lines(summary))
    policies = summary.metrics["uplift"]["policies"]
    policies["champion"] = {**policies["nobody"], "doubly_robust": {**policies["nobody"]["doubly_robust"], "n": 40}}
    found = lines(summary)
    assert "champion * 10.00 9.00 to 11.00 2.00 1.50 to 2.50 0.0 % 0.00" in found
    assert "* on the 40 of the 100 decisions that it has not learned from, its lead too; all others on all." in found
    for name, decisions in (("random", 0), ("nobody", 100)):
        estimate = {**policies[name]["doubly_robust"], "n": decisions}
        policies["champion"] = {**policies[name], "doubly_robust": estimate}
        assert not any("*" in line for line in lines(summary))


def test_without_decisions_it_tells_the_pilot(summary, metrics):
    pilot = "no logged decisions: uplift needs a randomised pilot of 1,200 stakeholders"
    without = Summary(
        summary.params, {"churn": metrics["churn"]}, summary.tallies, summary.account, pilot, VERDICT, summary.report
    )
    assert f"{pilot}." in lines(without)
    assert lines(without)[-1] == "model not published"
    all_left_alone = replace(without, metrics=metrics)
    assert f"{pilot}." in lines(all_left_alone)
    assert "nobody 10.00 9.00 to 11.00 2.00 1.50 to 2.50 0.0 % 0.00" in lines(all_left_alone)
    assert not any("more than contacting nobody" in line for line in lines(all_left_alone))
    assert any("more than contacting nobody" in line for line in lines(summary))
    unproven = replace(without, verdict={**VERDICT, "outcome": "no_proof", "promoted": False})
    assert "No proof, the gate keeps the champion: there are no decisions to judge by." in lines(unproven)
    assert any("challenger's proposals" in line for line in lines(unproven))
    by_hand = lines(replace(unproven, against="Version 7 is champion all the same."))
    assert "Version 7 is champion all the same." in by_hand
    assert not any("challenger" in line for line in by_hand)
    assert not any("nobody" in line for line in lines(without))
    assert not any("verage effect" in line for line in lines(without))


def test_it_is_plain_when_not_a_terminal(summary):
    assert "\x1b" not in printed(summary)
    assert "\x1b" in printed(summary, terminal=True)


def test_it_is_the_same_every_time(summary):
    assert printed(summary) == printed(summary)


def test_markup_in_the_data_is_text(summary):
    name = "[red]:smile: keep[/red]"
    decision = summary.params.decision.model_copy(update={"policy": name})
    loud = replace(summary, params=summary.params.model_copy(update={"decision": decision}))
    assert any(line.startswith(name) for line in lines(loud))
    loud.metrics["churn"]["baselines"]["best_single_feature"]["what"] = name
    assert any(line.endswith(f": {name}") for line in lines(loud))


def test_a_narrow_terminal_still_gets_the_least_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert new_console().width == LEAST_WIDTH
    monkeypatch.setenv("COLUMNS", "140")
    assert new_console().width == 140


def test_the_runner_does_not_import_mlflow():
    code = "import sys, rapport.summary; print('mlflow' in sys.modules, 'rapport.summary' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
