"""The assignments counted, beside a loop over rows."""

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.errors import ArtifactError
from rapport.report.assigned import MEANING_OF_REASON, ArmTally, reason_parts, reasons_in, tally

NAMES = ("none", "call", "mail")


def test_six_rows_by_hand(assignments, account):
    assert tally(assignments, account["spend"]) == [
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
    spend = {name: float(at) for at, name in enumerate(NAMES)}
    for found in tally(rows, spend):
        mine = [i for i in range(n) if rows["intervention"][i] == found.arm]
        assert found.count == len(mine)
        assert found.spend == NAMES.index(found.arm)
        assert found.mean_gain == pytest.approx(sum(rows["expected_gain"][i] for i in mine) / len(mine))
        for reason in ("explore", "best_gain", "strange"):
            assert found.reasons[reason] == sum(rows["reason"][i] == reason for i in mine)


def test_no_assignments():
    empty = pd.DataFrame({"intervention": pd.Series(dtype="str"), "reason": pd.Series(dtype="str"),
                          "expected_gain": pd.Series(dtype="float64")})  # fmt: skip
    assert tally(empty, {"none": 0.0, "call": 0.0}) == [ArmTally(a, 0, 0.0, None, {}) for a in ("none", "call")]


def test_an_arm_outside_the_catalogue_is_refused(assignments, account):
    assert len(tally(assignments, account["spend"])) == 3
    with pytest.raises(ArtifactError, match="column intervention: expected one of none, call, post; got 'mail'"):
        tally(assignments, dict.fromkeys(("none", "call", "post"), 0.0))


def test_a_reason_keeps_its_place_whatever_else_occurs():
    one = [ArmTally("none", 1, 0.0, None, {"holdout": 1})]
    many = [ArmTally("none", 3, 0.0, None, {"zeal": 1, "holdout": 1, "best_gain": 1})]
    assert reason_parts(one)["holdout"] == reason_parts(many)["holdout"]
    assert reasons_in(many) == ["best_gain", "holdout", "zeal"]
    assert reason_parts(many)["zeal"] == len(MEANING_OF_REASON)
