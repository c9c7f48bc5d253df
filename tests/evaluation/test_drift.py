"""Drift: binning beside a loop over rows, noise beside draws without drift, planted shifts seen."""

import json
import math
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.contracts.params import Evaluation
from rapport.evaluate import main as evaluate
from rapport.evaluation.drift import (
    BINS,
    CATEGORIES,
    category_bins,
    drift_level,
    feature_drift,
    independent_rows,
    noise_limit,
    number_bins,
    population_stability_index,
)
from rapport.store.documents import read_json
from rapport.store.project import EVALUATION, FEATURES

NUMBER = {"name": "x", "unit": "events", "missing": "missing"}
COUNT = {"name": "x", "unit": "events", "missing": "zero"}
CATEGORY = {"name": "x", "unit": "category", "missing": "missing"}


def measured(feature, before, now, rows=None):
    """Return the drift of one column against one model's rows."""
    frames = [pd.DataFrame({"x": each}) for each in (before, now)]
    (found,) = feature_drift([feature], {"churn": frames[0]}, frames[1], {"churn": rows or len(before)})
    return found["training"]["churn"]


def level(feature, before, now):
    found = measured(feature, before, now)
    return drift_level(found, Evaluation())


def test_the_index_by_hand():
    # Shares 10.5/32 and 20.5/32 … of three bins, half a row added to each.
    before, now = np.array([10, 20, 0]), np.array([10, 10, 10])
    shares = [(10.5 / 31.5, 10.5 / 31.5), (20.5 / 31.5, 10.5 / 31.5), (0.5 / 31.5, 10.5 / 31.5)]
    by_hand = sum((q - p) * math.log(q / p) for p, q in shares)
    assert population_stability_index(before, now) == pytest.approx(by_hand, rel=1e-12)
    assert population_stability_index(now, before) == pytest.approx(by_hand, rel=1e-12)
    assert population_stability_index(before, before) == 0.0


def test_a_bin_of_a_single_row_counts_for_the_noise():
    before, now = (
        pd.Series(["a"] * 60 + ["b"] * 40, dtype="str"),
        pd.Series(["a"] * 60 + ["b"] * 39 + ["c"], dtype="str"),
    )
    assert measured(CATEGORY, before, now)["noise"] == pytest.approx(noise_limit(3, 100, 100))
    assert measured(CATEGORY, before, now[:99])["noise"] == pytest.approx(noise_limit(2, 100, 99))


def test_an_index_at_a_level_has_reached_it():
    levels = Evaluation(drift_some=0.125, drift_strong=0.25)
    found = [drift_level({"psi": psi, "noise": 0.01}, levels) for psi in (0.12, 0.125, 0.24, 0.25)]
    assert found == ["none", "some", "some", "strong"]
    assert drift_level({"psi": 0.3, "noise": 0.3}, levels) == "none"


NUMBERS = st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 1.0, 2.0, 3.5, 7.0, np.inf, np.nan]), max_size=60)


@given(NUMBERS, NUMBERS)
def test_number_bins_agree_with_a_loop_over_rows(before, now):
    known = sorted(x for x in before if not math.isnan(x))
    cuts = []
    for tenth in range(1, BINS):  # the least value that a share tenth / BINS does not exceed
        reached = [x for at, x in enumerate(known, start=1) if at * BINS >= tenth * len(known)]
        if reached and reached[0] not in cuts:
            cuts.append(reached[0])
    slow = []
    for values in (before, now):
        rows = [0] * (len(cuts) + 2)
        for x in values:
            rows[-1 if math.isnan(x) else sum(x > cut for cut in cuts)] += 1
        slow.append(rows)
    assert [part.tolist() for part in number_bins(np.array(before, float), np.array(now, float))] == slow


TEXTS = st.lists(st.sampled_from([None, *"abcdefghijklmnopqrstuvwxyz"]), max_size=80)


@given(TEXTS, TEXTS)
def test_category_bins_agree_with_a_loop_over_rows(before, now):
    rows = {value: before.count(value) for value in before if value is not None}
    kept = sorted(rows, key=lambda value: (-rows[value], value))[:CATEGORIES]
    slow = []
    for values in (before, now):
        others = len([value for value in values if value is not None and value not in kept])
        slow.append([values.count(None), *(values.count(value) for value in kept), others])
    frames = [pd.Series(values, dtype="str") for values in (before, now)]
    assert [part.tolist() for part in category_bins(*frames)] == slow


@pytest.mark.parametrize("text", [False, True])
def test_without_drift_the_index_stays_below_its_noise_95_times_in_100(text):
    """1,000 pairs of samples: four standard errors of a share of 0.05 are 0.028, by chance exceeded once in 10⁴."""
    draws = np.random.default_rng(11)
    n, m, above, indexes = 900, 600, 0, []
    for _ in range(1000):
        samples = []
        for rows in (n, m):
            values = draws.choice(list("aaabbcdefg"), rows) if text else draws.gamma(2.0, size=rows)
            values = values.astype(object) if text else values
            values[draws.random(rows) < 0.1] = None if text else np.nan
            samples.append(pd.Series(values, dtype="str") if text else values)
        before, now = category_bins(*samples) if text else number_bins(*samples)
        held = (before + now) > 0
        indexes.append(population_stability_index(before[held], now[held]))
        above += indexes[-1] > noise_limit(int(held.sum()), n, m)
    assert above / 1000 == pytest.approx(0.05, abs=0.028)
    bins = 8 if text else BINS + 1
    assert np.mean(indexes) == pytest.approx((bins - 1) * (1 / n + 1 / m), rel=0.08)


def test_rows_of_one_stakeholder_are_no_independent_evidence():
    """Four like rows of each stakeholder: noise is right when they count once, and wrong when they count four times.

    500 draws; four standard errors of a share of 0.05 are 0.04.
    """
    draws = np.random.default_rng(12)
    stakeholders, above, naive = 400, 0, 0
    ids = pd.Series(np.repeat(np.arange(stakeholders), 4).astype(str))
    assert independent_rows(ids) == pytest.approx(stakeholders)
    for _ in range(500):
        before = np.repeat(draws.normal(size=stakeholders), 4)
        now = draws.normal(size=1200)
        above += (found := measured(NUMBER, before, now, independent_rows(ids)))["psi"] > found["noise"]
        naive += (found := measured(NUMBER, before, now))["psi"] > found["noise"]
    assert above / 500 == pytest.approx(0.05, abs=0.04)
    assert naive / 500 > 0.3


@pytest.mark.parametrize(
    ("feature", "change"),
    [
        (NUMBER, lambda x, draws: x + 1.0),
        (NUMBER, lambda x, draws: np.where(draws.random(len(x)) < 0.3, np.nan, x)),
        (COUNT, lambda x, draws: np.where(x > 0, x, 0.0)),
    ],
)
def test_planted_shifts_of_numbers_are_strong(feature, change):
    draws = np.random.default_rng(13)
    before, now = draws.normal(size=4000), draws.normal(size=3000)
    assert level(feature, before, now) == "none"
    assert level(feature, before, change(now, draws)) == "strong"


def test_a_value_that_training_never_saw_is_strong():
    draws = np.random.default_rng(14)
    before, now = (pd.Series(draws.choice(["a", "b"], n)) for n in (4000, 3000))
    assert level(CATEGORY, before, now) == "none"
    assert level(CATEGORY, before, now.where(draws.random(3000) < 0.7, "new")) == "strong"


def test_a_large_index_of_few_rows_is_noise():
    # Half of 10 against 9 of 10: PSI 0.69 with half rows added, noise 0.77.
    before, now = np.repeat([0.0, 1.0], 5), np.repeat([0.0, 1.0], [1, 9])
    found = measured(NUMBER, before, now)
    assert 0.25 < found["psi"] < found["noise"]
    assert drift_level(found, Evaluation()) == "none"
    assert drift_level({**found, "noise": 0.0}, Evaluation(drift_some=0.6, drift_strong=0.9)) == "some"
    assert level(NUMBER, np.repeat(before, 100), np.repeat(now, 100)) == "strong"


def test_absence_is_zero_only_where_the_declaration_says_so():
    before, now = np.array([0.0, 0.0, np.nan, 2.0]), np.array([0.0, 1.0])
    for feature, training, today in ((COUNT, 0.75, 0.5), (NUMBER, 0.25, 0.0)):
        frame = pd.DataFrame({"x": before})
        (found,) = feature_drift([feature], {"churn": frame}, pd.DataFrame({"x": now}), {"churn": 4})
        assert (found["training"]["churn"]["absent"], found["absent"]) == (training, today)


def test_a_constant_feature_has_neither_drift_nor_noise():
    assert measured(NUMBER, np.ones(5), np.ones(7)) == {"absent": 0.0, "psi": 0.0, "noise": 0.0}
    all_missing = pd.Series([None] * 5, dtype="str")
    assert measured(CATEGORY, all_missing, all_missing) == {"absent": 1.0, "psi": 0.0, "noise": 0.0}


def test_true_and_false_are_numbers():
    before, now = np.repeat([True, False], 50), np.repeat([True, False], [90, 10])
    assert measured(NUMBER, before, now) == measured(NUMBER, before.astype(float), now.astype(float))


def test_models_without_rows_are_left_out_and_nobody_today_has_no_drift():
    rows, none = pd.DataFrame({"x": [1.0, 2.0]}), pd.DataFrame({"x": pd.Series(dtype="float64")})
    (found,) = feature_drift([NUMBER], {"churn": rows, "uplift": none}, rows, {"churn": 2, "uplift": 0})
    assert list(found["training"]) == ["churn"]
    (found,) = feature_drift([NUMBER], {"churn": rows}, none, {"churn": 2})
    assert found == {"name": "x", "absent": None, "training": {}}


def test_the_order_of_the_rows_is_no_matter_and_the_result_is_json():
    draws = np.random.default_rng(15)
    before, now = draws.poisson(1.0, 500).astype(float), draws.poisson(1.3, 400).astype(float)
    found = measured(COUNT, before, now)
    assert measured(COUNT, draws.permutation(before), draws.permutation(now)) == found
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_evaluate_measures_the_drift_of_every_feature(small_run, tmp_path, monkeypatch):
    """The opted-out are left out, and churn is compared with the snapshots it was learned from."""
    for name in ("tables", "features", "bundle", "out_of_fold"):
        shutil.copytree(small_run / "data" / name, tmp_path / "data" / name)
    shutil.copy(small_run / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    population = pd.read_parquet(FEATURES / "population.parquet")
    nps = population["nps_count_730d"].mask(population["opted_out"], 0.0)  # must not matter
    population.assign(nps_count_730d=nps).to_parquet(FEATURES / "population.parquet", index=False)
    snapshots = pd.read_parquet(FEATURES / "snapshots.parquet")
    evaluate()
    found = {each["name"]: each for each in json.loads((EVALUATION / "features.json").read_text())}
    assert list(found) == [each["name"] for each in read_json(FEATURES / "features.json")]
    reachable, decisions = population[~population["opted_out"]], pd.read_parquet(FEATURES / "decisions.parquet")
    treated = decisions[decisions["arm"] != "none"].groupby(["stakeholder_id", "as_of"]).size()
    decided = [treated.get(key, 0) for key in zip(snapshots["stakeholder_id"], snapshots["as_of"], strict=True)]
    learned = snapshots[(snapshots["contacts"] == 0) | (np.array(decided) == 1)]
    assert (learned["contacts"] > 0).any()
    drift = found["nps_count_730d"]
    assert drift["absent"] == pytest.approx((reachable["nps_count_730d"] == 0).mean(), rel=1e-12)
    assert drift["training"]["churn"]["absent"] == pytest.approx((learned["nps_count_730d"] == 0).mean(), rel=1e-12)
    assert all(set(each["training"]) == {"churn", "uplift"} for each in found.values())
    first = (EVALUATION / "features.json").read_bytes()
    assert first == (small_run / EVALUATION / "features.json").read_bytes()
