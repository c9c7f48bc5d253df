"""Groups by hand: text, flags, numbers in bands, rare and unknown values; which attributes are looked at."""

import numpy as np
import pandas as pd

from rapport.contracts.params import parse_params
from rapport.evaluation.groups import LEAST_ROWS, MOST_GROUPS, OTHERS, UNKNOWN, attribute_groups, groups


def test_groups_of_text_and_flags():
    found = groups(pd.Series(["x"] * LEAST_ROWS + ["y"] * (LEAST_ROWS - 1) + [None] * LEAST_ROWS))
    assert found.value_counts().to_dict() == {"x": LEAST_ROWS, UNKNOWN: LEAST_ROWS, OTHERS: LEAST_ROWS - 1}
    assert set(groups(pd.Series([True, False] * 50))) == {"True", "False"}
    assert set(groups(pd.Series([1, 2] * 50))) == {"1", "2"}


def test_groups_of_numbers_are_bands_between_quartiles():
    found = groups(pd.Series([*range(1, 202), *[np.nan] * 40]))
    names = ["below 51", "51 to 101", "101 to 151", "151 on"]
    assert found[:201].tolist() == [*(name for name in names for _ in range(50)), names[-1]]
    assert set(found[201:]) == {UNKNOWN}
    uneven = groups(pd.Series([0.0] * 300 + list(np.linspace(1, 2, 100))))
    assert uneven.value_counts().to_dict() == {"0 to 0.25": 300, "0.25 on": 100}  # no quarter is named that is none


def test_infinite_numbers_are_in_the_outer_bands():
    found = groups(pd.Series([*range(1, 202), *[np.inf] * 100, *[-np.inf] * 100]))
    assert found.value_counts().to_dict() == {"below 51": 150, "51 to 101": 50, "101 to 151": 50, "151 on": 151}


def test_the_rarest_of_many_values_are_one_group():
    names = [f"r{at:02d}" for at in range(MOST_GROUPS + 2) for _ in range(LEAST_ROWS + at // 2)]
    found = groups(pd.Series(names)).value_counts()
    assert len(found) == MOST_GROUPS + 1
    assert found[OTHERS] == 2 * LEAST_ROWS  # of r00 and r01, the rarest
    tied = groups(pd.Series([f"r{at:02d}" for at in range(MOST_GROUPS + 2)] * LEAST_ROWS))
    assert set(tied) == {OTHERS, *(f"r{at:02d}" for at in range(MOST_GROUPS))}  # ties by name


def test_kind_segment_and_audited_attributes_of_each_id():
    people = pd.DataFrame({
        "stakeholder_id": ["a", "b"],
        "kind": ["customer", "partner"],
        "plan": ["basic", "pro"],
        "gender": pd.array(["f", None], dtype="str"),
        "seats": [1, 2],
    })  # fmt: skip
    params = parse_params({
        "source": {"kind": "files"},
        "clock": {"as_of": "2025-01-01", "horizon_days": 90},
        "outcome": {"churn": {"event": "churned"}, "value": {}, "retention_value": 40.0},
        "interventions": {"control": "none", "arms": {"call": {}}},
        "features": {"audit_only": ["gender"]},
        "kpis": {"segment": "plan"},
    })  # fmt: skip
    found = attribute_groups(pd.Series(["b"] * LEAST_ROWS + ["a"] * LEAST_ROWS), people, params)
    assert list(found.columns) == ["kind", "plan", "gender"]
    assert found.iloc[0].tolist() == ["partner", "pro", UNKNOWN]
    assert found.iloc[-1].tolist() == ["customer", "basic", "f"]
    bare = params.model_copy(update={"kpis": params.kpis.model_copy(update={"segment": None})})
    assert list(attribute_groups(pd.Series(["a"]), people, bare).columns) == ["kind", "gender"]
