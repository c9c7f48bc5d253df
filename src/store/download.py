"""Public datasets into a local folder, from their public address or from a folder that has them already.

A file is checked against its known checksum before it gets its name; a failed fetch leaves what was there before.
"""

import hashlib
import http.client
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ..contracts.errors import InputError
from ..sources.dataset import Dataset, DatasetFile
from .atomic import replacing

CHUNK_BYTES = 1 << 20
Progress = Callable[[int, int | None], None]


def fetch(dataset: Dataset, to: Path, origin: Path | None, progress: Progress, timeout: float = 30.0) -> list[Path]:
    """Put a dataset's files into a folder.

    Args:
        dataset: what to fetch.
        to: the folder, made when it is missing.
        origin: a local folder that has the files; None: their public address.
        progress: told (bytes so far, bytes in all or None) of the file under way.
        timeout: seconds without an answer before a download is given up.

    Returns:
        the files, in the dataset's order.

    Raises:
        InputError: a file is nowhere to be had, the network fails, or a checksum differs.
    """
    if origin is not None:
        return [_copy(origin / file.name, to / file.name, file) for file in _present(dataset, origin)]
    files = [file for file in dataset.files if file.instead_of is None]
    homeless = [file.name for file in files if file.url is None]
    if homeless:
        fix = f"get {dataset.needed} yourself ({dataset.page}) and pass their folder with --from"
        raise InputError(dataset.name, "a public address to download from", "none that lasts", fix)
    return [download(file, to / file.name, progress, timeout) for file in files]


def download(file: DatasetFile, path: Path, progress: Progress, timeout: float) -> Path:
    """Download one file, unless it is there already with the right checksum.

    Raises:
        InputError: the network fails, the answer is cut short, or the checksum differs.
    """
    if path.is_file() and file.sha256 and _sha256(path) in file.sha256:
        return path
    url = str(file.url)
    fix = "try again later, or pass a folder that has the file with --from"
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "rapport"})
        with urllib.request.urlopen(request, timeout=timeout) as answer, replacing(path) as part:
            total = answer.headers.get("Content-Length")
            received = _receive(answer, part, int(total) if total else None, progress)
            if total and received != int(total):
                raise InputError(url, f"{total} bytes", f"{received} bytes, then the connection ended", fix)
            _check(part, file, url)
    except urllib.error.HTTPError as fault:
        raise InputError(url, "the file", f"HTTP status {fault.code} ({fault.reason})", fix) from None
    except urllib.error.URLError as fault:
        raise InputError(url, "an answer", f"no connection ({fault.reason})", fix) from None
    except (TimeoutError, ConnectionError, http.client.HTTPException) as fault:
        raise InputError(url, "the whole file", f"a broken connection ({fault})", fix) from None
    return path


def _receive(answer: http.client.HTTPResponse, part: Path, total: int | None, progress: Progress) -> int:
    received = 0
    with part.open("wb") as sink:
        while chunk := answer.read(CHUNK_BYTES):
            sink.write(chunk)
            received += len(chunk)
            progress(received, total)
    return received


def _present(dataset: Dataset, origin: Path) -> list[DatasetFile]:
    """Return the files to copy, or name the first that is missing before anything is written."""
    fix = f"pass the folder that has {dataset.needed}"
    if not origin.is_dir():
        raise InputError(str(origin), "a folder", "no such folder", fix)
    substitutes = {file.instead_of: file for file in dataset.files if file.instead_of}
    chosen = []
    for file in dataset.files:
        if file.instead_of is not None:
            continue
        substitute = substitutes.get(file.name)
        if not (origin / file.name).is_file() and substitute and (origin / substitute.name).is_file():
            file = substitute
        if not (origin / file.name).is_file():
            raise InputError(str(origin / file.name), "a file of this name", "no such file", fix)
        chosen.append(file)
    return chosen


def _copy(source: Path, path: Path, file: DatasetFile) -> Path:
    _check(source, file, str(source))
    if path.exists() and path.samefile(source):
        return path
    with replacing(path) as part:
        shutil.copyfile(source, part)
        _check(part, file, str(source))
    return path


def _check(path: Path, file: DatasetFile, where: str) -> None:
    if not file.sha256:
        return
    found = _sha256(path)
    if found not in file.sha256:
        fix = "the file is not the published one; fetch it anew, or check where it comes from"
        raise InputError(where, f"sha256 {file.sha256[0]}", found, fix)


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
