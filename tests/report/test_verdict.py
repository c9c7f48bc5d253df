"""The verdict in words and rows."""

from dataclasses import replace

import pytest

from rapport.contracts.errors import ArtifactError
from rapport.contracts.params import Gate
from rapport.evaluation.estimate import Estimate
from rapport.evaluation.evidence import Evidence
from rapport.evaluation.gate import judge, without_policy
from rapport.report.page import render_page
from rapport.report.verdict import checked_verdict, sentences, verdict_page


def ahead(value, stakeholders=200.0, unsupported=0.0):
    """A gain of standard error 1, known well, of 1,000 decisions."""
    return Evidence(Estimate(value, value - 1.96, value + 1.96, 1.0, 1000), value, 1.0, 1e9, stakeholders, unsupported)


CLEAR, UNCLEAR, WORSE = ahead(3.0), ahead(1.0), ahead(-1.0)

PROPOSALS = ("Unless people make it champion, the assignments of this run are the challenger's proposals; those of the "
             "champion come by serving it.")  # fmt: skip


def document(verdict):
    return {**verdict.as_dict(), "bundle": "abc", "champion": "def", "champion_reason": "", "refresh": False,
            "params": Gate().model_dump(), "look_key": "789", "spends_error": verdict.outcome in ("proof", "no_proof"),
            "data": {"decisions": "123", "out_of_fold": "456"}}  # fmt: skip


def judged(gains, champion="champion", margin=0.0):
    return document(judge(gains, champion, 1, Gate(), margin))


def test_each_outcome_in_words():
    proof = judged({"nobody": CLEAR, "champion": CLEAR})
    assert sentences(proof) == [
        "Proof, it may become champion: shown to be worth more than every rival (look 1, one-sided error 2.50 %)."
    ]
    none = judged({"nobody": UNCLEAR, "best_single_arm": WORSE, "champion": Evidence.none()})
    assert sentences(none) == [
        "No proof, the gate keeps the champion: not shown to be worth more than nobody, best single arm or champion "
        "(look 1, one-sided error 2.50 %).",
        "Against nobody: 1,000 per 1,000, at least -960; 1,000 decisions show gains from 2,802, and 9,470 more are "
        "needed for a gain as large as seen.",
        "Against best single arm: -1,000 per 1,000, at least -2,960; 1,000 decisions show gains from 2,802, and no "
        "number would show one where none is seen.",
        "Against champion: no decision by which to compare that neither has learned from.",
        PROPOSALS,
    ]
    assert sentences(judged({"nobody": UNCLEAR}, None))[0] == (
        "May become champion, there being none of an earlier iteration to keep: not shown to be worth more than "
        "nobody (one-sided error 2.50 %, of which none is spent)."
    )
    assert "worth more than every rival" in sentences(judged({"nobody": CLEAR}, None))[0]
    assert sentences(document(without_policy(True, 1, Gate()))) == [
        "No proof, the gate keeps the champion: there are no decisions to judge by.",
        PROPOSALS,
    ]


def test_what_is_shown_to_be_worth_less_is_not_called_unproven():
    less = Evidence(Estimate(-3.0, -4.96, -1.04, 1.0, 1000), -3.0, 1.0, 1e9, 50.0, 0.0)
    assert sentences(judged({"nobody": less, "champion": CLEAR}))[1] == (
        "Against nobody: worth less, -3,000 per 1,000 (-4,960 to -1,040)."
    )


def test_a_refresh_within_its_margin_is_not_called_worth_more():
    slightly = sentences(judged({"nobody": CLEAR, "champion": UNCLEAR}, margin=1.0))
    assert slightly == [
        "Proof, it may become champion: a refresh, shown to be worth more than every other rival and not to be worse "
        "than the champion by more than the margin of 1,000 per 1,000 (look 1, one-sided error 2.50 %)."
    ]
    clear = sentences(judged({"nobody": CLEAR, "champion": CLEAR}, margin=1.0))
    assert clear[0].startswith("Proof, it may become champion: shown to be worth more than every rival (")


def test_too_few_stakeholders_are_told():
    few = judged({"nobody": CLEAR, "champion": ahead(9.0, 3.26)})
    assert sentences(few)[1] == (
        "Against champion: 9,000 per 1,000, at least 7,040; that rests on 3.3 stakeholders in effect who received what "
        "the two policies would give, and fewer than 10 prove nothing."
    )


def test_arms_that_the_log_knows_nothing_of_are_told():
    unknown = judged({"nobody": CLEAR, "champion": ahead(9.0, unsupported=0.125)})
    assert sentences(unknown)[1] == (
        "Against champion: 9,000 per 1,000, at least 7,040; in 12.5 % of the decisions one of them gives an arm that "
        "could not have been chosen then, of which the log knows nothing: more than 5.0 % prove nothing."
    )


def test_why_there_is_no_comparison_is_told_as_it_is():
    alone = judged(
        {"nobody": CLEAR, "champion": Evidence(Estimate(3.0, None, None, None, 4), None, None, None, 1.0, None)}
    )
    assert sentences(alone)[1] == "Against champion: no interval, the 4 decisions being of too few stakeholders."
    assert verdict_page(alone).rows[1].proven == "no interval"
    mute = {**judged({"nobody": UNCLEAR, "champion": Evidence.none()}), "champion_reason": "x: expected y."}
    assert sentences(mute)[1].startswith("Against nobody: 1,000 per 1,000")
    assert sentences(mute)[2] == "Against champion: it cannot say what it would do. x: expected y."


def test_rows_by_hand():
    page = verdict_page(judged({"nobody": CLEAR, "champion": UNCLEAR, "random": Evidence.none()}, margin=1.0))
    texts = [tuple(vars(row).values()) for row in page.rows]
    assert texts == [
        ("nobody", "3,000", "1,040 to 4,960", "1,040", "yes", "enough"),
        ("champion", "1,000", "-960 to 2,960", "-960", "yes, margin 1,000", "enough"),
        ("random", "–", "–", "–", "no data", "–"),
    ]
    told = "the bound allows for all the looks taken so far (look 1, one-sided error 2.50 %)"
    assert (page.margin, page.power, page.level) == (1.0, 0.8, told)
    first = verdict_page(judged({"nobody": CLEAR}, None)).level
    assert first == "this verdict spends no error, and its bounds have a one-sided error of 2.50 %"


def test_a_champion_that_could_not_be_asked_costs_no_error():
    mute = judged({"nobody": CLEAR, "champion": Evidence.none()})
    told = sentences({**mute, "champion_reason": "x: expected y.", "spends_error": False})
    assert told[0].endswith("worth more than champion (one-sided error 2.50 %, of which none is spent).")


def test_a_verdict_without_what_is_told_today_is_refused():
    whole = judged({"nobody": CLEAR, "champion": UNCLEAR})
    checked_verdict(whole, "verdict.json")
    rivals = {name: {key: found[key] for key in ("gain", "margin", "bound", "proven")}
              for name, found in whole["rivals"].items()}  # fmt: skip
    old = {key: value for key, value in whole.items() if key not in ("look_key", "params")} | {"rivals": rivals}
    with pytest.raises(ArtifactError, match=r"^verdict.json: expected a verdict of today's gate; got one without "
                       r"look_key, params, rivals.champion.detectable, .*run `dvc repro`, whose stage"):  # fmt: skip
        checked_verdict(old, "verdict.json")
    with pytest.raises(ArtifactError, match=r"got one without params\.unsupported\."):
        checked_verdict({**whole, "params": {"error": 0.05, "power": 0.8, "refresh_margin": 0.0}}, "verdict.json")


def test_the_page_shows_the_verdict_and_its_digests(finished):
    verdict = judged({"nobody": CLEAR, "champion": UNCLEAR})
    page = render_page(replace(finished, verdict=verdict_page(verdict)))
    for told in ("the gate keeps the champion", "<code>abc</code>", "<code>def</code>", "<code>123</code>", "9,470"):
        assert told in page
    assert "May it become champion" not in render_page(finished)


@pytest.mark.parametrize("hostile", ["<script>", "<i>"])
def test_names_are_escaped(finished, hostile):
    verdict = {**judged({"nobody": CLEAR, "champion": UNCLEAR}), "bundle": hostile}
    assert f"<code>{hostile}" not in render_page(replace(finished, verdict=verdict_page(verdict)))
