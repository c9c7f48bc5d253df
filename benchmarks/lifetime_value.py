"""Lifetime value against the PyPI package `lifetimes`: parameters, likelihood, predictions, time.

Run `python benchmarks/lifetime_value.py --rival PYTHON`, where PYTHON is the interpreter of another environment that
holds the rival (Python 3.8 to 3.10: pip install lifetimes==0.11.3 'numpy<1.24' 'pandas<2' 'scipy<1.11'). Without
--rival only our own figures and times are printed. CDNOW is read from the rival's package; nothing is copied.
"""

import argparse
import json
import subprocess
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.features.lifetime_value import PurchaseModel, Purchases, SpendModel, fit_purchasing, fit_spend

Floats = NDArray[np.float64]
AHEAD_DAYS = 273.0
MONTHS, MONTHLY_DISCOUNT = 12, 0.01
CDNOW = {"r": 0.243, "alpha": 4.414 * 7, "a": 0.793, "b": 2.426, "p": 6.25, "q": 3.74, "v": 15.44}

RIVAL = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
import pandas as pd
from lifetimes import BetaGeoFitter, GammaGammaFitter
from lifetimes.datasets import load_cdnow_summary_data_with_monetary_value

data = json.load(sys.stdin)
if "CDNOW" in data:
    cdnow = load_cdnow_summary_data_with_monetary_value()
    data["CDNOW"] = [(cdnow[c] * k).tolist() for c, k in
                     (("frequency", 1), ("recency", 7), ("T", 7), ("monetary_value", 1))]
answer = {}
for name, columns in data.items():
    x, recency, age, spend = (np.array(c, dtype=float) for c in columns)
    again, buying, spending = x > 0, BetaGeoFitter(), GammaGammaFitter()
    start = time.perf_counter()
    buying.fit(x, recency, age)
    middle = time.perf_counter()
    spending.fit(x[again], spend[again])
    end = time.perf_counter()
    p, one = dict(buying.params_), np.ones_like(x)
    ahead = buying.conditional_expected_number_of_purchases_up_to_time
    order = np.log([p["r"], p["alpha"], p["a"], p["b"]])
    answer[name] = {
        "columns": columns, "seconds": [middle - start, end - middle],
        "parameters": {**p, **dict(spending.params_)},
        "log_likelihood": -len(x) * float(BetaGeoFitter._negative_log_likelihood(order, x, recency, age, one, 0.0)),
        "spend_log_likelihood": -float(again.sum() * spending._negative_log_likelihood_),
        "alive": np.asarray(buying.conditional_probability_alive(x, recency, age)).tolist(),
        "expected": np.asarray(ahead(AHEAD, x, recency, age)).tolist(),
        "spend": np.asarray(spending.conditional_expected_average_profit(x, spend)).tolist(),
        "value": np.asarray(spending.customer_lifetime_value(
            buying, *map(pd.Series, (x, recency, age, spend)), time=MONTHS, discount_rate=DISCOUNT, freq="D"
        )).tolist(),
    }
buying.params_ = pd.Series({"r": 0.243, "alpha": 30.898, "a": 0.793, "b": 2.426})
answer["giant"] = [float(buying.conditional_expected_number_of_purchases_up_to_time(365.0, k, 1099.0, 1100.0))
                   for k in GIANTS]
json.dump(answer, sys.stdout)
"""
GIANTS = [100, 1_000, 10_000, 100_000]


def simulate(customers: int, seed: int, whole_days: bool) -> list[list[float]]:
    """Return frequency, recency, age (days) and mean spend of customers who live by the models with CDNOW's figures."""
    rng = np.random.default_rng(seed)
    age = rng.integers(27 * 7, 39 * 7 + 1, customers).astype(float)
    if not whole_days:
        age -= rng.uniform(size=customers)
    rate = rng.gamma(CDNOW["r"], 1 / CDNOW["alpha"], customers)
    leaving = rng.beta(CDNOW["a"], CDNOW["b"], customers)
    x, last, clock, here = np.zeros(customers), np.zeros(customers), np.zeros(customers), np.arange(customers)
    while len(here):
        clock[here] += rng.exponential(size=len(here)) / np.maximum(rate[here], 1e-300)
        here = here[clock[here] <= age[here]]
        x[here] += 1
        last[here] = np.ceil(clock[here]) if whole_days else clock[here]
        here = here[rng.uniform(size=len(here)) > leaving[here]]
    scale = 1 / rng.gamma(CDNOW["q"], 1 / CDNOW["v"], customers)
    spend = np.where(x > 0, rng.gamma(np.maximum(CDNOW["p"] * x, 1)) * scale / np.maximum(x, 1), 0)
    return [column.tolist() for column in (x, last, age, spend)]


def ask_rival(python: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return what the rival says of each data set."""
    values = f"AHEAD, MONTHS, DISCOUNT, GIANTS = {AHEAD_DAYS}, {MONTHS}, {MONTHLY_DISCOUNT}, {GIANTS}\n"
    done = subprocess.run([python, "-c", values + RIVAL], input=json.dumps(data), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the rival failed: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def monthly_value(buying: PurchaseModel, spending: SpendModel, p: Purchases) -> Floats:
    """Return the rival's definition of lifetime value by our models: months of 30 days, each discounted at its end."""
    reach = [buying.expected_purchases(p, 30.0 * month) for month in range(MONTHS + 1)]
    discount = (1 + MONTHLY_DISCOUNT) ** -np.arange(1.0, MONTHS + 1)
    value: Floats = spending.expected_spend(p) * (discount @ np.diff(reach, axis=0))
    return value


def compare(name: str, theirs: dict[str, Any]) -> None:
    """Print ours beside theirs for one data set."""
    p = Purchases(*theirs["columns"])
    start = time.perf_counter()
    buying = fit_purchasing(p)
    middle = time.perf_counter()
    spending = fit_spend(p)
    seconds = [middle - start, time.perf_counter() - middle]
    assert buying is not None
    assert spending is not None
    ours = {"r": buying.r, "alpha": buying.alpha_days, "a": buying.a, "b": buying.b}
    ours |= {"p": spending.p, "q": spending.q, "v": spending.v_money}
    rows = [(key, value, theirs["parameters"][key]) for key, value in ours.items()]
    rows += [("BG/NBD log-likelihood", buying.log_likelihood, theirs["log_likelihood"])]
    rows += [("gamma-gamma log-likelihood", spending.log_likelihood, theirs["spend_log_likelihood"])]
    print(f"\n{name}: {len(p)} customers, {buying.repeaters} of them repeaters\n")
    print("| figure | ours | lifetimes 0.11.3 | relative difference |\n|---|---:|---:|---:|")
    for label, our, their in rows:
        print(f"| {label} | {our:.6g} | {their:.6g} | {abs(our - their) / abs(their):.1e} |")
    predictions = {
        "alive": buying.alive(p),
        "expected": buying.expected_purchases(p, AHEAD_DAYS),
        "spend": spending.expected_spend(p),
        "value": monthly_value(buying, spending, p),
    }
    for label, value in predictions.items():
        other = np.array(theirs[label])
        text = f"Σ {label} (worst customer: {np.nanmax(np.abs(value - other)):.1e})"
        gap = abs(value.sum() - other.sum()) / other.sum()
        print(f"| {text} | {value.sum():.6g} | {other.sum():.6g} | {gap:.1e} |")
    print(f"| seconds to fit BG/NBD | {seconds[0]:.3f} | {theirs['seconds'][0]:.3f} | |")
    print(f"| seconds to fit gamma-gamma | {seconds[1]:.3f} | {theirs['seconds'][1]:.3f} | |")


def clock(customers: int, whole_days: bool) -> None:
    """Print how long a large population takes us."""
    p = Purchases(*simulate(customers, 1, whole_days))
    marks = [(time.perf_counter(), time.process_time())]
    buying, spending = fit_purchasing(p), None
    marks.append((time.perf_counter(), time.process_time()))
    spending = fit_spend(p)
    marks.append((time.perf_counter(), time.process_time()))
    assert buying is not None
    assert spending is not None
    buying.expected_purchases(p, AHEAD_DAYS)
    marks.append((time.perf_counter(), time.process_time()))
    buying.expected_purchases(p, 1095.0, 0.1)
    marks.append((time.perf_counter(), time.process_time()))
    wall, cpu = np.diff(np.array(marks), axis=0).T
    steps = " | ".join(f"{seconds:.2f} ({busy:.2f})" for seconds, busy in zip(wall, cpu, strict=True))
    print(f"| {customers:,}, {'whole days' if whole_days else 'exact times'} | {steps} |")


def main() -> None:
    """Compare, then time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rival", help="interpreter of an environment with lifetimes 0.11.3")
    parser.add_argument("--customers", type=int, default=1_000_000, help="size of the timed population")
    arguments = parser.parse_args()
    if arguments.rival:
        simulated = {"simulated like CDNOW": simulate(2357, 2005, True), "simulated, larger": simulate(50_000, 7, True)}
        answer = ask_rival(arguments.rival, {"CDNOW": None, **simulated})
        giants = answer.pop("giant")
        for name, theirs in answer.items():
            compare(name, theirs)
        model = PurchaseModel(CDNOW["r"], 30.898, CDNOW["a"], CDNOW["b"], 0.0, 0, 0)
        busy = Purchases(GIANTS, [1099.0] * 4, [1100.0] * 4, [1.0] * 4)
        print(
            "\n| repeat purchases in 1,100 days, expected in the next 365 | ours | lifetimes 0.11.3 |\n|---:|---:|---:|"
        )
        for x, our, their in zip(GIANTS, model.expected_purchases(busy, 365.0), giants, strict=True):
            print(f"| {x:,} | {our:.6g} | {their:.6g} |")
    print("\n| customers | fit BG/NBD | fit gamma-gamma | expected purchases | discounted, 3 years |")
    print("|---|---:|---:|---:|---:|")
    for whole_days in (True, False):
        clock(arguments.customers, whole_days)


if __name__ == "__main__":
    main()
