"""Rankings beside stored values of scikit-uplift and causalml (benchmarks/ranking_rivals.py) where they agree."""

import json
from pathlib import Path

import numpy as np
import pytest

from counted_curves import qini_curve, uplift_curve
from rapport.evaluation.uplift_ranking import auuc

STORED = json.loads(Path(__file__).with_name("rivals.json").read_text())
GIVEN = {name: np.array(values, dtype=float) for name, values in STORED["inputs"].items()}
N = len(GIVEN["value"])


def close(ours, theirs):
    return ours == pytest.approx(np.array(theirs), abs=1e-9)


@pytest.mark.parametrize("priority", ["distinct", "tied"])
@pytest.mark.parametrize(("name", "curve"), [("uplift_curve", uplift_curve), ("qini_curve", qini_curve)])
def test_counted_curves_are_those_of_scikit_uplift_ties_included(priority, name, curve):
    reached, gain = curve(GIVEN["value"], GIVEN["treated"], GIVEN[priority])
    theirs = STORED["scikit_uplift"][priority][name]
    assert close(reached, theirs[0])
    assert close(gain, theirs[1])
    assert len(reached) == (N + 1 if priority == "distinct" else len(set(GIVEN["tied"])) + 1)


def test_uplift_at_k_is_a_point_of_the_counted_curve():
    reached, gain = uplift_curve(GIVEN["value"], GIVEN["treated"], GIVEN["distinct"])
    assert reached[20] == 20
    assert close(gain[20] / 20, STORED["scikit_uplift"]["uplift_at_20_rows"])


@pytest.mark.parametrize(("name", "curve"), [("cumgain_counted", uplift_curve), ("qini_counted", qini_curve)])
def test_counted_curves_are_those_of_causalml_once_both_arms_are_seen(name, curve):
    _, gain = curve(GIVEN["value"], GIVEN["treated"], GIVEN["distinct"])
    seen = GIVEN["treated"][np.argsort(-GIVEN["distinct"])]
    both = np.r_[False, (np.cumsum(seen) > 0) & (np.cumsum(1 - seen) > 0)]
    assert 0 < (~both).sum() < 10
    assert close(gain[both], np.array(STORED["causalml"][name])[both])


def test_scored_curves_and_areas_are_those_of_causalml():
    ordered = GIVEN["gained"][np.argsort(-GIVEN["distinct"])]
    sums = np.r_[0.0, np.cumsum(ordered)]
    assert close(sums, STORED["causalml"]["cumgain_scored"])
    operating = np.r_[0.0, np.cumsum(ordered) / np.arange(1, N + 1) - ordered.mean()]
    assert close(operating, STORED["causalml"]["toc_scored"])
    # causalml averages the sums over n + 1 points; ours are trapezoids, per row
    area = auuc(GIVEN["gained"], GIVEN["distinct"])
    assert close((area * N**2 + sums[-1] / 2) / (N + 1), STORED["causalml"]["auuc_score"])
