"""A study with known truth at matrix level: features, logged arms, outcomes, and each row's expected value by arm.

Where `World` simulates a history of events, a trial draws finished feature matrices, so that learners of effects can be
compared on many populations in seconds. The truth is a function of the observed matrix alone (a missing cell is a state
of its own), so the best arm by the truth is what a perfect learner of these features would choose.
Arms are codes: 0 is the control, 1 … the arms in the order of TRIAL_ARMS.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .draws import Floats, Integers, logistic
from .trial_effects import Answer, Drivers, answers

Logging = Literal["randomised", "targeted", "unrecorded"]
TrialKind = Literal["customers", "employees", "partners", "shoppers"]

TRIAL_ARMS = ("none", "training", "personal_support", "integration_advice", "discount", "premium_upsell")
TRIAL_FEATURES = (
    "tenure_days", "seats", "revenue_90d", "logins_30d", "login_trend", "days_since_login", "tickets_90d",
    "ticket_open", "nps", "onboarding_score", "integrations_wanted", "price_index", "features_used", "plan", "region",
    "industry", "meetings_90d", "invoices_late", "mobile_share", "newsletter", "referrals", "age_of_contact",
    "distance_km", "forum_posts",
)  # fmt: skip
TRIAL_CATEGORIES = tuple(TRIAL_FEATURES.index(name) for name in ("plan", "region", "industry"))
COSTS = {
    "customers": (0.0, 25.0, 40.0, 30.0, 20.0, 12.0),
    "employees": (0.0, 100.0, 180.0, 60.0, 90.0, 30.0),
    "partners": (0.0, 50.0, 80.0, 50.0, 40.0, 25.0),
    "shoppers": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
}
RETENTION_VALUE = {"customers": 300.0, "employees": 2000.0, "partners": 600.0, "shoppers": 0.0}
WAVES = 4  # iterations over which a trial's decisions are spread


@dataclass(frozen=True)
class Trial:
    """What a trial depends on.

    Attributes:
        rows: decisions.
        seed: of all chance, ≥ 0.
        kind: customers have retention and zero-inflated money; employees no money; partners heavy-tailed money; of
            shoppers one in a hundred buys, for heavy-tailed money, and every arm raises everybody's odds alike.
        logging: each arm equally likely; targeted by a rule of thumb whose propensities are recorded; or not recorded.
        null: no arm does anything.
        drift: how far effects and population move over the waves; 0 for not at all, 1 for much.
        later: whether the rows come one wave after the last one: the population that a policy will meet.
    """

    rows: int
    seed: int
    kind: TrialKind = "customers"
    logging: Logging = "randomised"
    null: bool = False
    drift: float = 0.0
    later: bool = False


@dataclass(frozen=True)
class TrialData:
    """A drawn trial of n rows and k arms, the control included.

    Attributes:
        X: features in the order of TRIAL_FEATURES, NaN where missing, shape (n, p).
        arm: logged arm, shape (n,).
        propensity: true probability of every arm, shape (n, k).
        recorded: propensity of the logged arm as the log has it, NaN where not recorded, shape (n,).
        wave: iteration of the decision, shape (n,).
        money, retained: outcomes, shape (n,).
        value: true expected value under every arm, costs aside, money, shape (n, k).
        churn: true probability of churn under every arm, shape (n, k).
        cost: money per assignment of every arm, shape (k,).
        retention_value: money for being retained.
    """

    X: NDArray[np.float32]
    arm: Integers
    propensity: Floats
    recorded: Floats
    wave: Integers
    money: Floats
    retained: Floats
    value: Floats
    churn: Floats
    cost: Floats
    retention_value: float


def draw_trial(trial: Trial) -> TrialData:
    """Return the trial's rows; the same trial gives the same rows."""
    rng = np.random.default_rng(np.random.SeedSequence([trial.seed, 41, int(trial.later)]))
    wave = np.full(trial.rows, WAVES) if trial.later else rng.integers(0, WAVES, trial.rows)
    moved = trial.drift * wave / WAVES
    X = _features(rng, trial, moved)
    drivers = Drivers.of(X, TRIAL_FEATURES)
    answer = answers(drivers, trial.kind, 0.0 if trial.null else 1.0, moved)
    propensity = _propensities(drivers, trial, len(TRIAL_ARMS))
    arm = (rng.random(trial.rows)[:, None] >= propensity.cumsum(axis=1)[:, :-1]).sum(axis=1)
    money, retained = _outcomes(rng, answer, arm)
    worth = RETENTION_VALUE[trial.kind]
    recorded = np.full(trial.rows, np.nan) if trial.logging == "unrecorded" else propensity[np.arange(trial.rows), arm]
    return TrialData(
        X=X, arm=arm, propensity=propensity, recorded=recorded, wave=wave, money=money, retained=retained,
        value=worth * (1.0 - answer.churn) + answer.money, churn=answer.churn, cost=np.array(COSTS[trial.kind]),
        retention_value=worth,
    )  # fmt: skip


def _features(rng: np.random.Generator, trial: Trial, moved: Floats) -> NDArray[np.float32]:
    n = trial.rows
    wellbeing, size = rng.standard_normal(n) - 0.5 * moved, rng.standard_normal(n)
    tail = 1.6 if trial.kind == "partners" else 0.7

    def noise() -> Floats:
        return rng.standard_normal(n)

    seats = 1 + np.exp(1.6 + 0.9 * size + 0.4 * noise()).round()
    logins = rng.poisson(np.exp(2.0 + 0.6 * wellbeing + 0.2 * size + 0.4 * noise()))
    nps = np.clip(np.round(6.5 + 1.6 * wellbeing + 1.8 * noise()), 0, 10)
    onboarding = 100 * logistic(0.4 + 0.5 * wellbeing + 1.0 * noise())
    columns = {
        "tenure_days": rng.exponential(700.0, n).round() + 30,
        "seats": seats,
        "revenue_90d": (np.exp(4.5 + tail * noise() + 0.6 * size)).round(2),
        "logins_30d": logins,
        "login_trend": 0.4 * wellbeing + noise(),
        "days_since_login": np.floor(rng.exponential(30.0 / (1.0 + logins / 3.0))),
        "tickets_90d": rng.poisson(np.exp(-0.2 - 0.3 * wellbeing + 0.3 * size)),
        "ticket_open": rng.random(n) < logistic(-1.2 - 0.5 * wellbeing),
        "nps": np.where(rng.random(n) < 0.35, np.nan, nps),
        "onboarding_score": np.where(rng.random(n) < 0.1, np.nan, onboarding),
        "integrations_wanted": rng.poisson(np.exp(0.5 + 0.5 * size + 0.4 * noise())),
        "price_index": 1.0 + 0.12 * noise(),
        "features_used": np.where(rng.random(n) < 0.05, np.nan, logistic(0.5 * wellbeing + noise())),
        "plan": np.searchsorted([-0.4, 0.6, 1.4], size + 0.5 * noise()),
        "region": np.floor(rng.random(n) ** 1.5 * 6),
        "industry": rng.integers(0, 10, n),
        "meetings_90d": rng.poisson(np.exp(-0.5 + 0.4 * size)),
        "invoices_late": rng.poisson(0.4, n),
        "mobile_share": rng.beta(2, 3, n),
        "newsletter": rng.random(n) < 0.5,
        "referrals": rng.poisson(0.2, n),
        "age_of_contact": rng.normal(43, 11, n).round(),
        "distance_km": rng.exponential(200, n),
        "forum_posts": rng.poisson(np.exp(-1 + 0.5 * wellbeing)),
    }
    return np.column_stack([columns[name] for name in TRIAL_FEATURES]).astype(np.float32)


def _propensities(drivers: Drivers, trial: Trial, arms: int) -> Floats:
    """Return the logging policy: uniform, or a rule of thumb that follows risk, size and price with some chance."""
    if trial.logging == "randomised":
        return np.full((trial.rows, arms), 1.0 / arms)
    urge = np.column_stack([
        0.4 - 0.5 * drivers.unhappy,
        0.9 * drivers.skill_gap,
        1.0 * drivers.trouble + 0.5 * drivers.unhappy,
        0.8 * drivers.need,
        0.8 * drivers.price + 0.3 * drivers.idle,
        0.8 * drivers.size + 0.3 * drivers.engagement,
    ])  # fmt: skip
    chance = np.exp(1.2 * urge)
    chance /= chance.sum(axis=1, keepdims=True)
    return np.asarray(0.15 / arms + 0.85 * chance)


def _outcomes(rng: np.random.Generator, answer: Answer, arm: Integers) -> tuple[Floats, Floats]:
    """Draw (money, retained) under the logged arms, each of shape (n,)."""
    rows = np.arange(len(arm))
    retained = rng.random(len(arm)) >= answer.churn[rows, arm]
    present = np.where(retained, 1.0, 0.5)  # who leaves is there for half of the horizon
    buys = rng.random(len(arm)) < answer.purchase[rows, arm] * present
    spread = answer.spread
    size = answer.size[rows, arm] * np.exp(spread * rng.standard_normal(len(arm)) - spread**2 / 2)
    return np.where(buys, size, 0.0), retained.astype(np.float64)
