"""Which arm each snapshot is under: by hand."""

import pandas as pd

from rapport.models.churn_rows import decided_arms

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
