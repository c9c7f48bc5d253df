"""The assignments counted, beside a loop over rows."""

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.errors import ArtifactError
from rapport.report.assigned import ArmTally, reason_parts, reasons_in, tally

NAMES = ("none", "call", "mail")


def test_six_rows_by_hand(assignments, cost):
    assert tally(assignments, cost, NAMES) == [
        ArmTally("none", 3, 0.0, 0.0, {"no_gain": 2, "holdout": 1}),
        ArmTally("call", 2, 20.0, 2.0, {"best_gain": 1, "explore": 1}),
        ArmTally("mail", 1, 3.0, None, {"best_gain": 1}),
    ]


def test_agrees_with_a_loop_over_rows():
    draws = np.random.default_rng(4)
    n = 200
    rows = pd.DataFrame({
        "intervention": draws.choice(NAMES, n), "reason": draws.choice(["explore", "best_gain", "strange"], n),
        "expected_gain": draws.normal(size=n),
    })  # fmt: skip
    cost = draws.uniform(size=(n, 3))
    for found in tally(rows, cost, NAMES):
        mine = [i for i in range(n) if rows["intervention"][i] == found.arm]
        assert found.count == len(mine)
        assert found.spend == pytest.approx(sum(cost[i, NAMES.index(found.arm)] for i in mine))
        assert found.mean_gain == pytest.approx(sum(rows["expected_gain"][i] for i in mine) / len(mine))
        for reason in ("explore", "best_gain", "strange"):
            assert found.reasons[reason] == sum(rows["reason"][i] == reason for i in mine)


def test_no_assignments():
    empty = pd.DataFrame({"intervention": pd.Series(dtype="str"), "reason": pd.Series(dtype="str"),
                          "expected_gain": pd.Series(dtype="float64")})  # fmt: skip
    assert tally(empty, np.zeros((0, 2)), ("none", "call")) == [ArmTally(a, 0, 0.0, None, {}) for a in ("none", "call")]


def test_an_arm_outside_the_catalogue_is_refused(assignments, cost):
    assert len(tally(assignments, cost, NAMES)) == 3
    with pytest.raises(ArtifactError, match="column intervention: expected one of none, call, post; got 'mail'"):
        tally(assignments, cost, ("none", "call", "post"))


def test_costs_of_another_shape_are_refused(assignments, cost):
    with pytest.raises(ValueError, match=r"cost: expected shape \(6, 3\); got \(6, 2\)"):
        tally(assignments, cost[:, :2], NAMES)


def test_a_reason_keeps_its_place_whatever_else_occurs():
    one = [ArmTally("none", 1, 0.0, None, {"holdout": 1})]
    many = [ArmTally("none", 3, 0.0, None, {"zeal": 1, "holdout": 1, "best_gain": 1})]
    assert reason_parts(one)["holdout"] == reason_parts(many)["holdout"]
    assert reasons_in(many) == ["best_gain", "holdout", "zeal"]
    assert reason_parts(many)["zeal"] == 9
