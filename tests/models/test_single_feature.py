"""One feature alone: the best rule against a search by loops, and the alarm for features that tell the outcome."""

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.errors import InputError
from rapport.models.single_feature import LEAST_OF_EACH, best_rule, refuse_telltale

N = 400


def slow_auc(score: np.ndarray, churned: np.ndarray) -> float:
    wins = [1.0 if p > q else 0.5 if p == q else 0.0 for p in score[churned] for q in score[~churned]]
    return sum(wins) / len(wins)


def slow_best(X: np.ndarray, churned: np.ndarray) -> tuple[float, int, bool, bool]:
    """Return AUC, column, highest first and missing first of the best rule; ties to the first tried."""
    best = (0.5, -1, True, False)
    for at in range(X.shape[1]):
        for highest in (True, False):
            for missing in (False, True):
                score = np.where(np.isnan(X[:, at]), 1e9 if missing else -1e9, X[:, at] * (1 if highest else -1))
                auc = slow_auc(score, churned)
                if auc > best[0] + 1e-12:
                    best = (auc, at, highest, missing)
    return best


def with_gaps(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    X = rng.integers(-3, 4, size=(rows, columns)).astype(np.float32)
    X[rng.random(X.shape) < rng.choice([0.0, 0.3], columns)] = np.nan
    return X


@pytest.mark.parametrize("seed", range(30))
def test_the_rule_is_the_one_that_loops_find(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, churned = with_gaps(rng, 40, 4), rng.random(40) < 0.4
    rule = best_rule(X, churned, ["a", "b", "c", "d"], ())
    auc, at, highest, missing = slow_best(X, churned)
    assert rule is not None
    assert rule.auc == pytest.approx(auc, rel=1e-12)
    assert (rule.name, rule.highest_first) == ("abcd"[at], highest)
    assert rule.missing_first == (missing if np.isnan(X[:, at]).any() else None)
    assert slow_auc(rule.score(X), churned) == pytest.approx(auc, rel=1e-12)


def test_scores_are_shares_of_the_rows_learned_from() -> None:
    X = np.array([[1.0], [2.0], [2.0], [np.nan]], dtype=np.float32)
    rule = best_rule(X, np.array([True, False, False, True]), ["use"], ())
    assert rule is not None
    assert rule.text == "use, lowest first, missing first"
    new = np.array([[np.nan], [0.0], [1.0], [1.5], [2.0], [9.0]], dtype=np.float32)
    assert rule.score(new).tolist() == [7 / 8, 6 / 8, 5 / 8, 4 / 8, 2 / 8, 0.0]
    assert [rule.score(new[[row]])[0] for row in range(6)] == rule.score(new).tolist()


def test_a_missing_value_first_seen_in_held_out_rows_is_the_lowest_risk() -> None:
    rule = best_rule(np.array([[1.0], [2.0]], dtype=np.float32), np.array([False, True]), ["use"], ())
    assert rule is not None
    assert rule.text == "use, highest first"
    assert rule.score(np.array([[np.nan], [2.0]], dtype=np.float32)).tolist() == [0.0, 0.75]


def test_where_nothing_ranks_there_is_no_rule() -> None:
    X, churned = np.ones((6, 2), dtype=np.float32), np.arange(6) < 3
    assert best_rule(X, churned, ["a", "b"], ()) is None
    X[:, 1] = np.arange(6)
    assert best_rule(X, np.ones(6, dtype=bool), ["a", "b"], ()) is None
    assert best_rule(X[:0], churned[:0], ["a", "b"], ()) is None
    assert best_rule(np.full((6, 1), np.nan, dtype=np.float32), churned, ["a"], ()) is None
    assert best_rule(X, churned, ["a", "b"], (1,)) is None, "codes of categories have no order"
    found = best_rule(X, churned, ["a", "b"], ())
    assert found is not None
    assert found.text == "b, lowest first"


def alarm(column: np.ndarray, churned: np.ndarray, category: bool = False, allowed: tuple[str, ...] = ()) -> None:
    noise = np.random.default_rng(1).normal(size=len(churned))
    X = np.column_stack([noise, column]).astype(np.float32)
    ids = pd.Series([f"s{at}" for at in range(len(churned))], dtype="str")
    refuse_telltale(X, churned, ids, ["noise", "attribute_status"], (1,) if category else (), allowed)


CHURNED = np.random.default_rng(0).random(N) < 0.3
TELLTALES = {
    "equal": (CHURNED * 1.0, False),
    "reversed": (~CHURNED * 1.0, False),
    "days until leaving, blank for those who stay": (np.where(CHURNED, np.arange(N), np.nan), False),
    "blank for those who leave": (np.where(CHURNED, np.nan, 1.0), False),
    "half a percent wrong": (CHURNED ^ (np.arange(N) % 200 == 0), False),
    "status in words": (CHURNED * 1.0, True),
    "one of many reasons, blank for those who stay": (np.where(CHURNED, np.arange(N) % 40, np.nan), True),
}


@pytest.mark.parametrize(("column", "category"), TELLTALES.values(), ids=TELLTALES.keys())
def test_a_feature_that_tells_the_outcome_is_refused_unless_it_is_allowed(column: np.ndarray, category: bool) -> None:
    told = (
        r"feature attribute_status: expected features known before the outcome; got one that alone tells who churned "
        r"\(AUC (1\.000|0\.99\d) on 400 snapshots\)\. To mend it: name status in features\.exclude of params\.yaml, .*"
        r"if it was known before the outcome, name attribute_status in features\.allow\."
    )
    with pytest.raises(InputError, match=told):
        alarm(column, CHURNED, category)
    with pytest.raises(InputError, match=told):
        alarm(column, CHURNED, category, allowed=("noise",))
    alarm(column, CHURNED, category, allowed=("attribute_status",))


def test_honest_features_pass() -> None:
    rng = np.random.default_rng(2)
    strong = CHURNED + rng.normal(0, 0.35, N)
    assert 0.95 < slow_auc(strong, CHURNED) < 0.99
    alarm(strong, CHURNED)
    alarm(np.full(N, np.nan), CHURNED)
    alarm(np.full(N, np.nan), CHURNED, category=True)
    alarm(np.where(CHURNED, rng.random(N) < 0.8, rng.random(N) < 0.1), CHURNED, category=True)


def test_a_name_of_its_own_for_everyone_tells_nothing() -> None:
    """Each value occurs once, so that its own churn rate is the outcome itself; the other half does not know it."""
    for names in (np.arange(N), np.arange(N) // 2):
        alarm(names, CHURNED, category=True)
    with pytest.raises(InputError, match="feature attribute_status"):
        alarm(np.where(CHURNED, 1, 2), CHURNED, category=True)  # the same alarm, where few names tell everything


def test_few_leavers_or_stayers_tell_nothing() -> None:
    for few in (np.arange(N) < LEAST_OF_EACH - 1, np.arange(N) >= LEAST_OF_EACH - 1):
        alarm(few, few)
    with pytest.raises(InputError, match="feature attribute_status"):
        alarm(np.arange(N) < LEAST_OF_EACH, np.arange(N) < LEAST_OF_EACH)
