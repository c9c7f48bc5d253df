"""Bad input ends in one clear line, and nothing already written changes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from projects import inside, make_project, run_stages
from rapport import featurize, ingest, measure
from rapport.contracts.errors import ArtifactError, ParamsError, RapportError
from rapport.store.frames import read_frame
from rapport.store.project import ASSIGNMENTS, REPORT, TABLES, overlay_params

Break = Callable[[dict[str, pd.DataFrame]], None]
CLOCK = '"2025-04-01"'


def drop(table: str, column: str) -> Break:
    return lambda tables: tables.__setitem__(table, tables[table].drop(columns=column))


def put(table: str, column: str, row: int, value: str) -> Break:
    def change(tables: dict[str, pd.DataFrame]) -> None:
        tables[table] = tables[table].astype("object")
        tables[table].loc[row - 1, column] = value

    return change


def empty(table: str) -> Break:
    return lambda tables: tables.__setitem__(table, tables[table].head(0))


BAD: dict[str, tuple[Break, str]] = {
    "missing table": (lambda tables: tables.pop("events"), r"export: expected a table events: .*stakeholders\.csv"),
    "missing column": (drop("events", "occurred_at"), r"events\.csv.*expected .*occurred_at"),
    "wrong type": (put("events", "value", 3, "abc"), r"events\.csv, column value, row 3: expected a .*number.*'abc'"),
    "unknown arm": (
        put("decisions", "intervention", 2, "gift"),
        r"decisions\.csv, column intervention, row 2: .*'gift'",
    ),
    "propensity 0": (put("decisions", "propensity", 4, "0"), r"decisions\.csv, column propensity, row 4: .*0"),
    "propensity above 1": (
        put("decisions", "propensity", 4, "1.2"),
        r"decisions\.csv, column propensity, row 4: .*1\.2",
    ),
    "duplicate ids": (
        put("stakeholders", "stakeholder_id", 2, "s1"),
        r"stakeholders\.csv, .*stakeholder_id, row 2.*s1",
    ),
    "empty table": (empty("stakeholders"), r"stakeholders\.csv: expected .*row"),
    "second date format": (
        put("events", "occurred_at", 5, "16/10/2024"),
        r"events\.csv, .*row 5: .*ISO 8601.*16/10/2024",
    ),
    "double decision": (put("decisions", "decision_id", 2, "d1"), r"decisions\.csv, column decision_id, row 2.*d1"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project on contract files that work."""
    (tmp_path / "export").mkdir()
    make_project(tmp_path, {"source.kind": "files", "source.path": "export"})
    return tmp_path


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    days = pd.date_range("2024-01-05", periods=12, freq="35D").strftime("%Y-%m-%d")
    people = [f"s{at}" for at in range(1, 9)]
    return {
        "stakeholders": pd.DataFrame({"stakeholder_id": people, "kind": "customer", "since": "2023-01-01"}),
        "events": pd.DataFrame(
            [
                *(
                    {"stakeholder_id": who, "occurred_at": day, "event_type": "purchase", "value": "10.5"}
                    for who in people
                    for day in days
                ),
                {"stakeholder_id": "s8", "occurred_at": "2025-03-25", "event_type": "churned"},
            ]
        ),
        "decisions": pd.DataFrame(
            {
                "decision_id": [f"d{at}" for at in range(1, 9)],
                "stakeholder_id": people,
                "decided_at": "2024-09-01",
                "intervention": ["none", "discount"] * 4,
                "propensity": "0.5",
                "iteration": "0",
                "policy": "pilot",
            }
        ),
    }


def export(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_refused_and_nothing_changes(name: str, project: Path, tables: dict[str, pd.DataFrame]) -> None:
    export(tables, project / "export")
    with inside(project):
        ingest.main()  # the passing twin
        before = {path.name: path.read_bytes() for path in TABLES.iterdir()}
        for path in Path("export").iterdir():
            path.unlink()
        spoil, message = BAD[name]
        spoil(tables)
        export(tables, Path("export"))
        with pytest.raises(RapportError, match=message) as caught:
            ingest.main()
        assert "\n" not in str(caught.value)
        assert "To mend it:" in str(caught.value)
        assert {path.name: path.read_bytes() for path in TABLES.iterdir()} == before


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (CLOCK, '"2031-01-01"', r"params\.yaml, clock\.as_of.*2031-01-01"),
        (CLOCK, '"1999-01-01"', r"params\.yaml, clock\.as_of.*1999-01-01"),
        (CLOCK, '"01/04/2025"', r"params\.yaml, clock\.as_of: expected .*ISO 8601.*01/04/2025"),
        ("horizon_days: 90", "horizon: 90", r"params\.yaml, clock\.horizon: expected no such key"),
        ("kind: files", "kind: oracle", r"params\.yaml, source\.kind: expected one of simulated, files.*'oracle'"),
        ("holdout: 0.05", "holdout: 1.5", r"params\.yaml, decision\.holdout: expected less than 1; got 1\.5"),
    ],
)
def test_bad_params_are_refused(
    before: str, after: str, message: str, project: Path, tables: dict[str, pd.DataFrame]
) -> None:
    export(tables, project / "export")
    text = (project / "params.yaml").read_text()
    assert before in text or before.replace('"', "'") in text
    changed = text.replace(before, after).replace(before.replace('"', "'"), after)
    (project / "params.yaml").write_text(changed)
    with inside(project), pytest.raises(RapportError, match=message):
        ingest.main()
    assert not (project / TABLES).exists()


def test_decisions_that_are_not_learned_from_are_told(
    project: Path, tables: dict[str, pd.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    """Three were decided a day before as_of, whose horizon is not over, and one at as_of."""
    tables["decisions"].loc[:2, "decided_at"] = "2025-03-31"
    tables["decisions"].loc[3, "decided_at"] = "2025-04-01"
    export(tables, project / "export")
    with inside(project):
        ingest.main()
        featurize.main()
    told = [line for line in capsys.readouterr().out.splitlines() if "left out" in line]
    assert told == ["decisions left out, decided at or after as_of: 1", "decisions left out, horizon not over: 3"]


def test_an_iteration_that_could_not_be_absorbed_is_told_before_anybody_acts(
    project: Path, tables: dict[str, pd.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    tables["decisions"]["iteration"] = "3"
    export(tables, project / "export")
    with inside(project):
        ingest.main()
        assert "clock.iteration" not in capsys.readouterr().out
        overlay_params({"clock.iteration": 4})
        ingest.main()
    told = (
        "warning: params.yaml, clock.iteration: 4, but absorb takes the iterations in order, and the ledger holds 0: "
    )
    assert f"{told}set it to 1, and number decisions of your own log 0, -1, -2, …\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("churn", "key", "fix"),
    [
        ({"event": "chruned"}, "event", "correct the name; where nobody has left yet, define churn by silence"),
        ({"inactive_days": 30, "activity": ["Pruchase", "use"]}, "activity", "correct the name"),
    ],
)
def test_churn_by_a_type_that_never_occurs_is_refused(
    churn: dict[str, object], key: str, fix: str, project: Path, tables: dict[str, pd.DataFrame]
) -> None:
    export(tables, project / "export")
    message = (
        rf"^params\.yaml, outcome\.churn\.{key}: expected an event type that occurs \(churned, purchase\); got '.*{fix}"
    )
    with inside(project):
        ingest.main()
        for stage in (featurize, measure):
            stage.main()  # the passing twin
        overlay_params({"outcome.churn": churn})
        for stage in (featurize, measure):
            with pytest.raises(ParamsError, match=message):
                stage.main()


def test_another_table_put_as_the_history_is_refused(project: Path, tables: dict[str, pd.DataFrame]) -> None:
    export(tables, project / "export")
    with inside(project):
        ingest.main()
        shutil.copy(TABLES / "stakeholders.parquet", TABLES / "history.parquet")
        for stage in (featurize, measure):
            with pytest.raises(ArtifactError, match=r"history\.parquet: expected the columns stakeholder \(int32\), at "
                               r".*; got stakeholder_id \(.*To mend it: remove the file and run `dvc"):  # fmt: skip
                stage.main()


@pytest.mark.parametrize(("name", "stages"), [("stakeholders", (featurize, measure)), ("decisions", (featurize,))])
def test_another_table_put_as_one_of_the_contracts_is_refused(
    name: str, stages: tuple[ModuleType, ...], project: Path, tables: dict[str, pd.DataFrame]
) -> None:
    export(tables, project / "export")
    refused = (
        rf"{name}\.parquet: expected the columns .*; got .*score \(float64\)\. To mend it: remove the file and run"
    )
    foreign = tables[name].assign(since="2023-01-01", decided_at="2024-09-01", score=1.5)
    with inside(project):
        ingest.main()
        for stage in stages:
            stage.main()  # the passing twin
        foreign.to_parquet(TABLES / f"{name}.parquet")
        for stage in stages:
            with pytest.raises(ArtifactError, match=refused):
                stage.main()


def test_without_decisions_churn_works_and_a_pilot_is_proposed(
    tmp_path: Path, small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from rapport.store.documents import read_json
    from rapport.store.project import EVALUATION

    export_folder = tmp_path / "export"
    export_folder.mkdir()
    for name in ("stakeholders", "events"):
        read_frame(small_run / TABLES / f"{name}.parquet").to_parquet(export_folder / f"{name}.parquet")
    run_stages(make_project(tmp_path, {"source.kind": "files", "source.path": "export"}))
    metrics = read_json(tmp_path / EVALUATION / "metrics.json")
    assert metrics["churn"]["auc"]["value"] > 0.5
    assert "uplift" not in metrics
    assert "uplift needs a randomised pilot of" in capsys.readouterr().out
    assert metrics["pilot"]["per_arm"] > 0
    assignments = read_frame(tmp_path / ASSIGNMENTS)
    assert set(assignments["reason"]) <= {"unknown_gain", "explore", "holdout", "opted_out"}
    assert assignments["churn_risk"].between(0, 1).all()
    assert (assignments["reason"] == "explore").any()


def test_where_all_decisions_are_the_control_a_pilot_is_proposed(
    tmp_path: Path, small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "export").mkdir()
    people = read_frame(small_run / TABLES / "stakeholders.parquet")["stakeholder_id"].head(300)
    for name in ("stakeholders", "events", "decisions"):
        table = read_frame(small_run / TABLES / f"{name}.parquet")
        left_alone = table["intervention"] == "none" if name == "decisions" else True
        table[table["stakeholder_id"].isin(people) & left_alone].to_parquet(tmp_path / "export" / f"{name}.parquet")
    project = run_stages(make_project(tmp_path, {"source.kind": "files", "source.path": "export"}))
    told = "all logged decisions are the control: uplift needs a randomised pilot of "
    assert told in capsys.readouterr().out
    page = " ".join((project / REPORT).read_text(encoding="utf-8").split())
    assert f"<p>A{told[1:]}" in page
    assert "there is nothing to compare with contacting nobody" not in page
    assert "What these assignments gain is unknown" in page
    assert (read_frame(project / ASSIGNMENTS)["reason"] == "explore").any()
