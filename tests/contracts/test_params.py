"""Faults of params are told in the words of the file."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rapport.contracts.errors import ParamsError
from rapport.contracts.params import parse_params

GIVEN = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        ("features", "windows_days", 90, r"features\.windows_days: expected a list; got 90"),
        ("features", "windows_days", [], r"features\.windows_days: expected at least 1 of them; got \[\]"),
        ("kpis", "surveys", {"csat": [1, 2, 3]}, r"kpis\.surveys\.csat: expected at most 2 of them; got \[1, 2, 3\]"),
        ("outcome", "value", 3, r"outcome\.value: expected a mapping; got 3"),
        ("interventions", "arms", ["call"], r"interventions\.arms: expected a mapping; got \['call'\]"),
        ("clock", "horizon_days", "x", r"clock\.horizon_days: expected a whole number; got 'x'"),
        ("clock", "horizon_days", 1.5, r"clock\.horizon_days: expected a whole number; got 1\.5"),
        ("learner", "learning_rate", "fast", r"learner\.learning_rate: expected a number; got 'fast'"),
        ("registry", "model", "a b", r"registry\.model: expected text that matches .*; got 'a b'"),
        ("learner", "rounds", 0, r"learner\.rounds: expected greater than or equal to 1; got 0"),
    ],
)
def test_a_fault_names_key_expectation_and_what_came(section: str, key: str, value: Any, expected: str) -> None:
    parse_params(GIVEN)
    with pytest.raises(ParamsError, match=expected):
        parse_params({**GIVEN, section: {**GIVEN[section], key: value}})


def test_a_section_that_is_no_mapping() -> None:
    with pytest.raises(ParamsError, match=r"params\.yaml, clock: expected a mapping; got 3"):
        parse_params({**GIVEN, "clock": 3})
