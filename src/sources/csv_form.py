"""How a CSV file was saved: one that is not UTF-8, or not separated by commas, is refused with the likely cause."""

from pathlib import Path

from ..contracts.errors import InputError

_LONGEST_HEADER = 2**20  # bytes; a longer line is no header, and not looked at
_NEAR = 20  # bytes shown on either side of a wrong one
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def check_header(path: Path) -> None:
    """Refuse a CSV file by its first line, before its columns are read.

    Raises:
        InputError: the line is not UTF-8, or names a single column that holds other separators than commas.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        line = file.readline(_LONGEST_HEADER)
    if len(line) == _LONGEST_HEADER:
        return
    _check_text(path, 1, line)
    name = line.decode("utf-8-sig").strip("\r\n")
    for mark, separators in _SEPARATORS.items():
        if mark in name and "," not in name:
            fix = "save it again with commas between columns, and points in numbers"
            got = f"the one column {name[:80]!r}: the file seems to be separated by {separators}"
            raise InputError(f"{path}, header line", "columns separated by commas", got, fix)


def check_encoding(path: Path) -> None:
    """Refuse a CSV file by its first line that is not UTF-8.

    Raises:
        InputError: there is one.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            _check_text(path, number, line)


def _check_text(path: Path, number: int, line: bytes) -> None:
    try:
        wrong = line.decode().find("\0")  # of UTF-16, whose every other byte it is
    except UnicodeDecodeError as fault:
        wrong = fault.start
    if wrong >= 0:
        near = repr(line[max(0, wrong - _NEAR) : wrong + _NEAR])[1:]
        got = f"bytes of another encoding, such as Latin-1 or UTF-16: {near}"
        fix = "save it as UTF-8 (in a spreadsheet: CSV UTF-8)"
        raise InputError(f"{path}, line {number}", "text in UTF-8", got, fix)
