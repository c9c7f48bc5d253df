"""The average effect of each arm: by hand, of whom it is, which iterations count, and how often its interval holds."""

from dataclasses import replace

import numpy as np
import pytest

from rapport.evaluation.average_effects import average_effects
from rapport.evaluation.estimate import Estimate
from rapport.evaluation.held import Held, held_out
from rapport.evaluation.log import LoggedDecisions
from rapport.models.uplift import LEAST_DECISIONS
from rapport.policy.limits import Constraints
from rapport.store.bundle import read_bundle
from rapport.store.documents import read_json
from rapport.store.frames import read_frame
from rapport.store.project import BUNDLE, EVALUATION, FEATURES, OUT_OF_FOLD, load_params

NAMES = ("none", "call", "mail")


def logged(value: np.ndarray, arm: np.ndarray, propensity: np.ndarray, mu: float = 0.0) -> Held:
    """Return decisions about one stakeholder each, of whom everyone may receive every arm."""
    n, none = len(arm), np.zeros((len(arm), 3))
    log = LoggedDecisions(value, arm, propensity, none, none + mu, np.arange(n))
    everyone = np.ones((n, 3), dtype=bool)
    return Held(log, none, everyone, Constraints(), np.arange(n) % 2, np.zeros(n), everyone[:, 0], none)


def one_iteration(held: Held) -> dict[str, Estimate]:
    return average_effects(held, np.zeros(len(held.log.arm), dtype=np.int64), NAMES)


def drawn(rows: int, seed: int, call: float, propensity: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)) -> Held:
    """Return rows whose value is log-normal, and higher by `call` under arm 1."""
    rng = np.random.default_rng(seed)
    arm = rng.choice(3, rows, p=propensity)
    value = np.exp(rng.normal(0, 0.8, rows)) + call * (arm == 1)
    return logged(value, arm, np.array(propensity)[arm], mu=1.0)


def test_two_iterations_by_hand() -> None:
    """Every second row of 120 is a call, with propensity 1/2, mu 0: its score is twice its value, that of the control
    minus twice. In the first half both are worth ±1 about 4 and 0, in the second ±2 about 7 and 0."""
    arm, later = np.tile([0, 1], 60), np.arange(120) >= 60
    away = np.tile([1.0, 1.0, -1.0, -1.0], 30) * np.where(later, 2.0, 1.0)
    value = np.where(arm == 1, np.where(later, 7.0, 4.0), 0.0) + away
    # Differences of scores: 8 ± 2 and ∓2 about means of 4 and 7, mean squares 16 + 4 and 49 + 16.
    first, second = 1 / 20, 1 / 65
    found = average_effects(logged(value, arm, np.full(120, 0.5)), later.astype(np.int64), NAMES)
    assert found["call"].value == pytest.approx((4 * first + 7 * second) / (first + second))
    assert found["call"].n == 120
    alone = average_effects(logged(value[:60], arm[:60], np.full(60, 0.5)), np.zeros(60, dtype=np.int64), NAMES)["call"]
    assert alone.value == pytest.approx(4.0)
    assert alone.se == pytest.approx(np.sqrt(20 / 59))
    assert list(found) == ["call", "mail"]


@pytest.mark.parametrize("arm", [1, 0])
@pytest.mark.parametrize(("decisions", "known"), [(LEAST_DECISIONS - 1, False), (LEAST_DECISIONS, True)])
def test_too_few_decisions_of_an_arm_or_of_the_control_tell_nothing(arm: int, decisions: int, known: bool) -> None:
    arms = np.array([arm] * decisions + [1 - arm] * 60)
    found = one_iteration(logged(np.arange(len(arms)) / 7, arms, np.full(len(arms), 0.5)))["call"]
    assert (found.value is not None) == known
    assert found.n == (len(arms) if known else (arms == 1).sum())


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


def test_an_iteration_that_hardly_explored_does_not_drown_the_pilot() -> None:
    pilot, later = drawn(1500, 2, 1.0), drawn(3000, 3, 1.0, (0.02, 0.03, 0.95))
    names = ("value", "arm", "propensity", "cost", "mu")
    log = LoggedDecisions(**{name: np.concatenate([getattr(pilot.log, name), getattr(later.log, name)])
                             for name in names}, cluster=np.arange(4500))  # fmt: skip
    parts = {name: np.concatenate([getattr(pilot, name), getattr(later, name)])
             for name in ("worth", "eligible", "fold", "churn_risk", "propensity_logged", "gain")}  # fmt: skip
    both = Held(log=log, constraints=Constraints(), **parts)
    alone, told = one_iteration(pilot)["call"], average_effects(both, np.repeat([0, 1], [1500, 3000]), NAMES)["call"]
    assert told.se <= alone.se
    assert one_iteration(both)["call"].se > 1.5 * alone.se


def test_an_iteration_of_too_few_counts_only_where_none_has_more() -> None:
    held = drawn(400, 4, 1.0)
    late = np.zeros(400, dtype=np.int64)
    late[np.flatnonzero(held.log.arm == 1)[-(LEAST_DECISIONS - 1) :]] = 1
    early = average_effects(held, late, NAMES)["call"]
    assert early.n == (late == 0).sum()
    each = np.arange(400) // 40  # about thirteen of each arm in each
    assert average_effects(held, each, NAMES)["call"] == one_iteration(held)["call"]


def test_outcomes_that_never_vary_have_no_effect() -> None:
    arm = np.tile([0, 1], 60)
    found = one_iteration(logged(np.full(120, 5.0), arm, np.full(120, 0.5), mu=5.0))["call"]
    assert (found.value, found.se) == (0.0, 0.0)


def test_intervals_hold_the_truth() -> None:
    """Of 400 intervals 93 to 97 % would hold by 95 %, within two deviations of chance (1.1 %)."""
    found = [one_iteration(drawn(300, 100 + seed, 1.0))["call"] for seed in range(400)]
    held = np.mean([each.low <= 1.0 <= each.high for each in found])
    assert 0.928 < held < 0.972


def test_metrics_of_a_run_tell_of_every_arm_and_agree_with_what_the_model_was_corrected_by(
    small_run, monkeypatch
) -> None:
    monkeypatch.chdir(small_run)
    params, decisions = load_params(), read_frame(FEATURES / "decisions.parquet")
    people, rows = len(read_frame(FEATURES / "population.parquet")), read_frame(OUT_OF_FOLD / "uplift.parquet")
    held, names = held_out(rows, decisions, params, people), params.interventions.names
    told = read_json(EVALUATION / "metrics.json")["uplift"]["average_effects"]
    expected = average_effects(held, decisions["iteration"].to_numpy(dtype=np.int64), names)
    assert told == {arm: each.as_dict() for arm, each in expected.items()}
    uplift = read_bundle(BUNDLE).uplift
    assert uplift is not None
    for arm in names[1:]:
        line = uplift.effect_of(arm)
        assert line is not None
        assert abs(told[arm]["value"] - line.average) < told[arm]["se"]  # other halves taught the same outcome model
        assert told[arm]["se"] == pytest.approx(np.sqrt(line.var_average), rel=0.25)
