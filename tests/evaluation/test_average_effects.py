"""The average effect of each arm: by hand, of whom it is, which iterations count, and how often its interval holds."""

from dataclasses import replace

import numpy as np
import pytest

from rapport.evaluation.average_effects import average_effects
from rapport.evaluation.estimate import Estimate
from rapport.evaluation.held import Held
from rapport.evaluation.log import LoggedDecisions
from rapport.models.uplift import LEAST_DECISIONS
from rapport.policy.limits import Constraints

NAMES = ("none", "call", "mail")
OF_LOG = ("value", "arm", "propensity", "cost", "mu")
OF_HELD = ("worth", "eligible", "fold", "churn_risk", "propensity_logged", "gain")


def logged(value: np.ndarray, arm: np.ndarray, propensity: np.ndarray, mu: float = 0.0) -> Held:
    """Return decisions about one stakeholder each, of whom everyone may receive every arm."""
    n, none = len(arm), np.zeros((len(arm), 3))
    log = LoggedDecisions(value, arm, propensity, none, none + mu, np.arange(n))
    everyone = np.ones((n, 3), dtype=bool)
    return Held(log, none, everyone, Constraints(), np.arange(n) % 2, np.zeros(n), everyone[:, 0], none)


def one_iteration(held: Held) -> dict[str, Estimate]:
    return average_effects(held, held.log.value, np.zeros(len(held.log.arm), dtype=np.int64), NAMES)


def drawn(rows: int, seed: int, call: float, propensity: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)) -> Held:
    """Return rows whose value is log-normal, and higher by `call` under arm 1."""
    rng = np.random.default_rng(seed)
    arm = rng.choice(3, rows, p=propensity)
    value = np.exp(rng.normal(0, 0.8, rows)) + call * (arm == 1)
    return logged(value, arm, np.array(propensity)[arm], mu=1.0)


def joined(*parts: Held) -> tuple[Held, np.ndarray]:
    """Return the decisions of all parts, other stakeholders in each, and the number of each one's part."""
    iteration = np.repeat(np.arange(len(parts)), [len(part.fold) for part in parts])
    log = {name: np.concatenate([getattr(part.log, name) for part in parts]) for name in OF_LOG}
    rest = {name: np.concatenate([getattr(part, name) for part in parts]) for name in OF_HELD}
    return Held(LoggedDecisions(**log, cluster=np.arange(len(iteration))), constraints=Constraints(), **rest), iteration


def test_two_iterations_by_hand() -> None:
    """First 30 controls and 30 calls with propensity 1/2 each; then 30 and 30 of 1/4 each among 60 mails. Calls are
    worth 4 ± 1, then 7 ± 1, controls 0 ± 1, and mu is 0."""
    arm = np.concatenate([np.tile([0, 1], 30), np.tile([0, 1, 2, 2], 30)])
    later = np.arange(180) >= 60
    away = np.where(np.arange(180) % 8 < 4, 1.0, -1.0)
    held = logged(
        np.select([arm == 1], [np.where(later, 7.0, 4.0)]) + away, arm, np.select([~later, arm < 2], [0.5, 0.25], 0.5)
    )
    # Scores vary as 1/p_a + 1/p_0: 4 at first, 8 then; 60 rows weigh 1/4 each, 120 rows 1/8.
    found = average_effects(held, held.log.value, later.astype(np.int64), NAMES)
    assert found["call"].value == pytest.approx((15 * 4 + 15 * 7) / 30)
    assert found["call"].n == 180
    gained = np.select([arm == 1, arm == 0], [held.log.value, -held.log.value]) / held.log.propensity
    told = np.where(later, 0.75, 1.5) * (gained - 5.5)  # weights of mean 1
    assert found["call"].se == pytest.approx(told.std(ddof=1) / np.sqrt(180))
    assert one_iteration(held)["call"].value == pytest.approx((60 * 4 + 120 * 7) / 180)
    assert list(found) == ["call", "mail"]


@pytest.mark.parametrize("arm", [1, 0])
@pytest.mark.parametrize(("decisions", "known"), [(LEAST_DECISIONS - 1, False), (LEAST_DECISIONS, True)])
def test_too_few_decisions_of_an_arm_or_of_the_control_tell_nothing(arm: int, decisions: int, known: bool) -> None:
    arms = np.array([arm] * decisions + [1 - arm] * 60)
    found = one_iteration(logged(np.arange(len(arms)) / 7, arms, np.full(len(arms), 0.5)))["call"]
    assert (found.value is not None) == known
    assert found.n == (len(arms) if known else decisions)


def test_it_is_the_effect_on_those_who_may_receive_the_arm_and_could_have() -> None:
    """A call gives 3 to the first third, of whom alone it is told; to the others it gives 33 or was never given."""
    held, third = drawn(3000, 1, 3.0), np.arange(3000) // 1000
    value = held.log.value + 30.0 * (held.log.arm == 1) * (third == 1)
    supported = np.ones((3000, 3), dtype=bool)
    supported[:, 1] = (third < 2) | (held.log.arm == 1)
    log = replace(held.log, value=value, supported=supported)
    eligible = np.ones((3000, 3), dtype=bool)
    eligible[:, 1] = third != 1
    keep = (third < 2) | (held.log.arm != 1)
    narrow = Held(log.take(keep), held.worth[keep], eligible[keep], Constraints(), held.fold[keep],
                  held.churn_risk[keep], held.propensity_logged[keep], held.gain[keep])  # fmt: skip
    found = one_iteration(narrow)["call"]
    assert found.n == 1000
    assert found.low < 3.0 < found.high
    assert found.se < 0.25
    everyone = replace(narrow, log=replace(narrow.log, supported=None), eligible=np.ones_like(narrow.eligible))
    assert one_iteration(everyone)["call"].low > 6.0
    supported[:500, 0] = narrow.log.arm[:500] == 0  # where nobody could have been left alone there is no telling
    treated = replace(narrow, log=replace(narrow.log, supported=supported[keep]))
    assert one_iteration(treated)["call"].n == 500 + (narrow.log.arm[:500] == 0).sum()


def test_an_iteration_that_hardly_explored_does_not_drown_the_pilot() -> None:
    pilot = drawn(1500, 2, 1.0)
    both, iteration = joined(pilot, drawn(3000, 3, 1.0, (0.02, 0.03, 0.95)))
    alone, told = one_iteration(pilot)["call"], average_effects(both, both.log.value, iteration, NAMES)["call"]
    assert told.se <= alone.se
    assert one_iteration(both)["call"].se > 1.5 * alone.se


def test_an_iteration_of_too_few_counts_only_where_none_has_more() -> None:
    held = drawn(400, 4, 1.0)
    for few in (0, 1):
        late = np.zeros(400, dtype=np.int64)
        late[np.flatnonzero(held.log.arm == few)[-(LEAST_DECISIONS - 1) :]] = 1
        late[np.flatnonzero(held.log.arm == 1 - few)[-2 * LEAST_DECISIONS :]] = 1
        assert average_effects(held, held.log.value, late, NAMES)["call"].n == (late == 0).sum()
    each = np.arange(400) // 40  # about thirteen of each arm in each
    assert average_effects(held, held.log.value, each, NAMES)["call"] == one_iteration(held)["call"]


def test_outcomes_that_never_vary_have_no_effect() -> None:
    arm = np.tile([0, 1], 60)
    found = one_iteration(logged(np.full(120, 5.0), arm, np.full(120, 0.5), mu=5.0))["call"]
    assert (found.value, found.se) == (0.0, 0.0)


def test_costs_that_turned_out_other_than_expected_are_no_effect() -> None:
    """A log's value lacks what was due on success beyond what was expected (evaluation.held): 4 of each call here."""
    held = drawn(3000, 5, 2.0)
    due = replace(held, log=replace(held.log, value=held.log.value - 4.0 * (held.log.arm == 1)))
    told = average_effects(due, held.log.value, np.zeros(3000, dtype=np.int64), NAMES)["call"]
    assert told == one_iteration(held)["call"]
    assert told.value - one_iteration(due)["call"].value == pytest.approx(4.0, abs=0.5)


@pytest.mark.parametrize("policies", [[(1 / 3, 1 / 3, 1 / 3)], [(1 / 3, 1 / 3, 1 / 3), (0.2, 0.6, 0.2)] * 2])
def test_intervals_hold_the_truth(policies: list[tuple[float, float, float]]) -> None:
    """Of 300 intervals 95 % hold; chance has a deviation of 1.3 %. Iterations weigh by no outcome: that would move the
    second case's estimates by a quarter of a standard error, where chance moves their mean by 0.06."""
    found = []
    for seed in range(300):
        parts = [drawn(300, 1000 * seed + at, 1.0, policy) for at, policy in enumerate(policies)]
        every, iteration = joined(*parts)
        found.append(average_effects(every, every.log.value, iteration, NAMES)["call"])
    held = np.mean([each.low <= 1.0 <= each.high for each in found])
    assert 0.92 < held < 0.98
    assert abs(np.mean([(each.value - 1.0) / each.se for each in found])) < 0.15
