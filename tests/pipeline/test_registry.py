"""The registered bundle: found again by its digest, and the same answers where the project is not installed."""

import io
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from projects import inside
from rapport import challenge as challenge_runner
from rapport import evaluate, gate
from rapport import publish as publish_runner
from rapport.challenge import challenge
from rapport.contracts.errors import ArtifactError, InputError
from rapport.publish import publish_run
from rapport.store.bundle import bundle_digest, has_bundle, read_bundle, write_bundle
from rapport.store.connection import connected
from rapport.store.console import run
from rapport.store.documents import file_digest, read_json, write_json
from rapport.store.frames import read_frame
from rapport.store.project import (
    ASSIGNMENTS,
    BUNDLE,
    CHAMPION,
    FEATURES,
    OUT_OF_FOLD,
    VERDICT,
    load_params,
    overlay_params,
)
from rapport.store.tracking import Published
from rapport.summary import main as summarise

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's and its dependencies' own

CONSUMER = """
import importlib.abc, sys

class NoProject(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "rapport":
            raise ImportError("the project is not installed here")

sys.meta_path.insert(0, NoProject())
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/rapport@champion")
model.predict(pandas.read_parquet(sys.argv[2])).to_parquet(sys.argv[3])
assert "rapport" not in sys.modules
"""


@pytest.fixture(scope="module")
def published(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the small run, published."""
    copy = tmp_path_factory.mktemp("published") / "project"
    shutil.copytree(small_run, copy)
    with pytest.MonkeyPatch.context() as patch, inside(copy):
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert publish_run(load_params()).new
    return copy


@pytest.fixture
def project(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the published run, to be taken further."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    copy = tmp_path / "project"
    shutil.copytree(published, copy)
    return copy


def test_publishing_again_changes_nothing(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with inside(published):
        again = publish_run(load_params())
    assert not again.new
    assert again.version == "1"


def settle(project: Path, iteration: int) -> Published:
    """Make the bundle one of an iteration, with another digest, and take it through challenge, gate and publish."""
    params = overlay_params({"clock.iteration": iteration}, project / "params.yaml")
    with inside(project):
        write_bundle(BUNDLE, replace(read_bundle(BUNDLE), params=params))
        challenge(params)
        evaluate.main()
        gate.main()
        return publish_run(params)


def aliases(project: Path) -> dict[str, str]:
    with inside(project), connected() as client:
        return {name: str(number) for name, number in client.get_registered_model("rapport").aliases.items()}


def told_by_the_summary(project: Path) -> list[str]:
    """The lines of the summary that tell of gate and registry."""
    with inside(project), redirect_stdout(io.StringIO()) as into:
        summarise()
    text = into.getvalue()
    gate, places = text.partition("\nGate")[2].partition("\nAssignments")[0], text.partition("\nWhere things are")[2]
    return [line.strip() for line in f"{gate}{places}".splitlines()]


def test_a_challenger_without_proof_leaves_the_champion_in_place(project: Path) -> None:
    first = bundle_digest(project / BUNDLE)
    found = settle(project, 2)
    assert (found.version, found.alias) == ("2", "challenger")
    assert aliases(project) == {"champion": "1", "challenger": "2"}
    verdict = read_json(project / VERDICT)
    assert (verdict["outcome"], verdict["champion"], verdict["look"]) == ("no_proof", first, 1)
    assert verdict["refresh"]
    assert "champion" in verdict["unbeaten"]  # it has learned from every decision there is
    with inside(project), connected() as client:
        tags = client.get_model_version("rapport", "2").tags
        run = client.get_run(found.run_id).data
    assert tags["rapport.verdict"] == run.tags["rapport.verdict"] == "no_proof"
    assert tags["rapport.data.out_of_fold"] == file_digest(project / OUT_OF_FOLD / "uplift.parquet")
    assert tags["rapport.champion"] == first
    assert run.metrics["gate.rivals.nobody.bound"] == verdict["rivals"]["nobody"]["bound"]
    told = told_by_the_summary(project)
    assert told[-3:] == ["model   models:/rapport/2", "models:/rapport@challenger is version 2",
                         "models:/rapport@champion is version 1"]  # fmt: skip
    assert any(line.startswith("Unless people make it champion, the assignments of this run") for line in told)

    again = settle(project, 2)  # the same iteration again: same champion, same look, nothing new
    assert (again.new, again.alias, read_json(project / VERDICT)) == (False, "challenger", verdict)

    with inside(project):
        asked = overlay_params({"gate.error": 0.2})  # after the verdict is known
        with pytest.raises(ArtifactError, match=r"expected a verdict under params.yaml, gate: \{'error': 0.2"):
            publish_run(asked)
        challenge(asked)
        gate.main()  # of the same bundle
        assert not publish_run(asked).new
    lenient = read_json(project / VERDICT)
    assert (lenient["look"], lenient["level"]) == (2, pytest.approx(0.2 / 6))
    with inside(project), connected() as client:
        assert client.get_model_version("rapport", "2").tags["rapport.look"] == "2"

    with inside(project):
        by_hand = publish_run(load_params(), by_hand=True)
        again = publish_run(load_params())  # people's word stands, and the story with it
    assert (by_hand.alias, again.alias, again.reason) == ("champion", "champion", by_hand.reason)
    all_the_same = "Version 2 is champion all the same, by people's word (`rapport publish --promote`)."
    assert again.reason.startswith("No proof, the gate keeps the champion: ")
    assert again.reason.endswith(all_the_same)
    assert aliases(project) == {"champion": "2"}
    told = told_by_the_summary(project)
    assert told[-2:] == ["model   models:/rapport/2", "models:/rapport@champion is version 2"]
    assert all_the_same in told
    assert not any("challenger" in line for line in told)
    with inside(project):
        assert challenge(load_params()) == first  # what iteration 2 has to beat is what decided before it
    settle(project, 3)
    verdict = read_json(project / VERDICT)
    assert verdict["look"] == 3
    with inside(project), connected() as client:
        assert verdict["champion"] == client.get_model_version("rapport", "2").tags["rapport.model_digest"]


def test_another_bundle_of_the_champions_iteration_is_a_challenger(project: Path) -> None:
    overlay_params({"decision.caution": 0.1}, project / "params.yaml")
    found = settle(project, 1)
    assert read_json(project / VERDICT)["promoted"]  # against no champion, as the first one of this iteration was
    assert (found.version, found.alias) == ("2", "challenger")
    assert "The champion stays: version 1, of iteration 1," in found.reason
    assert "The champion stays: version 1, of iteration 1," in " ".join(told_by_the_summary(project))
    with inside(project), connected() as client:
        tags = client.get_model_version("rapport", "2").tags
        assert tags["rapport.reason"] == client.get_run(found.run_id).data.tags["rapport.reason"] == found.reason
    assert aliases(project) == {"champion": "1", "challenger": "2"}
    with inside(project):
        told = [publish_run(load_params(), by_hand).reason for by_hand in (True, False)]  # and published again
    assert aliases(project) == {"champion": "2"}
    assert told[0] == told[1]
    assert told[0].startswith("May become champion, there being none of an earlier iteration to keep: ")
    people = "Version 2 is champion by people's word (`rapport publish --promote`)."
    assert told[0].endswith(people)
    assert people in told_by_the_summary(project)


def test_a_verdict_given_before_the_registry_changed_is_refused(project: Path) -> None:
    params = overlay_params({"clock.iteration": 2}, project / "params.yaml")
    with inside(project), pytest.raises(ArtifactError, match=r"expected one against the champion .*, look 1; got one "
                                        r"against no champion, look 1"):  # fmt: skip
        publish_run(params)
    with inside(project):
        challenge(params)
        evaluate.main()
        gate.main()
        assert not publish_run(params).new


def test_a_verdict_of_an_older_rapport_is_refused_in_a_sentence(project: Path) -> None:
    with inside(project):
        assert not publish_run(load_params()).new
        old = read_json(VERDICT)
        assert old["unbeaten"]  # about these there is more to say
        for each in (old["params"], *old["rivals"].values()):
            del each["unsupported"]
        write_json(VERDICT, {name: value for name, value in old.items() if name != "look_key"})
        with pytest.raises(
            ArtifactError, match=r"got one without look_key, params.unsupported, .*rivals.nobody.unsupported.*dvc repro"
        ):
            publish_run(load_params())


def test_a_bundle_that_was_judged_and_not_published_is_a_look(project: Path) -> None:
    params = overlay_params({"clock.iteration": 2}, project / "params.yaml")
    with inside(project):
        challenge(params)
        for caution in (0.1, 0.2):  # two settings tried, the second liked better
            write_bundle(BUNDLE, replace(read_bundle(BUNDLE), params=overlay_params({"decision.caution": caution})))
            evaluate.main()
            gate.main()
        with pytest.raises(ArtifactError, match=r"look 2; got one against the champion .*, look 1\."):
            publish_run(load_params())
        challenge(load_params())
        gate.main()
        assert publish_run(load_params()).alias == "challenger"
        assert read_json(VERDICT)["look"] == 2


@pytest.mark.parametrize("runner", [challenge_runner, publish_runner], ids=["challenge", "publish"])
@pytest.mark.parametrize("fault", [MlflowException("not yours\nto read"), ConnectionError("gone away")], ids=repr)
def test_what_the_registry_refuses_is_one_line_and_status_1(
    runner: ModuleType, fault: Exception, published: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    def refuse(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(sys, "argv", ["rapport"])
    monkeypatch.setattr(MlflowClient, "search_model_versions", refuse)
    with inside(published), pytest.raises(SystemExit) as ended:
        run(runner.app)
    assert ended.value.code == 1
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("error: MLFLOW_TRACKING_URI: expected a tracking store at sqlite:///")
    assert told.endswith("To mend it: see that the store is whole, and that you may read and write it.")


def test_a_champion_of_another_source_is_none_to_beat(project: Path) -> None:
    with inside(project):
        assert challenge(overlay_params({"clock.iteration": 2})) == bundle_digest(BUNDLE)
        assert has_bundle(CHAMPION)
        assert challenge(overlay_params({"source.kind": "files"})) is None
        assert not has_bundle(CHAMPION)


def test_a_consumer_without_the_project_decides_as_assign_did(published: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.parquet"
    arguments = [f"sqlite:///{published / 'mlflow.db'}", str(published / FEATURES / "population.parquet"), str(answer)]
    done = subprocess.run([sys.executable, "-c", CONSUMER, *arguments], cwd=tmp_path, capture_output=True, text=True,
                          check=False, env={"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "HOME": str(tmp_path),
                                            "MLFLOW_DISABLE_TELEMETRY": "true"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(pd.read_parquet(answer), read_frame(published / ASSIGNMENTS))


def test_batch_writes_what_assign_wrote(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rapport.serve import batch

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with inside(published):
        batch("models:/rapport@champion", FEATURES / "population.parquet", tmp_path / "out.parquet")
    assert (tmp_path / "out.parquet").read_bytes() == (published / ASSIGNMENTS).read_bytes()


def test_a_later_iteration_is_answered_too(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow takes the integers 0 and 1 for doubles and refuses all others."""
    from rapport.serve import batch

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    later = read_frame(published / FEATURES / "population.parquet").assign(iteration=3)
    later.to_parquet(tmp_path / "later.parquet")
    with inside(published):
        batch("models:/rapport@champion", tmp_path / "later.parquet", tmp_path / "out.parquet")
    assert set(read_frame(tmp_path / "out.parquet")["iteration"]) == {3}


def test_a_wrong_table_is_one_clear_line(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rapport.serve import batch

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with (
        inside(published),
        pytest.raises(InputError, match=r"--input data/tables/events.parquet: expected the columns"),
    ):
        batch("models:/rapport@champion", Path("data/tables/events.parquet"), tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_what_the_model_itself_refuses_is_one_clear_line(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rapport.store.tracking import answer, load_registered

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with inside(published):
        model, _ = load_registered("models:/rapport@champion")
        table = read_frame(FEATURES / "population.parquet")
        with pytest.raises(InputError, match=r"^--input x, feature table: expected the columns seats; got a table"):
            answer(model, table.drop(columns="seats"), "--input x")
        twice = pd.concat([table, table.head(1)])
        with pytest.raises(InputError, match=r"^--input x, request, column stakeholder_id, row .*one row per id"):
            answer(model, twice, "--input x")


def test_an_unknown_model_is_one_clear_line(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rapport.serve import batch

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with inside(published), pytest.raises(InputError, match=r"--model models:/rapport@nobody: expected a model"):
        batch("models:/rapport@nobody", FEATURES / "population.parquet", tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_a_bundle_of_other_code_is_not_published(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rapport.store import tracking

    monkeypatch.setattr(tracking, "code_digest", lambda: "other")
    with inside(published), pytest.raises(ArtifactError, match="expected a bundle made by the present code"):
        publish_run(load_params())


def test_nothing_published_is_a_pickle(published: Path) -> None:
    files = [path for path in (published / "mlartifacts").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {path.suffix for path in files if path.suffix} <= {".txt", ".json", ".py", ".yaml", ".yml", ".html"}
    assert {path.name for path in files if not path.suffix} == {"MLmodel", "registered_model_meta"}
