"""What the arms of a trial truly do: probability of churn and of a purchase and its mean size, by row and arm."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .draws import Flags, Floats, logistic


@dataclass(frozen=True)
class Drivers:
    """What churn, money and effects depend on, standardised, each of shape (n,); functions of the observed features."""

    engagement: Floats
    unhappy: Floats
    skill_gap: Floats
    need: Floats
    price: Floats
    size: Floats
    idle: Floats
    trouble: Floats
    tenure: Floats
    revenue: Floats
    plan: Floats
    industry: Floats

    @classmethod
    def of(cls, X: NDArray[np.float32], names: Sequence[str]) -> "Drivers":
        """Return the drivers of a feature matrix, shape (n, p); a missing cell is a state with a value of its own."""
        x = {name: X[:, at].astype(np.float64) for at, name in enumerate(names)}
        return cls(
            engagement=np.clip((np.log1p(x["logins_30d"]) - 2.0) / 0.7, -2.5, 2.5),
            unhappy=np.where(np.isnan(x["nps"]), 0.3, (6.5 - x["nps"]) / 2.4),
            skill_gap=np.where(np.isnan(x["onboarding_score"]), 0.4, (59.0 - x["onboarding_score"]) / 24.0),
            need=np.clip((np.log1p(x["integrations_wanted"]) - 1.0) / 0.6, -2.0, 2.5),
            price=np.clip((x["price_index"] - 1.0) / 0.12, -2.5, 2.5),
            size=np.clip((np.log(x["seats"]) - 1.8) / 0.8, -2.0, 2.5),
            idle=(x["days_since_login"] > 21).astype(np.float64),
            trouble=x["ticket_open"],
            tenure=np.clip((np.log(x["tenure_days"]) - 6.2) / 0.9, -2.0, 2.0),
            revenue=np.log(x["revenue_90d"] + 1.0) - 4.5,
            plan=x["plan"],
            industry=x["industry"],
        )


@dataclass(frozen=True)
class Answer:
    """Probabilities of churn and, given presence, of a purchase; its mean size; spread is the size's log-deviation.

    Matrices have shape (n, arms). Expected money is purchase × size × P(present), who leaves counting half.
    """

    churn: Floats
    purchase: Floats
    size: Floats
    spread: float

    @property
    def money(self) -> Floats:
        """Return the expected money, shape (n, arms)."""
        return self.purchase * self.size * (1.0 - 0.5 * self.churn)


def answers(d: Drivers, kind: str, strength: float, moved: Floats) -> Answer:
    """Return what would happen under each arm.

    Args:
        d: drivers of n rows.
        kind: customers, employees, partners or shoppers.
        strength: 1 for effects, 0 for none at all.
        moved: how far effects have drifted, shape (n,); at 1 suits have tilted and training has worn off.
    """
    if kind == "shoppers":
        return _shoppers(d, strength)
    suits = fits(d, moved)
    zero = np.zeros_like(d.size)
    churn = np.column_stack([zero, *(base + slope * fit for (base, slope, *_), fit in zip(_SIZES, suits, strict=True))])
    rate = np.column_stack(
        [zero, *(base + slope * fit for (_, _, base, slope, _), fit in zip(_SIZES, suits, strict=True))]
    )
    size = np.column_stack([zero, *(growth * fit for (*_, growth), fit in zip(_SIZES, suits, strict=True))])
    size[:, 4] -= 0.15  # what a discount gives away
    annoyed = logistic(3.0 * (d.unhappy - 0.6))
    churn[:, 5] += 0.7 * annoyed
    heavy = kind == "partners"
    base_size = np.exp(4.3 + 0.5 * d.size + 0.35 * d.revenue + (0.7 if heavy else 0.0))
    return Answer(
        churn=logistic(_churn_base(d)[:, None] + strength * churn),
        purchase=np.zeros_like(churn) if kind == "employees" else logistic(_rate_base(d)[:, None] + strength * rate),
        size=base_size[:, None] * np.exp(strength * size),
        spread=1.5 if heavy else 0.9,
    )


def _shoppers(d: Drivers, strength: float) -> Answer:
    """Return answers of a mailing: nobody leaves, and an arm adds the same to the log-odds of everybody's purchase."""
    base = -5.4 + 0.35 * d.engagement - 0.3 * d.idle + 0.15 * d.size
    rate = base[:, None] + strength * np.array(_MAILS)
    mean = np.exp(4.4 + 0.25 * d.revenue)
    return Answer(np.zeros_like(rate), logistic(rate), np.repeat(mean[:, None], rate.shape[1], axis=1), spread=1.0)


def _churn_base(d: Drivers) -> Floats:
    plan = np.array([0.35, 0.05, -0.2, -0.4])[d.plan.astype(np.int64)]
    industry = np.array([0.0, 0.3, -0.2, 0.1, -0.3, 0.2, 0.0, -0.1, 0.4, -0.4])[d.industry.astype(np.int64)]
    return np.asarray(
        -1.2 - 0.45 * d.engagement + 0.4 * d.unhappy + 0.5 * d.trouble + 0.7 * d.idle - 0.3 * d.tenure
        + 0.2 * d.price + 0.25 * d.skill_gap * (d.engagement < 0) + plan + industry
    )  # fmt: skip


def _rate_base(d: Drivers) -> Floats:
    return -0.5 + 0.45 * d.engagement + 0.3 * d.size - 0.25 * d.price - 0.3 * d.trouble + 0.2 * (d.plan >= 2)


_MAILS = (0.0, 0.8, 0.45, 0.6, 0.2, 0.0)  # log-odds of a shopper's purchase that each arm adds

# Per unit of fit: (log-odds of churn for all, per fit; log-odds of a purchase for all, per fit; log size per fit)
_SIZES = (
    (-0.20, -1.05, 0.15, 0.40, 0.00),
    (-0.45, -1.15, 0.20, 0.35, 0.00),
    (-0.05, -0.80, 0.20, 0.60, 0.20),
    (-0.05, -0.95, 0.40, 0.45, 0.00),
    (0.05, -0.20, 0.10, 0.35, 0.50),
)


def fits(d: Drivers, moved: Floats) -> list[Floats]:
    """Return how well each arm suits each row, between -1 (it annoys) and 1."""
    large: Flags = d.plan >= 2
    worn = 1.0 - 0.6 * moved
    return [
        np.tanh(worn * (1.2 * d.skill_gap + 0.4 * d.skill_gap * d.engagement + 0.3)),
        np.tanh(1.5 * d.trouble + 0.7 * d.unhappy - 0.3 * d.engagement + 0.1 + 0.5 * moved * d.size),
        np.tanh(1.2 * d.need - 0.4 * d.skill_gap * (d.need > 0) + 0.4 * large - 0.1),
        np.tanh(1.2 * d.price - 0.5 * d.trouble - 0.3 * d.tenure + 0.3 - 0.6 * moved),
        np.tanh(1.0 * d.size + 0.6 * d.engagement - 0.7 * d.trouble + 0.1),
    ]
