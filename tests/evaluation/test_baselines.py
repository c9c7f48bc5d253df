"""Baselines: exactly as many treated as asked, eligibility kept, and no fold has a say in its own arm."""

import numpy as np
import pytest

from rapport.evaluation.baselines import best_single_arm, nobody, random, response_ranking, risk_ranking

N, K = 120, 4


@pytest.fixture
def world():
    """Three folds of 40 rows; arm 2 is best on all; a fifth of the rows may not receive it."""
    rng = np.random.default_rng(11)
    eligible = rng.random((N, K)) > 0.2
    eligible[:, 0] = True
    return {
        "fold": np.repeat([0, 1, 2], N // 3),
        "eligible": eligible,
        "cost": np.tile([0.0, 1.0, 2.0, 3.0], (N, 1)),
        "dr_scores": np.array([10.0, 11.5, 16.0, 12.0]) + rng.normal(0, 1, (N, K)),
    }


def arms_given(policy):
    assert (policy.sum(axis=1) == 1).all()
    assert np.isin(policy, [0.0, 1.0]).all()
    return policy.argmax(axis=1)


def test_nobody_gives_everyone_the_control():
    assert (arms_given(nobody(5, 3)) == 0).all()


def test_random_is_uniform_over_the_eligible(world):
    policy = random(world["eligible"])
    assert policy.sum(axis=1) == pytest.approx(np.ones(N))
    assert (policy[~world["eligible"]] == 0).all()
    for row in range(N):
        shares = policy[row, world["eligible"][row]]
        assert shares == pytest.approx(np.full(len(shares), 1 / len(shares)))


def slow_best(world, first):
    """Best arm elsewhere, by loops."""
    choice = np.empty(N, dtype=int)
    for i in range(N):
        totals = []
        for a in range(first, K):
            total = 0.0
            for j in range(N):
                if world["fold"][j] != world["fold"][i]:
                    given = a if world["eligible"][j, a] else 0
                    total += world["dr_scores"][j, given] - world["cost"][j, given]
            totals.append(total)
        choice[i] = first + int(np.argmax(totals))
    return choice


def test_best_single_arm_agrees_with_loops(world):
    world["dr_scores"] = np.random.default_rng(12).normal(0, 10, (N, K)) + np.repeat(np.arange(3), 40)[:, None]
    best = slow_best(world, first=0)
    given = arms_given(best_single_arm(**world))
    assert (given == np.where(world["eligible"][np.arange(N), best], best, 0)).all()


def test_best_single_arm_respects_eligibility(world):
    given = arms_given(best_single_arm(**world))
    assert (given == np.where(world["eligible"][:, 2], 2, 0)).all()


def test_best_single_arm_weighs_cost_and_may_be_the_control(world):
    world["cost"] = np.tile([0.0, 50.0, 50.0, 50.0], (N, 1))
    assert (arms_given(best_single_arm(**world)) == 0).all()


def test_an_arm_few_may_receive_is_counted_with_the_control_for_the_rest(world):
    # arm 3 earns most per receiver, but only one row in ten may receive it
    world["dr_scores"][:, 3] = 30.0
    world["eligible"][:, 3] = np.arange(N) % 10 == 0
    assert 2 in arms_given(best_single_arm(**world))
    world["eligible"][:, 3] = True
    assert (arms_given(best_single_arm(**world)) == 3).all()


@pytest.mark.parametrize("absurd", [1e300, 1e9])
def test_a_fold_has_no_say_in_its_own_arm(world, absurd):
    before = arms_given(best_single_arm(**world))
    inside = world["fold"] == 1
    world["dr_scores"][inside, 1] = absurd
    world["dr_scores"][inside, 2] = -absurd
    after = arms_given(best_single_arm(**world))
    assert (after[inside] == before[inside]).all()
    assert (after[~inside] != before[~inside]).any()


@pytest.mark.parametrize("treated", [0, 1, 37, 60])
def test_rankings_treat_exactly_as_many(world, treated):
    rng = np.random.default_rng(13)
    policies = (
        risk_ranking(**world, churn_risk=rng.random(N), treated=treated),
        response_ranking(**world, mu=rng.normal(0, 1, (N, K)), treated=treated),
    )
    for policy in policies:
        given = arms_given(policy)
        assert (given > 0).sum() == treated
        assert world["eligible"][np.arange(N), given].all()


def test_rankings_treat_all_who_may_be_when_more_are_asked(world):
    may = int(world["eligible"][:, 2].sum())
    assert may < N
    assert (arms_given(risk_ranking(**world, churn_risk=np.ones(N), treated=N)) > 0).sum() == may


def test_risk_ranking_takes_the_highest_risks_that_may(world):
    risk = np.random.default_rng(14).random(N)
    given = arms_given(risk_ranking(**world, churn_risk=risk, treated=30))
    may = [int(i) for i in np.argsort(-risk) if world["eligible"][i, 2]]
    assert sorted(np.flatnonzero(given)) == sorted(may[:30])
    assert set(given[given > 0]) == {2}


def test_response_ranking_takes_the_highest_predictions_under_the_arm(world):
    mu = np.random.default_rng(15).normal(0, 1, (N, K))
    mu[:, 3] = 100.0  # another arm's predictions have no say
    given = arms_given(response_ranking(**world, mu=mu, treated=30))
    may = [int(i) for i in np.argsort(-mu[:, 2]) if world["eligible"][i, 2]]
    assert sorted(np.flatnonzero(given)) == sorted(may[:30])
    assert set(given[given > 0]) == {2}


def test_rankings_never_choose_the_control_as_their_arm(world):
    world["cost"] = np.tile([0.0, 50.0, 50.0, 50.0], (N, 1))
    assert (arms_given(risk_ranking(**world, churn_risk=np.ones(N), treated=10)) > 0).sum() == 10


def test_ties_go_to_the_earlier_row_and_the_lower_arm(world):
    world["eligible"][:] = True
    world["dr_scores"] = np.full((N, K), 5.0)
    world["cost"] = np.zeros((N, K))
    assert (arms_given(best_single_arm(**world)) == 0).all()
    given = arms_given(risk_ranking(**world, churn_risk=np.ones(N), treated=7))
    assert given.tolist() == [1] * 7 + [0] * (N - 7)
    risk = np.random.default_rng(16).integers(3, size=N) / 3.0
    given = arms_given(risk_ranking(**world, churn_risk=risk, treated=50))
    assert sorted(np.flatnonzero(given)) == sorted(sorted(range(N), key=lambda row: (-risk[row], row))[:50])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fold": np.zeros(N)}, "fold: expected .* two folds or more; got .* 1"),
        ({"fold": np.arange(N - 1)}, r"fold: expected shape \(120,\)"),
        ({"cost": np.zeros((N, K - 1))}, r"cost: expected shape \(120, 4\); got \(120, 3\)"),
        ({"dr_scores": np.full((N, K), np.nan)}, "dr_scores: expected finite numbers; got nan"),
        ({"eligible": np.ones((N, K))}, "eligible: expected bool of shape"),
        ({"eligible": np.zeros((N, K), dtype=bool)}, r"eligible for the control \(column 0\); got row 0"),
    ],
)
def test_what_does_not_fit_is_refused(world, changes, message):
    assert best_single_arm(**world).shape == (N, K)
    with pytest.raises(ValueError, match=message):
        best_single_arm(**(world | changes))


def test_rankings_refuse_what_does_not_fit(world):
    with pytest.raises(ValueError, match="treated: expected a number of rows from 0 to 120; got 121"):
        risk_ranking(**world, churn_risk=np.ones(N), treated=N + 1)
    with pytest.raises(ValueError, match=r"churn_risk: expected shape \(120,\); got \(3,\)"):
        risk_ranking(**world, churn_risk=np.ones(3), treated=1)
    with pytest.raises(ValueError, match=r"mu: expected shape \(120, 4\); got \(120,\)"):
        response_ranking(**world, mu=np.ones(N), treated=1)
    only_control = {name: world[name][:, :1] for name in ("eligible", "cost", "dr_scores")}
    with pytest.raises(ValueError, match="eligible: expected an arm beside the control; got 1 column"):
        risk_ranking(world["fold"], **only_control, churn_risk=np.ones(N), treated=1)
