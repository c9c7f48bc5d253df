"""A sweep as people read it: the same rows on the page and in the terminal, contradictions as words, texts escaped."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from rapport.policy.what_if import Step
from rapport.report.page import FinishedRun, render_page
from rapport.report.terminal import show
from rapport.report.what_if import plan_page, plan_parts, worth

KEY = "decision.budget"
NONE = Step(0.0, False, given={"none": 9, "call": 0}, price=2.5)
NOW = Step(1000.0, True, 1500.0, 200.0, 950.5, {"none": 4, "call": 5}, 0.75, {"interventions.arms.call.capacity": 3.25})
ALL = Step(2000.0, False, 1600.0, 210.0, 1400.0, {"none": 2, "call": 7}, 0.0)
TORN = Step(3000.0, False, conflict="a at least 5 together with b at most 3, which the population cannot meet")
STEPS = (NONE, NOW, ALL)


def document(*steps: Step) -> dict[str, object]:
    return {"key": KEY, "stakeholders": 9, "model_digest": "f00d", "steps": [step.as_dict() for step in steps]}


def printed(*steps: Step) -> str:
    into = io.StringIO()
    show(plan_parts(KEY, steps, 9), Console(file=into, width=120, force_terminal=False, _environ={}))
    return into.getvalue()


def test_the_rows_are_those_of_the_document() -> None:
    page = plan_page(document(*STEPS))
    assert page.arms == ["none", "call"]
    none, now, _ = page.rows
    assert (now.value, now.gain, now.interval, now.spend, now.treated, now.price) == (
        "1,000", "1,500.00", "1,108 to 1,892", "950.50", "5", "0.75",
    )  # fmt: skip
    assert now.binding == "interventions.arms.call.capacity binds, one more is worth 3.25"
    assert (none.now, now.now, none.given) == (False, True, {"none": "9", "call": "0"})


def test_what_one_more_unit_is_worth_is_said_in_a_sentence() -> None:
    asked = [Step(0.0, False, price=0.0), Step(8.0, False, price=-2.0)]
    assert worth("a.quota", asked) == "a.quota asks for more: at 8 one more costs 2.00."
    assert worth(KEY, STEPS[:2]) == "At 1,000, as params have it, one more unit of decision.budget is worth 0.75."
    assert worth(KEY, STEPS).endswith("is worth 0.75; beyond 2,000 more is worth nothing.")
    assert worth("decision.caution", [replace(NONE, price=None)]) == "decision.caution is no limit, so it has no price."


def test_the_terminal_marks_the_value_in_force_and_counts_arms() -> None:
    text = printed(*STEPS)
    assert "1,000 *" in text
    assert "At 1,000: interventions.arms.call.capacity binds" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["call", "0", "5", "7"] in rows


def test_contradicting_limits_are_words_and_no_point_of_the_figure() -> None:
    page = plan_page(document(*STEPS, TORN))
    assert page.rows[-1].gain == "–"
    assert "cannot meet" in page.rows[-1].binding
    assert str(page.figure).count("<circle") == 3
    assert "At 3,000: a at least 5 together with b at most 3" in printed(*STEPS, TORN)


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    unknown = [replace(step, gain=None, price=None) for step in (NONE, ALL)]
    page = plan_page(document(*unknown, TORN))
    assert page.sentence == "No gain is known yet, so what decision.budget is worth is unknown."
    assert [(row.gain, row.interval, row.price) for row in page.rows] == [("–", "–", "–")] * 3
    assert page.figure == ""
    assert page.sentence in printed(*unknown)


def test_how_many_explore_is_told_of_each_value_and_why_of_the_one_it_is_so_at() -> None:
    few = {"asked": 0.1, "found": 0.02, "open": 100, "too_few": 80, "no_room": 0, "held": 1, "closed": 0}
    none = few | {"found": 0.0, "no_room": 2, "held": 0}
    steps = (replace(NONE, exploration=none), replace(NOW, exploration=few), replace(ALL, exploration=few))
    why = "Of the 100 with arms to draw from 2 are drawn to explore (2.0 %) and 1 do (1 held out), where"
    assert f"At 1,000: {why} decision.exploration asks for 10.0 %" in printed(*steps)
    assert f"At 2,000: {why}" in printed(*steps[::2])
    assert f"\n{why}" in printed(*steps[1:])
    assert f"At 2,000: {why}" in printed(steps[2], TORN)
    page = plan_page(document(*steps, TORN))
    assert [row.explore for row in page.rows] == ["0", "1", "1", "–"]
    rows = [line.split() for line in printed(*steps).splitlines()]
    assert ["1,000", "*", "1,500.00", "1,108", "to", "1,892", "950.50", "5", "1", "0.75"] in rows
    assert "arms to draw from" not in printed(*STEPS)


@pytest.mark.parametrize("steps", [STEPS, (*STEPS, TORN), (TORN,)])
def test_the_page_holds_the_sweep_and_escapes_it(finished: FinishedRun, steps: tuple[Step, ...]) -> None:
    assert 'id="limits"' not in render_page(finished)
    hostile = document(*steps) | {"key": "decision.<b>"}
    page = render_page(replace(finished, plan=plan_page(hostile)))
    assert 'id="limits"' in page
    assert "decision.<b>" not in page
    assert "decision.&lt;b&gt;" in page
    assert "take the total under Assignments" in page
