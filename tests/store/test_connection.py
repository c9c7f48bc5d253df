"""The address of the tracking store is told without the user and password in it."""

from pathlib import Path

import pytest

from rapport.contracts.errors import InputError
from rapport.store.connection import connected, without_credentials


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ("http://ann:secret@127.0.0.1:5000/a?b=c@d", "http://127.0.0.1:5000/a?b=c@d"),
        ("http://ann:se@cret@a/b", "http://a/b"),
        ("https://secret@store.example", "https://store.example"),
        ("postgresql+psycopg2://ann:s/cret@db/x", "postgresql+psycopg2://db/x"),
        ("no answer (http://ann:secret@a/b), nor of https://bob:secret@c", "no answer (http://a/b), nor of https://c"),
        ("http://127.0.0.1:5000/a@b", "http://127.0.0.1:5000/a@b"),
        ("sqlite:////home/ann@work/mlflow.db", "sqlite:////home/ann@work/mlflow.db"),
    ],
)
def test_an_address_is_told_without_user_and_password(told: str, left: str) -> None:
    assert without_credentials(told) == left


@pytest.mark.filterwarnings("ignore")  # MLflow's and its dependencies' own
def test_a_store_that_does_not_answer_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    told = r"a tracking store at http://127\.0\.0\.1:9; got MlflowException: "
    with pytest.raises(InputError, match=told) as fault, connected():
        pass
    assert "secret" not in f"{fault.value}{capfd.readouterr()}"
