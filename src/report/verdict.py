"""The gate's verdict in sentences and rows, for page and terminal alike; gains are per 1,000 stakeholders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ..contracts.errors import ArtifactError
from ..contracts.params import Gate
from ..evaluation.evidence import LEAST_STAKEHOLDERS
from ..evaluation.gate import Comparison, Verdict
from ..evaluation.policies import CHAMPION
from .findings import PER
from .formats import NOTHING, interval, number, percent, words

_PROPOSALS = ("Unless people make it champion, the assignments of this run are the challenger's proposals; those of "
              "the champion come by serving it.")  # fmt: skip


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
    """The verdict as the page shows it: sentences, rows, what its bounds allow for, power, margin, digests."""

    sentences: list[str]
    rows: list[RivalRow]
    level: str
    power: float
    margin: float
    bundle: str
    champion: str | None
    data: Mapping[str, str]


_DOCUMENT = {each.name for each in fields(Verdict)} | {
    "bundle", "champion", "champion_reason", "data", "look_key", "params", "refresh", "spends_error",
}  # fmt: skip
_RIVAL = {"rows_short", *(each.name for each in fields(Comparison))}


def checked_verdict(verdict: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Return verdict.json if it holds all that is told of one today, as that of an older rapport may not.

    Raises:
        ArtifactError: it lacks something.
    """
    found = {"": (verdict, _DOCUMENT), "params.": (verdict.get("params"), set(Gate.model_fields))}
    found |= {f"rivals.{name}.": (each, _RIVAL) for name, each in verdict.get("rivals", {}).items()}
    lacking = sorted(f"{place}{name}" for place, (part, expected) in found.items() if part is not None
                     for name in expected - part.keys())  # fmt: skip
    if lacking:
        raise ArtifactError(where, "a verdict of today's gate", f"one without {', '.join(lacking)}",
                            "run `dvc repro`, whose stage gate judges anew")  # fmt: skip
    return verdict


def verdict_page(verdict: Mapping[str, Any]) -> VerdictPage:
    """Return what the page shows of verdict.json."""
    margin = max((found["margin"] for found in verdict["rivals"].values()), default=0.0)
    digests = (verdict["bundle"], verdict["champion"], verdict["data"])
    level = f"the bound allows for all the looks taken so far ({_level(verdict)})"
    if not verdict["spends_error"]:
        level = f"this verdict spends no error, and its bounds have a one-sided error of {percent(verdict['level'], 2)}"
    return VerdictPage(sentences(verdict), _rows(verdict), level, verdict["params"]["power"], margin, *digests)


def sentences(verdict: Mapping[str, Any], against: str = "") -> list[str]:
    """Return the verdict, then what stands against it, one sentence each.

    Args:
        verdict: verdict.json.
        against: why the registry does not follow it; empty where it does, or was not asked.

    >>> sentences({"outcome": "no_policy", "look": 1, "level": 0.025, "unbeaten": [], "rivals": {}})
    ['May become champion without a comparison: neither it nor the one before knows the effect of an arm.']
    """
    reasons = {CHAMPION: verdict.get("champion_reason", "")}
    lacking = [_lacking(name, verdict["rivals"][name], reasons.get(name, ""), verdict["params"]["unsupported"])
               for name in verdict["unbeaten"]]  # fmt: skip
    last = against or (_PROPOSALS if verdict["outcome"] == "no_proof" else "")
    return [_headline(verdict), *lacking, *([last] if last else [])]


def _rows(verdict: Mapping[str, Any]) -> list[RivalRow]:
    return [_row(name, found) for name, found in verdict["rivals"].items()]


def _level(verdict: Mapping[str, Any]) -> str:
    error = f"one-sided error {percent(verdict['level'], 2)}"
    return f"look {verdict['look']}, {error}" if verdict["spends_error"] else f"{error}, of which none is spent"


def _headline(verdict: Mapping[str, Any]) -> str:
    outcome, unbeaten = verdict["outcome"], _listed(verdict["unbeaten"])
    if outcome == "no_policy":
        return "May become champion without a comparison: neither it nor the one before knows the effect of an arm."
    if outcome == "first":
        rest = f"not shown to be worth more than {unbeaten}" if unbeaten else "worth more than every rival"
        return f"May become champion, there being none of an earlier iteration to keep: {rest} ({_level(verdict)})."
    if outcome == "proof":
        return f"Proof, it may become champion: {_shown(verdict['rivals'])} ({_level(verdict)})."
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
    if gain["high"] < 0:
        return f"Against {who}: worth less, {number(PER * gain['value'])} per {PER:,} ({interval(gain, 0, PER)})."
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
