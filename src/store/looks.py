"""The journal of looks: every judgement against a champion, whether its bundle is published or not.

A look is a bundle, the champion it was judged against, and what the gate asked. The gate notes each in a file of its
own that no stage reads; `challenge` and `publish` carry the notes into the registry, which counts them for everyone. A
stage that DVC skips was run before with the same inputs, and noted then.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..contracts.params import Gate, Registry
from .documents import read_json, to_json, write_json
from .project import JUDGED

if TYPE_CHECKING:
    from mlflow import MlflowClient

COUNTED = ("proof", "no_proof")  # verdicts that spend error


def spends_error(verdict: Mapping[str, Any]) -> bool:
    """Return whether a verdict is a look: not where the champion could not be asked, so that proof was out of reach."""
    return verdict["outcome"] in COUNTED and not verdict.get("champion_reason")


def look_key(bundle: str, champion: str | None, margin: float, gate: Gate) -> str:
    """Return what makes a look: the same key again is the same look, whatever its number."""
    asked = [bundle, champion, margin, gate.error, gate.unsupported]
    return hashlib.sha256(to_json(asked).encode()).hexdigest()[:24]


def number_of(key: str, counted: Sequence[str]) -> int:
    """Return which look a key is, from 1, where those counted so far come first.

    >>> number_of("b", ["a", "b"]), number_of("c", ["a", "b"])
    (2, 3)
    """
    return (list(counted).index(key) if key in counted else len(counted)) + 1


def note_look(source: str, key: str) -> None:
    """Note a look of a source, unless it is noted already."""
    if key not in noted_looks(source):
        last = max((int(path.stem) for path in JUDGED.glob("*.json")), default=0)
        write_json(JUDGED / f"{last + 1:06d}.json", {"source": source, "look": key})


def noted_looks(source: str) -> list[str]:
    """Return the looks of a source that are noted here, in order."""
    notes = [read_json(path) for path in sorted(JUDGED.glob("*.json"))]
    return [note["look"] for note in notes if note["source"] == source]


def counted_looks(client: "MlflowClient", registry: Registry, source: str) -> list[str]:
    """Return the looks of a source that the registered model counts, in order."""
    tags = client.get_registered_model(registry.model).tags
    return [tags[name] for name in sorted(tags) if name.startswith(_tag(source))]


def count_looks(client: "MlflowClient", registry: Registry, source: str, keys: Sequence[str]) -> None:
    """Count looks in the registered model, each once, in the order given."""
    counted = counted_looks(client, registry, source)
    for key in dict.fromkeys(keys):
        if key not in counted:
            counted.append(key)
            client.set_registered_model_tag(registry.model, f"{_tag(source)}{len(counted):06d}", key)


def count_old_looks(client: "MlflowClient", registry: Registry, source: str, digests: Mapping[str, str]) -> None:
    """Count versions registered before looks had keys, each by its digest and before all keys.

    Once counted they stay so, though a version judged anew tells a key of its own.

    Args:
        digests: by version number.
    """
    counted = counted_looks(client, registry, source)
    for number, digest in digests.items():
        if digest not in counted:
            client.set_registered_model_tag(registry.model, f"{_tag(source)}000000.{int(number):06d}", digest)


def _tag(source: str) -> str:
    return f"rapport.look.{source}."
