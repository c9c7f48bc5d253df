"""JSON documents: keys in the order given, finite numbers only, the same content the same bytes; hashes of files."""

import hashlib
import json
from pathlib import Path
from typing import Any

from ..contracts.errors import ArtifactError
from .atomic import write_text


def to_json(document: object) -> str:
    """Return the canonical text of a document.

    >>> to_json({"b": 1, "a": [0.5]})
    '{\\n "b": 1,\\n "a": [\\n  0.5\\n ]\\n}\\n'
    """
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def write_json(path: Path, document: object) -> None:
    """Write a document's canonical text."""
    write_text(path, to_json(document))


def read_json(path: Path) -> Any:
    """Read a document this project wrote.

    Raises:
        ArtifactError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(str(path), "a document written by an earlier stage", "no file", "run `dvc repro`") from None
    except ValueError as fault:
        raise ArtifactError(str(path), "JSON", str(fault), "remove the file and run `dvc repro`") from None


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
