"""The gate's verdict in sentences and rows, for page and terminal alike; gains are per 1,000 stakeholders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..evaluation.evidence import LEAST_STAKEHOLDERS
from ..evaluation.policies import CHAMPION
from .findings import PER
from .formats import NOTHING, interval, number, percent, words

_PROPOSALS = "The assignments of this run are the challenger's proposals; those of the champion come by serving it."


@dataclass(frozen=True)
class RivalRow:
    """One rival as texts: name, gain per 1,000, its 95 % interval, this look's bound, whether beaten, what lacks."""

    label: str
    gain: str
    within: str
    bound: str
    proven: str
    lacking: str


@dataclass(frozen=True)
class VerdictPage:
    """The verdict as the page shows it: sentences, rows, look with level, power, margin, and the digests behind it."""

    sentences: list[str]
    rows: list[RivalRow]
    level: str
    power: float
    margin: float
    bundle: str
    champion: str | None
    data: Mapping[str, str]


def verdict_page(verdict: Mapping[str, Any]) -> VerdictPage:
    """Return what the page shows of verdict.json."""
    margin = max((found["margin"] for found in verdict["rivals"].values()), default=0.0)
    digests = (verdict["bundle"], verdict["champion"], verdict["data"])
    return VerdictPage(
        sentences(verdict), _rows(verdict), _level(verdict), verdict["params"]["power"], margin, *digests
    )


def sentences(verdict: Mapping[str, Any], against: str = "") -> list[str]:
    """Return the verdict, then what stands against it, one sentence each.

    Args:
        verdict: verdict.json.
        against: why the registry does not follow it; empty where it does, or was not asked.

    >>> sentences({"outcome": "no_policy", "look": 1, "level": 0.025, "unbeaten": [], "rivals": {}})
    ['Champion without a comparison: neither it nor the champion before knows the effect of an arm.']
    """
    reasons = {CHAMPION: verdict.get("champion_reason", "")}
    lacking = [_lacking(name, verdict["rivals"][name], reasons.get(name, ""), verdict["params"]["unsupported"])
               for name in verdict["unbeaten"]]  # fmt: skip
    last = against or (_PROPOSALS if verdict["outcome"] == "no_proof" else "")
    return [_headline(verdict), *lacking, *([last] if last else [])]


def _rows(verdict: Mapping[str, Any]) -> list[RivalRow]:
    return [_row(name, found) for name, found in verdict["rivals"].items()]


def _level(verdict: Mapping[str, Any]) -> str:
    return f"look {verdict['look']}, one-sided error {percent(verdict['level'], 2)}"


def _headline(verdict: Mapping[str, Any]) -> str:
    outcome, unbeaten = verdict["outcome"], _listed(verdict["unbeaten"])
    if outcome == "no_policy":
        return "Champion without a comparison: neither it nor the champion before knows the effect of an arm."
    if outcome == "first":
        rest = f"not shown to be worth more than {unbeaten}" if unbeaten else "worth more than every rival"
        return f"First champion, there being none to keep: {rest} ({_level(verdict)})."
    if outcome == "proof":
        return f"Promoted: {_shown(verdict['rivals'])} ({_level(verdict)})."
    if not unbeaten:
        return "No proof, the gate keeps the champion: there are no decisions to judge by."
    return f"No proof, the gate keeps the champion: not shown to be worth more than {unbeaten} ({_level(verdict)})."


def _shown(rivals: Mapping[str, Any]) -> str:
    """Return what the bounds show where every rival is beaten, the champion perhaps by its margin alone."""
    champion = rivals.get(CHAMPION)
    if champion is None or champion["bound"] > 0:
        return "shown to be worth more than every rival"
    margin = number(PER * champion["margin"])
    return (f"a refresh, shown to be worth more than every other rival and not to be worse than the champion by more "
            f"than the margin of {margin} per {PER:,}")  # fmt: skip


def _listed(names: Sequence[str]) -> str:
    *most, last = [words(name) for name in names] or [""]
    return f"{', '.join(most)} or {last}" if most else last


def _lacking(name: str, found: Mapping[str, Any], reason: str, most: float) -> str:
    gain, who = found["gain"], words(name)
    if reason:
        return f"Against {who}: it cannot say what it would do. {reason}"
    if gain["se"] is None and gain["n"]:
        return f"Against {who}: no interval, the {number(gain['n'])} decisions being of too few stakeholders."
    if gain["se"] is None:
        return f"Against {who}: no decision by which to compare that neither has learned from."
    seen = f"Against {who}: {number(PER * gain['value'])} per {PER:,}, at least {number(PER * found['bound'])}"
    if found["stakeholders"] < LEAST_STAKEHOLDERS:
        return (f"{seen}; that rests on {found['stakeholders']:.1f} stakeholders in effect who received what the two "
                f"policies would give, and fewer than {LEAST_STAKEHOLDERS:g} prove nothing.")  # fmt: skip
    if (found["unsupported"] or 0.0) > most:
        share = percent(found["unsupported"])
        return (f"{seen}; in {share} of the decisions one of them gives an arm that could not have been chosen then, "
                f"of which the log knows nothing: more than {percent(most)} prove nothing.")  # fmt: skip
    least = f"{number(gain['n'])} decisions show gains from {number(PER * found['detectable'])}"
    if found["rows_needed"] is None:
        return f"{seen}; {least}, and no number would show one where none is seen."
    if found["rows_short"]:
        return f"{seen}; {least}, and {number(found['rows_short'])} more are needed for a gain as large as seen."
    return f"{seen}; {least}."


def _row(name: str, found: Mapping[str, Any]) -> RivalRow:
    gain = found["gain"]
    if gain["se"] is None:
        return RivalRow(words(name), NOTHING, NOTHING, NOTHING, "no interval" if gain["n"] else "no data", NOTHING)
    short = "enough" if found["proven"] else NOTHING if found["rows_short"] is None else number(found["rows_short"])
    margin = f", margin {number(PER * found['margin'])}" if found["margin"] else ""
    return RivalRow(words(name), number(PER * gain["value"]), interval(gain, 0, PER), number(PER * found["bound"]),
                    ("yes" if found["proven"] else "no") + margin, short)  # fmt: skip
