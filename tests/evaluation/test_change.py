"""Drift of scores and outcomes: planted changes are found, their absence is not."""

import numpy as np
import pytest

from instants import snapshots
from rapport.contracts.params import Evaluation
from rapport.evaluation.change import number_drift, outcome_change, share_drift
from rapport.evaluation.drift import drift_level, population_stability_index

LEVELS = Evaluation()


def test_a_share_by_hand():
    found = share_drift(np.array([True] * 20 + [False] * 80), np.array([True] * 40 + [False] * 60), 100.0)
    assert found["psi"] == pytest.approx(population_stability_index(np.array([80, 20]), np.array([60, 40])))
    assert found["noise"] == pytest.approx(3.841459 * (1 / 100 + 1 / 100))
    assert drift_level(found, LEVELS) == "some"


def test_scores_that_moved_are_seen_and_others_not():
    rng = np.random.default_rng(95)
    before, now = rng.beta(2, 8, 4000), rng.beta(2, 8, 3000)
    assert drift_level(number_drift(before, now, 4000.0), LEVELS) == "none"
    moved = number_drift(before, now + 0.15, 4000.0)
    assert drift_level(moved, LEVELS) == "strong"
    few = number_drift(before, now + 0.15, 5.0)  # the same, but of five people
    assert few["psi"] == moved["psi"]
    assert few["noise"] > 100 * moved["noise"]


def test_outcomes_over_time_and_their_drift():
    _, calm = snapshots(np.random.default_rng(96))
    found = outcome_change(calm)
    assert [each["as_of"] for each in found["by_instant"]] == ["2024-01-01", "2024-03-31", "2024-06-29"]
    latest = calm[calm["as_of"] == calm["as_of"].max()]
    last = found["by_instant"][-1]
    assert last["churned"]["value"] == pytest.approx(latest["churned"].mean())
    assert last["value"]["value"] == pytest.approx(latest["value"].mean())
    assert last["value"]["se"] == pytest.approx(latest["value"].std() / np.sqrt(600))
    assert last["rows"] == 600
    assert all(drift_level(each, LEVELS) == "none" for each in found["drift"].values())
    _, moved = snapshots(np.random.default_rng(96), shift=1.5)
    assert all(drift_level(each, LEVELS) == "strong" for each in outcome_change(moved)["drift"].values())


def test_the_noise_of_outcomes_counts_people_not_rows():
    _, rows = snapshots(np.random.default_rng(97))
    noise = outcome_change(rows)["drift"]["churned"]["noise"]
    assert noise == pytest.approx(3.841459 * (1 / 600 + 1 / 600))  # 1,200 earlier rows of 600 people


def test_one_instant_alone_has_no_drift():
    _, rows = snapshots(np.random.default_rng(98))
    found = outcome_change(rows[rows["as_of"] == rows["as_of"].min()])
    assert found["drift"] == {}
    assert len(found["by_instant"]) == 1
