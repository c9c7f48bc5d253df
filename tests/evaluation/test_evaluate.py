"""The evaluation of a whole run: what its parts are given."""

import numpy as np
import pytest

from rapport.evaluation.average_effects import average_effects
from rapport.evaluation.held import held_out
from rapport.evaluation.policy_scorecard import policy_scorecard
from rapport.evaluation.views import View, view_of
from rapport.store.bundle import read_bundle
from rapport.store.documents import read_json
from rapport.store.frames import read_frame
from rapport.store.project import BUNDLE, EVALUATION, FEATURES, OUT_OF_FOLD, load_params


def test_what_the_treated_gain_is_told_of_the_model_that_assigns(small_run, monkeypatch):
    monkeypatch.chdir(small_run)
    params, decisions = load_params(), read_frame(FEATURES / "decisions.parquet")
    people = len(read_frame(FEATURES / "population.parquet"))
    held = held_out(read_frame(OUT_OF_FOLD / "uplift.parquet"), decisions, params, people)
    whole, names = view_of(read_bundle(BUNDLE), decisions, held, params), params.interventions.names
    told = read_json(EVALUATION / "metrics.json")["uplift"]["gain_per_treated"]
    assert told == policy_scorecard(held, names, whole)["gain_per_treated"]
    assert told != policy_scorecard(held, names, View(held.worth, held.gain))["gain_per_treated"]


def test_average_effects_are_told_of_every_arm_and_agree_with_what_the_model_was_corrected_by(small_run, monkeypatch):
    monkeypatch.chdir(small_run)
    params, decisions = load_params(), read_frame(FEATURES / "decisions.parquet")
    people, rows = len(read_frame(FEATURES / "population.parquet")), read_frame(OUT_OF_FOLD / "uplift.parquet")
    held, names = held_out(rows, decisions, params, people), params.interventions.names
    told = read_json(EVALUATION / "metrics.json")["uplift"]["average_effects"]
    value = rows["value"].to_numpy(dtype=np.float64)
    expected = average_effects(held, value, decisions["iteration"].to_numpy(dtype=np.int64), names)
    assert told == {arm: each.as_dict() for arm, each in expected.items()}
    uplift = read_bundle(BUNDLE).uplift
    assert uplift is not None
    for arm in names[1:]:
        line = uplift.effect_of(arm)
        assert line is not None
        assert abs(told[arm]["value"] - line.average) < told[arm]["se"]  # other halves taught the same outcome model
        assert told[arm]["se"] == pytest.approx(np.sqrt(line.var_average), rel=0.25)
