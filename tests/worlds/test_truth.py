"""The truth is what the world does on average, and the arms differ from person to person as they should."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from rapport.contracts.errors import InputError
from rapport.worlds import ARM_KINDS, ARMS, TruthTerms, World, answer, initial_tables, truth
from rapport.worlds.draws import MAX_COUNT, capped_poisson, capped_poisson_mean

START = pd.Timestamp("2025-04-01", tz="UTC")
HORIZON = pd.Timedelta(days=90)
WORLD = World(2000, seed=11, start=START)
TERMS = TruthTerms({"purchase": 0.6}, 300.0)
COSTS = {
    "training": 25.0,
    "personal_support": 40.0,
    "integration_advice": 30.0,
    "discount": 20.0,
    "premium_upsell": 12.0,
}
NO_DECISIONS = pd.DataFrame(
    columns=["decision_id", "stakeholder_id", "decided_at", "intervention", "propensity", "iteration", "policy"]
)


def assign(ids: pd.Series, arm: str, as_of: pd.Timestamp = START) -> pd.DataFrame:
    names = {"intervention": arm, "decided_at": as_of, "propensity": 1.0, "iteration": 1, "policy": "test"}
    return pd.DataFrame({"decision_id": f"{as_of:%Y%m%d}-" + ids, "stakeholder_id": ids}).assign(**names)


def outcome(events: pd.DataFrame, ids: pd.Series, terms: TruthTerms) -> tuple[np.ndarray, np.ndarray]:
    """Return each one's value and whether it churned, by the contract's words."""
    money = events["value"] * events["event_type"].map(terms.margins).fillna(0.0)
    value = money.groupby(events["stakeholder_id"]).sum().reindex(ids).fillna(0.0).to_numpy()
    churned = ids.isin(events.loc[events["event_type"] == "churned", "stakeholder_id"]).to_numpy()
    return value + terms.retention_value * ~churned, churned


@pytest.fixture(scope="module")
def large() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A larger world's truth with kinds, and the net gains of its arms (null where out of reach)."""
    world = World(8000, seed=1, start=START)
    stakeholders = initial_tables(world)[0]
    known = truth(world, NO_DECISIONS, START, TERMS).merge(stakeholders[["stakeholder_id", "kind", "opted_out"]])
    gains = {arm: known[f"value_{arm}"] - known["value_none"] - COSTS[arm] for arm in ARMS}
    return known, pd.DataFrame(gains)


@pytest.mark.parametrize("arm", ["none", *ARMS])
def test_truth_is_the_mean_of_repeated_futures(arm):
    """Population means within 4 standard errors: 6 arms × 2 figures fail with probability 8e-4; the seed is fixed."""
    terms = TruthTerms({"purchase": 0.6, "renewal": 0.2, "use": 0.05}, 300.0)
    known = truth(WORLD, NO_DECISIONS, START, terms).dropna(subset=f"value_{arm}")
    ids, repeats = known["stakeholder_id"], 8
    draws = [outcome(answer(WORLD, assign(ids, arm), START, future=f)[1], ids, terms) for f in range(repeats)]
    for name, drawn in zip(("value", "churn"), zip(*draws, strict=True), strict=True):
        error = np.array(drawn, dtype=float) - known[f"{name}_{arm}"].to_numpy()
        standard_error = error.std() / np.sqrt(error.size)
        assert abs(error.mean()) < 4 * standard_error, name
        # Right for each person, not only on average: the slope on a calibrated forecast is 1 (0.12 is > 4 errors).
        slope = np.polyfit(np.tile(known[f"{name}_{arm}"], repeats), np.array(drawn, dtype=float).ravel(), 1)[0]
        assert slope == pytest.approx(1.0, abs=0.12), name


def test_a_worth_of_each_stakeholder_is_its_own():
    world, worth = World(300, seed=2, start=START), np.linspace(0.0, 900.0, 300)
    by_row, none, one = (
        truth(world, NO_DECISIONS, START, TruthTerms({"purchase": 0.6}, each)) for each in (worth, 0.0, 1.0)
    )
    mine = worth[pd.Index(world.population().ids).get_indexer(pd.Index(by_row["stakeholder_id"]))]
    expected = none["value_none"] + mine * (one["value_none"] - none["value_none"])
    np.testing.assert_allclose(by_row["value_none"], expected)


def test_truth_counts_decisions_still_in_force():
    """Within 4 standard errors (6e-5): an arm 30 days old acts on, and a second one comes on top."""
    early = truth(WORLD, NO_DECISIONS, START, TERMS).dropna(subset="value_premium_upsell")["stakeholder_id"]
    first, later = assign(early, "personal_support"), START + pd.Timedelta(days=30)
    known = truth(WORLD, first, later, TERMS)
    known = known[known["stakeholder_id"].isin(early)].reset_index(drop=True)
    ids = known["stakeholder_id"]
    decisions = pd.concat([first, assign(ids, "premium_upsell", later)])
    draws = [outcome(answer(WORLD, decisions, later, future=f)[1], ids, TERMS)[0] for f in range(8)]
    error = np.array(draws) - known["value_premium_upsell"].to_numpy()
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(error.size)
    untouched = truth(WORLD, NO_DECISIONS, later, TERMS).set_index("stakeholder_id")["churn_none"]
    assert (known.set_index("stakeholder_id")["churn_none"] - untouched).mean() < -0.005


def test_truth_has_a_row_for_everybody_active_and_nothing_where_an_arm_is_out_of_reach():
    stakeholders, events, _ = initial_tables(WORLD)
    known = truth(WORLD, NO_DECISIONS, START, TERMS)
    gone = events.loc[events["event_type"] == "churned", "stakeholder_id"]
    expected = stakeholders.loc[~stakeholders["stakeholder_id"].isin(gone)]
    assert known["stakeholder_id"].tolist() == expected["stakeholder_id"].tolist()
    names = ["none", *ARMS]
    assert known.columns[1:].tolist() == [f"{what}_{arm}" for what in ("value", "churn") for arm in names]
    for arm in ARMS:
        reached = (expected["kind"].isin(ARM_KINDS[arm]) & ~expected["opted_out"]).to_numpy()
        assert (known[f"value_{arm}"].notna() == reached).all()
        assert (known[f"churn_{arm}"].notna() == reached).all()
    assert known[["value_none", "churn_none"]].notna().all(axis=None)
    pd.testing.assert_frame_equal(known, truth(WORLD, NO_DECISIONS, START, TERMS), check_exact=True)


def test_truth_can_be_asked_at_a_wave_of_the_pilot():
    """Its calibration against what the wave saw, within 4 standard errors (6e-5)."""
    _, events, decisions = initial_tables(WORLD)
    wave = START - HORIZON
    known = truth(WORLD, NO_DECISIONS, wave, TERMS).set_index("stakeholder_id")
    control = decisions[(decisions["decided_at"] == wave) & (decisions["intervention"] == "none")]
    window = events[(events["occurred_at"] >= wave) & (events["occurred_at"] < START)]
    value, _ = outcome(window, control["stakeholder_id"], TERMS)
    error = value - known.loc[control["stakeholder_id"], "value_none"].to_numpy()
    assert len(error) > 200
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(len(error))


def test_decisions_of_the_present_are_refused_by_the_truth():
    ids = truth(WORLD, NO_DECISIONS, START, TERMS)["stakeholder_id"].head(3)
    with pytest.raises(InputError, match="expected no time after 2025-03-02"):
        truth(WORLD, assign(ids, "none"), START, TERMS)
    assert len(truth(WORLD, assign(ids, "none"), START + HORIZON, TERMS)) > 100


def test_an_outcome_without_known_expectation_is_refused():
    with pytest.raises(InputError, match=r"outcome\.value\.nps: expected one of purchase, renewal, use"):
        TruthTerms({"nps": 1.0}, 0.0)
    assert TruthTerms({"renewal": 1.0}, 0.0).margins == {"renewal": 1.0}


def test_each_arm_hurts_some_and_no_arm_is_best_for_everybody(large):
    known, gains = large
    for arm in ARMS:
        assert 0.2 < (gains[arm].dropna() < 0).mean() < 0.52, arm
    harmed = (gains + pd.Series(COSTS) < 0).sum() / gains.notna().sum()
    assert (harmed > 0.02).all()
    best = gains.fillna(-np.inf).assign(none=0.0).idxmax(axis=1)
    shares = best.value_counts(normalize=True)
    assert set(shares.index) == {"none", *ARMS}
    assert shares.min() > 0.04
    assert shares.max() < 0.4
    assert (known.loc[~known["opted_out"], "kind"].isin(["customer", "partner"]) & (best == "none")).any()


def test_the_ideal_policy_is_worth_at_least_twice_the_best_single_arm(large):
    _, gains = large
    ideal = gains.max(axis=1).clip(lower=0).fillna(0).mean()
    assert 30 < ideal < 45
    assert ideal > 2 * gains.fillna(0).mean().max()


def test_churn_has_the_intended_level_and_can_be_predicted_by_who_knows_all(large):
    known, _ = large
    by_kind = known.groupby("kind")["churn_none"].mean()
    assert 0.12 <= by_kind["customer"] <= 0.18
    assert by_kind.drop("customer").between(0.05, 0.10).all()
    drawn = np.random.default_rng(0).random(len(known)) < known["churn_none"]
    assert 0.74 < roc_auc_score(drawn, known["churn_none"]) < 0.86


def test_capped_poisson_inverts_the_distribution():
    rate = np.repeat([0.0, 0.1, 1.0, 3.0, 9.0], 200)
    chance = np.tile((np.arange(200) + 0.5) / 200, 5)
    oracle = np.minimum(stats.poisson.ppf(chance, rate), MAX_COUNT)
    assert capped_poisson(rate, chance).tolist() == np.maximum(oracle, 0).tolist()


def test_capped_poisson_mean_is_the_sum_over_all_counts():
    rate = np.array([0.0, 0.1, 1.0, 3.0, 9.0])
    counts = np.arange(200)
    oracle = (np.minimum(counts, MAX_COUNT) * stats.poisson.pmf(counts, rate[:, None])).sum(axis=1)
    np.testing.assert_allclose(capped_poisson_mean(rate), oracle, rtol=1e-12, atol=1e-15)
