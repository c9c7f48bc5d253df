"""How the gains were judged, as plain tables: ranking and promises, budgets, groups, and what has changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..contracts.params import Evaluation
from ..evaluation.drift import drift_level
from ..evaluation.policies import OURS
from .findings import PER
from .formats import NOTHING, interval, money, number, percent, with_interval, words

_RANKING = {
    "auuc": ("AUUC", "area under the gain along the ranking"),
    "qini": ("Qini", "what ranking adds to choosing as many at random; 0 is no ranking"),
    "autoc": ("AUTOC", "mean lead of the first over everyone, the first of all counting most"),
    "uplift_at_10": ("uplift at 10 %", "mean gain of the first tenth"),
    "uplift_at_30": ("uplift at 30 %", "mean gain of the first three tenths"),
}
_SCORES = {
    "churn_risk": "churn risk",
    "best_gain": "gain of the best arm",
    "churned": "share that left",
    "value": "value",
}


@dataclass(frozen=True)
class Table:
    """A table of texts: name for screen readers, caption, heads and rows; numbers after the first column."""

    name: str
    caption: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def gain_tables(gains: Mapping[str, Any]) -> Iterator[Table]:
    """Yield what `uplift.gains` of metrics.json says."""
    ranking = [(f"{label}: {how}", money(gains["ranking"][key]["value"]), interval(gains["ranking"][key]))
               for key, (label, how) in _RANKING.items()]  # fmt: skip
    yield Table("Ranking by gain", "How well predicted gains rank, everybody's best arm taken, money per stakeholder.",
                ("figure", "value", "95 % interval"), ranking)  # fmt: skip
    calibration = [
        ("slope of gain in prediction: 1 is right, below: too extreme", with_interval(gains["slope"])),
        ("mean gain less mean prediction: 0 is right", with_interval(gains["offset"])),
        (
            "mean distance of the tenths; below the second figure in 95 of 100 samples if all is right",
            f"{money(gains['expected_gain_error'])}; {money(gains['gain_noise'])}",
        ),
        ("tenths whose interval holds the prediction, 95 % of them if all is right", percent(gains["bins_held"], 0)),
    ]
    yield Table("Calibration of gain", "Whether predicted gains come true.", ("measure", "value"), calibration)
    promised = [
        (str(each["iteration"]), number(each["predicted"]), number(each["realised"]["value"]),
         interval(each["realised"], 0), with_interval(each["ratio"]))
        for each in gains["promises"]
    ]  # fmt: skip
    yield Table("Predicted and realised totals", "What the decisions of each iteration were predicted to gain over "
                "contacting nobody, by models that never saw them, and what they gained, money; predicted divided by "
                "realised: 1 is right, above 1 more was predicted than came; none where the realised total is not "
                "above 0, and without interval where an end of that total's is not.",
                ("iteration", "predicted", "realised", "95 % interval", "predicted / realised"), promised)  # fmt: skip
    spending = gains["cost_curve"]
    if spending["points"]:
        yield _cost_curve(spending)
    bought = [
        (number(PER * each["budget"]), number(PER * each["spend"]), percent(each["treated"]),
         number(PER * each["gain"]["value"]), interval(each["gain"], 0, PER))
        for each in gains["budgets"]
    ]  # fmt: skip
    if any(each["budget"] > 0 for each in gains["budgets"]):
        caption = f"Gain over nobody under a budget beside all other limits, costs paid, per {PER:,} stakeholders."
        yield Table("What budgets buy", caption,
                    ("budget", "spent", "treated", "gain", "95 % interval"), bought)  # fmt: skip


def _cost_curve(curve: Mapping[str, Any]) -> Table:
    rows = [
        (percent(each["share"], 0), number(PER * each["spend"]), number(PER * each["gained"]["value"]),
         interval(each["gained"], 0, PER))
        for each in curve["points"]
    ]  # fmt: skip
    caption = (f"What is gained over nobody, costs not yet paid, as money is spent on everybody's best arm by falling "
               f"predicted gain per cost, per {PER:,} stakeholders. {_area(curve['area'])}")  # fmt: skip
    return Table("Cost curve", caption, ("of all costs", "spent", "gained", "95 % interval"), rows)


def _area(area: Mapping[str, Any]) -> str:
    """Return the area under a cost curve in a sentence, and why it is undefined, or without an interval, if it is."""
    if area["value"] is None:
        return "Shares of the gain, and the area under them, mean nothing, since the gain of all is not above 0."
    told = f"Area under it, in shares of both: {with_interval(area)}, where 0.5 is spending at random"
    if area["low"] is None:
        return (f"{told}; it has no interval, since in some resamples the gain of all is not above 0, and shares of it "
                "mean nothing.")  # fmt: skip
    return f"{told}."


def group_tables(groups: Mapping[str, Any]) -> Iterator[Table]:
    """Yield two tables per attribute of groups.json, what it gains for whom and who gets what, and one of proxies."""
    for attribute, found in groups["slices"].items():
        caption = (f"By {words(attribute)}: value of this policy, its gain over nobody, that less what was predicted "
                   "(0 is right), slope of gain in prediction (1 is right); money per decision, with 95 % "
                   "intervals.")  # fmt: skip
        yield Table(f"Gain by {attribute}", caption, ("group", "decisions", "value", "gain", "surplus", "slope"),
                    [_gain_row(each) for each in found])  # fmt: skip
        arms = list(found[0]["treated"]) if found else []
        shares = [(each["group"], *(_percents(each["treated"][arm]) for arm in arms)) for each in found]
        yield Table(f"Arms by {attribute}", f"By {words(attribute)}: the share of decisions in which this policy gives "
                    "each arm, with 95 % intervals.", ("group", *map(words, arms)), shares)  # fmt: skip
    proxies = [(f"{attribute}: {each['group']}", with_interval(each["auc"], 3), each["feature"], _told(each["auc"]))
               for attribute, found in groups["proxies"].items() for each in found]  # fmt: skip
    if proxies:
        yield Table("Proxies", "How well the features tell audited groups, which are no features: AUC, 0.5 is not at "
                    "all; the feature that tells most; and whether the interval lies above 0.5.",
                    ("group", "AUC", "by", "told"), proxies)  # fmt: skip


def _gain_row(found: Mapping[str, Any]) -> tuple[str, ...]:
    estimates = (with_interval(found[name]) for name in ("value", "gain", "surplus", "slope"))
    return (found["group"], number(found["decisions"]), *estimates)


def _told(auc: Mapping[str, Any]) -> str:
    if auc["low"] is None:
        return NOTHING
    return "yes" if auc["low"] > 0.5 else "not shown"


def change_tables(change: Mapping[str, Any], levels: Evaluation) -> Iterator[Table]:
    """Yield what change.json says of scores, outcomes and age."""
    moved = {**change["scores"], **change["outcomes"]["drift"]}
    if moved:
        rows = [(_SCORES[name], number(each["psi"], 3), number(each["noise"], 3), drift_level(each, levels))
                for name, each in moved.items()]  # fmt: skip
        yield Table(
            "Drift of scores and outcomes",
            "Scores of today, churn risk against the latest snapshot's and gain against the logged decisions', one "
            "model on both; outcomes of the latest instant against earlier ones: population stability index.",
            ("what", "PSI", "noise", "drift"),
            rows,
        )
    instants = [(each["as_of"], number(each["rows"]), _percents(each["churned"]), with_interval(each["value"]))
                for each in change["outcomes"]["by_instant"]]  # fmt: skip
    caption = "Of everyone at each instant, whatever they received: better decisions show here too."
    yield Table("Outcomes over time", caption,
                ("instant", "stakeholders", "left", "value"), instants)  # fmt: skip
    if change["staleness"]:
        aged = [(f"{each['age_days']} days", with_interval(each["auc"], 3)) for each in change["staleness"]]
        yield Table("Age of churn risk", "How well risk learned so long before the latest instant ranks those who left "
                    "after it: plain trees of that one instant's snapshots. Their AUCs compare with one another, not "
                    "with that of this run's churn risk, another model, learned from more snapshots.",
                    ("age", "AUC"), aged)  # fmt: skip
    yield from _aged_policies(change["policy_staleness"])


def _aged_policies(policies: Mapping[str, Any]) -> Iterator[Table]:
    learned = [("this one, held out" if each["age_days"] == 0 else f"{each['age_days']} days old",
                number(each["decisions"]), with_interval(each["gain"])) for each in policies["learned"]]  # fmt: skip
    if learned:
        yield Table("Age of the policy", "What policies learned so long before the latest iteration, left unrenewed, "
                    "gain over nobody on its decisions, money per decision, costs paid.",
                    ("policy", "decisions learned from", "gain"), learned)  # fmt: skip
    champion = [(str(each["iteration"]), with_interval(each["gain"])) for each in policies["champion"]]
    if champion:
        yield Table("Age of the champion", "What the champion gains over nobody on decisions that it has not learned "
                    "from, by iteration, money per decision, costs paid.", ("iteration", "gain"), champion)  # fmt: skip


def alarms(change: Mapping[str, Any], levels: Evaluation) -> list[str]:
    """Return a sentence for each score or outcome that drifted strongly."""
    moved: dict[str, Any] = {**change["scores"], **change["outcomes"]["drift"]}
    return [
        f"Strong drift of {_SCORES[name]} (PSI {number(each['psi'], 2)}, noise {number(each['noise'], 2)})."
        for name, each in moved.items()
        if drift_level(each, levels) == "strong"
    ]


def judged_tables(metrics: Mapping[str, Any], groups: Mapping[str, Any], change: Mapping[str, Any],
                  levels: Evaluation) -> Sequence[Table]:  # fmt: skip
    """Return all of them in the order of the page."""
    gains = [_two_intervals(metrics["uplift"]), *gain_tables(metrics["uplift"]["gains"])] if "uplift" in metrics else []
    return [*gains, *group_tables(groups), *change_tables(change, levels)]


def _two_intervals(uplift: Mapping[str, Any]) -> Table:
    by = {"influence function, clustered": uplift["policies"][OURS]["doubly_robust"],
          "resampling of stakeholders": uplift["gains"]["value_resampled"]}  # fmt: skip
    rows = [(how, money(found["value"]), interval(found)) for how, found in by.items()]
    caption = ("Net value per decision, doubly robust, with two intervals: the second leans on no normality and checks "
               "the first, which is the one to quote.")  # fmt: skip
    return Table("Value of this policy", caption, ("interval by", "value", "95 % interval"), rows)


def _percents(estimate: Mapping[str, Any]) -> str:
    if estimate["low"] is None:
        return percent(estimate["value"])
    return f"{percent(estimate['value'])} ({percent(estimate['low'])} to {percent(estimate['high'])})"
