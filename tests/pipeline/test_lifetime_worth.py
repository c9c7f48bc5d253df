"""A small run whose retention is worth each one's lifetime value: labels, gains and truth share one worth per row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from projects import inside, make_project
from rapport import assign, evaluate, featurize, ingest, train
from rapport.contracts.errors import InputError
from rapport.loop import true_worth
from rapport.serving.decisions import answer
from rapport.sources.simulated import simulated_world
from rapport.store.bundle import read_bundle
from rapport.store.frames import read_frame
from rapport.store.project import ASSIGNMENTS, BUNDLE, FEATURES, OUT_OF_FOLD, load_params


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    changes = {"outcome.retention_value": "clv", "learner.rounds": 10, "features.max_event_types": 4}
    folder = make_project(tmp_path_factory.mktemp("clv"), changes)
    with inside(folder):
        for stage in (ingest, featurize, train, evaluate, assign):
            stage.main()
    return folder


def test_labels_hold_the_worth_of_each_row(run: Path) -> None:
    decisions, held = read_frame(run / FEATURES / "decisions.parquet"), read_frame(run / OUT_OF_FOLD / "uplift.parquet")
    expected = decisions["money"] + decisions["retention_value"] * ~decisions["churned"]
    np.testing.assert_allclose(decisions["value"], expected)
    np.testing.assert_allclose(held["value"], decisions["value"])
    assert decisions["retention_value"].nunique() > 100


def test_gains_follow_the_worth_of_each_row(run: Path) -> None:
    """Worth more, one's effect on retention counts for more; everyone else's gains stay; without a worth, no answer."""
    bundle, population = read_bundle(run / BUNDLE), read_frame(run / FEATURES / "population.parquet")
    assignments = read_frame(run / ASSIGNMENTS)
    gains = [name for name in assignments if name.startswith("gain_") and not name.startswith("gain_se_")]
    richer = population["retention_value"].where(population.index != 5, population["retention_value"] + 5000.0)
    told = answer(bundle, population.assign(retention_value=richer))
    changed = (told[gains] != assignments[gains]) & assignments[gains].notna()
    assert told.loc[changed.any(axis=1), "stakeholder_id"].tolist() == [population.loc[5, "stakeholder_id"]]
    with pytest.raises(InputError, match="feature table, column retention_value: expected what retention is worth"):
        answer(bundle, population.drop(columns="retention_value"))


def test_the_world_is_judged_by_the_same_worth(run: Path) -> None:
    params = load_params(run / "params.yaml")
    world, population = simulated_world(params), read_frame(run / FEATURES / "population.parquet")
    worth = pd.Series(true_worth(world, population, params), index=pd.Index(world.population().ids))
    assert worth.loc[population["stakeholder_id"]].tolist() == population["retention_value"].tolist()
    assert (worth.drop(population["stakeholder_id"]) == 0).all()
