"""What people did comes back once, checked before it is written."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from projects import inside, make_project
from rapport import ingest, review
from rapport.absorb import main
from rapport.contracts.errors import InputError, ParamsError
from rapport.store.documents import read_json, write_json
from rapport.store.frames import read_frame, write_frame
from rapport.store.ledger import read_ledger
from rapport.store.project import ASSIGNMENTS, TABLES, overlay_params

COLUMNS = ["decision_id", "stakeholder_id", "decided_at", "intervention", "propensity", "iteration", "policy"]


@pytest.fixture
def decided(tmp_path: Path, small_run: Path) -> Path:
    """A project with assignments, decisions as carried out with one override and one decline, and events since."""
    make_project(tmp_path)
    (tmp_path / ASSIGNMENTS).parent.mkdir(parents=True)
    shutil.copy(small_run / ASSIGNMENTS, tmp_path / ASSIGNMENTS)
    carried_out = read_frame(small_run / ASSIGNMENTS)[COLUMNS]
    supported = np.flatnonzero(carried_out["intervention"] == "personal_support")
    marks = ["status", "delivered_intervention", "status_reason"]
    carried_out[marks] = ["delivered", "", ""]
    carried_out.loc[supported[0], marks] = ["overridden", "discount", "asked for a better price"]
    carried_out.loc[supported[1], marks] = ["declined", "", "on holiday"]
    carried_out.to_csv(tmp_path / "decisions.csv", index=False)
    who = carried_out["stakeholder_id"].iloc[0]
    events = pd.DataFrame({"stakeholder_id": [who], "occurred_at": ["2025-05-01"], "event_type": ["use"], "value": [3]})
    events.to_csv(tmp_path / "events.csv", index=False)
    return tmp_path


def test_a_partition_is_written_once_and_holds_what_was_proposed_decided_and_delivered(decided: Path) -> None:
    with inside(decided):
        main(Path("decisions.csv"), Path("events.csv"))
        (partition,) = read_ledger("simulated")
        assert partition.assignments is not None
        proposed, done = partition.assignments, partition.decisions.set_index("decision_id")
        pd.testing.assert_frame_equal(proposed, read_frame(ASSIGNMENTS))
        done = done.loc[proposed["decision_id"]].reset_index()
        pd.testing.assert_frame_equal(done[["intervention", "propensity"]], proposed[["intervention", "propensity"]])
        changed = done[done["delivered_intervention"] != done["intervention"]]
        assert list(changed["delivered_intervention"]) == ["discount", "none"]
        assert list(changed["status"]) == ["overridden", "declined"]
        assert list(changed["status_reason"]) == ["asked for a better price", "on holiday"]
        manifest = Path("data/ledger/iteration=0001/manifest.json").read_bytes()
        main(Path("decisions.csv"), Path("events.csv"))
        assert Path("data/ledger/iteration=0001/manifest.json").read_bytes() == manifest
        other = pd.read_csv("events.csv").assign(value=4)
        other.to_csv("events.csv", index=False)
        with pytest.raises(InputError, match="the content absorbed before; got other content"):
            main(Path("decisions.csv"), Path("events.csv"))
        assert Path("data/ledger/iteration=0001/manifest.json").read_bytes() == manifest


def test_what_is_absorbed_waits_for_the_next_decision(decided: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def ingested() -> dict[str, bytes]:
        ingest.main()
        return {path.name: path.read_bytes() for path in TABLES.iterdir()}

    with inside(decided):
        since = pd.read_csv("events.csv")
        told_too_late = since.assign(occurred_at="2025-03-01")
        pd.concat([since, told_too_late]).to_csv("events.csv", index=False)
        before = ingested()
        counted = read_json(TABLES / "counts.json")
        assert (counted["ledger_partitions"], counted["ledger_partitions_waiting"]) == (0, 0)
        assert "decisions (0 ledger partitions), " in capsys.readouterr().out
        main(Path("decisions.csv"), Path("events.csv"))
        after = ingested()
        assert {name for name in before if after[name] != before[name]} == {"counts.json"}
        assert read_json(TABLES / "counts.json") == counted | {"ledger_partitions_waiting": 1}
        assert "decisions (1 ledger partition, 1 waits for clock.as_of to move on), " in capsys.readouterr().out
        overlay_params({"clock.as_of": "2025-06-30"})
        with pytest.raises(ParamsError, match=r"clock\.iteration: expected more than 1, .*; got 1\. .*: write 2"):
            ingest.main()
        overlay_params({"clock.iteration": 2})
        ingest.main()
        counts = read_json(TABLES / "counts.json")
        assert (counts["ledger_partitions"], counts["ledger_partitions_waiting"]) == (1, 0)
        assert counts["events"] == json.loads(before["counts.json"])["events"] + 2


def test_a_partition_from_before_proposals_were_kept_is_read(decided: Path) -> None:
    with inside(decided):
        main(Path("decisions.csv"), Path("events.csv"))
        folder = Path("data/ledger/iteration=0001")
        manifest = read_json(folder / "manifest.json")
        del manifest["assignments"]
        (folder / "manifest.json").chmod(0o644)
        write_json(folder / "manifest.json", manifest)
        (partition,) = read_ledger("simulated")
        assert partition.assignments is None
        assert len(partition.decisions) > 500


def test_proposals_are_reviewed_step_by_step_and_absorbed(decided: Path) -> None:
    with inside(decided):
        review.main("")
        place = Path("data/review/iteration=0001.csv")
        worklist = pd.read_csv(place, dtype="str", keep_default_na=False)
        assert set(worklist["status"]) == {"proposed"}
        supported = worklist.loc[worklist["intervention"] == "personal_support", "decision_id"].head(3)
        marks = pd.DataFrame({"decision_id": supported, "status": "approved"})
        marks.to_csv("marks.csv", index=False)
        worklist.assign(status="Approved").to_csv(place, index=False)
        with pytest.raises(InputError, match=r"iteration=0001.csv, column status, row 1: .* got 'Approved'"):
            review.main("marks.csv")
        worklist.to_csv(place, index=False)
        review.main("marks.csv")
        before = place.read_bytes()
        with pytest.raises(InputError, match=r"review/iteration=0001.csv, column status, row 1: .* got 'proposed'"):
            main(place, Path("events.csv"))
        marks.assign(status="proposed").to_csv("marks.csv", index=False)
        with pytest.raises(
            InputError, match=r"column status, row 1: expected a step of .*; got 'proposed after approved'"
        ):
            review.main("marks.csv")
        assert place.read_bytes() == before
        worklist = pd.read_csv(place, dtype="str", keep_default_na=False)
        open_ = worklist[worklist["intervention"] != "none"]
        open_[["decision_id"]].assign(status="declined").to_csv("marks.csv", index=False)
        review.main("marks.csv")
        main(place, Path("events.csv"))
        (partition,) = read_ledger("simulated")
        assert set(partition.decisions["delivered_intervention"]) == {"none"}
        assert partition.decisions["status"].value_counts()["declined"] == len(open_)


def test_marks_of_other_proposals_are_refused(decided: Path) -> None:
    with inside(decided):
        review.main("")
        write_frame(ASSIGNMENTS, read_frame(ASSIGNMENTS).iloc[1:])
        with pytest.raises(
            InputError, match="expected marks of the proposals in data/assignments; got those of others"
        ):
            review.main("")


@pytest.mark.parametrize(("last", "warned"), [("2025-05-01", True), ("2025-06-25", False)])
def test_events_that_end_before_the_outcomes_are_warned_of(
    decided: Path, capsys: pytest.CaptureFixture[str], last: str, warned: bool
) -> None:
    with inside(decided):
        pd.read_csv("events.csv").assign(occurred_at=last).to_csv("events.csv", index=False)
        main(Path("decisions.csv"), Path("events.csv"))
    told = capsys.readouterr()
    expected = f"the last event is of {last}, while the outcomes of these decisions last until 2025-06-30"
    assert (expected in told.out + told.err) is warned


def test_an_iteration_in_which_nothing_happened_is_absorbed(decided: Path) -> None:
    with inside(decided):
        pd.read_csv("events.csv").head(0).to_csv("events.csv", index=False)
        main(Path("decisions.csv"), Path("events.csv"))
        assert read_ledger("simulated")[0].events.empty


def test_an_iteration_that_follows_a_log_of_ones_own_is_refused_with_the_way_out(decided: Path) -> None:
    with inside(decided):
        decisions, assignments = pd.read_csv("decisions.csv"), read_frame(ASSIGNMENTS)
        decisions.assign(iteration=4).to_csv("decisions.csv", index=False)
        write_frame(ASSIGNMENTS, assignments.assign(iteration=4))
        with pytest.raises(
            InputError, match=r"expected 3 earlier partitions; got 0\. .* 0, -1, -2, .* decisions 1 in th"
        ):
            main(Path("decisions.csv"), Path("events.csv"))
        assert read_ledger("simulated") == []
        decisions.to_csv("decisions.csv", index=False)
        ASSIGNMENTS.unlink()
        main(Path("decisions.csv"), Path("events.csv"))
        overlay_params({"clock.as_of": "2025-06-30", "clock.iteration": 2})
        ingest.main()
        assert read_json(TABLES / "counts.json")["ledger_partitions"] == 1


def test_what_the_next_ingest_would_refuse_is_not_written(decided: Path) -> None:
    with inside(decided):
        decisions = pd.read_csv("decisions.csv")
        double = decisions.head(1).assign(decision_id="again")
        pd.concat([decisions, double]).to_csv("decisions.csv", index=False)
        with pytest.raises(InputError, match="one decision"):
            main(Path("decisions.csv"), Path("events.csv"))
        assert read_ledger("simulated") == []
        decisions.to_csv("decisions.csv", index=False)
        main(Path("decisions.csv"), Path("events.csv"))
        assert len(read_ledger("simulated")) == 1


def test_decisions_of_strangers_are_not_written(decided: Path) -> None:
    with inside(decided):
        decisions = pd.read_csv("decisions.csv")
        decisions.loc[decisions.index[-1], ["stakeholder_id", "decision_id"]] = ["ZZZ", "new"]
        decisions.to_csv("decisions.csv", index=False)
        with pytest.raises(
            InputError, match=r"column stakeholder_id, row .*: expected a stakeholder of the source; got 'ZZZ'"
        ):
            main(Path("decisions.csv"), Path("events.csv"))
        assert read_ledger("simulated") == []


def test_an_altered_partition_is_refused(decided: Path) -> None:
    with inside(decided):
        main(Path("decisions.csv"), Path("events.csv"))
        path = Path("data/ledger/iteration=0001/events.parquet")
        path.chmod(0o644)
        path.write_bytes(path.read_bytes() + b"x")
        with pytest.raises(InputError, match="expected the content absorbed; got other content"):
            read_ledger("simulated")


def test_a_ledger_of_another_source_is_refused(decided: Path) -> None:
    with inside(decided):
        main(Path("decisions.csv"), Path("events.csv"))
        with pytest.raises(InputError, match="history of the source 'files'; got that of 'simulated'"):
            read_ledger("files")
