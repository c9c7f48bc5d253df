"""What people made of the proposals: the status of each, what was delivered, and why it differs.

proposed → approved → delivered; a proposal, approved or not, may instead be overridden (another arm is delivered) or
declined (nothing is). These three are final. The decided arm and its propensity stay as they were: what people then did
was drawn by nobody, so it has no propensity (docs/decisions/0015).
"""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from .cells import Origin, as_text, per_distinct, refuse
from .ids import normalise_ids
from .tables import canonical_decisions, optional_column

NEXT: Mapping[str, tuple[str, ...]] = {
    "proposed": ("approved", "overridden", "declined", "delivered"),
    "approved": ("overridden", "declined", "delivered"),
    "overridden": (),
    "declined": (),
    "delivered": (),
}
FINAL = tuple(status for status, after in NEXT.items() if not after)
MARKS = ("delivered_intervention", "status", "status_reason")


def canonical_carried_out(raw: pd.DataFrame, arms: Sequence[str], origin: Origin) -> pd.DataFrame:
    """Return decisions as carried out: the decisions table with what was delivered, then status and status_reason.

    Args:
        raw: one row per decision, text or typed; delivered_intervention, status and status_reason may be absent or
            blank: the decided arm was then delivered.
        arms: names of the catalogue, the control first.
        origin: for messages.

    Returns:
        canonical decisions, delivered_intervention filled in, and `status`, one of FINAL; `status_reason` may be null.

    Raises:
        InputError: as canonical_decisions; what became of a proposal is not known, status and delivered arm contradict
            each other, or an override has no reason.
    """
    rows = _marks(raw).assign(intervention=canonical_decisions(raw, arms, origin)["intervention"])
    decided, delivered, control = rows["intervention"], rows["delivered_intervention"], arms[0]
    unsettled = rows["status"].isin(["proposed", "approved"])
    refuse(unsettled & (decided != control), rows["status"], origin, f"what became of it: {', '.join(FINAL)}",
           "mark it by `rapport review --marks FILE`; one that nobody carried out is `declined`")  # fmt: skip
    as_decided = unsettled | rows["status"].isna() & (delivered.isna() | (delivered == decided))
    rows["status"] = rows["status"].mask(as_decided, "delivered")
    refuse_contradictions(rows, control, origin)
    delivered = delivered.mask(rows["status"] == "declined", control).fillna(decided)
    decisions = canonical_decisions(raw.assign(delivered_intervention=delivered.to_numpy()), arms, origin)
    return decisions.assign(status=rows["status"], status_reason=rows["status_reason"])


def canonical_worklist(raw: pd.DataFrame, control: str, origin: Origin) -> pd.DataFrame:
    """Return a worklist with its marks as text, null where blank.

    Args:
        raw: decision_id, intervention and MARKS, one row per proposal; other columns stay as they are.
        control: the arm that is no intervention.
        origin: of `raw`, for messages.

    Raises:
        InputError: a status is none of NEXT, or the marks contradict each other.
    """
    worklist = raw.reset_index(drop=True).assign(**_marks(raw))
    refuse_contradictions(worklist, control, origin)
    return worklist


def reviewed(worklist: pd.DataFrame, raw: pd.DataFrame, control: str, origin: Origin) -> pd.DataFrame:
    """Return the worklist with people's marks put in; a reason stays until another is given.

    Args:
        worklist: of canonical_worklist.
        raw: decision_id and any of MARKS, one row per proposal that changes; other columns are ignored.
        control: the arm that is no intervention.
        origin: of `raw`, for messages.

    Raises:
        InputError: a decision_id is unknown or twice there, a status may not follow the one before, the marks
            contradict each other, or they change a final row.
    """
    marks = _marks(raw)
    ids = normalise_ids(optional_column(raw, "decision_id")).reset_index(drop=True)
    at = pd.Index(worklist["decision_id"]).get_indexer(pd.Index(ids))
    refuse(at < 0, ids, origin, "the decision_id of a proposal", "correct the id; `data/assignments` has them")
    refuse(ids.duplicated(), ids, origin, "each proposal once", "keep its last mark")
    unheard_of = marks["status"].notna() & ~marks["status"].isin([*NEXT])
    refuse(unheard_of, marks["status"], origin, f"one of {', '.join(NEXT)}", "correct the cell")
    before = worklist.iloc[at].reset_index(drop=True)
    _refuse_illegal_steps(before["status"], marks["status"].fillna("nothing"), origin)
    refuse_contradictions(marks.assign(intervention=before["intervention"]), control, origin)
    kept = ["delivered_intervention", "status_reason"]
    marks[kept] = marks[kept].fillna(before[kept])
    for name in kept:
        changed = marks[name].notna() & (marks[name] != before[name])
        refuse(before["status"].isin(FINAL) & changed, marks[name], origin, "what was marked before",
               f"{', '.join(FINAL)} are final; leave the row out")  # fmt: skip
    marked = worklist.copy()
    for name in MARKS:
        column = marked[name].to_numpy(dtype=object, copy=True)
        column[at] = marks[name].to_numpy(dtype=object)
        marked[name] = pd.array(column, dtype="str")
    return marked


def refuse_contradictions(rows: pd.DataFrame, control: str, origin: Origin) -> None:
    """Check status, delivered arm and reason against each other and the decided arm.

    Args:
        rows: intervention and MARKS.
        control: the arm that is no intervention.
        origin: for messages.

    Raises:
        InputError: the first cell that contradicts the others.
    """
    decided, delivered, status = rows["intervention"], rows["delivered_intervention"], rows["status"]
    instead = delivered.notna() & (delivered != decided)
    overridden, declined = status == "overridden", status == "declined"
    early = status.isin(["proposed", "approved"])
    override = "where another arm was delivered, set status to `overridden` and give a status_reason"
    for column, bad, expected, fix in (
        ("status", ~status.isin([*NEXT]), f"one of {', '.join(NEXT)}", override),
        ("delivered_intervention", (status == "delivered") & instead, "the decided arm, or a blank cell", override),
        ("delivered_intervention", early & delivered.notna(), "a blank cell as long as nothing is delivered", override),
        ("delivered_intervention", overridden & ~instead, "another arm than the decided one",
         "name the arm that was delivered instead; where nothing was, set status to `declined`"),
        ("status_reason", overridden & rows["status_reason"].isna(), "why the proposal was overridden",
         "give the reason in the row"),
        ("status", declined & (decided == control), f"no decline of {control!r}, where nothing was offered",
         "set status to `delivered`"),
        ("delivered_intervention", declined & instead & (delivered != control), f"{control!r}, or a blank cell",
         override),
    ):  # fmt: skip
        refuse(bad, rows[column], origin, expected, fix)


def _refuse_illegal_steps(before: Iterable[str], after: pd.Series, origin: Origin) -> None:
    pairs = list(zip(before, after, strict=True))
    illegal = pd.Series([was != now and now not in NEXT[was] for was, now in pairs], dtype="bool")
    steps = pd.Series([f"{now} after {was}" for was, now in pairs], name="status", dtype="object")
    legal = "; ".join(f"{was} → {' or '.join(then)}" for was, then in NEXT.items() if then)
    refuse(illegal, steps, origin, f"a step of {legal}",
           f"correct the status, or leave the row out; {', '.join(FINAL)} are final")  # fmt: skip


def _marks(raw: pd.DataFrame) -> pd.DataFrame:
    """Return MARKS as text, all blank where `raw` has no such column."""
    return pd.DataFrame(
        {name: per_distinct(optional_column(raw, name), as_text).reset_index(drop=True) for name in MARKS}
    )
