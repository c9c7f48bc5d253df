"""The finished run in a page of text for the terminal: what it is worth, what is assigned, where things lie.

Texts from the data go in as `Text`, so that nothing in them is taken for markup.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ..contracts.params import Params
from .assigned import ArmTally, reasons_in
from .cautions import cautions
from .findings import EFFECT_OF_WHOM, ArmEffect, ChurnBaseline, average_effects, churn_baselines, opening, policy_rows
from .formats import interval, money, number, percent, with_interval, words
from .rules import exploration_sentence, limit_rows, plan_sentence, rule_rows
from .terminal import heading, new_table, show
from .verdict import sentences


@dataclass(frozen=True)
class Summary:
    """What the summary tells of.

    Attributes:
        params: those the run was made under.
        metrics: metrics.json.
        tallies: the assignments, counted per arm.
        account: what the rules did to them, rules.json.
        pilot: the sentence about the randomised pilot where no effect is known; else empty.
        verdict: verdict.json.
        report: where the page is, relative to the project's root.
        total: the sentence about the expected gain of all assignments; empty without decisions.
        model: what the registry says of the bundle, line by line; see `registry_lines`.
        against: why the registry does not follow the verdict, in a sentence; empty where it does.
    """

    params: Params
    metrics: Mapping[str, Any]
    tallies: Sequence[ArmTally]
    account: Mapping[str, Any]
    pilot: str
    verdict: Mapping[str, Any]
    report: str
    total: str = ""
    model: Sequence[str] = ("not published",)
    against: str = ""


def print_summary(summary: Summary, console: Console) -> None:
    """Print the summary; plain text where the console is no terminal."""
    show(_parts(summary), console)


def _parts(summary: Summary) -> list[RenderableType]:
    params, uplift = summary.params, summary.metrics.get("uplift")
    clock = params.clock
    parts: list[RenderableType] = [
        heading(f"Iteration {clock.iteration}, as of {clock.as_of:%Y-%m-%d}, outcomes over {clock.horizon_days} days"),
        *_churn(summary.metrics["churn"]),
    ]
    if uplift is None:
        parts += [heading("Value of the policy")]
    else:
        parts += [
            heading("Net value per stakeholder, money (doubly robust, 95 % intervals)"),
            *_policies(uplift, params),
        ]
    parts += [Text(each) for each in opening(summary.metrics, summary.pilot, clock.horizon_days) if each]
    parts += [heading("Gate"), *(Text(each) for each in sentences(summary.verdict, summary.against))]
    parts += _effects(average_effects(summary.metrics))
    parts += [heading("Assignments"), _arms(summary.tallies), _reasons(summary.tallies)]
    parts += [Text(summary.total)] if summary.total else []
    parts += [*_rules(summary.account)]
    parts += [Text(f"Keep in mind: {each}") for each in cautions(summary.metrics)]
    heads = ["model", *[""] * (len(summary.model) - 1)]
    models = (Text(f"{head:<8}{line}") for head, line in zip(heads, summary.model, strict=True))
    return [*parts, heading("Where things are"), Text(f"report  {summary.report}"), *models]


def registry_lines(model: str, version: str | None, aliases: Mapping[str, str]) -> list[str]:
    """Return where the bundle is registered, then every alias there is.

    >>> registry_lines("rapport", "2", {"champion": "1"})
    ['models:/rapport/2', 'models:/rapport@champion is version 1']
    """
    mine = f"models:/{model}/{version}" if version else "not published"
    return [mine, *(f"models:/{model}@{alias} is version {number}" for alias, number in aliases.items())]


def _churn(churn: Mapping[str, Any]) -> list[Text]:
    base = number(churn["base_rate_log_loss"]["value"], 4)
    rows, left = number(churn["rows"]), number(churn["churned"])
    error, chance = (number(churn[key], 4) for key in ("expected_calibration_error", "calibration_noise"))
    return [
        Text(f"Churn risk  AUC {with_interval(churn['auc'], 4)}"),
        *(Text(f"            {_baseline(row)}") for row in churn_baselines(churn)),
        Text(f"            calibration error {error}; below {chance} in 95 of 100 samples if all risks are right"),
        Text(f"            log-loss {with_interval(churn['log_loss'], 4)}; of the base rate {base}"),
        Text(f"            judged on {rows} stakeholders without an intervention at the latest snapshot, {left} left"),
        Text(f"            held out: {churn['split']}"),
    ]


def _baseline(row: ChurnBaseline) -> str:
    ahead = with_interval(row.ahead, 4)
    return f"{row.label} AUC {number(row.auc['value'], 4)}, ours ahead by {ahead}: {row.what}"


def _policies(uplift: Mapping[str, Any], params: Params) -> list[RenderableType]:
    notes = []
    table = new_table("policy", "value", "95 % interval", "ahead of it", "95 % interval", "treated", "cost")
    for row in policy_rows(uplift, params.interventions.control, params.decision.policy):
        ahead = ("", "") if row.ours else (money(row.ahead["value"]), interval(row.ahead))
        cells = [money(row.value["value"]), interval(row.value), *ahead, percent(row.treated), money(row.cost)]
        table.add_row(Text(f"{row.label} *" if row.apart else row.label), *cells, style="bold" if row.ours else None)
        if row.apart:
            fresh, all_ = number(row.value["n"]), number(uplift["decisions"])
            notes.append(f"* on the {fresh} of the {all_} decisions that it has not learned from, its lead too; all "
                         "others on all.")  # fmt: skip
    return [table, *map(Text, notes)]


def _effects(effects: Mapping[str, ArmEffect]) -> list[RenderableType]:
    if not effects:
        return []
    table = new_table("arm", "average effect", "95 % interval", names=list(effects))
    for arm, effect in effects.items():
        table.add_row(Text(arm), effect.value, effect.within)
    return [heading("Average effect of each arm, money"), table, Text(EFFECT_OF_WHOM)]


def _arms(tallies: Sequence[ArmTally]) -> Table:
    table = new_table("arm", "stakeholders", "share", "spend", "mean expected gain")
    everyone = sum(each.count for each in tallies)
    for each in tallies:
        share = percent(each.count / everyone if everyone else None)
        table.add_row(Text(each.arm), number(each.count), share, money(each.spend), money(each.mean_gain))
    table.add_row("all", number(everyone), "", money(sum(each.spend for each in tallies)), "", style="bold")
    return table


def _reasons(tallies: Sequence[ArmTally]) -> Text:
    totals = {reason: sum(each.reasons.get(reason, 0) for each in tallies) for reason in reasons_in(tallies)}
    return Text("reasons: " + ", ".join(f"{words(reason)} {number(count)}" for reason, count in totals.items()))


def _rules(account: Mapping[str, Any]) -> list[RenderableType]:
    """Return what the rules forbid, how many explore, and, where there are limits, these and what the plan is worth."""
    pairs = "pairs of stakeholder and arm"
    forbidding = [Text(f"{row.key} forbids {row.pairs} {pairs}, of {row.stakeholders} stakeholders")
                  for row in rule_rows(account)]  # fmt: skip
    rows = limit_rows(account)
    told = exploration_sentence(account["exploration"])
    forbidding += [Text(told)] if told else []
    if not rows:
        return [*forbidding]
    table = new_table("limit", "allowed", "used", "one unit of slack is worth")
    for row in rows:
        table.add_row(Text(row.name), row.allowed, row.used, row.price, style="bold" if row.binding else None)
    return [*forbidding, table, Text(plan_sentence(account))]
