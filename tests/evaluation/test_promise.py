"""What assignments gain in all, told by held-out decisions: by hand, and over many draws of a winner's curse."""

import numpy as np
import pandas as pd
import pytest

from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.promise import LEAST_TREATED, gain_per_treated, total_gain
from rapport.models.scores import doubly_robust_scores

ARMS = 4
FOLD = np.arange(1600) % 3


def log_of(rng: np.random.Generator, rows: int) -> tuple[LoggedDecisions, np.ndarray]:
    """Return a randomised log whose arms gain 0, 1, 1 and 1 and cost 0.5, and estimates of the gains that are noise."""
    arm = rng.integers(0, ARMS, rows)
    value = 10.0 + (arm > 0) + rng.normal(0, 2, rows)
    cost = np.tile([0.0, 0.5, 0.5, 0.5], (rows, 1))
    mu = np.full((rows, ARMS), 10.0)
    gain = np.column_stack([np.zeros(rows), 0.5 + rng.normal(0, 1, (rows, ARMS - 1))])
    return LoggedDecisions(value, arm, np.full(rows, 1 / ARMS), cost, mu, np.arange(rows)), gain


def test_by_hand() -> None:
    """Half and half, value 5 above mu under either arm: scores differ by 10 or −10, less the cost of 1."""
    n = LEAST_TREATED
    arm, cost = np.tile([0, 1], n // 2), np.tile([0.0, 1.0], (n, 1))
    log = LoggedDecisions(np.full(n, 5.0), arm, np.full(n, 0.5), cost, np.zeros((n, 2)), np.arange(n))
    treat, gain = np.tile([0.0, 1.0], (n, 1)), np.tile([0.0, 3.0], (n, 1))
    found = gain_per_treated(log, FOLD[: len(log.arm)], treat, treat, gain)
    assert found.value == pytest.approx(-1.0)
    assert found.se == pytest.approx(10.0 / np.sqrt(n - 1))


def test_what_the_whole_model_chooses_otherwise_counts_as_it_expects_by_hand() -> None:
    """Thirty of 40 are treated out of fold and gain 9 or −11 evenly, −1 on average.

    The model of all decisions treats everyone and expects 4 of each of the other ten: (30 × −1 + 10 × 4) / 40.
    """
    n = 40
    arm, cost = np.tile([0, 1], n // 2), np.tile([0.0, 1.0], (n, 1))
    log = LoggedDecisions(np.full(n, 5.0), arm, np.full(n, 0.5), cost, np.zeros((n, 2)), np.arange(n))
    everyone, most = np.tile([0.0, 1.0], (n, 1)), np.eye(2)[np.where(np.arange(n) < 30, 1, 0)]
    found = gain_per_treated(log, FOLD[: len(log.arm)], most, everyone, np.tile([0.0, 4.0], (n, 1)))
    assert found.value == pytest.approx((30 * -1.0 + 10 * 4.0) / 40)
    influence = np.r_[np.tile([-11.0, 9.0], 15), np.full(10, 4.0)] - 0.25
    assert found.se == pytest.approx(np.sqrt((influence**2).sum() / (n - 1) / n))  # folds differ by chance only
    fewer = gain_per_treated(log, FOLD[: len(log.arm)], everyone, most, np.tile([0.0, np.nan], (n, 1)))
    assert fewer.value == pytest.approx(40 * -1.0 / 30)
    influence = (np.tile([-11.0, 9.0], 20) + 40 / 30 * most[:, 1]) * 40 / 30
    assert fewer.se == pytest.approx(np.sqrt((influence**2).sum() / (n - 1) / n))


def test_where_folds_differ_in_what_is_added_the_interval_is_wider() -> None:
    """Added are 0, 3 and 6 in three folds of 400: their spread is 3, the error of their mean 3 / √3; none by chance."""
    log, _ = log_of(np.random.default_rng(2), 1200)
    fold, first, second = FOLD[:1200], np.tile(np.eye(ARMS)[1], (1200, 1)), np.tile(np.eye(ARMS)[2], (1200, 1))
    gain = np.column_stack([np.zeros(1200), np.zeros(1200), 3.0 * fold, np.zeros(1200)])
    alike = gain_per_treated(log, fold, first, first, gain)
    wider = gain_per_treated(log, fold, first, second, gain)
    assert alike.value is not None
    assert alike.se is not None
    assert wider.value == pytest.approx(alike.value + 3.0)
    # The rows' own spread of what is added is in the first part too.
    net = doubly_robust_scores(log.value, log.arm, log.propensity, log.mu)
    told = np.std(net[:, 1] - net[:, 0] + 3.0 * fold, ddof=1) / np.sqrt(1200)
    assert wider.se == pytest.approx(told + 3.0 / np.sqrt(3))
    assert wider.low is not None
    assert wider.high is not None
    assert wider.high - wider.value == pytest.approx(1.963 * wider.se, rel=2e-3)
    assert wider.value - wider.low == pytest.approx(wider.high - wider.value)


def test_what_chance_makes_of_the_difference_between_folds_is_taken_off_by_hand() -> None:
    """Half are treated. Added are 0 ± 5, 4 ± 5 and 8 ± 5 among the treated of three folds of 400, nothing among others.

    Means of folds 0, 2 and 4: variance 4, of which rows of ±5 around these means make σ²/400 by chance.
    """
    log, _ = log_of(np.random.default_rng(2), 1200)
    fold, treated = np.repeat([0, 1, 2], 400), np.tile([True, False], 600)
    sign = np.tile([1, 1, -1, -1], 300)
    added = np.where(treated, 4.0 * fold + 5.0 * sign, 0.0)
    policy, whole = (np.eye(ARMS)[np.where(treated, arm, 0)] for arm in (1, 2))
    gain = np.column_stack([np.zeros(1200), np.zeros(1200), added, np.zeros(1200)])
    found = gain_per_treated(log, fold, policy, whole, gain)
    net = doubly_robust_scores(log.value, log.arm, log.propensity, log.mu) - log.cost
    gained = np.where(treated, net[:, 1] - net[:, 0], 0.0) + added
    assert found.value == pytest.approx(gained.sum() / 600)
    alone = np.std((gained - found.value * treated) / 0.5, ddof=1) / np.sqrt(1200)
    chance = np.mean([added[fold == k].var() / 400 for k in range(3)])
    assert found.se == pytest.approx(alone + np.sqrt((4.0 - chance) / 3) / 0.5)


def test_only_the_treated_count_and_too_few_tell_nothing() -> None:
    log, _ = log_of(np.random.default_rng(1), 400)
    policy = np.eye(ARMS)[np.where(np.arange(400) < LEAST_TREATED, 1, 0)]
    gain, fewer = np.zeros((400, ARMS)), policy.copy()
    fewer[0] = np.eye(ARMS)[0]
    assert gain_per_treated(log, FOLD[: len(log.arm)], policy, policy, gain).n == LEAST_TREATED
    for held, whole in ((fewer, policy), (policy, fewer)):
        few = gain_per_treated(log, FOLD[: len(log.arm)], held, whole, gain)
        assert (few.value, few.low, few.n) == (None, None, LEAST_TREATED - 1)


def test_the_winners_curse_is_taken_back() -> None:
    """Noise of 1 in three estimates promises twice and more what every arm gains.

    P(fewer than 180 of 200 intervals of 95 % hold) is below 0.003; the mean told has a standard error of 0.01.
    """
    rng = np.random.default_rng(7)
    held, told, promises = 0, [], []
    for _ in range(200):
        log, gain = log_of(rng, 800)
        policy = np.eye(ARMS)[gain.argmax(axis=1)]
        per_treated = gain_per_treated(log, FOLD[: len(log.arm)], policy, policy, gain).as_dict()
        _, met = log_of(rng, 500)
        chosen = met.argmax(axis=1)
        table = pd.DataFrame({"intervention": np.array(["none", "a", "b", "c"])[chosen], "reason": "best_gain",
                              "expected_gain": met[np.arange(500), chosen]})  # fmt: skip
        total, true = total_gain(table, "none", per_treated), 0.5 * (chosen > 0).sum()
        assert total["low"] is not None
        assert total["high"] is not None
        held += total["low"] <= true <= total["high"]
        told.append(per_treated["value"])
        promises.append(total["expected"] / true)
    assert min(promises) > 2.0
    assert held >= 180
    assert np.mean(told) == pytest.approx(0.5, abs=0.06)


def test_what_the_rest_of_the_decisions_taught_is_added() -> None:
    """Gains differ by people (sd 2); held-out estimates know them but for noise of 3, the whole model looks twice.

    Both are the expectation given what they know. P(fewer than 180 of 200 intervals of 95 % hold) is below 0.003; the
    mean error has a standard error of 0.019.
    """
    rng = np.random.default_rng(11)
    held, errors, before = 0, [], []
    for _ in range(200):
        truth = np.column_stack([np.zeros(1600), rng.normal(0, 2, (1600, ARMS - 1))])
        looks = truth[:, 1:] + rng.normal(0, 3, (2, 1600, ARMS - 1))
        known, better = (np.column_stack([np.zeros(1600), each])
                         for each in (looks[0] * 4 / (4 + 9), looks.mean(axis=0) * 4 / (4 + 4.5)))  # fmt: skip
        arm = rng.integers(0, ARMS, 800)
        value = truth[np.arange(800), arm] + rng.normal(0, 2, 800)
        log = LoggedDecisions(value, arm, np.full(800, 1 / ARMS), np.zeros((800, ARMS)), known[:800], np.arange(800))
        policy, whole = (np.eye(ARMS)[each.argmax(axis=1)] for each in (known, better))
        treated = whole[800:, 1:].sum()
        true = (whole * truth)[800:].sum() / treated
        found = gain_per_treated(log, FOLD[: len(log.arm)], policy[:800], whole[:800], better[:800])
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= true <= found.high
        errors.append(found.value - true)
        before.append(
            (gain_per_treated(log, FOLD[: len(log.arm)], policy[:800], policy[:800], known[:800]).value or 0.0) - true
        )
    assert held >= 180
    assert np.mean(errors) == pytest.approx(0.0, abs=0.06)
    assert np.mean(before) < -0.2


def test_of_explorers_alone_nothing_is_told_and_nobody_treated_gains_nothing_for_sure() -> None:
    unknown = {"value": None, "low": None, "high": None}
    table = pd.DataFrame({
        "intervention": ["none", "call"], "reason": ["no_gain", "explore"], "expected_gain": [0.0, -2.0]
    })  # fmt: skip
    assert total_gain(table, "none", unknown) == {"expected": -2.0, "value": None, "low": None, "high": None}
    nobody = total_gain(table.assign(intervention="none"), "none", unknown)
    assert nobody == {"expected": 0.0, "value": 0.0, "low": 0.0, "high": 0.0}
    planned = total_gain(table.assign(reason="best_gain"), "none", unknown)
    assert planned == {"expected": -2.0, "value": None, "low": None, "high": None}
