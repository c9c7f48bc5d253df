"""Logged decisions: whole stakeholders on one side of a split."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.errors import InputError
from rapport.contracts.params import Params, parse_params
from rapport.models.logged import Logged, retention_values

ROWS = 4000


def params(worth: float | str) -> Params:
    return parse_params(
        {
            "source": {"kind": "files"},
            "clock": {"as_of": "2025-01-01", "horizon_days": 90},
            "outcome": {"churn": {"event": "left"}, "value": {}, "retention_value": worth},
            "interventions": {"control": "none", "arms": {"call": {}}},
        }
    )


def decisions() -> Logged:
    """Return decisions of 2,000 stakeholders, two each."""
    rng = np.random.default_rng(0)
    return Logged(
        arms=("none", "call", "mail"),
        X=rng.normal(size=(ROWS, 3)).astype(np.float32),
        arm=rng.integers(0, 3, ROWS),
        propensity=rng.uniform(0.2, 0.8, ROWS),
        money=rng.normal(size=ROWS),
        retained=rng.integers(0, 2, ROWS).astype(float),
        retention_value=300.0,
        ids=pd.Series([f"s{at // 2}" for at in range(ROWS)], dtype="str"),
        iteration=np.zeros(ROWS, dtype=np.int64),
        eligible=rng.random((ROWS, 3)) < 0.9,
    )


def test_value_is_money_plus_retention() -> None:
    logged = replace(decisions(), money=np.full(ROWS, 5.0), retained=np.arange(ROWS) % 2 == 0)
    assert logged.value[:4].tolist() == [305.0, 5.0, 305.0, 5.0]


def test_a_worth_of_each_row_goes_with_its_row() -> None:
    worth = np.arange(ROWS, dtype=float)
    logged = replace(decisions(), money=np.zeros(ROWS), retained=np.ones(ROWS), retention_value=worth)
    assert logged.value.tolist() == worth.tolist()
    assert logged.take(worth % 3 == 2).value.tolist() == worth[2::3].tolist()


def test_a_table_says_what_retention_is_worth_where_params_do_not() -> None:
    table = pd.DataFrame({"retention_value": [1.0, 2.5]})
    assert retention_values(table, params(7.0)) == 7.0
    assert retention_values(table, params("clv")).tolist() == [1.0, 2.5]
    with pytest.raises(InputError, match="column retention_value: expected what retention is worth"):
        retention_values(table.drop(columns="retention_value"), params("clv"))
    with pytest.raises(InputError, match="column retention_value: expected money in every row; got none in 1 rows"):
        retention_values(pd.DataFrame({"retention_value": [1.0, None]}), params("clv"))


def test_take_keeps_the_columns_of_a_row_together() -> None:
    logged = decisions()
    mask = logged.arm == 2
    taken = logged.take(mask)
    assert len(taken) == mask.sum() > 0
    assert list(taken.ids) == list(logged.ids[mask])
    assert list(taken.ids.index) == list(range(len(taken)))
    assert (taken.arms, taken.retention_value) == (logged.arms, 300.0)
    for name in ("X", "arm", "propensity", "money", "retained", "eligible"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(logged, name)[mask])


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_splits_keep_a_stakeholder_on_one_side_and_cover_every_row_once(folds: int) -> None:
    logged = decisions()
    tested = np.zeros(ROWS, dtype=int)
    for inside, others in logged.splits(folds, seed=1):
        assert not set(logged.ids[inside]) & set(others.ids)
        assert inside.sum() + len(others) == ROWS
        # 2,000 stakeholders: five standard deviations of a fold's share
        assert abs(inside.mean() - 1 / folds) < 5 * np.sqrt(0.25 / 2000)
        tested += inside
    assert (tested == 1).all()


def test_splits_depend_on_the_seed_and_not_on_the_order_of_rows() -> None:
    logged = decisions()
    turned = logged.take(np.ones(ROWS, dtype=bool))
    turned = replace(turned, ids=logged.ids[::-1].reset_index(drop=True))
    first, again, other = ([m for m, _ in log.splits(3, s)] for log, s in ((logged, 1), (turned, 1), (logged, 2)))
    assert all((a == b[::-1]).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
