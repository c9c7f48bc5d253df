"""The project that a benchmark of churn runs in, and the rows that it learns from there."""

import contextlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from rapport.contracts.params import Params
from rapport.models.boosting import Training
from rapport.models.churn_rows import ChurnRows, churn_rows, control_weights, decided_arms
from rapport.models.encoding import Encoding

ROOT = Path(__file__).resolve().parents[1]


@contextlib.contextmanager
def project() -> Iterator[None]:
    """Run the block in a new project's folder, its output hidden."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "params.yaml", folder)
        before = Path.cwd()
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        finally:
            os.chdir(before)


def project_rows(params: Params) -> tuple[ChurnRows, Training, Encoding]:
    """Return the snapshots of the project in the current folder, how it grows trees, and how it encodes features."""
    snapshots = pd.read_parquet("data/features/snapshots.parquet")
    features = [(each["name"], each["unit"]) for each in json.loads(Path("data/features/features.json").read_text())]
    encoding = Encoding.fit(snapshots, features, params.features.max_categories)
    training = Training(params.learner.of_churn, params.seed, params.threads, tuple(encoding.category_indexes))
    decisions, arms = pd.read_parquet("data/features/decisions.parquet"), params.interventions.names
    arm, weight = decided_arms(snapshots, decisions, arms), control_weights(snapshots, decisions, arms[0])
    rows = churn_rows(snapshots, arm, weight, encoding, params.clock.model_copy(update={"curve_days": ()}))
    return rows, training, encoding
