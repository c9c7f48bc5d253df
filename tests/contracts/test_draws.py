"""Sticky draws: by id and salt alone; and no fold ever holds a stakeholder that another fold holds."""

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.draws import clusters, folds_by_id, uniform_by_id


def straddlers(ids: pd.Series, fold: np.ndarray) -> int:
    """Return how many stakeholders stand on both sides of a split."""
    return int((pd.Series(fold).groupby(ids.to_numpy()).nunique() > 1).sum())


@pytest.mark.parametrize("folds", [2, 3, 10])
def test_no_stakeholder_stands_on_both_sides_of_a_split(folds: int) -> None:
    """Rows of 5,000 stakeholders in no order, four each; each fold's share within five standard deviations."""
    rng = np.random.default_rng(1)
    ids = pd.Series(rng.permutation(np.repeat([f"s{number}" for number in range(5000)], 4)))
    fold = folds_by_id(ids, folds, seed=7)
    assert straddlers(ids, fold) == 0
    assert set(fold) == set(range(folds))
    share = pd.Series(fold).groupby(ids.to_numpy()).first().value_counts(normalize=True)
    assert (share - 1 / folds).abs().max() < 5 * np.sqrt((1 - 1 / folds) / folds / 5000)
    assert straddlers(ids, np.arange(len(ids)) % folds) > 4000, "folds by row would be found out"


def test_no_household_stands_on_both_sides_of_a_split() -> None:
    rows = pd.DataFrame({"stakeholder_id": [f"s{at}" for at in range(2000)],
                         "home": [at // 4 if at < 1600 else None for at in range(2000)]})  # fmt: skip
    homes = rows["home"].dropna()
    fold = folds_by_id(clusters(rows, "home"), 3, seed=7)
    assert straddlers(homes, fold[:1600]) == 0
    alone = folds_by_id(clusters(rows, None), 3, seed=7)
    assert straddlers(homes, alone[:1600]) > 300
    assert (fold[1600:] == alone[1600:]).all()  # who shares no home keeps the fold
    assert alone.tolist() == folds_by_id(rows["stakeholder_id"], 3, seed=7).tolist()


def test_a_fold_depends_on_id_and_seed_alone() -> None:
    ids = pd.Series([f"s{number}" for number in range(1000)])
    fold = folds_by_id(ids, 3, seed=7)
    mixed = ids.sample(frac=0.5, random_state=1)
    assert folds_by_id(mixed, 3, seed=7).tolist() == fold[mixed.index].tolist()
    assert folds_by_id(ids, 3, seed=8).tolist() != fold.tolist()


def test_draws_of_two_salts_have_nothing_in_common() -> None:
    """Correlation of 20,000 pairs within four standard errors; each draw lies in [0, 1)."""
    ids = pd.Series([str(number) for number in range(20_000)])
    one, other = uniform_by_id(ids, "holdout 1"), uniform_by_id(ids, "fold 1")
    assert min(one.min(), other.min()) >= 0
    assert max(one.max(), other.max()) < 1
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(len(ids))
    assert np.array_equal(one, uniform_by_id(ids, "holdout 1"))
