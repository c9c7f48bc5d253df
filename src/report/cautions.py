"""What a reader should know before trusting a run's figures, in sentences that the page and the terminal share."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..evaluation.policies import OURS
from .findings import ChurnBaseline, churn_baselines
from .formats import interval, number, with_interval, words

GUESSING = 0.5  # the AUC of any order that has nothing to do with who leaves


def cautions(metrics: Mapping[str, Any]) -> list[str]:
    """Return the sentences, none when nothing stands out."""
    found = []
    slope = metrics["churn"]["calibration_slope"]
    if slope["low"] is None:
        found.append("The calibration of churn risk could not be judged: too few stakeholders left, or all did.")
    elif not slope["low"] <= 1 <= slope["high"]:
        found.append(
            f"Churn risk is miscalibrated: its slope is {number(slope['value'], 2)} "
            f"(95 % interval: {interval(slope)}), where 1 is right."
        )
    found += _no_better_than_guessing(metrics["churn"]["auc"])
    found += _no_better(churn_baselines(metrics["churn"]))
    uplift = metrics.get("uplift")
    if uplift is None:
        return found
    found += _gains_off(uplift["gains"]["slope"])
    found += _estimated(uplift["propensity"], uplift["decisions"])
    if uplift.get("limits_left_out"):
        found.append(
            f"The logged decisions cannot keep {', '.join(uplift['limits_left_out'])}: this policy is valued without "
            "them, so the assignments may be worth less."
        )
    return found + _support(uplift)


def _estimated(propensity: Mapping[str, Any], decisions: int) -> list[str]:
    """Return how many propensities were estimated, and whether they explain the log better than shares do; none
    where all were logged."""
    if not propensity["estimated"]:
        return []
    told = (
        f"{number(propensity['estimated'])} of {number(decisions)} propensities were not logged but estimated: "
        "differences that the data do not show may bias the values of the policies."
    )
    if "ahead_of_shares" not in propensity:  # earlier versions did not write it
        return [told]
    ahead = propensity["ahead_of_shares"]
    unclear = ahead["low"] is None or ahead["low"] <= 0 <= ahead["high"]
    verdict = "not shown to be better than" if unclear else "better than" if ahead["low"] > 0 else "worse than"
    own, shares = (number(propensity[key]["value"], 4) for key in ("log_loss", "log_loss_of_shares"))
    return [
        f"{told} As a guess of who got which arm, the estimated propensities are {verdict} the arms' shares alone: "
        f"log-loss {own} against {shares}, ahead by {with_interval(ahead, 4)}.",
    ]


def _support(uplift: Mapping[str, Any]) -> list[str]:
    """Return what the logged decisions cannot speak of: arms hardly tried, rows without overlap, the policy itself."""
    found = []
    unknown = [
        f"{words(arm)} ({number(each['decisions'])})" for arm, each in uplift["arms"].items() if not each["known"]
    ]
    if unknown:
        found.append(f"Too few decisions to estimate a gain of: {', '.join(unknown)}. Nobody gets them but to explore.")
    if uplift["propensity"]["without_overlap"]:
        found.append(
            f"{number(uplift['propensity']['without_overlap'])} of {number(uplift['decisions'])} decisions had a "
            "propensity of 0.01 or less: their like hardly ever got that arm, so effects there lean on the model; "
            "column propensity of data/out_of_fold/uplift.parquet tells which."
        )
    rows = uplift["policies"].get(OURS, {}).get("overlap", {}).get("effective_rows")
    if rows is not None and rows < 0.05 * uplift["decisions"]:
        found.append(
            f"The log has tried little of what this policy does: it is worth {number(rows)} of its "
            f"{number(uplift['decisions'])} decisions, so the values lean on the model."
        )
    return found


def _no_better_than_guessing(auc: Mapping[str, Any]) -> list[str]:
    """Return in a sentence that churn risk is not shown to rank at all; none where its interval lies above 0.5."""
    if auc["low"] is None:
        return ["Churn risk is not shown to rank better than guessing: too few stakeholders left, or all did."]
    if auc["low"] > GUESSING:
        return []
    verdict = "ranks worse than" if auc["high"] < GUESSING else "is not shown to rank better than"
    told = f"AUC {number(auc['value'], 4)}, 95 % interval: {interval(auc, 4)}"
    return [f"Churn risk {verdict} guessing ({told}, where 0.5 is guessing)."]


def _no_better(baselines: Sequence[ChurnBaseline]) -> list[str]:
    """Return a sentence that names the baselines churn risk ranks worse than, and one of those it is not shown to
    beat; none where it beats all."""
    unbeaten = [row for row in baselines if row.ahead["low"] is not None and row.ahead["low"] <= 0]
    rivals = {"ranks worse than": [row for row in unbeaten if row.ahead["high"] < 0],
              "is not shown to rank better than": [row for row in unbeaten if row.ahead["high"] >= 0]}  # fmt: skip
    return [f"Churn risk {verdict} {' or '.join(_ahead_of(row) for row in rows)}." for verdict, rows in rivals.items()
            if rows]  # fmt: skip


def _ahead_of(row: ChurnBaseline) -> str:
    ahead = f"AUC ahead by {number(row.ahead['value'], 4)}, 95 % interval: {interval(row.ahead, 4)}"
    return f"{row.label} ({ahead})"


def _gains_off(slope: Mapping[str, Any]) -> list[str]:
    """Return in a sentence that predicted gains differ too much or too little; none where the interval holds 1."""
    if slope["low"] is None or slope["low"] <= 1 <= slope["high"]:
        return []
    how = "more" if slope["high"] < 1 else "less"
    return [
        f"Predicted gains differ {how} between stakeholders than what comes of them: their slope is "
        f"{number(slope['value'], 2)} (95 % interval: {interval(slope)}), where 1 is right."
    ]
