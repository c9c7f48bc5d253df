"""A changed params.yaml differs in what was changed, and in nothing else."""

from pathlib import Path

import pytest

from projects import REPOSITORY
from rapport.sources.adapters import DATASETS, preset_path
from rapport.store.project import load_params, overlay_params, read_commented

PARAMS = REPOSITORY / "params.yaml"
SOURCE = next(part for part in PARAMS.read_text(encoding="utf-8").split("\n\n") if part.startswith("source:"))


@pytest.fixture
def params(tmp_path: Path) -> Path:
    place = tmp_path / "params.yaml"
    place.write_bytes(PARAMS.read_bytes())
    return place


def changed_lines(place: Path) -> list[str]:
    before, after = PARAMS.read_text(encoding="utf-8").splitlines(), place.read_text(encoding="utf-8").splitlines()
    assert len(before) == len(after)
    return [new for old, new in zip(before, after, strict=True) if old != new]


def test_what_is_not_changed_stays_as_it_is_written(params: Path) -> None:
    overlay_params({"seed": load_params(params).seed}, params)
    assert changed_lines(params) == []
    overlay_params({"clock.as_of": "2025-06-30", "clock.iteration": 2}, params)  # as the loop does
    assert [line.partition(" #")[0] for line in changed_lines(params)] == ['  as_of: "2025-06-30"', "  iteration: 2"]
    overlay_params({"decision.budget": 50.0}, params)
    overlay_params({"decision.budget": None}, params)
    assert [line.partition(" #")[0] for line in changed_lines(params)] == ['  as_of: "2025-06-30"', "  iteration: 2"]


@pytest.mark.parametrize("source", sorted(DATASETS))
def test_a_preset_comes_in_as_it_is_written(params: Path, source: str) -> None:
    overlay_params(read_commented(preset_path(source)), params)
    written = preset_path(source).read_text(encoding="utf-8").splitlines()
    first = next(at for at, line in enumerate(written) if line.startswith("source:"))
    there = {line.partition(" #")[0] for line in params.read_text(encoding="utf-8").splitlines()}
    assert {line.partition(" #")[0] for line in written[first:]} <= there


@pytest.mark.parametrize("section", ["source:\n  kind: files\n", "source: {kind: files}\n"])
def test_a_key_left_to_its_default_is_added(params: Path, section: str) -> None:
    params.write_text(PARAMS.read_text(encoding="utf-8").replace(SOURCE, section), encoding="utf-8")
    assert load_params(params).source.path == "data/raw"
    overlay_params({"source.path": "exports"}, params)
    assert (load_params(params).source.kind, load_params(params).source.path) == ("files", "exports")
