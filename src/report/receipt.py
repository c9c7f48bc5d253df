"""The receipt of an assignment for the terminal; texts go in as `Text`, so that nothing in them is taken for markup."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..policy.assigned import Assigned, Gain, Outcome
from ..policy.receipt import Considered, Receipt
from .assigned import meaning
from .formats import NOTHING, money, number, percent, words
from .terminal import heading, new_table

TOP = 8  # drivers shown
_HEADS_OF_GAIN = 2  # baseline and cost come before the features
_SEEN = 0.005  # money that is not shown as 0.00


@dataclass(frozen=True)
class Drivers:
    """What adds up to the gain of an arm, money: feature, value and contribution as policy.drivers gives them."""

    arm: str
    table: pd.DataFrame


@dataclass(frozen=True)
class RiskDrivers:
    """What adds up to the log-odds of a churn risk.

    Attributes:
        calibration: kind of the churn model's calibrator; `constant` has no drivers, `isotonic` comes after the sum.
        table: feature, value and contribution as policy.drivers gives them.
    """

    calibration: str
    table: pd.DataFrame

    @property
    def log_odds(self) -> float:
        """The sum of the contributions."""
        return float(self.table["contribution"].sum())


def receipt_parts(receipt: Receipt, risk: RiskDrivers, drivers: Drivers | None, meanings: Mapping[str, str],
                  hashes: Mapping[str, str]) -> list[RenderableType]:  # fmt: skip
    """Return a receipt as text and tables.

    Args:
        receipt: the receipt.
        risk: of the churn risk under the control.
        drivers: of a gain, None where none is known.
        meanings: by feature.
        hashes: by what was hashed.
    """
    parts = [*_head(receipt.assigned), Text(because(receipt)), Text(""), _arms(receipt.considered)]
    parts += [Text(line) for line in (*forbidding(receipt.considered), _prices(receipt.prices)) if line]
    parts += [heading("Randomness"), Text(chances(receipt))]
    parts += [heading("What the churn risk is made of"), Text(risk_of(receipt.assigned, risk))]
    if risk.calibration != "constant":
        columns = {"adds, log-odds": _log_odds, "odds, times": _times}
        parts.append(_contributions(risk.table, 1, columns, "churn risk", meanings))
    if drivers is not None:
        alike = alike_for_all(drivers)
        parts.append(heading(f"What the gain of {drivers.arm} is made of"))
        parts.append(Text(alike) if alike else _contributions(drivers.table, _HEADS_OF_GAIN, {"adds, money": money},
                                                              "gain", meanings))  # fmt: skip
    again = f"Deciding again with the same bundle gives the same {number(receipt.replayed)} rows."
    return [*parts, heading("Replay"), Text(again), *(Text(f"{name:<12} {value}") for name, value in hashes.items())]


def past_parts(assigned: Assigned, outcome: Outcome) -> list[RenderableType]:
    """Return what the ledger remembers of a decision as text and a table."""
    table = new_table("arm", "expected gain", "± s.e.", "95 % interval", names=list(assigned.gains))
    for arm, gain in assigned.gains.items():
        table.add_row(Text(arm), *_gain(gain))
    became = f"People: {outcome.status or 'not said'}"
    if outcome.delivered_intervention is not None:
        became += f", delivered {outcome.delivered_intervention}"
    if outcome.status_reason is not None:
        became += f", because: {outcome.status_reason}"
    replay = (
        f"Not replayed: another bundle decided, {assigned.model_digest}; its registered version carries this digest, "
        f"and `git checkout` of that revision with `dvc checkout` brings bundle and features back."
    )
    return [*_head(assigned), Text(f"{meaning(assigned.reason)}."), table, Text(became), Text(replay)]


def because(receipt: Receipt) -> str:
    """Return in sentences what decided."""
    assigned, by_name = receipt.assigned, {each.arm: each for each in receipt.considered}
    planned, best = by_name[receipt.randomness.planned], by_name[assigned.best_intervention]
    told = f"{meaning(assigned.reason)}."
    if assigned.reason in ("explore", "holdout", "opted_out"):
        told += f" Without that, {planned.arm} was planned."
    elif planned.arm != best.arm and best.forbidden:
        rules = " and ".join(best.forbidden)
        told += f" {best.arm} would gain {money(best.expected.gain)}, and {rules} forbids it now."
    elif planned.arm != best.arm and best.worth is not None:
        told += f" {best.arm} would gain {money(best.expected.gain)}; {_charged(best)}. "
        told += f"{planned.arm} is worth {money(planned.worth)}."
    if receipt.runner_up is not None and receipt.lead is not None:
        lead = f"ahead of {receipt.runner_up} by {money(receipt.lead)}"
        if receipt.lead < 0:
            lead = f"behind {receipt.runner_up} by {money(-receipt.lead)} (whole numbers or another member decided)"
        told += f" The planned arm, {planned.arm}, is {lead} after prices."
    return told[0].upper() + told[1:]


def forbidding(considered: Sequence[Considered]) -> list[str]:
    """Return in sentences which rules forbid which arms."""
    arms: dict[str, list[str]] = {}
    for each in considered:
        for key in each.forbidden:
            arms.setdefault(key, []).append(each.arm)
    return [f"{key} forbids {', '.join(forbidden)}." for key, forbidden in arms.items()]


def chances(receipt: Receipt) -> str:
    """Return in sentences how the probability of the arm comes about."""
    random, assigned = receipt.randomness, receipt.assigned
    explored = ", ".join(f"{arm} {number(share, 4)}" for arm, share in random.explored.items()) or "nothing"
    drawn = "not drawn" if random.drawn is None else f"drawn: {random.drawn}"
    return (
        f"Held out with probability {number(random.holdout, 4)} ({'held out' if random.held else 'not held out'}); "
        f"explores {explored} ({drawn}); otherwise the plan, {random.planned}: {number(random.planned_share, 4)}. "
        f"Over all of it {assigned.intervention} has probability {number(assigned.propensity, 6)}."
    )


def risk_of(assigned: Assigned, risk: RiskDrivers) -> str:
    """Return in sentences how high the churn risk under the control is and what counts most in it."""
    percentage = percent(assigned.churn_risk)
    if risk.calibration == "constant":
        return f"{percentage} for everyone: too few rows taught, or no feature foretells out of fold who leaves."
    of_what = "by an isotonic calibration of" if risk.calibration == "isotonic" else "which is"
    told = f"{percentage}, {of_what} log-odds {_log_odds(risk.log_odds)}, odds {_times(risk.log_odds)}."
    top = risk.table.iloc[1]
    if not top["contribution"]:
        return told
    return (
        f"{told} {top['feature']} ({_value(top['value'])}) counts most: "
        f"it multiplies the odds of leaving by {_times(top['contribution'])}, against the average row learned from."
    )


def alike_for_all(drivers: Drivers) -> str:
    """Return a gain in one sentence where no feature has a say in it, all of them together; nothing where one has."""
    added = drivers.table["contribution"]
    if added.iloc[_HEADS_OF_GAIN:].abs().sum() >= _SEEN:
        return ""
    effect, cost = (float(each) for each in added.iloc[:_HEADS_OF_GAIN])
    return (
        f"No feature is known to change what {drivers.arm} does: its effect is {money(effect)}, "
        f"and after the cost of {money(-cost)} the gain is {money(float(added.sum()))}."
    )


def _head(assigned: Assigned) -> list[RenderableType]:
    made = f"Policy {assigned.policy}, iteration {assigned.iteration}, {assigned.decided_at}"
    expected = f"churn risk under the control {percent(assigned.churn_risk)}, gain {money(assigned.expected_gain)}"
    return [
        Text(f"Decision {assigned.decision_id}: {assigned.intervention} for {assigned.stakeholder_id}", style="bold"),
        Text(f"{made}; expected: {expected}"),
        heading(f"Why: {words(assigned.reason)}"),
    ]


def _charged(arm: Considered) -> str:
    taken = ", ".join(f"{name} {money(charge)}" for name, charge in arm.charges.items())
    return f"prices take off {taken}, which leaves {money(arm.worth)}" if taken else f"it is worth {money(arm.worth)}"


def _arms(considered: Sequence[Considered]) -> Table:
    heads = ("expected gain", "± s.e.", "95 % interval", "cost", "prices", "worth", "probability")
    table = new_table("arm", *heads, names=[each.arm for each in considered])
    for each in considered:
        cells = [*_gain(each.expected), money(each.cost), money(-sum(each.charges.values())), money(each.worth)]
        table.add_row(Text(each.arm), *cells, number(each.probability, 4))
    return table


def _gain(gain: Gain) -> list[str]:
    within = NOTHING if gain.low is None else f"{money(gain.low)} to {money(gain.high)}"
    return [money(gain.gain), money(gain.error), within]


def _prices(prices: Mapping[str, float]) -> str:
    listed = "; ".join(f"{name} {number(price, 4)}" for name, price in prices.items())
    return f"What one more unit of each binding limit would gain, money: {listed}." if listed else ""


def _contributions(table: pd.DataFrame, heads: int, columns: Mapping[str, Callable[[float], str]], total: str,
                   meanings: Mapping[str, str]) -> Table:  # fmt: skip
    """Return the largest contributions, the rest in one row, and their sum.

    Args:
        table: feature, value and contribution; `heads` rows that are no features come first.
        heads: how many.
        columns: texts of a contribution, by head of the column.
        total: name of the sum.
        meanings: by feature.
    """
    shown = table.head(TOP + heads)
    found = new_table("feature", *columns, names=list(shown["feature"]))
    found.add_column("value", justify="right")
    found.add_column("meaning", overflow="fold")
    for row in shown.to_dict("records"):
        told = [text(row["contribution"]) for text in columns.values()]
        meaning_of = meanings.get(row["feature"], "")
        found.add_row(Text(row["feature"]), *told, Text(_value(row["value"])), Text(meaning_of))
    rest, whole = float(table["contribution"].iloc[len(shown) :].sum()), float(table["contribution"].sum())
    found.add_row("all others", *(text(rest) for text in columns.values()), "", "")
    found.add_row(total, *(text(whole) for text in columns.values()), "", "", style="bold")
    return found


def _value(value: object) -> str:
    return NOTHING if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _log_odds(contribution: float) -> str:
    return number(contribution, 2)


def _times(contribution: float) -> str:
    """Return by how much an addition to log-odds multiplies the odds; a sum's factor is the product of its parts'."""
    return f"{math.exp(contribution):.3g}"
