"""Faults of params.yaml in the words of the file: which key, what was expected of it, what arrived."""

import json
from collections.abc import Mapping, Sequence, Set
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .errors import ParamsError
from .section import Misfit, quoted_number

# What the file calls things that the checks call otherwise, by the type of fault.
_IN_YAML = {
    "tuple_type": "a list", "dict_type": "a mapping", "model_type": "a mapping", "string_type": "text",
    "int_type": "a whole number", "int_from_float": "a whole number", "float_type": "a number",
    "bool_type": "true or false", "datetime_type": 'a date or time in ISO 8601, such as "2025-04-01"',
    "too_short": "at least {min_length} of them", "too_long": "at most {max_length} of them",
    "string_pattern_mismatch": "text that matches {pattern}",
}  # fmt: skip
_LONGEST = 80  # of what arrived, in characters

_Key = tuple[int | str, ...]


def explained(fault: ValidationError, document: Mapping[str, Any], where: str) -> ParamsError:
    """Return the error that names the first fault, unknown keys before all others, and counts the rest.

    Args:
        fault: of the checks.
        document: that was checked.
        where: the file, for messages.
    """
    faults = _by_key(fault, document)
    unknown = [key for key, found in faults.items() if found[0]["type"] == "extra_forbidden"]
    key, more = [*unknown, *faults][0], len(faults) - 1
    rest = f" ({more} more fault{'s' if more > 1 else ''} after this one)" if more else ""
    return _told(key, faults[key], where, rest)


def _by_key(fault: ValidationError, document: Mapping[str, Any]) -> dict[_Key, list[ErrorDetails]]:
    """Return what each faulty key of the document offends: where it may be of several types, each of them."""
    found: dict[_Key, list[ErrorDetails]] = {}
    for each in fault.errors():
        found.setdefault(_key(each, document), []).append(each)
    # A value wrong in its parts is of the other types even less: those parts tell it all.
    return {key: each for key, each in found.items()
            if not any(key == other[: len(key)] for other in found if other != key)}  # fmt: skip


def _key(each: ErrorDetails, document: Any) -> _Key:
    """Return a fault's place in the document, without the types that the checks name on the way."""
    key: list[int | str] = []
    for part in each["loc"]:
        named = isinstance(document, Mapping) and part in document
        listed = isinstance(document, Sequence) and not isinstance(document, str) and isinstance(part, int)
        if named or listed:
            key.append(part)
            document = document[part]
    return (*key, each["loc"][-1]) if each["type"] == "missing" else tuple(key)


def _told(key: _Key, found: Sequence[ErrorDetails], where: str, rest: str) -> ParamsError:
    first = found[0]
    misfit = first.get("ctx", {}).get("error")
    if isinstance(misfit, Misfit):
        place = ".".join([*map(str, key), misfit.key])
        return ParamsError(f"{where}, {place}", misfit.expected, misfit.got, f"correct the value{rest}")
    place = f"{where}, {'.'.join(map(str, key))}"
    if first["type"] == "extra_forbidden":
        return ParamsError(place, "no such key", repr(first["input"]), f"correct or remove the key{rest}")
    if first["type"] == "missing":
        return ParamsError(place, "a value for this key", "nothing", f"add the key{rest}")
    expected = " or ".join(dict.fromkeys(map(_expected, found)))
    given, kinds = first["input"], {each["type"] for each in found}
    got = "nothing" if given is None else repr(given)[:_LONGEST]
    return ParamsError(place, expected, got, _remedy(key[-1], given, kinds) + rest)


def _remedy(name: int | str, given: object, kinds: Set[str]) -> str:
    """Return what to write instead of a value that is not of these types."""
    if given is None:
        return _filling(name, kinds)
    if "tuple_type" in kinds and isinstance(given, str | int | float):
        return f"write [{given if isinstance(given, str) else json.dumps(given)}]"
    number = quoted_number(given) if isinstance(given, str) and kinds & {"int_type", "float_type"} else None
    if number is not None:
        return f"write {number} without quotes"
    if "int_type" in kinds and isinstance(given, float) and given.is_integer():
        return f"write {given:.0f}"
    return "correct the value"


def _filling(name: int | str, kinds: Set[str]) -> str:
    """Return what to write where the file has a key, or an item of a list, and nothing after it."""
    if isinstance(name, int):
        return "fill or remove the item"
    if kinds & {"model_type", "dict_type"}:
        return f"the section is empty: fill it, or write `{name}: {{}}` to leave it to its defaults"
    return f"write `{name}: []`, or what belongs there" if "tuple_type" in kinds else "write a value, or remove the key"


def _expected(each: ErrorDetails) -> str:
    if each["type"] in _IN_YAML:
        return _IN_YAML[each["type"]].format(**each.get("ctx", {}))
    return each["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
