"""The runners on a small finished run."""

import re
import shutil
import sys

import pytest

from rapport.contracts.errors import ArtifactError
from rapport.render import main as render
from rapport.store.connection import connected
from rapport.store.documents import read_json, write_json
from rapport.store.project import REPORT, VERDICT, load_params, overlay_params
from rapport.store.standing import DIGEST
from rapport.summary import main as summarise


@pytest.fixture
def project(small_run, tmp_path, monkeypatch):
    folder = tmp_path / "project"
    shutil.copytree(small_run, folder)
    monkeypatch.chdir(folder)
    return folder


def test_render_writes_the_same_page_again(project):
    render()
    first = (project / REPORT).read_bytes()
    (project / REPORT).unlink()
    render()
    assert (project / REPORT).read_bytes() == first
    assert b"more than contacting nobody" in first or b"better than contacting nobody" in first
    assert b";\nthis verdict spends no error, and its bounds have a one-sided error of 2.50 %.</p>" in first
    assert str(project).encode() not in first


def test_the_page_shows_the_params_of_the_run_also_where_the_bundle_holds_none(project):
    changes = {"kpis.base_cost": 7.5, "kpis.costs": {"ticket": 12.5}, "kpis.segment": "region", "gate.power": 0.7}
    overlay_params({**changes, "memory_gb": 3.5, "learner.leaves": 31})
    render()
    page = " ".join((project / REPORT).read_text(encoding="utf-8").split())
    told = {"kpis.base_cost": 7.5, "kpis.costs.ticket": 12.5, "gate.power": 0.7, "memory_gb": 3.5, "learner.leaves": 15}
    shown = dict(re.findall(r'<th scope="row" class="any">([a-z_.]+)</th><td class="any">([^<]*)</td>', page))
    assert {name: shown[name] for name in told} == {name: str(value) for name, value in told.items()}
    worth = page[page.index("<h3>Value at risk") :]
    assert "<small>region</small>" in worth[: worth.index("</table>")]


def test_a_missing_input_is_named_and_the_old_page_stays(project):
    render()
    first = (project / REPORT).read_bytes()
    (project / "data" / "evaluation" / "metrics.json").unlink()
    with pytest.raises(ArtifactError, match=r"data/evaluation/metrics.json: expected a document"):
        render()
    assert (project / REPORT).read_bytes() == first


def test_summary_prints_policy_arms_and_places(project, capsys, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (project / "mlflow.db").unlink(missing_ok=True)
    summarise()
    text = capsys.readouterr().out
    policies = ("nobody", "best single arm", "random", "risk ranking", "response ranking")
    for told in ("AUC", *policies, "personal_support", "reasons: "):
        assert told in text
    assert text.endswith("model   not published\n")
    assert not (project / "mlflow.db").exists()


def test_summary_refuses_a_verdict_of_an_older_rapport(project, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (project / "mlflow.db").unlink(missing_ok=True)
    verdict = read_json(VERDICT)
    write_json(VERDICT, {key: value for key, value in verdict.items() if key not in ("params", "bundle")})
    with pytest.raises(ArtifactError, match=r"data/gate/verdict.json: expected a verdict of today's gate; got one "
                       r"without bundle, params\. To mend it: run `dvc repro`"):  # fmt: skip
        summarise()
    write_json(VERDICT, verdict)
    summarise()


@pytest.mark.filterwarnings("ignore")  # MLflow's and its dependencies' own
@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://127.0.0.1:9", "MlflowException: API request to "),
        ("postgresql+psycopg2://127.0.0.1/x", "ModuleNotFoundError: import of psycopg2 halted"),
        ("foo://x", "UnsupportedModelRegistryStoreURIException: "),
        ("sqlite:///broken.db", "DatabaseError: "),
    ],
)
def test_summary_prints_all_else_where_the_registry_does_not_answer(project, capsys, monkeypatch, address, told):
    (project / "broken.db").write_text("no database")
    monkeypatch.setitem(sys.modules, "psycopg2", None)  # as where the driver is not installed
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    summarise()
    said(capsys.readouterr().out, f"MLFLOW_TRACKING_URI: expected a tracking store at {address}; got {told}")


@pytest.mark.filterwarnings("ignore")  # MLflow's and its dependencies' own
@pytest.mark.parametrize("call", ["search_model_versions", "get_registered_model", "get_model_version"])
def test_summary_prints_all_else_where_the_registry_refuses(project, capsys, monkeypatch, call):
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    params = load_params()
    with connected() as client:
        client.create_registered_model(params.registry.model)
        tags = {DIGEST: read_json(VERDICT)["bundle"]}
        version = client.create_model_version(params.registry.model, "file:///nowhere", tags=tags).version
        client.set_registered_model_alias(params.registry.model, params.registry.alias, version)
    write_json(VERDICT, read_json(VERDICT) | {"promoted": False})
    summarise()
    assert "models:/rapport@champion is version 1\n" in capsys.readouterr().out

    def refuse(*_, **__):
        raise mlflow.MlflowException("not yours to read\nask someone")

    monkeypatch.setattr(mlflow.MlflowClient, call, refuse)
    summarise()
    said(
        capsys.readouterr().out,
        "got MlflowException: not yours to read ask someone. To mend it: see that the store is whole",
    )


def said(text, refusal):
    """Check that the summary tells of the refusal in its last line, and of all else before."""
    assert "nobody" in text
    *_, report, last = text.splitlines()
    assert report == f"report  {REPORT.as_posix()}"
    assert last.startswith("model   MLFLOW_TRACKING_URI: ")
    assert refusal in last
