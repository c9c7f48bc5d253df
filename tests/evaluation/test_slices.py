"""Slices are the estimators on the group's own rows."""

import json

import numpy as np
import pytest

from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.policy_value import difference, doubly_robust
from rapport.evaluation.slices import slices

NAMES = ("none", "call")


@pytest.fixture
def log():
    rng = np.random.default_rng(91)
    arm = rng.integers(2, size=200)
    gain = np.where(np.arange(200) < 100, 6.0, -2.0)
    value = 10 + gain * arm + rng.normal(0, 1, 200)
    cost = np.tile([0.0, 1.0], (200, 1))
    return LoggedDecisions(value, arm, np.full((200, 2), 0.5), cost, np.full((200, 2), 10.0), np.arange(200) // 2)


GROUP = np.repeat(["b", "a"], 100)
POLICY = np.eye(2)[(np.arange(200) % 4 != 0).astype(int)]


def test_slices_are_the_estimators_on_the_groups_rows(log):
    predicted = np.where(POLICY[:, 1] > 0, 5.0, 0.0)
    first, second = slices(log, POLICY, predicted, GROUP, NAMES)
    assert (first.group, second.group) == ("a", "b")
    rows = GROUP == "b"
    part, mine = log.take(rows), POLICY[rows]
    nobody = np.eye(2)[np.zeros(100, dtype=int)]
    assert second.value == doubly_robust(part, mine)
    assert second.gain.value == pytest.approx(difference(part, mine, nobody).value)
    assert second.gain.se == pytest.approx(difference(part, mine, nobody).se)
    assert second.surplus.value == pytest.approx(second.gain.value - 3.75)
    assert (second.decisions, second.stakeholders) == (100, 50)
    assert second.treated["call"].value == pytest.approx(0.75)
    assert second.treated["none"].value == pytest.approx(0.25)
    assert second.treated["call"].low < 0.75 < second.treated["call"].high
    assert second.gain.low > 0 > first.gain.high
    assert json.loads(json.dumps(first.as_dict(), allow_nan=False))["group"] == "a"
