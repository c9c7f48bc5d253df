"""Errors that a person caused and can mend; each prints as one line and ends the program with status 1.

A message says where the fault lies, what was expected, what arrived and what to do.
"""


class RapportError(Exception):
    """Base of every error meant for people; anything else is a defect of the program."""


class InputError(RapportError):
    """An input does not keep the contract.

    >>> print(InputError("events.csv, column value, row 3", "a number", "'abc'", "correct the cell"))
    events.csv, column value, row 3: expected a number; got 'abc'. To mend it: correct the cell.
    """

    def __init__(self, where: str, expected: str, got: str, fix: str) -> None:
        self.where, self.expected, self.got, self.fix = where, expected, got, fix
        super().__init__(f"{where}: expected {expected}; got {got}. To mend it: {fix}.".replace("\n", " "))


class ParamsError(InputError):
    """A key or value of params.yaml is wrong."""


class ArtifactError(InputError):
    """A file this project wrote is missing, truncated or altered."""
