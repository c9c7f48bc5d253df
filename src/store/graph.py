"""What DVC asks of params.yaml before it runs a stage, refused in words that name a remedy, as DVC's own do not."""

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..contracts.errors import ParamsError, listed
from ..contracts.params import Params
from .project import PARAMS, read_yaml

GRAPH = Path("dvc.yaml")


def check_for_dvc(params: Params) -> None:
    """Refuse a params.yaml that rapport can read and DVC cannot; without a dvc.yaml it need name no key.

    Args:
        params: what rapport read in it.

    Raises:
        ParamsError: a date is not quoted (docs/decisions/0003), or a key that dvc.yaml tracks is left to its default.
    """
    document = read_yaml(PARAMS)
    for place, date in _bare_dates(document):
        written = date.isoformat()
        raise ParamsError(f"{PARAMS}, {place}", "a quoted date, which DVC can read", written, f'write "{written}"')
    tracked = _tracked(read_yaml(GRAPH)) if GRAPH.exists() else []
    absent = [key for key in tracked if not _there(document, key)]
    if absent:
        fix = f"add what they are by default: {', '.join(_lines(absent, document, params))}"
        raise ParamsError(str(PARAMS), f"every key that {GRAPH} names", f"nothing for {listed(absent)}", fix)


def _bare_dates(part: object, place: str = "") -> Iterator[tuple[str, dt.date]]:
    """Yield the dotted key of each date or time, and it."""
    if isinstance(part, dt.date):
        yield place, part
    items = part.items() if isinstance(part, Mapping) else enumerate(part) if isinstance(part, list) else ()
    for key, below in items:
        yield from _bare_dates(below, f"{place}.{key}" if place else str(key))


def _tracked(graph: Any) -> list[str]:
    """Return the dotted keys that the stages depend on or put into their words, each once."""
    named = [key for stage in graph["stages"].values() for key in stage.get("params", [])]
    return list(dict.fromkeys([*re.findall(r"\$\{([\w.]+)\}", json.dumps(graph)), *named]))


def _there(document: Any, dotted: str) -> bool:
    for key in dotted.split("."):
        if not isinstance(document, Mapping) or key not in document:
            return False
        document = document[key]
    return True


def _lines(absent: list[str], document: Mapping[str, Any], params: Params) -> list[str]:
    """Return what to write for each section or key that is absent, as code; a section holds no more than it must."""
    defaults, sections = params.model_dump(mode="json"), dict.fromkeys(key.partition(".")[0] for key in absent)
    lines = []
    for section in sections:
        below = [name for each, _, name in (key.partition(".") for key in absent) if each == section and name]
        inner = ", ".join(f"{name}: {json.dumps(defaults[section][name])}" for name in below)
        if section in document:
            lines.append(f"`{inner}` in `{section}`")
        else:
            value = f"{{{inner}}}" if isinstance(defaults[section], dict) else json.dumps(defaults[section])
            lines.append(f"`{section}: {value}`")
    return lines
