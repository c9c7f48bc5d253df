"""Fixtures that every part's tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from projects import REPOSITORY, make_project, run_stages

settings.register_profile("rapport", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("rapport")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a small world; tests that change files work on a copy."""
    return run_stages(make_project(tmp_path_factory.mktemp("small_run")))


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder of real datasets, or a skip that says how to get them; CI has them, so there it is a failure."""
    folder = Path(os.environ.get("RAPPORT_DATASETS", REPOSITORY.parent / "shared" / "datasets"))
    if not folder.is_dir():
        assert not os.environ.get("CI"), f"CI must have the real datasets; none in {folder}"
        pytest.skip(f"no real datasets in {folder}; set RAPPORT_DATASETS to the folder that holds them")
    return folder
