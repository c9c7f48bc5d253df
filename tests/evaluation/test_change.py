"""Drift of scores and outcomes: planted changes are found, their absence is not."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import chi2

from instants import snapshots
from rapport.contracts.params import Evaluation, Learner
from rapport.evaluation.change import gain_drift, number_drift, outcome_change, risk_drift, share_drift
from rapport.evaluation.drift import drift_level, population_stability_index
from rapport.evaluation.gain_scorecard import best_arms
from rapport.evaluation.views import View
from rapport.models.boosting import Training
from rapport.models.bundle import Bundle
from rapport.models.churn import ChurnModel
from rapport.models.encoding import Encoding
from rapport.models.logged import Logged
from rapport.models.uplift import UpliftModel, fit_uplift
from told import CALM, params, people, told

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


NAMES = [f"x{at}" for at in range(20)]


def relationships(rng: np.random.Generator, people: int, since: int) -> pd.DataFrame:
    """Return three instants of the same people, of whose features two tell a little of who leaves."""
    lasting = np.tile(rng.normal(size=(people, len(NAMES))), (3, 1))
    X = 0.8 * lasting + 0.6 * rng.normal(size=lasting.shape)
    return pd.DataFrame(X, columns=NAMES).assign(
        stakeholder_id=[f"s{since + at}" for at in range(people)] * 3,
        as_of=pd.Timestamp("2024-01-01") + pd.to_timedelta(np.repeat([0, 90, 180], people), unit="D"),
        churned=rng.random(3 * people) < expit(-2 - 0.6 * X[:, 0] - 0.4 * X[:, 1]), contacts=0, opted_out=False,
    )  # fmt: skip


def risks_of(rows: pd.DataFrame) -> Bundle:
    learner = {"rounds": 30, "learning_rate": 0.1, "min_leaf_rows": 10, "folds": 2}
    made_under = params({}).model_copy(update={"learner": Learner(**learner)})
    return Bundle(made_under, Encoding.fit(rows, [(name, "number") for name in NAMES], 8), ChurnModel.constant(0.0),
                  None)  # fmt: skip


def test_risk_of_people_like_those_before_has_not_drifted_and_of_others_it_has():
    """Of 40 draws without drift 2 exceed their noise on average, and 7 or more in 0.3 % of runs (binomial). That one is
    strong there has a chance of 1e-7: 0.25 is 50 times 1 / 400 + 1 / 400, chi-squared of 9 degrees of freedom."""
    calm, moved = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        before, today = relationships(rng, 400, 0), relationships(rng, 400, 400)[:400]
        calm.append(risk_drift(risks_of(before), before, today))
        moved.append(risk_drift(risks_of(before), before, today.assign(x0=today["x0"] - 1.5, x1=today["x1"] - 1.5)))
    assert sum(found["psi"] > found["noise"] for found in calm) <= 6
    assert all(drift_level(found, LEVELS) != "strong" for found in calm)
    assert all(drift_level(found, LEVELS) == "strong" for found in moved)


def test_risk_is_compared_of_all_at_the_latest_snapshot_with_those_who_may_be_contacted():
    rng = np.random.default_rng(7)
    before = relationships(rng, 200, 0)
    today, gone = before[400:], relationships(rng, 100, 900).assign(opted_out=True, x0=-9.0)
    bundle = risks_of(before)
    found = risk_drift(bundle, before, pd.concat([today, gone], ignore_index=True))
    assert found["psi"] == 0.0  # the same rows
    assert found["noise"] == pytest.approx(chi2.ppf(0.95, 9) * 2 / 200)
    assert risk_drift(bundle, before, gone) is None


def test_gain_is_that_of_the_best_arm_of_those_who_may_be_contacted_by_hand():
    """Today's gains stand in the table; those opted out do not count, cautioned gains are what decides."""
    bundle, rng = told({**CALM, "caution": 2.0}), np.random.default_rng(94)
    today = people(400, effect_call=rng.normal(12, 8, 400), effect_mail=np.nan, opted_out=False)
    gone = people(100, opted_out=True, effect_call=900.0)
    worth = rng.normal(0, 8, (300, 3))
    worth[:, 0] = 0.0
    homes, whole = np.arange(300) // 2, View(worth, worth + 1.0)
    found = gain_drift(bundle, whole, homes, pd.concat([today, gone], ignore_index=True))
    # a call costs 10, its error of 0.5 counts twice; a mail's gain is unknown
    best = today["effect_call"].to_numpy() - 10 - 1
    assert found == number_drift(worth[:, 1:].max(axis=1), best, 150)
    assert gain_drift(bundle, whole, homes, gone) is None


def decisions_of(rng: np.random.Generator, moved: float = 0.0) -> Logged:
    """Return 600 decisions; a call gains 8 times the first feature, which lies higher by `moved`, a mail nothing."""
    X, arm = rng.normal(size=(600, 3)).astype(np.float32), rng.integers(0, 3, 600)
    X[:, 0] += moved
    return Logged(
        arms=("none", "call", "mail"), X=X, arm=arm, propensity=np.full(600, 1 / 3),
        money=5 * X[:, 1] + 8 * X[:, 0] * (arm == 1) + rng.normal(0, 10, 600), retained=np.ones(600),
        retention_value=50.0, ids=pd.Series(np.arange(600)).astype("str"), iteration=np.zeros(600, dtype=np.int64),
        eligible=np.ones((600, 3), dtype=bool),
    )  # fmt: skip


def best_gain(model: UpliftModel, log: Logged) -> np.ndarray:
    return best_arms(model.predict(log.X, log.retention_value, 1)[1] - [0.0, 1.0, 1.0])[1]


def test_the_gains_of_one_model_have_not_drifted_where_people_have_not():
    """In ten draws: those of the models of two folds, held against the whole model's, would drift strongly in most."""
    training, strong = Training(Learner(rounds=20, learning_rate=0.2, folds=2), 1, 1, ()), Counter[str]()
    for seed in range(10):
        rng = np.random.default_rng(seed)
        log, today, others = decisions_of(rng), decisions_of(rng), decisions_of(rng, 2.0)
        model, held_out = fit_uplift(log, training), np.empty(600)
        for inside, rest in log.splits(2, 1):
            held_out[inside] = best_gain(fit_uplift(rest, training), log.take(inside))
        before, now = best_gain(model, log), best_gain(model, today)
        pairs = {"same": (before, now), "moved": (before, best_gain(model, others)), "held out": (held_out, now)}
        strong.update(name for name, pair in pairs.items()
                      if drift_level(number_drift(*pair, 600.0), LEVELS) == "strong")  # fmt: skip
    assert strong["same"] == 0
    assert strong["moved"] == 10
    assert strong["held out"] >= 5


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
