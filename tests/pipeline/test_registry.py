"""The registered bundle: found again by its digest, and the same answers where the project is not installed."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from projects import inside
from rapport.contracts.errors import ArtifactError, InputError
from rapport.store.frames import read_frame
from rapport.store.project import ASSIGNMENTS, FEATURES, load_params

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
def published(small_run: Path) -> Path:
    """The small run, published into its own folder."""
    from rapport.publish import publish_run

    with pytest.MonkeyPatch.context() as patch, inside(small_run):
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert publish_run(load_params()).new
    return small_run


def test_publishing_again_changes_nothing(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rapport.publish import publish_run

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with inside(published):
        again = publish_run(load_params())
    assert not again.new
    assert again.version == "1"


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


def test_an_unknown_model_is_one_clear_line(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rapport.serve import batch

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with inside(published), pytest.raises(InputError, match=r"--model models:/rapport@nobody: expected a model"):
        batch("models:/rapport@nobody", FEATURES / "population.parquet", tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_a_bundle_of_other_code_is_not_published(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rapport.publish import publish_run
    from rapport.store import tracking

    monkeypatch.setattr(tracking, "code_digest", lambda: "other")
    with inside(published), pytest.raises(ArtifactError, match="expected a bundle made by the present code"):
        publish_run(load_params())


def test_nothing_published_is_a_pickle(published: Path) -> None:
    files = [path for path in (published / "mlartifacts").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {path.suffix for path in files if path.suffix} <= {".txt", ".json", ".py", ".yaml", ".yml", ".html"}
    assert {path.name for path in files if not path.suffix} == {"MLmodel", "registered_model_meta"}
