"""Faults of params are told in the words of the file."""

import re
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
        ("source", "kind", "Files", r"source\.kind: expected a name of small letters, digits and _, .*; got 'Files'"),
        ("interventions", "arms", {"Call": {}}, r"interventions\.arms\.Call: expected a name of small .*; got 'Call'"),
        ("registry", "model", "a b", r"registry\.model: expected text that matches .*; got 'a b'"),
        ("learner", "rounds", 0, r"learner\.rounds: expected greater than or equal to 1; got 0"),
        ("features", "windows_days", [True], r"features\.windows_days\.0: expected a whole number; got True"),
        ("features", "windows_days", ["30"], r"features\.windows_days\.0: expected a whole number; got '30'"),
        ("clock", "curve_days", [30, True], r"clock\.curve_days\.1: expected a whole number; got True"),
        ("clock", "as_of", 20250401, r"clock\.as_of: expected a date or time in ISO 8601.*; got 20250401"),
        ("kpis", "surveys", {"nps": [0, "10"]}, r"kpis\.surveys\.nps\.1: expected a number; got '10'"),
        ("decision", "budget", "50", r"decision\.budget: expected a number; got '50'"),
        ("decision", "budget", True, r"decision\.budget: expected a number; got True"),
        ("features", "snapshot_every_days", 3651, r"snapshot_every_days: expected less than or equal to 3650; got"),
    ],
)
def test_a_fault_names_key_expectation_and_what_came(section: str, key: str, value: Any, expected: str) -> None:
    parse_params(GIVEN)
    with pytest.raises(ParamsError, match=expected):
        parse_params({**GIVEN, section: {**GIVEN[section], key: value}})


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        ("outcome", "retention_value", "abc", r"outcome\.retention_value: expected a number or 'clv'; got 'abc'"),
        ("outcome", "retention_value", True, r"outcome\.retention_value: expected a number or 'clv'; got True"),
        ("interventions", "arms", {"call": {"cost": [3]}}, r"arms\.call\.cost: expected a number or text; got \[3\]"),
        ("decision", "limits", {"x": {"by": "region", "at_most": {"north": "q"}}},
         r"decision\.limits\.x\.at_most\.north: expected a number; got 'q'"),
        ("decision", "limits", {"x": {"at_most": "q"}}, r"x\.at_most: expected a number or a mapping; got 'q'"),
    ],
)  # fmt: skip
def test_a_value_of_no_type_that_it_may_have_is_one_fault(section: str, key: str, value: Any, expected: str) -> None:
    with pytest.raises(ParamsError, match=rf"{expected}\. To mend it: correct the value\.$"):
        parse_params({**GIVEN, section: {**GIVEN[section], key: value}})


@pytest.mark.parametrize(
    ("section", "key", "value", "told"),
    [
        ("clock", "horizon_days", 90.0, "a whole number; got 90.0. To mend it: write 90"),
        ("clock", "horizon_days", "90", "a whole number; got '90'. To mend it: write 90 without quotes"),
        ("clock", "horizon_days", None, "a whole number; got nothing. To mend it: write a value, or remove the key"),
        ("decision", "budget", "50.5", "a number; got '50.5'. To mend it: write 50.5 without quotes"),
        ("outcome", "retention_value", "300", "a number or 'clv'; got '300'. To mend it: write 300 without quotes"),
        ("interventions", "arms", {"call": {"cost": "5"}}, "a number or the name of a column of stakeholders; got '5'. "
         "To mend it: write 5 without quotes"),
        ("features", "windows_days", 30, "a list; got 30. To mend it: write [30]"),
        ("features", "exclude", "size, region", "a list; got 'size, region'. To mend it: write [size, region]"),
        ("features", "exclude", None, "a list; got nothing. To mend it: write `exclude: []`, or what belongs there"),
        ("interventions", "arms", {"call": None}, "a mapping; got nothing. To mend it: the section is empty: fill it, "
         "or write `call: {}` to leave it to its defaults"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_told_with_what_to_write(section: str, key: str, value: Any, told: str) -> None:
    with pytest.raises(ParamsError, match=rf"expected {re.escape(told)}\.$"):
        parse_params({**GIVEN, section: {**GIVEN[section], key: value}})


def test_an_empty_section_is_told_so() -> None:
    parse_params({**GIVEN, "decision": {}})
    with pytest.raises(ParamsError, match="decision: expected a mapping; got nothing.* section is empty: fill it, or "
                       r"write `decision: \{\}` to leave it to its defaults"):  # fmt: skip
        parse_params({**GIVEN, "decision": None})
    with pytest.raises(ParamsError, match=r"decision\.contacts\.0: .* got nothing\. To mend it: fill or remove"):
        parse_params({**GIVEN, "decision": {"contacts": [None]}})


def test_two_faults_are_counted() -> None:
    with pytest.raises(ParamsError, match=r"gate\.error: .*\(1 more fault after this one\)\.$"):
        parse_params({**GIVEN, "gate": {"error": "x", "power": "y"}})


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"outcome.churn": {"inactive_days": 60, "activity": ["use"]}},
         r"clock\.curve_days: expected outcome\.churn\.inactive_days \(60\) or more; got 30"),
        ({"outcome.churn": {"inactive_days": 91, "activity": ["use"]}},
         r"outcome\.churn\.inactive_days: expected at most clock\.horizon_days \(90\); got 91"),
        ({"decision.rest_after_refusal_days": 3}, r"features\.refusals: expected event types, .*; got none"),
        ({"decision.limits": {"x": {"at_most": 3, "channel": "fax"}}},
         r"decision\.limits\.x: expected a channel that an arm names \(email, meeting, phone\); got 'fax'"),
    ],
)  # fmt: skip
def test_values_of_several_sections_that_do_not_fit_are_told_without_the_file(changes: dict[str, Any],
                                                                              fault: str) -> None:  # fmt: skip
    document = {name: dict(part) if isinstance(part, dict) else part for name, part in GIVEN.items()}
    for key, value in changes.items():
        section, _, name = key.partition(".")
        document[section][name] = value
    with pytest.raises(ParamsError, match=rf"^params\.yaml, {fault}\. To mend it: correct the value\.$"):
        parse_params(document)


def test_a_section_that_is_no_mapping() -> None:
    with pytest.raises(ParamsError, match=r"params\.yaml, clock: expected a mapping; got 3"):
        parse_params({**GIVEN, "clock": 3})
