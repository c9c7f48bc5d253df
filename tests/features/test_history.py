"""The engine's form of the history: codes, ties, contacts among the events, and no trace of the order of the input."""

import numpy as np
import pandas as pd
import pytest

from histories import AS_OF, DAY, PEOPLE, Decided, Event, decision_table, event_table, random_past, stakeholder_table
from rapport.features.history import NO_CODE, Codes, build_history, contact_type

COLUMNS = ["stakeholder", "at", "known", "position", "type", "channel", "amount"]


def history(events: list[Event], log: list[Decided]) -> tuple[pd.DataFrame, Codes]:
    return build_history(stakeholder_table(PEOPLE), event_table(events), decision_table(log), "none", ["call", "mail"])


def test_rows_stand_by_stakeholder_and_time_and_contacts_are_among_them() -> None:
    events = [Event("bob", 5, 6, "Visit", None, "web"), Event("ann", 9, 9, "buy", 1.25),
              Event("ann", 5, 5, "buy", -0.00005, "Post")]  # fmt: skip
    table, codes = history(events, [Decided("a", "ann", 7, "mail"), Decided("b", "ann", 8, "none")])
    assert list(codes.types) == ["buy", "contact_call", "contact_mail", "visit"]
    assert list(codes.channels) == ["Post", "web"]
    assert [*table.columns] == COLUMNS
    assert table.drop(columns="amount").to_numpy().tolist() == [
        [0, 5, 5, 0, 0, 0],
        [0, 7, 7, 1, 2, NO_CODE],
        [0, 9, 9, 2, 0, NO_CODE],
        [1, 5, 6, 3, 3, 1],
    ]
    assert table["amount"].tolist() == [0, pd.NA, 12500, pd.NA], "half a unit goes to the even one"
    assert table.dtypes.astype(str).tolist() == [*["int64"] * 6, "Int64"]


def test_the_order_of_the_input_leaves_no_trace() -> None:
    events, log = random_past(3, events=300)
    events += [Event("ann", 5, 5, "buy", 1.0, channel) for channel in ("web", None, "phone")]
    rng = np.random.default_rng(0)
    mixed = [events[at] for at in rng.permutation(len(events))], [log[at] for at in rng.permutation(len(log))]
    (one, codes), (other, same) = history(events, log), history(*mixed)
    assert codes == same
    pd.testing.assert_frame_equal(one, other)
    assert (one["position"] == np.arange(len(one))).all()


def test_no_event_at_all_is_a_history_of_contacts() -> None:
    table, codes = history([], [Decided("a", "ann", 7, "mail")])
    assert table["type"].tolist() == [codes.type_code(contact_type("mail"))]
    assert not codes.channels
    empty, _ = history([], [])
    assert [*empty.columns] == COLUMNS
    assert empty.dtypes.astype(str).tolist() == table.dtypes.astype(str).tolist()


def test_a_type_is_found_however_it_is_written() -> None:
    codes = Codes(("contact_call", "contact_call_", "offer_viewed"), ("web",))
    assert [codes.type_code(name) for name in ("Offer viewed!", "offer_viewed", "offer")] == [2, 2, NO_CODE]
    assert codes.type_code(contact_type("call_")) == 1, "an arm's name may end in a line; it is no other arm's"
    assert Codes.from_dict(codes.as_dict()) == codes


@pytest.mark.parametrize("value", [1e12 - 1, -(1e12) + 1, 123_456_789.1234, 0.00005, -0.00015])
def test_amounts_keep_four_decimals(value: float) -> None:
    table, _ = history([Event("ann", AS_OF - DAY, AS_OF, "buy", value)], [])
    assert table["amount"].tolist() == [round(value * 10_000)]
