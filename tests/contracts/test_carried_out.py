"""Marks that go together are taken, with blanks filled in; those that contradict each other are refused by cell."""

import pandas as pd
import pytest

from rapport.contracts.carried_out import FINAL, NEXT, canonical_carried_out, canonical_worklist, reviewed
from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError

ARMS = ("none", "call", "mail")
ORIGIN = Origin("carried_out.csv")


def table(*marks: tuple[str, str, str, str]) -> pd.DataFrame:
    """Return rows of (intervention, status, delivered_intervention, status_reason) as text."""
    rows = pd.DataFrame(marks, columns=["intervention", "status", "delivered_intervention", "status_reason"])
    ids = [f"d{at}" for at in range(len(rows))]
    return rows.assign(decision_id=ids, stakeholder_id=ids, decided_at="2025-04-01", propensity="0.5", iteration="1",
                       policy="p")  # fmt: skip


def settled(*marks: tuple[str, str, str, str]) -> list[tuple[str, str, str]]:
    made = canonical_carried_out(table(*marks), ARMS, ORIGIN)
    return list(zip(made["intervention"], made["delivered_intervention"], made["status"], strict=True))


def test_what_is_blank_was_delivered_as_decided() -> None:
    assert settled(("call", "", "", ""), ("none", "", "", ""), ("mail", "", "mail", "")) == [
        ("call", "call", "delivered"), ("none", "none", "delivered"), ("mail", "mail", "delivered"),
    ]  # fmt: skip
    bare = table(("call", "", "", ""))[["decision_id", "stakeholder_id", "decided_at", "intervention", "iteration",
                                        "policy"]]  # fmt: skip
    made = canonical_carried_out(bare, ARMS, ORIGIN)
    assert (made["delivered_intervention"].item(), made["status"].item()) == ("call", "delivered")
    assert made[["propensity", "status_reason"]].isna().all(axis=None)


def test_decided_and_delivered_arm_are_both_kept() -> None:
    assert settled(
        ("call", "overridden", "mail", "prefers mail"),
        ("none", "overridden", "call", "asked for it"),
        ("mail", "overridden", "none", "in litigation"),
        ("call", "declined", "", ""),
        ("call", "declined", "none", "nobody home"),
        ("call", "delivered", "", ""),
    ) == [
        ("call", "mail", "overridden"), ("none", "call", "overridden"), ("mail", "none", "overridden"),
        ("call", "none", "declined"), ("call", "none", "declined"), ("call", "call", "delivered"),
    ]  # fmt: skip


def test_a_proposal_of_the_control_needs_no_mark() -> None:
    assert settled(("none", "proposed", "", ""), ("none", "approved", "", "")) == [("none", "none", "delivered")] * 2


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        (("call", "done", "", ""), r"column status, row 2: expected one of proposed, approved.*got 'done'"),
        (("call", "proposed", "", ""), r"column status, row 2: expected what became of it.*got 'proposed'.*declined"),
        (("call", "approved", "", ""), r"column status, row 2: expected what became of it.*got 'approved'"),
        (("call", "", "mail", "better"), r"column status, row 2: expected one of .*; got a blank cell.*overridden"),
        (("call", "delivered", "mail", ""), r"column delivered_intervention, row 2: expected the decided arm.*'mail'"),
        (("call", "overridden", "", "x"), r"delivered_intervention, row 2: expected another arm.*got a blank cell"),
        (("call", "overridden", "call", "x"), r"delivered_intervention, row 2: expected another arm.*got 'call'"),
        (("call", "overridden", "mail", " "), r"column status_reason, row 2: expected why .*; got a blank cell"),
        (("none", "declined", "", ""), r"column status, row 2: expected no decline of 'none'.*`delivered`"),
        (("call", "declined", "mail", ""), r"delivered_intervention, row 2: expected 'none', or a blank.*got 'mail'"),
        (("call", "overridden", "fax", "x"), r"column delivered_intervention, row 2: expected one of the arms.*'fax'"),
    ],
)
def test_contradictions_are_refused_by_cell(marks: tuple[str, str, str, str], message: str) -> None:
    with pytest.raises(InputError, match=rf"carried_out.csv, .*{message}"):
        settled(("mail", "", "", ""), marks)
    assert len(settled(("mail", "", "", ""))) == 1


MADE = {"overridden": ("mail", "asked"), "declined": ("", "busy")}  # delivered arm and reason that go with a status


def worklist(*statuses: str) -> pd.DataFrame:
    """Return a worklist of calls as it stands in a file, blanks as empty text."""
    delivered, reason = zip(*(MADE.get(status, ("", "")) for status in statuses), strict=True)
    raw = pd.DataFrame({"decision_id": [f"d{at}" for at in range(len(statuses))], "intervention": "call",
                        "delivered_intervention": delivered, "status": statuses, "status_reason": reason})  # fmt: skip
    return canonical_worklist(raw, "none", Origin("iteration=0001.csv"))


def mark(decision: str, status: str, delivered: str = "", reason: str = "") -> pd.DataFrame:
    return pd.DataFrame({"decision_id": [decision], "status": [status], "delivered_intervention": [delivered],
                         "status_reason": [reason]})  # fmt: skip


@pytest.mark.parametrize("was", NEXT)
@pytest.mark.parametrize("now", NEXT)
def test_only_the_steps_of_the_contract_are_taken(was: str, now: str) -> None:
    marks = mark("d1", now, *MADE.get(now, ()))
    if now == was or now in NEXT[was]:
        done = reviewed(worklist("proposed", was), marks, "none", ORIGIN)
        assert done["status"].tolist() == ["proposed", now]
        assert done["status_reason"].fillna("").tolist() == ["", marks["status_reason"].item()]
    else:
        with pytest.raises(InputError, match=f"column status, row 1: expected a step of .*; got '{now} after {was}'"):
            reviewed(worklist("proposed", was), marks, "none", ORIGIN)


def test_the_steps_are_those_of_the_contract() -> None:
    assert set(FINAL) == {"overridden", "declined", "delivered"}
    assert NEXT["proposed"] == ("approved", *FINAL)
    assert NEXT["approved"] == FINAL


def test_marks_change_their_rows_alone_and_are_checked_like_what_is_carried_out() -> None:
    before = worklist("proposed", "approved", "proposed")
    after = reviewed(before, mark("d1", "overridden", "mail", "asked for mail"), "none", ORIGIN)
    assert after["status"].tolist() == ["proposed", "overridden", "proposed"]
    assert after["delivered_intervention"].fillna("").tolist() == ["", "mail", ""]
    assert before["status"].tolist() == ["proposed", "approved", "proposed"], "the argument is left as it was"
    with pytest.raises(InputError, match="column status_reason, row 1: expected why the proposal was overridden"):
        reviewed(before, mark("d1", "overridden", "mail"), "none", ORIGIN)
    with pytest.raises(InputError, match="column delivered_intervention, row 1: expected a blank cell as long as"):
        reviewed(before, mark("d0", "approved", "call"), "none", ORIGIN)
    with pytest.raises(InputError, match=r"column status, row 1: expected one of proposed, .*; got 'Delivered'\. To "
                       "mend it: correct the cell"):  # fmt: skip
        reviewed(before, mark("d0", "Delivered"), "none", ORIGIN)
    with pytest.raises(InputError, match=r"column status, row 1: expected a step of .*; got 'nothing after approved'"):
        reviewed(before, mark("d1", ""), "none", ORIGIN)


def test_unknown_and_repeated_proposals_are_refused() -> None:
    with pytest.raises(InputError, match="column decision_id, row 1: expected the decision_id of a proposal; got 'd9'"):
        reviewed(worklist("proposed"), mark("d9", "approved"), "none", ORIGIN)
    twice = pd.concat([mark("d0", "approved"), mark("d0", "delivered")], ignore_index=True)
    with pytest.raises(InputError, match="column decision_id, row 2: expected each proposal once; got 'd0'"):
        reviewed(worklist("proposed"), twice, "none", ORIGIN)


@pytest.mark.parametrize(("status", "got"), [("Approved", "'Approved'"), (" ", "a blank cell")])
def test_a_worklist_edited_by_hand_is_checked_before_marks_are_put_in(status: str, got: str) -> None:
    with pytest.raises(InputError, match=f"iteration=0001.csv, column status, row 2: expected one of .*; got {got}"):
        worklist("proposed", status)
    assert worklist("proposed", " approved ")["status"].tolist() == ["proposed", "approved"]


@pytest.mark.parametrize(
    ("status", "change", "message"),
    [
        ("overridden", ("none", "asked"), "column delivered_intervention, row 1: expected what was marked.*got 'none'"),
        ("overridden", ("mail", "other"), "column status_reason, row 1: expected what was marked before; got 'other'"),
        ("declined", ("", "other"), "column status_reason, row 1: expected what was marked before; got 'other'"),
        ("delivered", ("", "late"), "column status_reason, row 1: expected what was marked before; got 'late'"),
    ],
)
def test_what_is_final_may_be_marked_again_but_not_changed(status: str, change: tuple[str, str], message: str) -> None:
    before = worklist("proposed", status)
    with pytest.raises(InputError, match=message):
        reviewed(before, mark("d1", status, *change), "none", ORIGIN)
    pd.testing.assert_frame_equal(reviewed(before, mark("d1", status, *MADE.get(status, ())), "none", ORIGIN), before)


def test_a_reason_stays_until_another_is_given() -> None:
    noted = reviewed(worklist("proposed"), mark("d0", "approved", reason="call after six"), "none", ORIGIN)
    assert reviewed(noted, mark("d0", "delivered"), "none", ORIGIN)["status_reason"].tolist() == ["call after six"]
    busy = reviewed(noted, mark("d0", "declined", reason="busy"), "none", ORIGIN)
    assert busy["status_reason"].tolist() == ["busy"]
    pd.testing.assert_frame_equal(reviewed(busy, mark("d0", "declined"), "none", ORIGIN), busy)
    with pytest.raises(InputError, match="expected why the proposal was overridden"):
        reviewed(noted, mark("d0", "overridden", "mail"), "none", ORIGIN)
