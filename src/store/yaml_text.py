"""YAML as a person wrote it, with other values: a single one is put in its place, and nothing else moves."""

import json
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import ScalarString

_SINGLE = (str, int, float, bool, type(None))


def with_values(text: str, changes: Mapping[str, Any]) -> str:
    """Return a YAML text with keys replaced, or added where their section leaves them out.

    Where every change is a single value, in place of another one or in a section that holds others, all else stays as
    it is written. Otherwise, as with a whole section, all is written anew: with the comments, order, quotes and long
    lines it had, but indented by two spaces, flow mappings each on one line, and null as `null`.

    Args:
        text: the document, a mapping.
        changes: new value by dotted key.
    """
    document = as_written().load(text)
    for dotted, value in changes.items():
        *sections, key = dotted.split(".")
        place = document
        for section in sections:
            place = place.setdefault(section, {})
        quoted = isinstance(value, str) and isinstance(place.get(key), ScalarString)
        place[key] = type(place[key])(value) if quoted else value
    anew = StringIO()
    as_written().dump(document, anew)
    spliced = _spliced(text, changes)
    return anew.getvalue() if spliced is None or not _alike(spliced, anew.getvalue()) else spliced


def as_written() -> YAML:
    """Return a reader and writer that keeps comments, quotes and line breaks."""
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.preserve_quotes = True
    yaml.width = 4096  # no line is broken
    return yaml


class _Representer(RoundTripRepresenter):
    """Writes null as `null`, not as nothing."""


_Representer.add_representer(type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null"))


def _alike(one: str, other: str) -> bool:
    """Return whether two texts mean the same; an alias, whose value stands elsewhere, may make them differ."""
    try:
        return bool(YAML(typ="safe").load(one) == YAML(typ="safe").load(other))
    except YAMLError:
        return False


def _spliced(text: str, changes: Mapping[str, Any]) -> str | None:
    """Return the text with single values put in place; None where a change is none, or has no such place."""
    for dotted, value in changes.items():
        *sections, key = dotted.split(".")
        place: Any = YAML().compose(text)
        for section in sections:
            _, place = _pair(place, section)
        if not isinstance(value, _SINGLE) or not isinstance(place, MappingNode) or not place.value:
            return None
        name, old = _pair(place, key)
        if old is None:
            first = place.value[0][0].start_mark
            line = "\r\n" if "\r\n" in text else "\n"
            after = ", " if place.flow_style else line + " " * first.column
            text = f"{text[: first.index]}{key}: {_single(value)}{after}{text[first.index :]}"
        elif not isinstance(old, ScalarNode) or old.style in ("|", ">"):
            return None
        elif old.start_mark.index == old.end_mark.index:  # nothing, which has no place of its own
            colon = text.index(":", name.end_mark.index) + 1
            text = f"{text[:colon]} {_single(value)}{text[colon:]}"
        else:
            text = text[: old.start_mark.index] + _single(value, old.style) + text[old.end_mark.index :]
    return text


def _pair(place: Any, key: str) -> tuple[Any, Any]:
    """Return the nodes of a key and its value, None where there are none."""
    pairs = place.value if isinstance(place, MappingNode) else []
    return next((pair for pair in pairs if pair[0].value == key), (None, None))


def _single(value: Any, style: str | None = None) -> str:
    """Write a value: a text in the quotes of the one before, without any only where it is a text all the same."""
    if isinstance(value, str) and style == "'":
        return "'" + value.replace("'", "''") + "'"
    bare = isinstance(value, str) and style is None and re.fullmatch(r"[\w./-]+", value)
    if bare and YAML(typ="safe").load(value) == value:
        return str(value)
    return json.dumps(value, ensure_ascii=False)
