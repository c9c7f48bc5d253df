"""Churn of every public source, held out, beside its baselines: one row of the table per source.

`python benchmarks/churn.py --datasets FOLDER [NAME …]`, where FOLDER holds one folder of files per source. Each
source runs with its preset from ingest to evaluate in a folder of its own.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rapport import configure, evaluate, featurize, ingest, train
from rapport.sources.adapters import DATASETS

ROOT = Path(__file__).resolve().parents[1]


def held_out(name: str, folder: Path) -> dict[str, Any]:
    """Return the churn part of the metrics of one source."""
    with tempfile.TemporaryDirectory() as project:
        shutil.copy(ROOT / "params.yaml", project)
        before = Path.cwd()
        os.chdir(project)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                configure.main(name, str(folder))
                for stage in (ingest, featurize, train, evaluate):
                    stage.main()
            metrics: dict[str, Any] = json.loads(Path("data/evaluation/metrics.json").read_text())
        finally:
            os.chdir(before)
    churn: dict[str, Any] = metrics["churn"]
    return churn


def shown(estimate: Mapping[str, float]) -> str:
    """Return a value with its interval."""
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(DATASETS))
    parser.add_argument("--datasets", type=Path, required=True)
    given = parser.parse_args()
    heads = ["source", "held-out rows", "left", "judged on", "AUC", "best single feature", "ours ahead by",
             "logistic regression", "ours ahead by"]  # fmt: skip
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for name in given.names:
        churn = held_out(name, given.datasets.resolve() / name)
        rivals = [
            f"{shown(each['auc'])} | {shown(each['ours_minus_this'])}"
            for each in (churn["baselines"][key] for key in ("best_single_feature", "logistic_regression"))
        ]
        judged = "later time" if churn["split"].startswith("later") else "the same time"
        first = [name, f"{churn['rows']:,}", f"{churn['churned'] / churn['rows']:.1%}", judged, shown(churn["auc"])]
        print(f"| {' | '.join([*first, *rivals])} |", flush=True)


if __name__ == "__main__":
    main()
