"""What a purchase brings: the gamma-gamma model of spend.

Conventions: as in lifetime_value. Reference: Fader & Hardie (2013), The gamma-gamma model of monetary value.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, digamma

from .lifetime_customers import Purchases
from .lifetime_fit import FEWEST_REPEATERS, LOG_PARAMETER, Floats, LogLikelihood, Parameters, distinct, maximise

NOTED_CORRELATION = 0.3
SHAPE_OVER_ONE = (float(np.log(0.05)), float(np.log(1e3)))  # q − 1: at q ≤ 1 the population's mean spend is infinite
STARTS = np.log([[1.0, 2.0, 1.0], [6.0, 3.0, 0.5]])  # p, q − 1, v ÷ mean spend


@dataclass(frozen=True)
class SpendModel(Parameters):
    """Gamma-gamma: a customer's purchases are Gamma(p, ν), ν ~ Gamma(q, v), whatever the purchase rate.

    Attributes:
        p, q, v_money: the parameters; v in money. q > 1, so that the population has a mean.
        log_likelihood: of the repeaters' mean spends, in money.
        repeaters: how many were fitted.
        left_out: repeaters whose mean spend is 0 or less, which the model cannot hold.
        frequency_correlation: Pearson's, of frequency and mean spend; the model takes it for 0.
        standard_errors: of p, q and v_money; None when the data do not settle them.
        notes: what a reader of the numbers should know.
    """

    p: float
    q: float
    v_money: float
    log_likelihood: float
    repeaters: int
    left_out: int
    frequency_correlation: float
    standard_errors: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()

    def expected_spend(self, p: Purchases) -> Floats:
        """Return the money to expect per future purchase, shape (n,): p(v + x·m̄)/(px + q − 1), m̄ below 0 as 0.

        >>> model = SpendModel(6.25, 3.74, 15.44, -4055.9, 946, 0, 0.1)
        >>> model.expected_spend(Purchases([0, 4], [0, 90], [100, 100], [float("nan"), 100.0])).round(2).tolist()
        [35.22, 93.6]
        """
        spent = p.frequency * np.where(p.frequency > 0, np.fmax(p.mean_spend, 0), 0)
        spend: Floats = self.p * (self.v_money + spent) / (self.p * p.frequency + self.q - 1)
        return spend


def fit_spend(p: Purchases) -> SpendModel | None:
    """Return the gamma-gamma model of most likelihood, or None when fewer than 30 customers bought again for money."""
    repeat = p.frequency > 0
    used = repeat & (np.where(repeat, p.mean_spend, 0) > 0)
    if used.sum() < FEWEST_REPEATERS:
        return None
    order = np.lexsort((p.mean_spend[used], p.frequency[used]))  # sums then ignore how the rows arrived
    x, spend = p.frequency[used][order], p.mean_spend[used][order]
    scale, correlation = float(spend.mean()), _correlation(x, spend)
    limits = [LOG_PARAMETER, SHAPE_OVER_ONE, LOG_PARAMETER]
    fit = maximise(_log_likelihood(x, spend / scale), STARTS, limits, ["p", "q", "v"])
    slopes = np.exp(fit.theta) * [1, 1, scale]
    shape, over_one, v = slopes.tolist()
    errors, notes = fit.standard_errors(slopes, len(x)), fit.notes
    if abs(correlation) > NOTED_CORRELATION:
        notes += (f"frequency and mean spend correlate ({correlation:.2f}); the model takes them for independent",)
    in_money, left_out = len(x) * (fit.log_likelihood - float(np.log(scale))), int(repeat.sum()) - len(x)
    return SpendModel(shape, 1 + over_one, v, in_money, len(x), left_out, correlation, errors, notes)


def _log_likelihood(x: Floats, spend: Floats) -> LogLikelihood:
    """Return the mean log-likelihood and its gradient as a function of (ln p, ln(q − 1), ln v).

    ln L = −ln B(px, q) − ln m̄ + px ln(x·m̄/(v + x·m̄)) + q ln(v/(v + x·m̄)), m̄ the mean spend.
    """
    first, _, count = distinct(x)
    values, share, spent = x[first], count / len(x), x * spend
    log_spent, log_spend = np.log(spent), float(np.log(spend).mean())

    def value_and_gradient(theta: Floats) -> tuple[float, Floats]:
        p, q, v = float(np.exp(theta[0])), 1 + float(np.exp(theta[1])), float(np.exp(theta[2]))
        log_all = np.log(v + spent)
        theirs, common = float((x * (log_spent - log_all)).mean()), float(theta[2] - log_all.mean())
        value = p * theirs + q * common - float((share * betaln(p * values, q)).sum()) - log_spend
        both = digamma(p * values + q)
        in_p = float((share * values * (both - digamma(p * values))).sum()) + theirs
        in_q = float((share * both).sum()) - digamma(q) + common
        in_v = q / v - float(((p * x + q) / (v + spent)).mean())
        return value, np.array([in_p * p, in_q * (q - 1), in_v * v])

    return value_and_gradient


def _correlation(x: Floats, spend: Floats) -> float:
    if np.ptp(x) == 0 or np.ptp(spend) == 0:
        return 0.0
    return float(np.corrcoef(x, spend)[0, 1])
