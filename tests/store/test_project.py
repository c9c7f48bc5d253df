"""A changed params.yaml differs in what was changed, and in nothing else."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from projects import REPOSITORY
from rapport.sources.adapters import DATASETS, preset_path
from rapport.store.project import load_params, overlay_params, read_commented
from rapport.store.yaml_text import with_values

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


MINE = """\
# mine
clock:
    as_of: '2025-04-01'   # a quarter
    horizon_days:
decision:
    budget: ~
    contacts:
        - {most: 2,
           days: 30}
source: {kind: files,
         path: data/raw}
limit: &limit 5
same: *limit
note: |
    long
"""


@pytest.mark.parametrize(
    ("changes", "old", "new"),
    [
        ({"clock.as_of": "2025-06-30"}, "'2025-04-01'", "'2025-06-30'"),
        ({"clock.as_of": "it's"}, "'2025-04-01'", "'it''s'"),
        ({"clock.horizon_days": 90}, "horizon_days:", "horizon_days: 90"),
        ({"decision.budget": 50.0}, "~", "50.0"),
        ({"source.path": "exports/2025"}, "data/raw", "exports/2025"),
        ({"source.path": "2025-01-01"}, "data/raw", '"2025-01-01"'),
        ({"source.path": "a, b: c #d"}, "data/raw", '"a, b: c #d"'),
        ({"source.path": None}, "data/raw", "null"),
        ({"source.rows": 3}, "{kind", "{rows: 3, kind"),
        ({"clock.iteration": 2}, "    as_of", "    iteration: 2\n    as_of"),
        ({"same": 6}, "*limit", None),
        ({"note": "short"}, "|\n    long", None),
        ({"source": {"kind": "simulated"}}, "files", None),
        ({"gate.power": 0.9}, "", None),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_single_value_moves_nothing_in_a_file_of_another_style(
    changes: dict[str, object], old: str, new: str | None, newline: str
) -> None:
    written = MINE.replace("\n", newline)
    changed = with_values(written, changes)
    if new is not None:
        assert changed == written.replace(old.replace("\n", newline), new.replace("\n", newline), 1)
    expected = YAML(typ="safe").load(MINE)
    for dotted, value in changes.items():
        *section, key = dotted.split(".")
        (expected.setdefault(section[0], {}) if section else expected)[key] = value
    assert YAML(typ="safe").load(changed) == expected
    assert "# mine" in changed


def test_what_is_written_anew_keeps_comments_order_and_quotes() -> None:
    anew = with_values(MINE, {"source": {"kind": "simulated"}})
    assert [line.partition("  #")[0].rstrip() for line in anew.splitlines()[:4]] == [
        "# mine", "clock:", "  as_of: '2025-04-01'", "  horizon_days: null"
    ]  # fmt: skip
    assert "# a quarter" in anew
    assert "  budget: null" in anew
    assert "{most: 2, days: 30}" in anew
