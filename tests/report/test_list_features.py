"""`rapport features`: the declarations of a finished featurize stage, as a table and as JSON."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from rapport.cli import COMMANDS, MODULES, main
from rapport.contracts.errors import ArtifactError
from rapport.features.declare import Feature
from rapport.list_features import declared
from rapport.list_features import main as list_features
from rapport.store.documents import write_json
from rapport.store.project import FEATURES

CATALOGUE = [
    Feature("plan", "attribute plan", "category", "attribute"),
    Feature("nps_last", "value of the latest nps", "value", "nps"),
    Feature("use_count_30d", "[red]use[/red] events in the last 30 days", "events", "use", 30, "zero"),
]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    write_json(FEATURES / "features.json", [feature.as_dict() for feature in CATALOGUE])
    return tmp_path


def test_the_table_tells_every_part_of_a_declaration(project, capsys):
    list_features()
    head, _, *rows, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["feature", "meaning", "unit", "window", "source", "absent", "is"]
    assert rows[0].split() == ["plan", "attribute", "plan", "category", "–", "attribute", "missing"]
    told = ["use_count_30d", "[red]use[/red] events in the last 30 days", "events", "30 days", "use", "zero"]
    assert rows[2].split() == " ".join(told).split()
    assert last == "3 features"


@pytest.mark.parametrize(("text", "names"), [("NPS", ["nps_last"]), ("attribute", ["plan"]), ("zzz", [])])
def test_like_looks_in_name_meaning_and_source(project, capsys, text, names):
    list_features(text=text, as_json=True)
    assert [each["name"] for each in json.loads(capsys.readouterr().out)] == names
    list_features(text=text)
    assert capsys.readouterr().out.splitlines()[-1] == f"{len(names)} of 3 features"


def test_json_is_what_the_stage_declared(project, capsys):
    list_features(as_json=True)
    assert capsys.readouterr().out == (FEATURES / "features.json").read_text()


@pytest.mark.parametrize("width", [50, 80, 200])
def test_no_line_is_wider_than_the_terminal(project, monkeypatch, capsys, width):
    monkeypatch.setenv("COLUMNS", str(width))
    list_features()
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= width
    letters = "".join(text.split())
    assert all(feature.name[:8] in letters for feature in CATALOGUE)


LONG = Feature("acceptance_training_days_since", "days since a training was accepted", "events per day",
               "purchase, login", 365, "missing")  # fmt: skip


@pytest.mark.parametrize(("width", "lines"), [(120, 1), (100, 2)])
def test_nothing_but_a_meaning_is_ever_broken(project, monkeypatch, capsys, width, lines):
    """Where too little is left for meanings beside whole columns, each feature has two lines of its own."""
    write_json(FEATURES / "features.json", [each.as_dict() for each in (*CATALOGUE, LONG)])
    monkeypatch.setenv("COLUMNS", str(width))
    list_features()
    told = capsys.readouterr().out.splitlines()
    parts = (LONG.name, LONG.unit, "365 days", LONG.source, "missing")
    (first,) = (at for at, line in enumerate(told) if LONG.name in line)
    assert all(part in "\n".join(told[first : first + lines]) for part in parts)
    assert ("absent is" in told[0]) == (lines == 1)


def test_a_stage_that_has_not_run_is_named_with_the_remedy(project):
    assert declared() == CATALOGUE
    (FEATURES / "features.json").unlink()
    with pytest.raises(ArtifactError, match=r"features.json: expected .* got no file. To mend it: run `dvc repro feat"):
        list_features()


def test_declarations_of_another_version_are_refused(project):
    write_json(FEATURES / "features.json", [{"name": "a", "meaning": "b", "unit": "c", "missing": "zero"}])
    with pytest.raises(ArtifactError, match="expected declarations of name, meaning, unit, source, window_days and mi"):
        list_features()


def test_the_command_is_called_by_its_name(project, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["rapport", "features", "--like", "nps"])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert "nps_last" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "unbuffered"), [(["features"], "1"), (["features", "--json"], ""),
                                                       (["--help"], ""), (["--help"], "1")])  # fmt: skip
def test_a_reader_that_goes_is_no_fault(project, arguments, unbuffered):
    """The pipe is closed before anything is written, at once or as late as with the interpreter's last flush."""
    code = "import sys; from rapport.cli import main; sys.argv = ['rapport', *sys.argv[1:]]; sys.stdin.read(); main()"
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:  # fmt: skip
        running.stdout.close()
        running.stdin.close()
        assert (running.stderr.read(), running.wait()) == ("", 1)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_runner_that_is_no_package(name):
    found = find_spec(f"rapport.{MODULES.get(name, name)}")
    assert found is not None
    assert found.submodule_search_locations is None
