"""The policies' scorecard: every rival, each valued as its estimator says, the champion on fresh decisions only."""

import json
from dataclasses import replace

import numpy as np
import pytest

from rapport.contracts.params import Gate
from rapport.evaluation.estimate import Estimate
from rapport.evaluation.gate import judge
from rapport.evaluation.held import Held, chosen
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.policies import CHAMPION, CURRENT, OURS, policies
from rapport.evaluation.policy_scorecard import evidence_over_rivals, gains_over_rivals, policy_scorecard
from rapport.evaluation.policy_value import difference, doubly_robust
from rapport.evaluation.views import Incumbent, View
from rapport.policy.limits import Constraints, Limit
from simple_limits import Limits

N = 400
RIVALS = ["nobody", "best_single_arm", "random", "risk_ranking", "response_ranking", CURRENT]


NAMES = ("none", "call", "mail")


def scored(held, names=NAMES, champion=None):
    """Return the scorecard where the model of all decisions expects what those held out do."""
    return policy_scorecard(held, names, View(held.worth, held.gain), champion)


@pytest.fixture
def held():
    """Half gain 12 by a call, the other half 4 by a mail; arms logged at random, two decisions per stakeholder."""
    rng = np.random.default_rng(61)
    first = np.arange(N) < N // 2
    arm = rng.integers(3, size=N)
    mean = np.column_stack([np.full(N, 20.0), 20.0 + 12.0 * first, 20.0 + 4.0 * ~first])
    cost = np.tile([0.0, 5.0, 1.0], (N, 1))
    value = mean[np.arange(N), arm] + rng.normal(0, 3, N)
    log = LoggedDecisions(value, arm, np.full((N, 3), 1 / 3), cost, np.full((N, 3), 20.0), np.arange(N) // 2)
    gain = mean - mean[:, :1] - cost
    eligible = np.ones((N, 3), dtype=bool)
    return Held(log, gain, eligible, Constraints(), np.arange(N) // 2 % 2, rng.random(N), np.ones(N, dtype=bool),
                gain)  # fmt: skip


def test_every_policy_is_there_and_json(held):
    found = scored(held)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found["policies"]) == [OURS, *RIVALS]
    assert (found["decisions"], found["clusters"]) == (N, N // 2)
    ours = np.eye(3)[np.where(np.arange(N) < N // 2, 1, 2)]
    assert found["policies"][OURS]["doubly_robust"] == doubly_robust(held.log, ours).as_dict()
    nobody = np.eye(3)[np.zeros(N, dtype=int)]
    assert found["policies"]["nobody"]["ours_minus_this"] == pytest.approx(difference(held.log, ours, nobody).as_dict())
    assert found["policies"][OURS]["arm_shares"] == {"none": 0.0, "call": 0.5, "mail": 0.5}
    assert found["policies"][OURS]["cost_per_decision"] == pytest.approx(3.0)
    assert found["policies"][OURS]["ours_minus_this"]["value"] == 0.0
    assert found["propensity"]["logged"] == N


def test_the_current_policy_is_the_plain_mean_of_what_was_done(held):
    found = scored(held)["policies"][CURRENT]
    paid = held.log.cost[np.arange(N), held.log.arm]
    assert found["doubly_robust"]["value"] == pytest.approx((held.log.value - paid).mean())
    assert found["cost_per_decision"] == pytest.approx(paid.mean())
    assert found["arm_shares"]["call"] == pytest.approx((held.log.arm == 1).mean())
    assert found["overlap"] == {"unsupported": 0.0, "effective_rows": N, "matched_rows": N, "max_weight": 1.0}
    assert found["ours_minus_this"]["low"] > 0


def test_the_champion_is_compared_on_fresh_decisions_alone(held):
    fresh = np.arange(N) % 4 < 2
    gain = np.tile([0.0, -1.0, 1.0], (N, 1))  # it mails everyone
    found = scored(held, champion=Incumbent(gain, fresh, Constraints()))["policies"][CHAMPION]
    log = held.log.take(fresh)
    ours = np.eye(3)[np.where(np.arange(N) < N // 2, 1, 2)][fresh]
    mailed = np.eye(3)[np.full(fresh.sum(), 2)]
    assert found["ours_minus_this"] == pytest.approx(difference(log, ours, mailed).as_dict())
    assert found["doubly_robust"] == doubly_robust(log, mailed).as_dict()
    assert found["ours_minus_this"]["n"] == N // 2
    assert found["arm_shares"] == {"none": 0.0, "call": 0.0, "mail": 1.0}


def test_both_keep_the_limits_that_are_given_them(held):
    fresh = np.arange(N) < N // 2
    gain = np.tile([0.0, 2.0, -1.0], (N, 1))
    bound = replace(held, constraints=Limits(200.0, [None] * 3).constraints)
    part = Limits(100.0, [None] * 3).constraints  # 20 calls of 200 fresh decisions
    found = scored(bound, champion=Incumbent(gain, fresh, part))["policies"]
    assert found[CHAMPION]["arm_shares"]["call"] == pytest.approx(20 / 200)
    assert found[OURS]["cost_per_decision"] * N == pytest.approx(200.0)


def test_without_fresh_decisions_the_champion_is_unknown(held):
    found = scored(held, champion=Incumbent(held.worth, np.zeros(N, dtype=bool), Constraints()))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["policies"][CHAMPION]["ours_minus_this"] == Estimate.undefined(0).as_dict()
    assert found["policies"][CHAMPION] == {
        **dict.fromkeys(("doubly_robust", "snips", "ipw", "direct", "switch", "clipped", "ours_minus_this"),
                        Estimate.undefined(0).as_dict()),
        "arm_shares": {"none": 1.0, "call": 0.0, "mail": 0.0},
        "cost_per_decision": 0.0,
        "overlap": {"unsupported": None, "effective_rows": 0.0, "matched_rows": 0, "max_weight": 0.0},
        "evidence": {"counted": None, "se": None, "freedom": None, "stakeholders": 0.0, "unsupported": None},
        "reason": "",
    }  # fmt: skip
    mute = Incumbent(held.worth, np.zeros(N, dtype=bool), Constraints(), "x: expected y.")
    assert scored(held, champion=mute)["policies"][CHAMPION]["reason"] == "x: expected y."


def test_gains_over_rivals_leave_out_ourselves(held):
    gains = gains_over_rivals(scored(held))
    assert list(gains) == RIVALS
    assert gains["nobody"].gain.low > 0
    assert isinstance(gains["random"].gain, Estimate)
    assert gains["random"].se >= gains["random"].gain.se


def test_evidence_alone_is_that_of_the_scorecard(held):
    rivals = (
        Incumbent(held.worth, np.arange(N) < N // 2, Constraints()),
        Incumbent(held.worth, np.zeros(N, dtype=bool), Constraints()),
    )
    for champion in (None, *rivals):
        assert evidence_over_rivals(held, champion) == gains_over_rivals(scored(held, champion=champion))


def test_rankings_treat_as_many_as_we_do(held):
    some = Limits(None, [None, 30, 20]).constraints
    assert chosen(held.worth, held.log.cost, some)[0][:, 1:].sum() == 50
    few = replace(held, worth=np.where(np.arange(N)[:, None] < 40, held.worth, -1.0))
    few.worth[:, 0] = 0.0
    compared, left_out = policies(few)
    assert left_out == []
    assert compared[OURS][:, 1].sum() == 40
    assert compared["risk_ranking"][:, 1:].sum() == compared["response_ranking"][:, 1:].sum() == 40
    assert all(np.allclose(policy.sum(axis=1), 1) for policy in compared.values())


def test_an_arm_that_nobody_could_have_received_takes_no_proof_away(held):
    """A fourth arm, new in the catalogue: we do not give it, and no baseline is blamed for what nobody can value."""
    beside = np.zeros((N, 1))
    supported = np.column_stack([np.ones((N, 3), dtype=bool), np.zeros(N, dtype=bool)])
    supported[np.flatnonzero(held.log.arm == 1)[:3], 0] = False  # as in an iteration that treated everybody
    log = replace(held.log, propensity=np.full(N, 1 / 3), supported=supported,
                  cost=np.hstack([held.log.cost, beside]), mu=np.hstack([held.log.mu, beside + 90.0]))  # fmt: skip
    unknown = np.hstack([held.worth, beside * np.nan])
    wider = replace(held, log=log, worth=unknown, gain=unknown, eligible=np.ones((N, 4), dtype=bool))
    compared, _ = policies(wider)
    assert all((policy[:, 3] == 0).all() for policy in compared.values())
    verdict = judge(evidence_over_rivals(wider), CURRENT, 1, Gate())
    assert verdict.outcome == "proof", verdict.unbeaten
    assert all(each.unsupported < 0.01 for each in verdict.rivals.values())


def decided(gain_of_call: float) -> Held:
    """Return 200 decisions, half of them calls worth 20 at a cost of 5, four of which were hardly likely."""
    arm, n = np.tile([0, 1], 100), 200
    propensity = np.where(np.arange(n) < 8, np.where(arm == 1, 0.01, 0.99), 0.5)
    log = LoggedDecisions(20.0 * arm, arm, propensity, np.tile([0.0, 5.0], (n, 1)), np.tile([0.0, 20.0], (n, 1)),
                          np.arange(n))  # fmt: skip
    gain = np.column_stack([np.zeros(n), np.full(n, gain_of_call)])
    return Held(log, gain, np.ones((n, 2), dtype=bool), Constraints(), np.arange(n) % 2, np.full(n, 0.2),
                np.ones(n, dtype=bool), gain)  # fmt: skip


def test_what_the_treated_gain_and_what_the_log_cannot_tell() -> None:
    found = scored(decided(3.0), ("none", "call"))
    assert found["gain_per_treated"]["value"] == pytest.approx(15.0)
    assert found["arms"] == {"none": {"decisions": 100, "known": True}, "call": {"decisions": 100, "known": True}}
    assert (found["propensity"]["least"], found["propensity"]["without_overlap"]) == (0.01, 4)
    unknown = scored(decided(np.nan), ("none", "call"))
    assert unknown["gain_per_treated"]["value"] is None
    assert unknown["arms"]["call"] == {"decisions": 100, "known": False}


def test_what_the_model_of_all_decisions_chooses_otherwise_is_added_to_what_the_treated_gain() -> None:
    """Held-out models call everybody, which gains 15; the whole model leaves half alone, expecting 1 more of each."""
    held = decided(3.0)
    gain = np.column_stack([np.zeros(200), np.where(np.arange(200) < 100, 3.0, -1.0)])
    found = policy_scorecard(held, ("none", "call"), View(gain, gain))
    assert found["gain_per_treated"]["value"] == pytest.approx((200 * 15 + 100 * 1) / 100)
    assert found["policies"] == scored(held, ("none", "call"))["policies"]


def test_both_choose_within_the_limits_that_both_can_keep() -> None:
    """A quota of 150 calls, which the whole model may not fill: neither is held to it."""
    quota = Limit("quota", 150.0, np.array([[0.0, 1.0]]), "ge")
    held = replace(decided(-1.0), constraints=Constraints((quota,)))
    assert held.ours[0][:, 1].sum() >= 150
    gain = np.column_stack([np.zeros(200), np.where(np.arange(200) < 100, 3.0, np.nan)])
    found = policy_scorecard(held, ("none", "call"), View(gain, gain))["gain_per_treated"]
    assert (found["value"], found["n"]) == (None, 0)  # without the quota nobody would be called out of fold
