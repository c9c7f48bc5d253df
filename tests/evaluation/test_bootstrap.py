"""The cluster bootstrap: resamples by hand, agreement with the influence function, coverage for dependent rows."""

import numpy as np
import pytest
from scipy import stats

from rapport.evaluation.bootstrap import resampled
from rapport.evaluation.estimate import Estimate
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.policy_value import clipped, direct, doubly_robust, ipw, snips, switch

METHODS = {"ipw": ipw, "snips": snips, "direct": direct, "doubly_robust": doubly_robust, "switch": switch,
           "clipped": clipped}  # fmt: skip


def draw(rng, people=150, each=2):
    n = people * each
    x = np.repeat(rng.integers(2, size=people), each)
    arm = (rng.random(n) < 0.4).astype(int)
    value = 10.0 + 2 * x * arm + np.repeat(rng.normal(0, 3, people), each) + rng.normal(0, 1, n)
    log = LoggedDecisions(value, arm, np.tile([0.6, 0.4], (n, 1)), np.tile([0.0, 1.0], (n, 1)), np.full((n, 2), 10.0),
                          np.repeat(np.arange(people), each))  # fmt: skip
    return log, np.eye(2)[x]


@pytest.mark.parametrize("method", METHODS)
def test_every_replicate_is_the_estimator_on_the_drawn_people(method):
    log, policy = draw(np.random.default_rng(121), people=30)
    found = resampled(log, policy, method, seed=5, replicates=40)
    assert found.value == pytest.approx(METHODS[method](log, policy).value)
    rng, draws = np.random.default_rng(5), []
    fields = ("value", "arm", "propensity", "cost", "mu", "cluster")
    for _ in range(40):
        picked = rng.integers(30, size=30)
        rows = np.concatenate([np.flatnonzero(log.cluster == person) for person in picked])
        part = LoggedDecisions(*(getattr(log, name)[rows] for name in fields))
        draws.append(METHODS[method](part, policy[rows]).value)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975], method="weibull")))
    assert found.se == pytest.approx(np.std(draws, ddof=1))
    assert found.n == 60


def test_it_agrees_with_the_influence_function():
    log, policy = draw(np.random.default_rng(122), people=400)
    for method, estimator in METHODS.items():
        assert resampled(log, policy, method, 1, 400).se == pytest.approx(estimator(log, policy).se, rel=0.15)


def test_it_covers_the_truth_with_dependent_rows():
    # 99.9 % band of Binomial(200, 0.95); taking rows as independent fails it. Truth: 10 + P(x = 1)·(2 − 1).
    rng, covered, naive = np.random.default_rng(123), 0, 0
    for seed in range(200):
        log, policy = draw(rng, each=5)
        found = resampled(log, policy, "doubly_robust", seed, 100)
        covered += found.low <= 10.5 <= found.high
        rows = LoggedDecisions(log.value, log.arm, log.propensity, log.cost, log.mu, np.arange(750))
        wrong = resampled(rows, policy, "doubly_robust", seed, 60)
        naive += wrong.low <= 10.5 <= wrong.high
    low, high = stats.binom.ppf([0.0005, 0.9995], 200, 0.95)
    assert low <= covered <= high
    assert naive < low


def test_undefined_alone_and_samples_without_agreement():
    log, _ = draw(np.random.default_rng(124), people=5)
    never = np.eye(2)[1 - log.arm]
    assert resampled(log, never, "snips", 1) == Estimate.undefined(10)
    alone = LoggedDecisions(log.value, log.arm, log.propensity, log.cost, log.mu, np.zeros(10))
    assert (resampled(alone, never, "direct", 1).value, resampled(alone, never, "direct", 1).low) == (
        pytest.approx(10.0 - never[:, 1].mean()), None,
    )  # fmt: skip
    once = never.copy()
    once[0] = np.eye(2)[log.arm[0]]
    assert resampled(log, once, "snips", 1, 50).se is None
    once[-1] = np.eye(2)[log.arm[-1]]
    found = resampled(log, once, "snips", 1, 50)  # one sample in thirteen lacks both rows that agree
    assert found.low <= found.value <= found.high
    assert resampled(log, never, "direct", 1, 2).se >= 0
    with pytest.raises(ValueError, match="replicates: expected at least 2; got 1"):
        resampled(log, never, "direct", 1, 1)
