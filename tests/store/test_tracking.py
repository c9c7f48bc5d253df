"""What a registered model refuses is refused as anything else: in one line, with status 1."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from rapport import serve
from rapport.contracts import errors
from rapport.contracts.errors import InputError
from rapport.store.console import run
from rapport.store.tracking import answer


@pytest.fixture(scope="module")
def shipped() -> ModuleType:
    """The errors of the code that a model carries: the same source under a name made of its hash."""
    spec = importlib.util.spec_from_file_location("rapport_0123456789ab.contracts.errors", str(errors.__file__))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Refusing:
    """A model that raises."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault

    def predict(self, request: pd.DataFrame) -> pd.DataFrame:
        raise self.fault


@pytest.mark.parametrize("name", ["InputError", "ArtifactError"])
def test_a_refusal_by_the_code_that_a_model_carries_is_ours(shipped: ModuleType, name: str) -> None:
    fault = getattr(shipped, name)("request, column stakeholder_id, row 2", "one row per id", "'s1'", "remove the row")
    assert not isinstance(fault, InputError)
    with pytest.raises(
        InputError,
        match=r"^--input x, request, column stakeholder_id, row 2: expected one row per id; got 's1'. To mend it: rem",
    ):
        answer(Refusing(fault), pd.DataFrame(), "--input x")


def test_a_defect_of_a_model_keeps_its_traceback() -> None:
    with pytest.raises(KeyError, match="seats"):
        answer(Refusing(KeyError("seats")), pd.DataFrame(), "--input x")


def test_a_refused_batch_ends_in_one_line_and_status_1(
    shipped: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pd.DataFrame({"stakeholder_id": ["s1"]}).to_parquet(source)
    model = Refusing(shipped.InputError("feature table", "the columns seats", "a table without them", "featurize anew"))
    monkeypatch.setattr(serve, "load_registered", lambda uri: (model, uri))
    arguments = ["batch", "--model", "models:/m/1", "--input", str(source), "--output", str(output)]
    monkeypatch.setattr(sys, "argv", ["serve", *arguments])
    with pytest.raises(SystemExit, match="1"):
        run(serve.app)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"error: --input {source}, feature table: expected the columns seats; got a table without them. " \
                   "To mend it: featurize anew."  # fmt: skip
    assert not output.exists()


def test_a_table_that_is_no_parquet_is_asked_for_as_parquet(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("stakeholder_id\ns1\n")
    with pytest.raises(InputError, match=r"--input .*x.csv: expected a Parquet file; got .*, as Parquet\.$") as refused:
        serve.batch("models:/m/1", tmp_path / "x.csv", tmp_path / "out.parquet")
    assert "dvc" not in str(refused.value)
