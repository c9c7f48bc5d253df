"""Errors that a person caused and can mend; each prints as one line and ends the program with status 1.

A message says where the fault lies, what was expected, what arrived and what to do.
"""

from collections.abc import Sequence
from pathlib import Path

_MOST = 30  # names that a message lists
_ANEW = "remove the file and run `dvc repro` or `dvc checkout`"


class RapportError(Exception):
    """Base of every error meant for people; anything else is a defect of the program."""


class InputError(RapportError):
    """An input does not keep the contract.

    >>> print(InputError("events.csv, column value, row 3", "a number", "'abc'", "correct the cell"))
    events.csv, column value, row 3: expected a number; got 'abc'. To mend it: correct the cell.
    """

    def __init__(self, where: str, expected: str, got: str, fix: str) -> None:
        self.where, self.expected, self.got, self.fix = where, expected, got, fix
        told = f"{where}: expected {expected}; got {got.removesuffix('.')}. To mend it: {fix.removesuffix('.')}."
        super().__init__(told.replace("\n", " "))


class ParamsError(InputError):
    """A key or value of params.yaml is wrong."""


class ArtifactError(InputError):
    """A file this project wrote is missing, truncated or altered."""

    @classmethod
    def of_table(cls, path: Path, fault: Exception) -> "ArtifactError":
        """Return the error of a table that its reader could not open, or not read to the end."""
        if isinstance(fault, FileNotFoundError):
            return cls(str(path), "a table written by an earlier stage", "no file", "run `dvc repro`")
        reason = next(iter(str(fault).splitlines()), type(fault).__name__)
        return cls(str(path), "an undamaged Parquet file", reason, _ANEW)

    @classmethod
    def of_columns(cls, path: Path, expected: Sequence[str], got: Sequence[str]) -> "ArtifactError":
        """Return the error of a table that is whole, but another one."""
        return cls(str(path), f"the columns {', '.join(expected)}", ", ".join(got) or "none", _ANEW)


def listed(names: Sequence[str]) -> str:
    """Return names as a message lists them.

    >>> listed(["a", "b"])
    'a, b'
    """
    more = f" and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
