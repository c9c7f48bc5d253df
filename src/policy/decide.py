"""One assignment per stakeholder: the plan under the limits, then holdout and exploration, with the true propensity.

The plan is made for everyone as if nobody were held out or explored. Each person's arm is then a mixture over the
holdout draw (probability h), the exploration draw (probability e_a for arm a) and the plan, so that
P(a) = (1 − h)·(e_a + (1 − Σ e)·[a is planned]) + h·[a is the control]; this is the logged propensity.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import uniform_by_id
from ..contracts.params import Interventions, Params
from ..contracts.time import to_micros
from ..models.bundle import Bundle, Predictions
from .choose import Choice, Limits, choose
from .eligibility import costs, eligible, rested
from .explore import Exploration, explore, in_holdout

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Offer:
    """What could be given to whom: gain net of cost, cost, and the arms a stakeholder may receive.

    Attributes:
        gain: money, shape (n, arms); NaN where unknown or not eligible; column 0 is 0.
        cost: money, shape (n, arms).
        may: by kind and consent, rules and budgets aside, shape (n, arms).
        today: `may` and the cool-down over, shape (n, arms).
    """

    gain: Floats
    cost: Floats
    may: NDArray[np.bool_]
    today: NDArray[np.bool_]


def decide(bundle: Bundle, table: pd.DataFrame) -> pd.DataFrame:
    """Return the assignments table of the contract for a population's feature table, in stakeholder_id order.

    Args:
        bundle: models and rules.
        table: one row per stakeholder: stakeholder_id, as_of, iteration, opted_out and the feature columns.

    Raises:
        InputError: a column is absent or wrong.
    """
    table = table.sort_values("stakeholder_id", kind="stable", ignore_index=True)
    params = bundle.params
    predictions = bundle.predict(table)
    offer = make_offer(table, predictions, params.interventions)
    held = in_holdout(table["stakeholder_id"], params.decision.holdout, params.seed)
    opted_out = table["opted_out"].to_numpy(dtype=bool)
    limits = limits_of(params)
    salt = f"explore {params.seed} {table['iteration'].max()}"
    drawable = offer.today & offer.today[:, 1:].any(axis=1, keepdims=True)  # where there is anything to draw
    drawn = explore(drawable, table["stakeholder_id"], offer.cost, limits, params.decision.exploration, salt)
    key = uniform_by_id(table["stakeholder_id"], "ties")
    plan = choose(np.where(offer.today, offer.gain, np.nan), offer.cost, drawn.rest, key=key)
    arm = np.where(held, 0, np.where(drawn.arm >= 0, drawn.arm, plan.arm))
    arm = np.where(opted_out, 0, arm)
    reason = _reasons(offer, plan, drawn, held, opted_out)
    propensity = _propensity(arm, plan, drawn, np.where(opted_out, 1.0, params.decision.holdout))
    return _table(table, bundle, predictions, offer, arm, propensity, reason)


def make_offer(table: pd.DataFrame, predictions: Predictions, interventions: Interventions) -> Offer:
    """Return gains net of cost and who may receive what."""
    by_kind = eligible(table["kind"], interventions)
    cost = costs(table, interventions)
    gain = np.where(by_kind, predictions.effect - cost, np.nan)
    gain[:, 0] = 0.0
    may = by_kind.copy()
    may[table["opted_out"].to_numpy(dtype=bool), 1:] = False
    return Offer(gain, cost, may, may & rested(table, interventions))


def limits_of(params: Params) -> Limits:
    """Return budget and capacities in the order of `Interventions.names`."""
    return Limits(params.decision.budget, [None, *(arm.capacity for arm in params.interventions.arms.values())])


def best_arm(gain: Floats, may: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the arm with the highest gain among those allowed, the control where none gains, shape (n,)."""
    best: NDArray[np.int64] = np.where(may & ~np.isnan(gain), gain, -np.inf).argmax(axis=1)
    return best


def decision_ids(table: pd.DataFrame) -> list[str]:
    """Return ids that depend on stakeholder, as-of instant and iteration alone."""
    keys = zip(table["stakeholder_id"], to_micros(table["as_of"]), table["iteration"], strict=True)
    return [hashlib.sha256("\x1f".join(map(str, key)).encode()).hexdigest()[:24] for key in keys]


def _propensity(arm: NDArray[np.int64], plan: Choice, drawn: Exploration, held_out: Floats) -> Floats:
    explored = np.take_along_axis(drawn.probability, arm[:, None], axis=1)[:, 0]
    planned = (1.0 - drawn.probability.sum(axis=1)) * (arm == plan.arm)
    propensity: Floats = (1.0 - held_out) * (explored + planned) + held_out * (arm == 0)
    return propensity


def _reasons(offer: Offer, plan: Choice, drawn: Exploration, held: NDArray[np.bool_],
             opted_out: NDArray[np.bool_]) -> NDArray[np.str_]:  # fmt: skip
    """Return why each row has its arm; where several reasons hold, the one that decided last."""
    rows = np.arange(len(held))
    best, today = best_arm(offer.gain, offer.may), best_arm(offer.gain, offer.today)
    dearer = plan.budget_price * offer.cost[rows, today] > plan.capacity_prices[today]
    reason = np.where(plan.arm == 0, "no_gain", "best_gain").astype("U12")
    reason = np.where(plan.arm != today, np.where(dearer, "budget", "capacity"), reason)
    reason = np.where((plan.arm == today) & (today != best), "cooldown", reason)
    reason = np.where(~offer.may[:, 1:].any(axis=1), "not_eligible", reason)
    reason = np.where(drawn.arm >= 0, "explore", reason)
    reason = np.where(held, "holdout", reason)
    return np.where(opted_out, "opted_out", reason)


def _table(table: pd.DataFrame, bundle: Bundle, predictions: Predictions, offer: Offer, arm: NDArray[np.int64],
           propensity: Floats, reason: NDArray[np.str_]) -> pd.DataFrame:  # fmt: skip
    names = np.array(bundle.params.interventions.names, dtype=object)
    columns: dict[str, object] = {
        "decision_id": pd.array(decision_ids(table), dtype="str"),
        "stakeholder_id": table["stakeholder_id"].astype("str"),
        "decided_at": table["as_of"],
        "iteration": table["iteration"].astype("int64"),
        "policy": pd.array([bundle.params.decision.policy] * len(table), dtype="str"),
        "intervention": pd.array(names[arm], dtype="str"),
        "propensity": propensity,
        "best_intervention": pd.array(names[best_arm(offer.gain, offer.may)], dtype="str"),
        "churn_risk": predictions.churn_risk,
        "expected_gain": offer.gain[np.arange(len(arm)), arm],
    }
    for at, name in enumerate(names[1:], start=1):
        columns[f"gain_{name}"] = offer.gain[:, at]
        columns[f"gain_se_{name}"] = np.where(np.isnan(offer.gain[:, at]), np.nan, predictions.effect_se[:, at])
    columns["reason"] = pd.array(reason, dtype="str")
    columns["status"] = pd.array(["proposed"] * len(table), dtype="str")
    columns["model_digest"] = pd.array([bundle.digest] * len(table), dtype="str")
    return pd.DataFrame(columns)
