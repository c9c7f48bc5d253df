"""What every section of params.yaml shares: immutability, and the types of its values."""

import datetime as dt
import re
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Kind = Literal["customer", "employee", "partner", "investor"]
KINDS: tuple[Kind, ...] = ("customer", "employee", "partner", "investor")
Share = Annotated[float, Field(ge=0, lt=1)]
Item = TypeVar("Item")
Listed = Annotated[tuple[Item, ...], Field(strict=False)]  # a list of the file; its items are checked strictly


def quoted_number(text: str) -> str | None:
    """Return a text that is written as a number; None where it is not.

    >>> quoted_number(" 5 "), quoted_number("five")
    ('5', None)
    """
    return text.strip() if re.fullmatch(r"\s*[+-]?\d+(?:\.\d+)?\s*", text) else None


def _plain(name: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) is None:
        raise ValueError("a name of small letters, digits and _, a letter first, 40 of them at most")
    return name


def _no_number(text: str) -> str:
    if quoted_number(text) is not None:
        raise ValueError("the name of a column of stakeholders")
    return text


def _parse_instant(value: object) -> object:
    """Return a date or time as UTC without zone; quoted in the file, DVC reads no other (docs/decisions/0003)."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise ValueError('a date or time in ISO 8601, such as "2025-04-01"') from None
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        value = value.astimezone(dt.UTC).replace(tzinfo=None)
    return value


Name = Annotated[str, AfterValidator(_plain)]
Column = Annotated[str, AfterValidator(_no_number)]  # where a number may stand too, which is no name
Instant = Annotated[dt.datetime, BeforeValidator(_parse_instant)]


class Misfit(ValueError):  # noqa: N818 - of values, which `faults.explained` tells as an error
    """Values that do not go together: a key below the section that says so, what was expected of it, what it is."""

    def __init__(self, key: str, expected: str, got: object) -> None:
        self.key, self.expected, self.got = key, expected, str(got)
        super().__init__(f"{key}: expected {expected}; got {got}")


class Section(BaseModel):
    """Base of all sections: immutable, no unknown key, finite numbers only; neither true nor '1' is a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)
