"""A source is switched without loss; what a later stage would refuse is told before it runs, where it can be."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from projects import REPOSITORY, inside, make_project
from rapport import configure
from rapport.contracts.errors import InputError, ParamsError
from rapport.contracts.params import Params, parse_params
from rapport.sources import files
from rapport.sources.adapters import ADAPTERS
from rapport.store.ledger import Partition, append
from rapport.store.project import load_params, overlay_params


def test_a_source_is_switched_and_comes_back_as_it_was_left(tmp_path: Path) -> None:
    make_project(tmp_path)
    with inside(tmp_path):
        before = Path("params.yaml").read_bytes()
        configure.main("hillstrom", "data/raw")
        assert load_params().source.kind == "hillstrom"
        assert load_params().interventions.names == ("no_email", "mens_email", "womens_email")
        configure.main("simulated", "")
        assert Path("params.yaml").read_bytes() == before


def test_files_of_ones_own_begin_with_the_params_in_force(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with inside(export):
        overlay_params({"source.kind": "simulated", "source.path": "data/raw"})
        configure.main("files", "export")
        told = capsys.readouterr().out
        assert "clock, outcome, interventions, features and kpis are still those of simulated: write your own\n" in told
        assert (load_params().source.kind, load_params().source.path) == ("files", "export")
        overlay_params({"interventions": {"control": "none", "arms": {"call": {"cost": 5.0}}}})
        mine = Path("params.yaml").read_bytes()
        for name in ("simulated", "files"):
            configure.main(name, "")
        assert Path("params.yaml").read_bytes() == mine
        assert "write your own" not in capsys.readouterr().out


def test_a_bare_date_is_refused_before_dvc_meets_it(tmp_path: Path) -> None:
    make_project(tmp_path)
    with inside(tmp_path):
        configure.main("", "")
        text = Path("params.yaml").read_text()
        Path("params.yaml").write_text(text.replace("'2025-04-01'", "2025-04-01").replace('"2025-04-01"', "2025-04-01"))
        with pytest.raises(ParamsError, match=r'clock\.as_of: expected a quoted date.*write "2025-04-01"'):
            configure.main("", "")


def test_the_home_folder_is_written_out_since_dvc_knows_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path, {"source.kind": "telco", "source.path": "~/exports"})
    monkeypatch.setenv("HOME", str(tmp_path))
    with inside(tmp_path):
        with pytest.raises(InputError, match=r"--data ~/other: expected a folder; got nothing there"):
            configure.main("", "~/other")
        with pytest.raises(InputError, match=rf"source\.path {tmp_path}/exports: expected a folder; got nothing there"):
            configure.main("", "")
        for name, data in (("exports", ""), ("other", "~/other")):
            Path(name).mkdir()
            configure.main("", data)
            assert load_params().source.path == str(tmp_path / name)


def test_a_mistaken_switch_changes_nothing(tmp_path: Path) -> None:
    make_project(tmp_path)
    with inside(tmp_path):
        before = {path.name: path.read_bytes() for path in Path().glob("*.yaml")}
        with pytest.raises(InputError, match="configure, --data nowhere: expected a folder; got nothing there"):
            configure.main("hillstrom", "nowhere")
        with pytest.raises(InputError, match=r"expected a source that reads files; got the simulated company\. To mend "
                           "it: name the source, .*make repro SOURCE=files DATA=data/raw"):  # fmt: skip
            configure.main("", "data/raw")
        for name in ("hillstorm", "../x"):
            with pytest.raises(ParamsError, match=r"configure, SOURCE: expected one of simulated, files"):
                configure.main(name, "")
        assert {path.name: path.read_bytes() for path in Path().glob("*.yaml")} == before


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("telco", "run `rapport fetch telco`, or give the folder: make repro DATA=FOLDER"),
        ("ravenstack", r"get ravenstack_accounts\.csv, .* \(published on Kaggle .*\), or give the folder"),
        ("files", r"export the tables of docs/contract\.md into it, or give the folder"),
        ("simulated", r"make it, though nothing is read from it\.$"),
    ],
)
def test_a_folder_that_is_not_there_is_fetched_only_where_it_can_be(kind: str, advice: str, tmp_path: Path) -> None:
    document = yaml.safe_load((REPOSITORY / "params.yaml").read_text())

    def at(path: Path) -> Params:
        return parse_params(document | {"source": {"kind": kind, "path": str(path)}})

    configure.check_path(at(tmp_path))
    with pytest.raises(ParamsError, match=r"source\.kind: expected one of simulated, files, .*; got 'fles'"):
        configure.check_path(parse_params(document | {"source": {"kind": "fles", "path": str(tmp_path)}}))
    with pytest.raises(InputError, match=f"source.path .*no: expected a folder; got .* To mend it: {advice}"):
        configure.check_path(at(tmp_path / "no"))


def test_the_sources_are_named_and_the_end_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = " ".join(CliRunner().invoke(configure.app, ["--help"]).output.split())
    assert f"one of {', '.join(ADAPTERS)} Options" in shown
    make_project(tmp_path)
    with inside(tmp_path):
        configure.main("telco", "data")
    assert capsys.readouterr().out.splitlines() == [
        "params.yaml now describes telco; the one for simulated is kept as params.simulated.yaml",
        "params.yaml is in order: source telco in data, to decide among none, contract_offer, discount, "
        "tech_support; `make repro` runs the pipeline",
    ]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A project on contract files in which somebody bought and somebody left."""
    (tmp_path / "export").mkdir()
    make_project(tmp_path, {"source.kind": "files", "source.path": "export"})
    people = pd.DataFrame({"stakeholder_id": ["a", "b"], "kind": "customer", "since": "2024-01-01"})
    people.to_csv(tmp_path / "export/stakeholders.csv", index=False)
    events = people[["stakeholder_id"]].assign(occurred_at="2025-03-01", event_type=["purchase", "Churned"])
    events.to_csv(tmp_path / "export/events.csv", index=False)
    return tmp_path


def test_names_that_no_table_has_are_told_before_a_run(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with inside(export):
        configure.main("", "")
        assert "warning" not in capsys.readouterr().out  # the passing twin
        overlay_params({"features.responses": ["opened"], "outcome.value": {"purchase": 1.0, "Prchase": 1.0}})
        configure.main("", "")
        told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: params.yaml names")]
        assert [line.split("'")[1] for line in told] == ["Prchase", "opened"]
        overlay_params({"interventions.arms.discount.cost": "price"})
        with pytest.raises(ParamsError, match=r"discount\.cost: expected a column of stakeholders \(kind, opted_out\)"):
            configure.main("", "")
        overlay_params({"interventions.arms.discount.cost": 5.0, "outcome.churn": {"event": "left"}})
        with pytest.raises(ParamsError, match=r"outcome\.churn\.event: expected an event type that occurs \(churned, "
                           r"purchase\); got 'left'"):  # fmt: skip
            configure.main("", "")


def test_types_of_the_ledger_occur_too(export: Path) -> None:
    decisions = pd.DataFrame({"decision_id": ["d"]})
    events = pd.DataFrame({"event_type": ["left"]})
    with inside(export):
        overlay_params({"outcome.churn": {"event": "left"}})
        with pytest.raises(ParamsError, match="got 'left'"):
            configure.main("", "")
        append(Partition(1, decisions, events), "files")
        configure.main("", "")


def test_a_table_too_large_to_look_through_is_left_to_the_stages(
    export: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with inside(export):
        overlay_params({"outcome.churn": {"event": "left"}})
        with pytest.raises(ParamsError, match="got 'left'"):
            configure.main("", "")
        monkeypatch.setattr(files, "ROWS_AT_ONCE", 0)
        configure.main("", "")
    assert "is in order" in capsys.readouterr().out
