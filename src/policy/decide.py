"""One assignment per stakeholder: the plan under the limits, then holdout and exploration, with the true propensity.

The plan is made for everyone as if nobody were held out or explored, under limits that leave room for both (`reserve`).
Each person's arm is then a mixture over the holdout draw (probability h), the exploration draw (probability e_a for
arm a) and the plan, so that P(a) = (1 − h)·(e_a + (1 − Σ e)·[a is planned]) + h·[a is the control]; this is the logged
propensity.
"""

import hashlib
from dataclasses import dataclass
from math import floor

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import uniform_by_id
from ..contracts.errors import InputError
from ..contracts.params import Params
from ..contracts.time import to_micros
from ..models.bundle import Bundle, Predictions
from .choose import Choice, choose
from .constraints import constraints_of
from .eligibility import costs, expected_costs
from .explore import Exploration, explore, in_holdout, nearly_best
from .limits import Constraints, Integers
from .reasons import Texts, best_arm, reasons_of_limits, reasons_of_rules
from .reserve import planned_constraints, refuse_broken
from .rules import Rule, permitted, rules_of

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Offer:
    """What could be given to whom: gain net of cost, cost, and the arms a stakeholder may receive.

    Attributes:
        gain: expected, money, shape (n, arms); NaN where unknown or not eligible; column 0 is 0.
        worth: what arms are chosen by: the gain less `decision.caution` standard errors, same shape.
        error: standard error of the gain, same shape.
        cost: expected, money, same shape.
        rules: applied; `Rule.forbids` says which pairs each rule forbids.
        may: by eligibility and consent, contact rules and limits aside, same shape.
        today: `may`, and by the contact rules, same shape.
    """

    gain: Floats
    worth: Floats
    error: Floats
    cost: Floats
    rules: list[Rule]
    may: Flags
    today: Flags

    @property
    def known(self) -> bool:
        """Whether the gain of some arm that someone may receive is known, if anybody may receive any."""
        gains = self.gain[:, 1:][self.may[:, 1:]]
        return not len(gains) or bool(np.isfinite(gains).any())


@dataclass(frozen=True)
class Decided:
    """A decision with all it rests on; rows in stakeholder_id order.

    Attributes:
        table: the population's features, n rows.
        predictions: of the models.
        offer: gains, costs, and the arms each may receive.
        constraints: of the assignment, as params set them.
        planned: those of the plan, which leave room for the draws; `plan.uses` are in their order.
        plan: arms, value, bound, and use and price of every limit.
        exploration: who explores what.
        held: who is held out, shape (n,).
        arm: assigned, shape (n,).
        probability: of each arm over all randomness, shape (n, arms).
        reason: of the arm, shape (n,).
    """

    table: pd.DataFrame
    predictions: Predictions
    offer: Offer
    constraints: Constraints
    planned: Constraints
    plan: Choice
    exploration: Exploration
    held: Flags
    arm: Integers
    probability: Floats
    reason: Texts


def decide(bundle: Bundle, table: pd.DataFrame) -> pd.DataFrame:
    """Return the assignments table of the contract for a population's feature table, in stakeholder_id order.

    Args and errors as in `deliberate`.
    """
    return assignments_of(bundle, deliberate(bundle, table))


def deliberate(bundle: Bundle, table: pd.DataFrame, predictions: Predictions | None = None) -> Decided:
    """Return the decision for a population's feature table.

    Args:
        bundle: models and rules.
        table: one row per stakeholder: stakeholder_id, as_of, iteration, opted_out, the feature columns and the columns
            that rules name.
        predictions: of the table in order, where they are known already.

    Raises:
        InputError: a column is absent or wrong, or less is explored than `decision.min_exploration`.
        InfeasibleError: limits contradict one another.
    """
    table = in_order(table)
    decision, seed = bundle.params.decision, bundle.params.seed
    predictions = bundle.predict(table) if predictions is None else predictions
    offer = make_offer(table, predictions, bundle.params)
    constraints = constraints_of(table, bundle.params)
    drawable = nearly_best(offer.worth, offer.error, offer.today, decision.explore_within)
    salt = f"explore {seed} {table['iteration'].max()}"
    drawn = explore(drawable, table["stakeholder_id"], offer.cost, constraints, decision.exploration, salt)
    _refuse_too_little(drawn, bundle.params)
    planned = planned_constraints(constraints, drawn, decision.holdout)
    key = uniform_by_id(table["stakeholder_id"], "ties")
    plan = choose(np.where(offer.today, offer.worth, np.nan), offer.cost, planned, key)
    held = in_holdout(table["stakeholder_id"], decision.holdout)
    opted_out = table["opted_out"].to_numpy(dtype=bool)
    arm = np.where(held | opted_out, 0, np.where(drawn.arm >= 0, drawn.arm, plan.arm))
    refuse_broken(constraints, arm, offer.cost)
    ruled = reasons_of_rules(offer.worth, offer.today, offer.may, offer.rules, plan.arm)
    reason = np.where(ruled == "", reasons_of_limits(offer.worth, offer.cost, offer.today, planned, plan), ruled)
    reason[(drawn.arm >= 0) & offer.may[:, 1:].any(axis=1)] = "explore"
    reason[held] = "holdout"
    reason[opted_out] = "opted_out"
    probability = _probability(plan, drawn, np.where(opted_out, 1.0, decision.holdout))
    return Decided(table, predictions, offer, constraints, planned, plan, drawn, held, arm, probability, reason)


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in stakeholder_id order, in which decisions stand."""
    return table.sort_values("stakeholder_id", kind="stable", ignore_index=True)


def make_offer(table: pd.DataFrame, predictions: Predictions, params: Params) -> Offer:
    """Return gains net of cost and who may receive what."""
    rules = rules_of(table, params)
    fits = _eligible(rules, predictions.effect.shape)
    cost = expected_costs(costs(table, params.interventions, fits), predictions.success, params.interventions)
    may, today = permitted(rules, cost.shape)
    gain = np.where(fits, predictions.effect - cost, np.nan)
    gain[:, 0] = 0.0
    error = np.where(np.isnan(gain), np.nan, predictions.effect_se)
    worth = gain - params.decision.caution * error if params.decision.caution else gain
    return Offer(gain, worth, error, cost, rules, may, today)


def _eligible(rules: list[Rule], shape: tuple[int, int]) -> Flags:
    """Return the arms that eligibility does not rule out, opted out or not, shape (n, arms)."""
    fits = np.ones(shape, dtype=bool)
    for rule in rules:
        if rule.reason == "not_eligible":
            fits &= ~rule.forbids
    return fits


def _refuse_too_little(drawn: Exploration, params: Params) -> None:
    """Refuse a draw of less than the least share, unless `exploration` itself makes no more people, who are whole.

    Raises:
        InputError: strata or limits are too small.
    """
    least, people = params.decision.min_exploration, int(drawn.open.sum())
    if (drawn.arm >= 0).sum() < min(least * people, floor(params.decision.exploration * people + 1e-9)):
        raise InputError("params.yaml, decision.min_exploration", f"a share of at least {least:g} that explores",
                         f"{drawn.share:.4f}, since limits are small or too few have the same arms to draw from",
                         "raise decision.exploration or the limits, or lower min_exploration")  # fmt: skip


def _probability(plan: Choice, drawn: Exploration, held_out: Floats) -> Floats:
    """Return P(arm) over all randomness, shape (n, arms)."""
    probability = drawn.probability.copy()
    rows = np.arange(len(plan.arm))
    probability[rows, plan.arm] += 1.0 - drawn.probability.sum(axis=1)
    probability *= (1.0 - held_out)[:, None]
    probability[:, 0] += held_out
    return probability


def assignments_of(bundle: Bundle, decided: Decided) -> pd.DataFrame:
    """Return the assignments table of the contract."""
    table, offer, arm = decided.table, decided.offer, decided.arm
    names, rows = np.array(bundle.params.interventions.names, dtype=object), np.arange(len(decided.arm))
    columns: dict[str, object] = {
        "decision_id": pd.array(decision_ids(table), dtype="str"),
        "stakeholder_id": table["stakeholder_id"].astype("str"),
        "decided_at": table["as_of"],
        "iteration": table["iteration"].astype("int64"),
        "policy": pd.array([bundle.params.decision.policy] * len(table), dtype="str"),
        "intervention": pd.array(names[arm], dtype="str"),
        "propensity": decided.probability[rows, arm],
        "best_intervention": pd.array(names[best_arm(offer.gain, offer.may)], dtype="str"),
        "churn_risk": decided.predictions.churn_risk,
        "expected_gain": offer.gain[rows, arm],
    }
    for at, name in enumerate(names[1:], start=1):
        columns[f"gain_{name}"] = offer.gain[:, at]
        columns[f"gain_se_{name}"] = offer.error[:, at]
    columns["reason"] = pd.array(decided.reason, dtype="str")
    columns["status"] = pd.array(["proposed"] * len(table), dtype="str")
    columns["model_digest"] = pd.array([bundle.digest] * len(table), dtype="str")
    return pd.DataFrame(columns)


def decision_ids(table: pd.DataFrame) -> list[str]:
    """Return ids that depend on stakeholder, as-of instant and iteration alone."""
    keys = zip(table["stakeholder_id"], to_micros(table["as_of"]), table["iteration"], strict=True)
    return [hashlib.sha256("\x1f".join(map(str, key)).encode()).hexdigest()[:24] for key in keys]
