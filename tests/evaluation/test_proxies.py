"""Proxies of audited groups: one that is planted is found and named, none is made up."""

import numpy as np
import pandas as pd

from instants import TRAINING
from rapport.evaluation.proxies import proxies_of


def test_a_proxy_is_found_and_named():
    rng = np.random.default_rng(102)
    X = rng.normal(size=(900, 3)).astype(np.float32)
    group = np.where(X[:, 1] + rng.normal(0, 0.5, 900) > 0, "f", "m")
    ids = pd.Series([f"s{at}" for at in range(900)])
    (found,) = proxies_of(X, ("a", "b", "c"), group, ids, TRAINING, 50)
    assert (found["group"], found["feature"]) == ("f", "b")
    assert found["auc"]["low"] > 0.8
    (none,) = proxies_of(X, ("a", "b", "c"), rng.permutation(group), ids, TRAINING, 50)
    assert abs(none["auc"]["value"] - 0.5) < 0.08  # four standard errors


def test_each_of_several_groups_is_told_from_the_rest_and_one_alone_is_not():
    rng = np.random.default_rng(103)
    X = rng.normal(size=(600, 2)).astype(np.float32)
    group = np.array(["x", "y", "z"])[np.digitize(X[:, 0], [-0.5, 0.5])]
    ids = pd.Series([f"s{at}" for at in range(600)])
    found = proxies_of(X, ("a", "b"), group, ids, TRAINING, 50)
    assert [each["group"] for each in found] == ["x", "y", "z"]
    assert {each["feature"] for each in found} == {"a"}
    assert proxies_of(X, ("a", "b"), np.full(600, "x"), ids, TRAINING, 50) == []
    constant = proxies_of(np.zeros((600, 2), dtype=np.float32), ("a", "b"), group == "x", ids, TRAINING, 50)
    assert constant[0]["feature"] == ""
