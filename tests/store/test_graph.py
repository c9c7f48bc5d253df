"""What DVC would refuse of params.yaml is refused before, with what to write."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from projects import REPOSITORY, inside
from rapport.contracts.errors import ParamsError
from rapport.contracts.params import parse_params
from rapport.store.graph import check_for_dvc
from rapport.store.project import PARAMS, load_params

WHOLE = (REPOSITORY / PARAMS).read_text(encoding="utf-8")
SECTIONS = {part.partition(":")[0]: part for part in WHOLE.split("\n\n") if part[0].islower()}


@pytest.fixture(autouse=True)
def project(tmp_path: Path) -> Iterator[None]:
    shutil.copy(REPOSITORY / "dvc.yaml", tmp_path)
    with inside(tmp_path):
        yield


def check(text: str) -> None:
    PARAMS.write_text(text, encoding="utf-8")
    check_for_dvc(load_params())


@pytest.mark.parametrize(
    ("place", "old", "new"),
    [
        ("clock.as_of", 'as_of: "2025-04-01"', 'as_of: "2025-04-01"'),
        ("interventions.arms.discount.available_from", "discount: {", 'discount: {available_from: "2025-01-01", '),
        ("interventions.arms.discount.available_until", "discount: {",
         'discount: {available_until: "2025-01-01T09:30:00", '),
        ("features.exclude.0", "exclude: []", 'exclude: ["2025-01-01"]'),
    ],
)  # fmt: skip
def test_a_bare_date_is_refused_wherever_it_stands(place: str, old: str, new: str) -> None:
    text = WHOLE.replace(old, new)
    check(text)
    date = new.split('"')[1]
    PARAMS.write_text(text.replace(f'"{date}"', date), encoding="utf-8")
    with pytest.raises(
        ParamsError, match=rf'^params\.yaml, {place}: expected a quoted date, .*got {date}\. .*write "{date}"'
    ):
        check_for_dvc(parse_params(YAML(typ="safe").load(text)))


def test_what_dvc_tracks_must_be_in_the_file() -> None:
    check(WHOLE)
    text = WHOLE.replace("seed: 1 #", "#").replace(SECTIONS["kpis"], "").replace(SECTIONS["gate"], "")
    text = text.replace("  path: data/raw #", "  #")
    with pytest.raises(ParamsError, match=r"^params\.yaml: expected every key that dvc\.yaml names; got no") as fault:
        check(text)
    assert "source.path, seed, kpis, kpis.segment, gate. To mend it: add what they are by default: " in str(fault.value)
    mended = ['`path: "data/raw"` in `source`', "`seed: 1`", "`kpis: {segment: null}`", "`gate: {}`."]
    assert str(fault.value).endswith(", ".join(mended))
    anew = text.replace("source:\n", 'source:\n  path: "data/raw"\n') + "\nseed: 1\nkpis: {segment: null}\ngate: {}\n"
    check(anew)


def test_without_a_graph_nothing_needs_to_be_named() -> None:
    """As in a folder that holds params.yaml alone, where no DVC reads it."""
    text = WHOLE.replace(SECTIONS["gate"], "")
    assert text != WHOLE
    with pytest.raises(ParamsError, match="nothing for gate"):
        check(text)
    Path("dvc.yaml").unlink()
    check(text)
