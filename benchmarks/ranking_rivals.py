"""Reference values of rankings by other libraries, stored for tests/evaluation/test_rivals.py.

    python benchmarks/ranking_rivals.py --out tests/evaluation/rivals.json

Run it where scikit-uplift or causalml can be imported, once with each: the values of a library not there stay as
they are. Inputs are drawn here and stored with the values, so that a test needs neither.
"""

import argparse
import json
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

ROWS = 60


def inputs() -> dict[str, list[float]]:
    """Return a small randomised trial with an outcome of 0 or 1, and priorities with and without ties."""
    rng = np.random.default_rng(8)
    priority = rng.normal(size=ROWS)
    treated = (rng.random(ROWS) < 0.5).astype(int)
    value = (rng.random(ROWS) < 0.3 + 0.2 * treated * (priority > 0)).astype(int)
    return {
        "value": value.tolist(),
        "treated": treated.tolist(),
        "distinct": priority.round(6).tolist(),
        "tied": (priority.round(0) + 0.0).tolist(),
        "gained": (rng.normal(size=ROWS) + priority).round(6).tolist(),
    }


def of_scikit_uplift(given: dict[str, list[float]], metrics: ModuleType) -> dict[str, object]:
    """Return its curves for both priorities, and uplift at k."""
    value, treated = np.array(given["value"]), np.array(given["treated"])
    found: dict[str, object] = {"version": version("scikit-uplift")}
    for name in ("distinct", "tied"):
        priority = np.array(given[name])
        found[name] = {
            "uplift_curve": [part.tolist() for part in metrics.uplift_curve(value, priority, treated)],
            "qini_curve": [part.tolist() for part in metrics.qini_curve(value, priority, treated)],
        }
    priority = np.array(given["distinct"])
    found["uplift_at_20_rows"] = float(metrics.uplift_at_k(value, priority, treated, strategy="overall", k=20))
    found["qini_auc_score"] = float(metrics.qini_auc_score(value, priority, treated))
    found["uplift_auc_score"] = float(metrics.uplift_auc_score(value, priority, treated))
    return found


def of_causalml(given: dict[str, list[float]], metrics: ModuleType) -> dict[str, object]:
    """Return its curves by counts and by scores of effects, and areas; distinct priorities, ties being by accident."""
    counted = pd.DataFrame({"y": given["value"], "w": given["treated"], "model": given["distinct"]})
    scored = counted.assign(tau=given["gained"])
    rate = import_module("causalml.metrics.rate")
    return {
        "version": version("causalml"),
        "cumgain_counted": metrics.get_cumgain(counted)["model"].tolist(),
        "qini_counted": metrics.get_qini(counted)["model"].tolist(),
        "cumgain_scored": metrics.get_cumgain(scored)["model"].tolist(),
        "toc_scored": rate.get_toc(scored)["model"].tolist(),
        "auuc_score": float(metrics.auuc_score(scored, normalize=False)["model"]),
        "auuc_score_normalised": float(metrics.auuc_score(scored)["model"]),
        "qini_score_counted": float(metrics.qini_score(counted, normalize=False)["model"]),
        "rate_autoc": float(rate.rate_score(scored)["model"]),
    }


def main() -> None:
    """Write the values of the libraries at hand."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("tests/evaluation/rivals.json"))
    out = parser.parse_args().out
    stored = json.loads(out.read_text()) if out.exists() else {}
    stored["inputs"] = inputs()
    for name, module, values in (("scikit_uplift", "sklift.metrics.metrics", of_scikit_uplift),
                                 ("causalml", "causalml.metrics.visualize", of_causalml)):  # fmt: skip
        try:
            stored[name] = values(stored["inputs"], import_module(module))
        except ImportError as fault:
            print(f"{name}: left as it is ({fault})")
    out.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
