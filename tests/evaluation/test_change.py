"""Drift of scores and outcomes: planted changes are found, their absence is not."""

import numpy as np
import pandas as pd
import pytest

from instants import snapshots
from rapport.contracts.params import Evaluation
from rapport.evaluation.change import number_drift, outcome_change, score_drift, share_drift
from rapport.evaluation.drift import drift_level, population_stability_index
from rapport.evaluation.held import Held
from rapport.evaluation.log import LoggedDecisions
from rapport.policy.limits import Constraints
from told import CALM, people, told

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


def test_scores_of_today_are_held_against_held_out_ones_by_hand():
    """Today's risks and gains stand in the table; those opted out do not count, cautioned gains are what decides."""
    bundle, rng = told({**CALM, "caution": 2.0}), np.random.default_rng(94)
    today = people(400, risk=rng.random(400), effect_call=rng.normal(12, 8, 400), effect_mail=np.nan, opted_out=False)
    gone = people(100, opted_out=True, risk=1.0, effect_call=900.0)
    population = pd.concat([today, gone], ignore_index=True)
    risks, worth = rng.random(300) ** 2, rng.normal(0, 8, (300, 3))
    worth[:, 0] = 0.0
    log = LoggedDecisions(np.zeros(300), np.zeros(300, dtype=int), np.ones(300), np.zeros((300, 3)),
                          np.zeros((300, 3)), np.arange(300) // 2)  # fmt: skip
    held = Held(log, worth, np.ones((300, 3), dtype=bool), Constraints(), np.zeros(300, dtype=int), np.zeros(300),
                np.ones(300, dtype=bool), worth)  # fmt: skip
    rows = pd.DataFrame({"churn_risk": risks, "cluster": [f"home {at // 3}" for at in range(300)]})
    found = score_drift(bundle, rows, held, population)
    assert found["churn_risk"] == number_drift(risks, today["risk"].to_numpy(), 100)
    # a call costs 10, its error of 0.5 counts twice; a mail's gain is unknown
    best = today["effect_call"].to_numpy() - 10 - 1
    assert found["best_gain"] == number_drift(worth[:, 1:].max(axis=1), best, 150)
    assert set(score_drift(bundle, rows, None, population)) == {"churn_risk"}
    assert score_drift(bundle, rows, held, gone) == {}


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


def test_households_count_once():
    _, rows = snapshots(np.random.default_rng(97))
    found = outcome_change(rows.assign(home=rows["stakeholder_id"].str[1:].astype(int) // 2), "home")
    assert found["drift"]["churned"]["noise"] == pytest.approx(3.841459 * (1 / 300 + 1 / 600))
    alone = outcome_change(rows)
    assert found["by_instant"][0]["churned"]["value"] == alone["by_instant"][0]["churned"]["value"]
    assert found["by_instant"][0]["churned"]["se"] != alone["by_instant"][0]["churned"]["se"]


def test_one_instant_alone_has_no_drift():
    _, rows = snapshots(np.random.default_rng(98))
    found = outcome_change(rows[rows["as_of"] == rows["as_of"].min()])
    assert found["drift"] == {}
    assert len(found["by_instant"]) == 1
