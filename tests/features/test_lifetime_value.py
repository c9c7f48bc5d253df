"""Lifetime value: the published CDNOW figures, recovery from simulated customers, slow oracles, and odd populations."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import hyp2f1
from scipy.stats import beta, binomtest, gamma

from rapport.contracts.errors import InputError
from rapport.features import lifetime_purchasing, lifetime_spending
from rapport.features.lifetime_fit import maximise
from rapport.features.lifetime_value import (
    PurchaseModel,
    Purchases,
    SpendModel,
    fit_purchasing,
    fit_spend,
    lifetime_value,
    value_after,
)

Floats = NDArray[np.float64]
WEEK = 7.0
R, ALPHA, A, B = 0.243, 4.414 * WEEK, 0.793, 2.426  # Fader, Hardie & Lee (2005), CDNOW, α given in weeks
P, Q, V = 6.25, 3.74, 15.44  # Fader & Hardie (2013), CDNOW
TRUTH = PurchaseModel(R, ALPHA, A, B, 0.0, 0, 0)
SPEND_TRUTH = SpendModel(P, Q, V, 0.0, 0, 0, 0.0)
SOME = Purchases([0, 1, 3, 12], [0, 20, 150, 260], [1, 90, 200, 270], [np.nan, 10, 35.5, 80])


def simulate(n: int, seed: int, ahead_days: float = 39 * WEEK) -> tuple[Purchases, Floats]:
    """Play the process itself: histories of n customers aged 27 to 39 weeks, and what each buys in the days ahead."""
    rng = np.random.default_rng(seed)
    age = rng.integers(27 * 7, 39 * 7 + 1, n).astype(float)
    rate, leaving = rng.gamma(R, 1 / ALPHA, n), rng.beta(A, B, n)
    x, last, ahead, clock, here = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.arange(n)
    while len(here):
        clock[here] += rng.exponential(size=len(here)) / np.maximum(rate[here], 1e-300)
        here = here[clock[here] <= age[here] + ahead_days]
        seen = here[clock[here] <= age[here]]
        x[seen] += 1
        last[seen] = clock[seen]
        ahead[np.setdiff1d(here, seen)] += 1
        here = here[rng.uniform(size=len(here)) > leaving[here]]
    scale = 1 / rng.gamma(Q, 1 / V, n)
    spend = np.where(x > 0, rng.gamma(np.maximum(P * x, 1)) * scale / np.maximum(x, 1), np.nan)
    return Purchases(x, last, age, spend), ahead


def take(p: Purchases, rows: object) -> Purchases:
    columns = (p.frequency, p.recency_days, p.age_days, p.mean_spend)
    return Purchases(*(column[rows] for column in columns))  # type: ignore[index]


def slow_log_likelihood(m: PurchaseModel, x: float, t_x: float, age: float) -> float:
    """The likelihood given λ and p, averaged over both on a grid of 200 × 200 Gauss–Legendre points."""
    node, weight = np.polynomial.legendre.leggauss(200)
    leaving, rate = (node[:, None] + 1) / 2, (node[None, :] + 1) * 0.75
    stayed = (1 - leaving) ** x * rate**x * np.exp(-rate * age)
    left = leaving * (1 - leaving) ** max(x - 1, 0) * rate**x * np.exp(-rate * t_x) * (x > 0)
    likelihood = (stayed + left) * beta.pdf(leaving, m.a, m.b) * gamma.pdf(rate, m.r, scale=1 / m.alpha_days)
    return float(np.log(weight / 2 @ likelihood @ (weight * 0.75)))


@pytest.mark.parametrize(("x", "t_x", "age"), [(0, 0.0, 60.0), (1, 10.0, 40.0), (4, 55.0, 60.0)])
def test_likelihood_is_the_integral_over_rates_and_dropout(x: int, t_x: float, age: float) -> None:
    model = PurchaseModel(2.0, 12.0, 2.0, 3.0, 0.0, 0, 0)
    one = (np.array([float(x)]), np.array([t_x]), np.array([age]), np.array([1]))
    fast, _ = lifetime_purchasing._log_likelihood(*one)(np.log([model.r, model.alpha_days, model.a, model.b]))
    assert fast == pytest.approx(slow_log_likelihood(model, x, t_x, age), rel=1e-6)


def test_gradients_agree_with_differences() -> None:
    p, _ = simulate(300, seed=5)
    again = p.frequency > 0
    buying = lifetime_purchasing._log_likelihood(p.frequency, p.recency_days, p.age_days, np.ones(300, dtype=np.intp))
    spending = lifetime_spending._log_likelihood(p.frequency[again], p.mean_spend[again])
    for value, at in ((buying, np.log([0.4, 20.0, 1.3, 2.0])), (spending, np.log([5.0, 2.0, 20.0]))):
        moves = 1e-5 * np.eye(len(at))
        slope = [(value(at + move)[0] - value(at - move)[0]) / 2e-5 for move in moves]
        np.testing.assert_allclose(value(at)[1], slope, rtol=1e-5, atol=1e-8)


def test_published_customer() -> None:
    """The worked example of Fader, Hardie & Lee's spreadsheet note: x = 2, t_x = 30.43, T = 38.86 weeks, 39 ahead."""
    customer = Purchases([2], [30.43 * WEEK], [38.86 * WEEK], [22.35])
    assert TRUTH.expected_purchases(customer, 39 * WEEK)[0] == pytest.approx(1.226, abs=5e-4)


def paper_formula(m: PurchaseModel, x: Floats, age: Floats, days: float) -> Floats:
    """Equation 10 of the paper before P(alive), ₂F₁ and all."""
    z = days / (m.alpha_days + age + days)
    grown = hyp2f1(m.r + x, m.b + x, m.a + m.b + x - 1, z) * (1 - z) ** (m.r + x)
    return (m.a + m.b + x - 1) / (m.a - 1) * (1 - grown)


@pytest.mark.parametrize("days", [0.0, 1.0, 273.0, 3650.0])
@pytest.mark.parametrize("model", [TRUTH, PurchaseModel(2.0, 50.0, 3.3, 1.4, 0.0, 0, 0)])
def test_expected_purchases_follow_the_paper(model: PurchaseModel, days: float) -> None:
    expected = paper_formula(model, SOME.frequency, SOME.age_days, days) * model.alive(SOME)
    np.testing.assert_allclose(model.expected_purchases(SOME, days), expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("parameters", [(0.243, 30.9, 1.0, 2.426), (200.0, 900.0, 0.05, 0.02), (0.02, 5.0, 40.0, 0.5)])
def test_expected_purchases_where_the_formula_breaks(parameters: tuple[float, float, float, float]) -> None:
    """Customers alive now, by adaptive integration over p: a = 1 exactly, tiny and large shapes, huge histories."""
    r, alpha, a, b = parameters
    model = PurchaseModel(r, alpha, a, b, 0.0, 0, 0)
    for x, age in ((0.0, 0.0), (3.0, 100.0), (50_000.0, 1000.0)):
        z, shape = 1095 / (alpha + age), r + x
        at_zero = shape * z  # the limit at p = 0, split off so that the integrand is tame there

        def below(log_p: float, z: float = z, shape: float = shape, x: float = x, at_zero: float = at_zero) -> float:
            p = np.exp(log_p)
            return float((at_zero + np.expm1(-shape * np.log1p(p * z)) / p) * p * beta.pdf(p, a, b + x))

        middle = float(np.log((a + 1) / (a + b + x + 2)))
        corners = [c for c in (-60.0, middle - 8, middle - 3, middle, middle + 1, middle + 2, -1e-3, -1e-9) if c < 0]
        corners = sorted({min(c, -1e-9) for c in corners})
        missed = sum(quad(below, lo, hi, limit=200, epsrel=1e-10)[0] for lo, hi in pairwise(corners))
        missed += (at_zero - 1 + (1 + z) ** -shape) * beta.sf(np.exp(-1e-9), a, b + x)
        got = model._discounted(np.array([x]), np.array([age]), 1095.0, 0.0)[0]
        assert got == pytest.approx(at_zero - missed, rel=2e-6)


def test_huge_histories_stay_finite() -> None:
    """A million purchases in ten years: the paper's ₂F₁ overflows there, the model does not."""
    giant = Purchases([1e6, 1e6], [3649.999, 1000], [3650, 3650], [5, 5])
    with np.errstate(all="ignore"):
        assert not np.isfinite(paper_formula(TRUTH, giant.frequency, giant.age_days, 3650.0)).all()
    alive, expected = TRUTH.alive(giant), TRUTH.expected_purchases(giant, 365.0)
    assert alive[0] > 0.99
    assert alive[1] == 0
    assert 90_000 < expected[0] < 100_000
    assert expected[1] == 0


def test_alive_by_hand() -> None:
    x, t_x, age = 1.0, 20.0, 90.0
    gone = A / (B + x - 1) * ((ALPHA + age) / (ALPHA + t_x)) ** (R + x)
    np.testing.assert_allclose(TRUTH.alive(SOME)[:2], [1.0, 1 / (1 + gone)], rtol=1e-12)


def test_predictions_hold_in_simulated_futures() -> None:
    """100,000 customers, true parameters: purchases ahead within 4 standard errors in each group (error rate 3e-4)."""
    p, ahead = simulate(100_000, seed=11)
    expected = TRUTH.expected_purchases(p, 39 * WEEK)
    for low, high in ((0, 0), (1, 1), (2, 4), (5, 1000)):
        rows = (p.frequency >= low) & (p.frequency <= high)
        spread = ahead[rows].std() / np.sqrt(rows.sum())
        assert abs(ahead[rows].mean() - expected[rows].mean()) < 4 * spread
    bought = binomtest(int((ahead[p.frequency > 3] > 0).sum()), int((p.frequency > 3).sum()))
    assert bought.proportion_estimate < TRUTH.alive(take(p, p.frequency > 3)).mean()


def test_cdnow_sized_recovery_and_holdout() -> None:
    """2,357 customers like CDNOW's: each of 7 parameters within 3 standard errors (false alarm in 2 % of seeds),
    the purchases of weeks 40 to 78 within 3 standard errors of their total (0.3 %), which are at most 16 % of it."""
    p, ahead = simulate(2357, seed=2005)
    buying, spending = fit_purchasing(p), fit_spend(p)
    assert buying is not None
    assert spending is not None
    assert (buying.notes, spending.notes) == ((), ())
    estimates = [buying.r, buying.alpha_days, buying.a, buying.b, spending.p, spending.q, spending.v_money]
    errors = [*(buying.standard_errors or ()), *(spending.standard_errors or ())]
    assert (np.abs(np.subtract(estimates, [R, ALPHA, A, B, P, Q, V])) < 3 * np.array(errors)).all()
    expected = buying.expected_purchases(p, 39 * WEEK)
    allowed = 3 * (ahead - expected).std() * np.sqrt(len(p))
    assert abs(ahead.sum() - expected.sum()) < allowed < 0.16 * ahead.sum()


def test_standard_errors_are_the_spread_of_estimates() -> None:
    """30 populations of 1,000: the spread of ln r over its stated error lies in 0.6 … 1.5 (false alarm 1e-3)."""
    fits = [fit_purchasing(simulate(1000, seed)[0]) for seed in range(30)]
    logs = np.array([np.log(fit.r) for fit in fits if fit])
    stated = np.array([fit.standard_errors[0] / fit.r for fit in fits if fit and fit.standard_errors])
    assert len(stated) >= 28
    assert 0.6 < logs.std(ddof=1) / np.median(stated) < 1.5
    assert abs(logs.mean() - np.log(R)) < 4 * logs.std() / np.sqrt(30)


def test_likelihood_is_highest_at_the_estimate_and_starts_agree() -> None:
    p, _ = simulate(2000, seed=3)
    fit = fit_purchasing(p)
    assert fit is not None
    value = lifetime_purchasing._log_likelihood(p.frequency, p.recency_days, p.age_days, np.ones(len(p), dtype=np.intp))
    best = np.log([fit.r, fit.alpha_days, fit.a, fit.b])
    assert len(p) * value(best)[0] == pytest.approx(fit.log_likelihood, abs=1e-6)
    assert np.abs(value(best)[1]).max() < 1e-6
    for start in ([0.0, 3.0, 1.0, -1.0], [-2.0, 6.0, 0.0, 2.0]):
        other = maximise(value, np.array([start]), [(-12.0, 12.0)] * 4, list("rαab"))
        np.testing.assert_allclose(other.theta, best, atol=1e-4)


def test_order_and_unit_change_nothing() -> None:
    p, _ = simulate(1000, seed=4)
    shuffled = take(p, np.random.default_rng(0).permutation(1000))
    assert fit_purchasing(shuffled) == fit_purchasing(p)
    assert fit_spend(shuffled) == fit_spend(p)
    weeks = Purchases(p.frequency, p.recency_days / 7, p.age_days / 7, p.mean_spend * 100)
    days_fit, weeks_fit, money, cents = fit_purchasing(p), fit_purchasing(weeks), fit_spend(p), fit_spend(weeks)
    assert days_fit
    assert weeks_fit
    assert money
    assert cents
    assert weeks_fit.alpha_days * 7 == pytest.approx(days_fit.alpha_days, rel=1e-6)
    jacobian = float(p.frequency.sum()) * np.log(7)
    assert weeks_fit.log_likelihood == pytest.approx(days_fit.log_likelihood + jacobian, abs=1e-6)
    assert cents.v_money == pytest.approx(100 * money.v_money, rel=1e-5)


def test_many_distinct_rows_reach_the_same_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    p, _ = simulate(3000, seed=6)
    whole = fit_purchasing(p)
    monkeypatch.setattr("rapport.features.lifetime_purchasing.SCOUTS", 200)
    scouted = fit_purchasing(p)
    assert whole
    assert scouted
    assert scouted.b == pytest.approx(whole.b, rel=1e-4)
    assert scouted.log_likelihood == pytest.approx(whole.log_likelihood, abs=1e-6)


def test_a_customer_alone_gets_the_value_of_the_crowd() -> None:
    p, _ = simulate(3000, seed=8)
    together = lifetime_value(TRUTH, SPEND_TRUTH, p, 1095.0, 0.1)
    alone = [lifetime_value(TRUTH, SPEND_TRUTH, take(p, [i]), 1095.0, 0.1)[0] for i in range(0, 3000, 300)]
    np.testing.assert_allclose(alone, together[::300], rtol=1e-13)


def test_discounting_is_the_sum_over_days() -> None:
    """Each day's expected purchases times (1 + rate)^(−days/365), added up by hand."""
    edges = np.arange(0.0, 1095.5, 1.0)
    reach = np.array([TRUTH.expected_purchases(SOME, day) for day in edges])
    by_hand = (1.15 ** (-(edges[1:] + edges[:-1]) / 2 / 365)) @ np.diff(reach, axis=0)
    np.testing.assert_allclose(TRUTH.expected_purchases(SOME, 1095.0, 0.15), by_hand, rtol=1e-6)
    value = lifetime_value(TRUTH, SPEND_TRUTH, SOME, 1095.0, 0.15, margin=0.6)
    np.testing.assert_allclose(value, 0.6 * by_hand * SPEND_TRUTH.expected_spend(SOME), rtol=1e-6)
    assert (lifetime_value(TRUTH, SPEND_TRUTH, SOME, 1095.0, 0.0, 0.6) > value).all()


def test_expected_spend_is_the_posterior_mean() -> None:
    """E[p/ν | x, m̄] by integration over ν ~ Gamma(q, v) given x purchases that came to x·m̄."""
    x, mean = 3.0, 35.5
    rates = gamma(P * x + Q, scale=1 / (V + x * mean))
    slow = quad(lambda nu: P / nu * rates.pdf(nu), 1e-9, 10, points=[0.1, 0.2, 0.5], epsabs=1e-12)[0]
    assert SPEND_TRUTH.expected_spend(SOME)[2] == pytest.approx(slow, rel=1e-6)
    assert SPEND_TRUTH.expected_spend(SOME)[0] == pytest.approx(P * V / (Q - 1))


def test_value_after_the_horizon_by_integration_and_in_parts() -> None:
    """(E(until) − E(days))/P(alive then) from the paper's integrals; the value until then and after make the whole."""
    after = TRUTH.purchases_after(SOME, 90.0, 1095.0)
    for row, (x, age) in enumerate(zip(SOME.frequency, SOME.age_days, strict=True)):
        assert after[row] == pytest.approx(slow_purchases_after(x, age, 90.0, 1095.0), rel=1e-5)
    early, whole = (lifetime_value(TRUTH, SPEND_TRUTH, SOME, days, 0.1) for days in (90, 1095))
    spared = TRUTH.alive(SOME) * TRUTH._lasting(SOME.frequency, SOME.age_days, 90.0)
    later = value_after(TRUTH, SPEND_TRUTH, SOME, (90, 1095), 0.1)
    np.testing.assert_allclose(early + spared * later, whole, rtol=1e-12)


def slow_purchases_after(x: float, age: float, days: float, until: float) -> float:
    clock, shape = ALPHA + age, R + x

    def mean(of: Callable[[float], float]) -> float:
        return float(quad(lambda t: of(t**4) * beta.pdf(t**4, A, B + x) * 4 * t**3, 0, 1, limit=200)[0])

    def bought(p: float) -> float:
        if p < 1e-12:
            return float(shape / clock * (until - days))
        return float(((1 + p * days / clock) ** -shape - (1 + p * until / clock) ** -shape) / p)

    return mean(bought) / mean(lambda p: (1 + p * days / clock) ** -shape)


def test_value_after_the_horizon_holds_in_simulated_futures() -> None:
    """Who is alive now buys and leaves by the process; the mean after day 90 of those alive then, within 4 errors."""
    rng, customer = np.random.default_rng(5), Purchases([4], [200], [240], [10.0])
    n, days, until = 100_000, 90.0, 400.0
    rate, leaving = rng.gamma(R + 4, 1 / (ALPHA + 240), n), rng.beta(A, B + 4, n)
    after, gone, clock, here = np.zeros(n), np.full(n, np.inf), np.zeros(n), np.arange(n)
    while len(here):
        clock[here] += rng.exponential(size=len(here)) / rate[here]
        here = here[clock[here] <= until]
        after[here[clock[here] > days]] += 1
        left = rng.uniform(size=len(here)) < leaving[here]
        gone[here[left]] = clock[here[left]]
        here = here[~left]
    lasting = after[gone > days]
    error = lasting.std() / np.sqrt(len(lasting))
    assert abs(lasting.mean() - TRUTH.purchases_after(customer, days, until)[0]) < 4 * error


def test_value_after_a_horizon_nobody_reaches_is_bounded() -> None:
    """Where next to nobody would be left, the quotient of two vanishing numbers gives way to a rate without leaving."""
    leaving, many = PurchaseModel(2.0, 1.0, 1e3, 1e-3, 0.0, 30, 30), Purchases([200], [90], [100], [1.0])
    assert leaving.purchases_after(many, 90.0, 100.0) == pytest.approx([202 / 101 * 10])
    staying = replace(leaving, a=1e-3, b=1e3)
    assert staying.purchases_after(many, 90.0, 100.0) == pytest.approx([202 / 101 * 10], rel=1e-3)


def test_parameters_survive_json() -> None:
    p, _ = simulate(1000, seed=9)
    for model in (fit_purchasing(p), fit_spend(p)):
        assert model is not None
        document = json.loads(json.dumps(model.as_dict(), allow_nan=False))
        assert type(model).from_dict(document) == model
        document.pop("notes")
        with pytest.raises(InputError, match="expected the keys"):
            type(model).from_dict(document)


def population(x: float, t_x: float, age: float, spend: float, n: int = 500) -> Purchases:
    return Purchases(np.full(n, x), np.full(n, t_x), np.full(n, age), np.full(n, spend))


def test_too_little_gives_no_model_and_no_value() -> None:
    nobody, one, p = population(0, 0, 100, np.nan), population(2, 50, 100, 20.0, n=1), simulate(500, seed=1)[0]
    few = take(p, np.r_[np.flatnonzero(p.frequency == 0), np.flatnonzero(p.frequency > 0)[:29]])
    none = Purchases([], [], [], [])
    for small in (nobody, one, few, none):
        assert fit_purchasing(small) is None
        assert fit_spend(small) is None
    assert np.isnan(lifetime_value(None, None, few, 365.0, 0.1)).all()
    assert np.isnan(lifetime_value(TRUTH, fit_spend(few), few, 365.0, 0.1)).all()
    enough = take(p, np.r_[np.flatnonzero(p.frequency == 0), np.flatnonzero(p.frequency > 0)[:30]])
    assert fit_purchasing(enough) is not None
    assert fit_spend(enough) is not None
    assert lifetime_value(TRUTH, SPEND_TRUTH, none, 365.0, 0.1).shape == (0,)


@pytest.mark.parametrize(
    "odd",
    [
        population(3, 50, 100, 20.0),  # all the same
        population(3, 100, 100, 20.0),  # nobody ever leaves
        population(1, 1, 1000, 20.0),  # everybody leaves at once
        population(400, 399, 400, 1e9),
        population(1, 1e-6, 1e-6, 1e-9),
    ],
)
def test_odd_populations_give_finite_values_and_say_so(odd: Purchases) -> None:
    buying, spending = fit_purchasing(odd), fit_spend(odd)
    assert buying is not None
    assert spending is not None
    assert buying.notes or buying.standard_errors is None
    assert "edge of the search" in " ".join(spending.notes)
    value = lifetime_value(buying, spending, odd, 365.0, 0.1)
    assert np.isfinite(value).all()
    assert (value >= 0).all()
    np.testing.assert_allclose(spending.expected_spend(odd), odd.mean_spend, rtol=0.1)


def test_zero_and_negative_spend_is_left_out_and_counted() -> None:
    p, _ = simulate(1000, seed=10)
    again = np.flatnonzero(p.frequency > 0)
    spend = p.mean_spend.copy()
    spend[again[:5]], spend[again[5:8]] = 0.0, -12.0
    fit, clean = fit_spend(replace_spend(p, spend)), fit_spend(take(p, np.delete(np.arange(1000), again[:8])))
    assert fit is not None
    assert clean is not None
    assert (fit.left_out, fit.repeaters) == (8, len(again) - 8)
    assert fit.p == clean.p
    assert (fit.expected_spend(replace_spend(p, spend)) >= 0).all()
    assert fit_spend(replace_spend(p, np.zeros(1000))) is None


def replace_spend(p: Purchases, spend: Floats) -> Purchases:
    return Purchases(p.frequency, p.recency_days, p.age_days, spend)


def test_frequency_that_drives_spend_is_noted() -> None:
    p, _ = simulate(2000, seed=12)
    driven = fit_spend(replace_spend(p, p.frequency * 10 + np.nan_to_num(p.mean_spend) / 10))
    independent = fit_spend(p)
    assert driven is not None
    assert independent is not None
    assert "correlate" in " ".join(driven.notes)
    assert independent.notes == ()
    assert abs(independent.frequency_correlation) < 0.15


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([1.5], [1], [2], [1]), "column frequency, row 0: expected a whole number"),
        (([1, -1], [1, 0], [2, 2], [1, 1]), "column frequency, row 1"),
        (([1], [3], [2], [1]), "column recency_days, row 0: expected days from 0 to age_days; got 3"),
        (([0], [1], [2], [1]), "0 where frequency is 0"),
        (([1], [1], [np.nan], [1]), "column age_days"),
        (([0, 1], [0, 1], [2, 2], [np.nan, np.nan]), "column mean_spend, row 1"),
        (([1, 2], [1], [2], [1]), "four columns of one length"),
    ],
)
def test_impossible_histories_are_refused(columns: tuple[list[float], ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Purchases(*columns)
    assert len(Purchases([0, 1], [0, 1], [2, 2], [np.nan, 1])) == 2


@pytest.mark.parametrize(("days", "discount"), [(-1.0, 0.1), (np.inf, 0.1), (np.nan, 0.1), (30.0, -1.0)])
def test_impossible_horizons_are_refused(days: float, discount: float) -> None:
    with pytest.raises(InputError, match="correct the horizon"):
        TRUTH.expected_purchases(SOME, days, discount)
    assert TRUTH.expected_purchases(SOME, 30.0, -0.5).shape == (4,)


def test_models_are_frozen() -> None:
    with pytest.raises(AttributeError, match="cannot assign"):
        TRUTH.r = 1.0  # type: ignore[misc]
    assert replace(TRUTH, r=1.0).r == 1.0
