"""Who still buys, and how often: the BG/NBD model of repeat purchases.

Conventions: as in lifetime_value. Reference: Fader, Hardie & Lee (2005), "Counting your customers" the easy way,
Marketing Science 24(2), 275–284.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, digamma, expit, gammaln, polygamma

from ..contracts.errors import InputError
from .lifetime_customers import Purchases
from .lifetime_fit import FEWEST_REPEATERS, LOG_PARAMETER, Floats, LogLikelihood, Parameters, Rows, distinct, maximise

DAYS_PER_YEAR = 365.0
STARTS = np.log([[0.25, 0.1, 0.8, 2.5], [1.0, 1.0, 1.0, 1.0], [3.0, 1.0, 0.1, 1.0]])  # r, α ÷ mean age, a, b
SCOUTS = 20_000  # distinct rows on which the starts compete when there are many more
LOGIT_GRID = np.linspace(-20.0, 12.0, 81)  # standard deviations; relative error below 1e-6 wherever the search goes
YEARS_GRID = np.polynomial.legendre.leggauss(8)
ROWS_AT_ONCE = 2048  # × the grid fits the processor's cache
LEAST_LASTING = 1e-5  # share of customers still there below which the quadrature's error would show


@dataclass(frozen=True)
class PurchaseModel(Parameters):
    """BG/NBD: a customer buys at rate λ ~ Gamma(r, α) and after each repeat purchase leaves with p ~ Beta(a, b).

    Attributes:
        r, alpha_days, a, b: the parameters; α in days.
        log_likelihood: of the customers fitted, times in days.
        customers, repeaters: how many were fitted, and how many of them bought again.
        standard_errors: of r, alpha_days, a and b; None when the data do not settle them.
        notes: what a reader of the numbers should know.

    >>> model = PurchaseModel(0.243, 4.414 * 7, 0.793, 2.426, -14363.5, 2357, 946)
    >>> customer = Purchases([2], [30.43 * 7], [38.86 * 7], [22.35])
    >>> model.alive(customer).round(4).tolist(), model.expected_purchases(customer, 39 * 7).round(4).tolist()
    ([0.7266], [1.226])
    """

    r: float
    alpha_days: float
    a: float
    b: float
    log_likelihood: float
    customers: int
    repeaters: int
    standard_errors: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()

    def alive(self, p: Purchases) -> Floats:
        """Return the probability that each customer has not left, shape (n,); 1 where nothing was repeated.

        1 / (1 + [x > 0] · a/(b + x − 1) · ((α + T)/(α + t_x))^(r + x)).
        """
        waits = np.log((self.alpha_days + p.age_days) / (self.alpha_days + p.recency_days))
        alive: Floats = expit(-_log_odds_gone(self.r, self.a, self.b, p.frequency, waits))
        return alive

    def expected_purchases(self, p: Purchases, days: float, yearly_discount: float = 0.0) -> Floats:
        """Return the purchases to expect of each customer in the next `days`, shape (n,), counted as of now.

        A purchase u days ahead counts e^(−δu), δ = ln(1 + yearly_discount)/365. With E(t) the expectation without
        discount, ∫₀ᵗ e^(−δu) dE(u) = e^(−δt) E(t) + δ ∫₀ᵗ e^(−δu) E(u) du, the integral by 8-point Gauss–Legendre.
        E(t) = P(alive) · E_p[(1 − (1 + pz)^−(r+x))/p], z = t/(α + T), p ~ Beta(a, b + x): equal to the paper's ₂F₁
        formula, which overflows at large x and divides by zero at a = 1; relative error below 1e-6.

        Raises:
            InputError: negative or endless days, or a discount of −100 % or less.
        """
        if not (0 <= days < np.inf and -1 < yearly_discount < np.inf):
            got = f"{days} days, a discount of {yearly_discount} a year"
            raise InputError("expected purchases", "days ≥ 0 and a discount above -1", got, "correct the horizon")
        rate = float(np.log1p(yearly_discount)) / DAYS_PER_YEAR
        bought: Floats = self.alive(p) * _per_distinct(p, lambda x, age: self._discounted(x, age, days, rate))
        return bought

    def purchases_after(self, p: Purchases, days: float, until: float, yearly_discount: float = 0.0) -> Floats:
        """Return the purchases to expect of each customer from `days` to `until` ahead if alive at `days`, shape (n,).

        (E(until) − E(days)) / P(alive at days), both given that the customer is alive now, and counted as of now, as in
        `expected_purchases`: E(until) = E(days) + P(alive now) · P(alive at days | alive now) · this. It is never more
        than a customer who cannot leave would buy, (r + x)/(α + T) a day; where fewer than one in 10⁵ would last
        that long, the quotient is not known, and that bound holds.

        Raises:
            InputError: as `expected_purchases`, or `until` is not beyond `days`.
        """
        if not (0 <= days < until < np.inf and -1 < yearly_discount < np.inf):
            got = f"{days} to {until} days, a discount of {yearly_discount} a year"
            fix = "look further ahead than the horizon"
            raise InputError("expected purchases", "days ≥ 0, more days after them and a discount above -1", got, fix)
        rate = float(np.log1p(yearly_discount)) / DAYS_PER_YEAR
        span = until - days if rate == 0 else (np.exp(-rate * days) - np.exp(-rate * until)) / rate

        def after(x: Floats, age: Floats) -> Floats:
            most = (self.r + x) / (self.alpha_days + age) * span
            lasting = self._lasting(x, age, days)
            bought = self._discounted(x, age, until, rate) - self._discounted(x, age, days, rate)
            known = lasting > LEAST_LASTING
            return np.where(known, np.clip(bought / np.where(known, lasting, 1.0), 0.0, most), most)

        return _per_distinct(p, after)

    def _lasting(self, x: Floats, age: Floats, days: float) -> Floats:
        """Return the probability that a customer alive now still is in `days`: E_p[(1 + pz)^−(r+x)], z = t/(α + T)."""
        values, which = np.unique(x, return_inverse=True)
        leaving, weights = (table[which] for table in _beta_nodes(self.a, self.b + values))
        z, shape = days / (self.alpha_days + age), self.r + x
        at_one = -np.expm1(-shape * np.log1p(z))
        bend = -np.expm1(-shape[:, None] * np.log1p(leaving * z[:, None])) - leaving * at_one[:, None]
        gone = self.a * at_one / (self.a + self.b + x) + np.einsum("ij,ij->i", weights, bend)
        lasting: Floats = np.clip(1.0 - gone, 0.0, 1.0)
        return lasting

    def _discounted(self, x: Floats, age: Floats, days: float, rate: float) -> Floats:
        """Return the purchases of the next `days` of customers who are alive now."""
        clock = self.alpha_days + age
        values, which = np.unique(x, return_inverse=True)
        leaving, weights = (table[which] for table in _beta_nodes(self.a, self.b + values))

        def expected(until: Floats | float) -> Floats:
            z, shape = until / clock, self.r + x
            at_zero, at_one = shape * z, -np.expm1(-shape * np.log1p(z))
            bend = -np.expm1(-shape[:, None] * np.log1p(leaving * z[:, None])) / leaving
            bend -= at_zero[:, None] + (at_one - at_zero)[:, None] * leaving
            line = ((self.b + x) * at_zero + self.a * at_one) / (self.a + self.b + x)
            total: Floats = line + np.einsum("ij,ij->i", weights, bend)
            return total

        value: Floats = np.exp(-rate * days) * expected(days)
        if rate == 0:
            return value
        span = np.log1p(days / clock)  # E bends on the scale of α + T: even steps of its logarithm follow it
        for node, weight in zip(*YEARS_GRID, strict=True):
            grown = np.exp(span * (node + 1) / 2)
            until = clock * (grown - 1)
            value += rate * weight * span / 2 * clock * grown * np.exp(-rate * until) * expected(until)
        return value


def fit_purchasing(p: Purchases) -> PurchaseModel | None:
    """Return the BG/NBD model of most likelihood, or None when fewer than 30 customers bought again later.

    Time is measured in mean ages during the search, so the unit changes nothing. With more than 20,000 distinct rows
    the three starts compete on every k-th of them, and the best goes on with all.
    """
    repeaters = int((p.frequency > 0).sum())
    if (p.recency_days > 0).sum() < FEWEST_REPEATERS:
        return None
    first, _, count = distinct(p.frequency, p.recency_days, p.age_days)
    scale = float(np.average(p.age_days[first], weights=count))
    x, recency, age = p.frequency[first], p.recency_days[first] / scale, p.age_days[first] / scale
    limits, names, starts, thin = [LOG_PARAMETER] * 4, ["r", "alpha", "a", "b"], STARTS, 1 + (len(x) - 1) // SCOUTS
    if thin > 1:
        scouts = _log_likelihood(x[::thin], recency[::thin], age[::thin], count[::thin])
        starts = maximise(scouts, starts, limits, names).theta[None, :]
    fit = maximise(_log_likelihood(x, recency, age, count), starts, limits, names)
    parameters = np.exp(fit.theta) * [1, scale, 1, 1]
    r, alpha, a, b = parameters.tolist()
    in_days = len(p) * fit.log_likelihood - float((x * count).sum()) * float(np.log(scale))
    return PurchaseModel(r, alpha, a, b, in_days, len(p), repeaters, fit.standard_errors(parameters, len(p)), fit.notes)


def _log_odds_gone(r: float, a: float, b: float, x: Floats, waits: Floats) -> Floats:
    """Return ln(P(left)/P(alive)), shape (n,); `waits` is ln((α + T)/(α + t_x)). No repeat, no chance to leave."""
    odds: Floats = np.log(a) - np.log(np.where(x > 0, b + x - 1, np.inf)) + (r + x) * waits
    return odds


def _log_likelihood(x: Floats, recency: Floats, age: Floats, count: Rows) -> LogLikelihood:
    """Return the mean log-likelihood and its gradient as a function of (ln r, ln α, ln a, ln b).

    ln L = ln Γ(r + x)/Γ(r) + ln B(a, b + x)/B(a, b) + r ln α − (r + x) ln(α + T) + ln(1 + odds of having left): in
    logarithms nothing overflows. Special functions are computed once per distinct x.
    """
    first, group, _ = distinct(x)
    values, share = x[first], count / count.sum()
    per_value, bought = (
        np.bincount(group, share).astype(np.float64),
        x > 0,
    )  # whoever bought nothing again is alive: one logarithm each
    again, times, weight, since = values[values > 0], x[bought], share[bought], recency[bought]
    group_again = group[bought] - int(values[0] == 0)

    def value_and_gradient(theta: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = np.exp(theta).tolist()
        clock = alpha + age
        log_age, log_since = np.log(clock), np.log(alpha + since)
        waits = log_age[bought] - log_since
        odds = _log_odds_gone(r, a, b, times, waits)
        by_value = gammaln(r + values) - gammaln(r) + betaln(a, b + values) - betaln(a, b)
        value = _sum(per_value, by_value) + r * theta[1] - _sum(share, (r + x) * log_age)
        value += _sum(weight, np.logaddexp(0, odds))
        gone = weight * expit(odds)
        in_r = _sum(per_value, digamma(r + values) - digamma(r)) + theta[1] - _sum(share, log_age) + _sum(gone, waits)
        in_alpha = r / alpha - _sum(share, (r + x) / clock)
        in_alpha += _sum(gone, (r + times) * (1 / clock[bought] - 1 / (alpha + since)))
        both = digamma(a + b) - digamma(a + b + values)
        in_a = _sum(per_value, both) + gone.sum() / a
        in_b = _sum(per_value, both + digamma(b + values) - digamma(b))
        in_b -= _sum(np.bincount(group_again, gone).astype(np.float64), 1 / (b + again - 1))
        return float(value), np.array([in_r * r, in_alpha * alpha, in_a * a, in_b * b])

    return value_and_gradient


def _per_distinct(p: Purchases, of: Callable[[Floats, Floats], Floats]) -> Floats:
    """Return a function of frequency and age for each customer, shape (n,), computed once per distinct pair."""
    first, group, _ = distinct(p.frequency, p.age_days)
    found = np.empty(len(first))
    for start in range(0, len(first), ROWS_AT_ONCE):
        rows = first[start : start + ROWS_AT_ONCE]
        found[start : start + len(rows)] = of(p.frequency[rows], p.age_days[rows])
    every: Floats = found[group]
    return every


def _sum(weights: Floats, values: Floats) -> float:
    return float((weights * values).sum())  # not BLAS, whose last bits depend on the number of threads


def _beta_nodes(a: float, b: Floats) -> tuple[Floats, Floats]:
    """Return p and weights, both (len(b), grid), with E[f(p)] = Σ weight·f if f(0) = f(1) = 0 and p ~ Beta(a, b).

    Trapezoid rule in ln(p/(1 − p)) under Beta(a + 1, b + 1), which leaves f/(p(1 − p)); it converges geometrically,
    everything being analytic there.
    """
    spread = np.sqrt(polygamma(1, a + 1) + polygamma(1, b + 1))
    logit = np.log((a + 1) / (b + 1))[:, None] + spread[:, None] * LOGIT_GRID
    log_stay, log_leave = -np.logaddexp(0, logit), -np.logaddexp(0, -logit)
    density = (a + 1) * log_leave + (b[:, None] + 1) * log_stay
    weights = np.exp(density - density.max(axis=1, keepdims=True))
    weights *= (a * b / ((a + b) * (a + b + 1)) / weights.sum(axis=1))[:, None]
    return np.exp(log_leave), weights * np.exp(-log_leave - log_stay)
