"""What the report is told of a finished run."""

from dataclasses import replace
from pathlib import Path

import pytest

from rapport import render
from rapport.models.bundle import Bundle
from rapport.store.bundle import read_bundle


def test_importance_for_churn_counts_the_regression_too(small_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_trees(folder: Path) -> Bundle:
        bundle = read_bundle(folder)
        return replace(bundle, churn=replace(bundle.churn, booster=None))

    monkeypatch.chdir(small_run)
    whole = render.finished_run().importance
    monkeypatch.setattr(render, "read_bundle", without_trees)
    linear = render.finished_run().importance
    assert set(linear) == set(whole)
    assert sum(linear.values()) > 0
    assert linear != whole
