"""The report: one HTML file that needs nothing else, made from the data of a finished run.

Jinja2 escapes every value; only figures are markup, and they escape their own texts. Nothing depends on the clock or
on the place of the project, so the same run gives the same bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..contracts.params import Params
from . import formats
from .assigned import ArmTally, meaning, reason_parts, tally
from .cautions import cautions
from .churn import ChurnPage, unit_of
from .features import feature_panel
from .figures import Bar, Whisker, calibration, dot_and_whisker, stacked_bars
from .findings import (
    EFFECT_OF_WHOM,
    PER,
    PolicyRow,
    average_effects,
    churn_baselines,
    opening,
    policy_rows,
    total_sentence,
)
from .judged import Table
from .kpis import KpiPage
from .rules import exploration_sentence, limit_rows, plan_sentence, rule_rows
from .verdict import VerdictPage
from .what_if import PlanPage

TEMPLATE = "report.html"
TOP_FEATURES = 15


@dataclass(frozen=True)
class FinishedRun:
    """What the report tells of.

    Attributes:
        params: those the run was made under.
        metrics: metrics.json: `churn`, and `uplift` or `pilot`, or both.
        assignments: the contract's table, one row per stakeholder.
        account: what the rules did to it, rules.json.
        training: training.json.
        features: declarations, as in features.json.
        counts: rows read, kept and set aside, by name; may be empty.
        importance: mean size of each feature's contribution to the log-odds of churn; empty where nobody was explained.
        model_digest: content hash of the bundle.
        drift: of each feature, as evaluation.drift gives it; empty where it was not measured.
        outcome_importance: share of the outcome models' gain of each feature, arms aside; empty without uplift.
        kpis: of the relationships; None where they were not measured.
        plan: what other values of a limit would bring; None where that was not asked.
        churn: risk by other days, in parts, its value and what drives it; None where that was not measured.
        judged: tables of how the gains were judged, and what they alarm of; may be empty.
        verdict: of the gate; None where there is none.
        pilot: the sentence about the randomised pilot, where no effect is known; else empty.
    """

    params: Params
    metrics: Mapping[str, Any]
    assignments: pd.DataFrame
    account: Mapping[str, Any]
    training: Mapping[str, Any]
    features: Sequence[Mapping[str, Any]]
    counts: Mapping[str, int]
    importance: Mapping[str, float]
    model_digest: str
    drift: Sequence[Mapping[str, Any]] = ()
    outcome_importance: Mapping[str, float] = field(default_factory=dict)
    pilot: str = ""
    kpis: KpiPage | None = None
    plan: PlanPage | None = None
    churn: ChurnPage | None = None
    verdict: VerdictPage | None = None
    judged: Sequence[Table] = ()
    alarms: Sequence[str] = ()


def render_page(run: FinishedRun) -> str:
    """Return the report as HTML.

    Raises:
        ArtifactError: an assigned arm is not in the catalogue.
    """
    tallies = tally(run.assignments, run.account["spend"])
    uplift = run.metrics.get("uplift")
    policies = []
    if uplift is not None:
        policies = policy_rows(uplift, run.params.interventions.control, run.params.decision.policy)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template(TEMPLATE).render(
        run=run,
        kpis=run.kpis,
        plan=run.plan,
        more=run.churn,
        unit_of=unit_of,
        verdict=run.verdict,
        judged=run.judged,
        alarms=run.alarms,
        f=formats,
        meaning=meaning,
        opening=opening(run.metrics, run.pilot, run.params.clock.horizon_days),
        total=total_sentence(run.assignments, run.params, run.metrics),
        cautions=cautions(run.metrics),
        policies=policies,
        churn_baselines=churn_baselines(run.metrics["churn"]),
        per=PER,
        tallies=tallies,
        effects=average_effects(run.metrics),
        effect_of_whom=EFFECT_OF_WHOM,
        reasons=reason_parts(tallies),
        limits=limit_rows(run.account),
        plan_worth=plan_sentence(run.account),
        explored=exploration_sentence(run.account["exploration"]),
        rules=rule_rows(run.account),
        settings=list(settings(run.params)),
        panel=feature_panel(
            run.features, run.drift, {"churn": run.importance, "uplift": run.outcome_importance}, run.params.evaluation
        ),
        top=top_features(run.importance, run.features),
        figures=_figures(run, policies, tallies),
    )


def settings(params: Params) -> Iterator[tuple[str, str]]:
    """Yield every parameter as (dotted name, text); of a path outside the project only the last part."""
    for name, value in _leaves(params.model_dump(mode="json")):
        if name == "source.path" and PurePath(value).is_absolute():
            value = f"…/{PurePath(value).name}"
        if isinstance(value, list):
            value = ", ".join(map(str, value)) or "none"
        yield name, "not set" if value is None else str(value)


def top_features(importance: Mapping[str, float],
                 features: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, float]]:  # fmt: skip
    """Return (feature, meaning, share of all importance) of the most important features, ties by name."""
    meanings = {each["name"]: each["meaning"] for each in features}
    total = sum(importance.values()) or 1.0
    ranked = sorted(importance.items(), key=lambda item: (-item[1], item[0]))[:TOP_FEATURES]
    return [(name, meanings.get(name, ""), each / total) for name, each in ranked if each > 0]


def _figures(run: FinishedRun, policies: Sequence[PolicyRow], tallies: Sequence[ArmTally]) -> dict[str, Markup]:
    bars = [Bar(each.arm, dict(each.reasons), formats.number(each.count)) for each in tallies]
    whiskers = [
        Whisker(row.label, row.value["value"], row.value["low"], row.value["high"], row.ours) for row in policies
    ]
    top = top_features(run.importance, run.features)
    drivers = [Bar(name, {"share": share}, formats.percent(share)) for name, _, share in top]
    return {
        "policies": dot_and_whisker(whiskers, "net value per stakeholder, money; 95 % intervals",
                                    "Net value per stakeholder of each policy with its 95 % interval"),
        "calibration": calibration(run.metrics["churn"]["deciles"],
                                   "Share that left against predicted churn risk, by tenths of the risk"),
        "assignments": stacked_bars(bars, reason_parts(tallies), "Stakeholders assigned to each arm, by reason"),
        "importance": stacked_bars(drivers, {"share": 0}, "Share of the contributions to churn risk by feature"),
    }  # fmt: skip


def _leaves(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
