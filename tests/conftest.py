"""Fixtures that every part's tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("rapport", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("rapport")


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder of real datasets, or a skip that says how to get them."""
    repository = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("RAPPORT_DATASETS", repository.parent / "shared" / "datasets"))
    if not folder.is_dir():
        pytest.skip(f"no real datasets in {folder}; set RAPPORT_DATASETS to the folder that holds them")
    return folder
