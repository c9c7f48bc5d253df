"""Which arm each snapshot is under, and how much it counts: by hand."""

import numpy as np
import pandas as pd
import pytest

from rapport.models.churn_rows import HEAVIEST, control_weights, decided_arms, inverse_weights
from rapport.worlds.trial import Logging, Trial, draw_trial

NOON = pd.Timestamp("2024-05-01 12:00")
ARMS = ("none", "call", "mail")


def snapshots(*contacts: tuple[str, int]) -> pd.DataFrame:
    ids, counts = zip(*contacts, strict=True)
    return pd.DataFrame({"stakeholder_id": pd.array(ids, dtype="str"), "as_of": NOON, "contacts": counts})


def decisions(*decided: tuple[str, str, int]) -> pd.DataFrame:
    ids, arms, hours = zip(*decided, strict=True)
    at = NOON + pd.to_timedelta(pd.Series(hours), unit="h")
    return pd.DataFrame({"stakeholder_id": pd.array(ids, dtype="str"), "arm": pd.array(arms, dtype="str"), "as_of": at})


def test_who_had_no_contact_is_under_the_control_whatever_was_decided_elsewhere() -> None:
    found = decided_arms(snapshots(("a", 0), ("b", 0)), decisions(("a", "call", 1), ("b", "none", 0)), ARMS)
    assert found.tolist() == [0, 0]


def test_who_had_one_is_under_the_arm_decided_at_that_instant() -> None:
    found = decided_arms(snapshots(("a", 1), ("b", 1)), decisions(("b", "mail", 0), ("a", "call", 0)), ARMS)
    assert found.tolist() == [1, 2]


def test_a_contact_that_no_single_decision_explains_is_of_no_known_arm() -> None:
    """Nothing decided, decided at another instant, two at once, the control decided and something delivered."""
    log = decisions(("b", "call", 1), ("c", "call", 0), ("c", "mail", 0), ("d", "none", 0), ("e", "mail", 0))
    found = decided_arms(snapshots(*((name, 1) for name in "abcde")), log, ARMS)
    assert found.tolist() == [-1, -1, -1, -1, 2]


def test_without_decisions_only_the_untouched_are_known() -> None:
    assert decided_arms(snapshots(("a", 0), ("b", 1)), decisions(("a", "call", 0)).iloc[:0], ARMS).tolist() == [0, -1]


def test_rows_of_the_control_weigh_by_the_inverse_of_its_probability() -> None:
    """1 / 0.8 and 1 / 0.2 over their mean; whom nobody decided for, a contact, another instant and an unknown
    probability weigh 1."""
    log = decisions(("a", "none", 0), ("b", "none", 0), ("c", "none", 0), ("d", "none", 1), ("e", "none", 0))
    log["propensity"] = [0.8, 0.2, 0.5, 0.5, np.nan]
    seen = snapshots(("a", 0), ("b", 0), ("c", 1), ("d", 0), ("e", 0), ("f", 0))
    assert control_weights(seen, log, "none") == pytest.approx([0.4, 1.6, 1, 1, 1, 1])
    assert (control_weights(seen, log.iloc[:0], "none") == 1.0).all()


def test_an_arms_own_probability_is_not_that_of_the_control() -> None:
    log = decisions(("a", "call", 0), ("b", "none", 0), ("c", "none", 0)).assign(propensity=[0.1, 0.8, 0.4])
    assert control_weights(snapshots(("a", 1), ("b", 0), ("c", 0)), log, "none") == pytest.approx([1, 2 / 3, 4 / 3])


def test_weights_are_relative_to_their_instant() -> None:
    """A wave of many arms leaves fewer people alone, and is no reason that these should count more."""
    waves = pd.Series([0, 0, 1, 1, 1])
    found = inverse_weights(np.array([0.5, 0.5, 0.1, 0.3, np.nan]), waves)
    assert found == pytest.approx([1, 1, 1.5, 0.5, 1])


@pytest.mark.parametrize("propensity", [1 / 6, 0.4, 0.12, 0.7 / 3])
def test_where_all_were_as_likely_left_alone_weights_are_one_to_the_last_bit(propensity: float) -> None:
    noise = np.random.default_rng(1).choice([0.0, 5e-17, -5e-17], 999)
    assert (inverse_weights(propensity + noise, pd.Series(np.arange(999) % 7)) == 1.0).all()


@pytest.mark.parametrize(("logging", "alike"), [("randomised", True), ("targeted", False)])
def test_of_trials_only_those_that_were_targeted_have_weights(logging: Logging, alike: bool) -> None:
    data = draw_trial(Trial(5000, 51, logging=logging))
    found = inverse_weights(np.where(data.arm == 0, data.recorded, np.nan), pd.Series(data.wave))
    assert (found == 1.0).all() == alike
    assert found[data.arm == 0].mean() == pytest.approx(1.0)


def test_no_row_outweighs_the_rest() -> None:
    """One of a thousand whom the policy nearly always treats would count as ninety-one."""
    found = inverse_weights(np.where(np.arange(1000) == 3, 0.01, 1.0), pd.Series(np.zeros(1000)))
    assert found[3] == pytest.approx(HEAVIEST, rel=0.1)
    assert found.mean() == pytest.approx(1.0)
