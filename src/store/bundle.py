"""Bundles on disk: text and JSON files beside a manifest of their sha256, checked before anything is parsed.

The manifest also names the code that decides with the bundle, so its hash, the model digest, stands for both. This
module is shipped inside registered models: it reads only what it is given and needs no other part of the store.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..contracts.errors import ArtifactError
from ..models.bundle import Bundle
from .atomic import write_text
from .documents import to_json

MANIFEST = "manifest.json"
_AGAIN = "train or fetch the bundle again"
PACKAGE = Path(__file__).resolve().parent.parent
SHIPPED = ("__init__.py", "contracts", "models", "policy", "serving", "store/__init__.py", "store/atomic.py",
           "store/bundle.py", "store/documents.py")  # fmt: skip


def shipped_code(package: Path = PACKAGE) -> Iterator[Path]:
    """Yield the source files that a registered model carries, relative to the package, sorted."""
    for name in SHIPPED:
        place = package / name
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        yield from (file.relative_to(package) for file in files)


def code_digest(package: Path = PACKAGE) -> str:
    """Return the sha256 of the shipped code: names and contents."""
    digest = hashlib.sha256()
    for name in shipped_code(package):
        digest.update(f"{name.as_posix()}\0".encode())
        digest.update((package / name).read_bytes())
    return digest.hexdigest()


def write_bundle(folder: Path, bundle: Bundle) -> str:
    """Write a bundle's files, the manifest last, and return the model digest."""
    texts = {name: part if isinstance(part, str) else to_json(part) for name, part in bundle.as_files().items()}
    for name, text in texts.items():
        write_text(folder / name, text)
    for stale in {path.name for path in folder.iterdir()} - {*texts, MANIFEST}:
        (folder / stale).unlink()
    manifest = to_json({"code": code_digest(), "files": {name: _sha256(text.encode()) for name, text in texts.items()}})
    write_text(folder / MANIFEST, manifest)
    return _sha256(manifest.encode())


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle.

    Raises:
        ArtifactError: a file is missing, or is not the one that was written.
    """
    files: dict[str, object] = {}
    manifest = _manifest(folder)
    for name, sha256 in manifest["files"].items():
        if Path(name).name != name:
            raise ArtifactError(str(folder / MANIFEST), "plain file names", repr(name), _AGAIN)
        content = _read(folder / name)
        if _sha256(content) != sha256:
            raise ArtifactError(str(folder / name), f"content with sha256 {sha256[:12]}…", "other content", _AGAIN)
        text = content.decode()
        files[name] = json.loads(text) if name.endswith(".json") else text
    return Bundle.from_files(files, bundle_digest(folder))


def has_bundle(folder: Path) -> bool:
    """Return whether a bundle lies there."""
    return (folder / MANIFEST).is_file()


def bundle_digest(folder: Path) -> str:
    """Return the model digest of a bundle."""
    return _sha256(_read(folder / MANIFEST))


def bundle_hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file of a bundle, and under `code` that of the code it was made with."""
    manifest = _manifest(folder)
    return {"code": str(manifest["code"]), **manifest["files"]}


def bundle_code_digest(folder: Path) -> str:
    """Return the digest of the code a bundle was made with."""
    return str(_manifest(folder)["code"])


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(_read(folder / MANIFEST))
        if isinstance(manifest, dict) and isinstance(manifest["files"], dict) and isinstance(manifest["code"], str):
            return manifest
    except (ValueError, KeyError):
        pass
    raise ArtifactError(str(folder / MANIFEST), "the files' checksums as JSON", "something else", _AGAIN)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ArtifactError(str(path), "a file of the bundle", "no file", "run `dvc repro`") from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
