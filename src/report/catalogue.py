"""The catalogue of features for the terminal; texts go in as `Text`, so that nothing in them is taken for markup."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..features.declare import Feature
from .features import window

LEAST_MEANING = 24  # columns
_HEADS = ("feature", "meaning", "unit", "window", "source", "absent is")
_MEANING, _BETWEEN = 1, 3  # place of the meaning, blanks between columns


def like(features: Sequence[Feature], text: str) -> list[Feature]:
    """Return the features whose name, meaning or source holds `text`, in capitals or not; all for an empty text.

    >>> nps = Feature("nps_last", "value of the latest nps", "value", "nps")
    >>> like([nps], "NPS") == [nps], like([nps], "csat")
    (True, [])
    """
    wanted = text.casefold()
    return [
        each for each in features if any(wanted in part.casefold() for part in (each.name, each.meaning, each.source))
    ]


def print_catalogue(features: Sequence[Feature], of: int, console: Console) -> None:
    """Print the features, and how many they are of all `of`, within the console's width.

    They are a table where that leaves LEAST_MEANING columns for their meanings, which wrap; else two lines each.
    """
    windows = [window(each.window_days) for each in features]
    rows = [
        (each.name, each.meaning, each.unit, days, each.source, each.missing)
        for each, days in zip(features, windows, strict=True)
    ]
    widths = [max(len(cell) for cell in column) for column in zip(_HEADS, *rows, strict=True)]
    others = sum(widths) - widths[_MEANING] + _BETWEEN * (len(_HEADS) - 1)
    if features and console.width - others >= LEAST_MEANING:
        console.print(_table(rows, widths))
    elif features:
        console.print(Text("\n".join(map(_lines, rows))))
    console.print(Text(f"{len(features)} of {of} features" if len(features) < of else f"{of} features"))


def _table(rows: Sequence[tuple[str, ...]], widths: Sequence[int]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for at, (head, width) in enumerate(zip(_HEADS, widths, strict=True)):
        table.add_column(head, overflow="fold", min_width=None if at == _MEANING else width)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _lines(row: tuple[str, ...]) -> str:
    name, meaning, unit, days, source, missing = row
    return f"{name}: {meaning}\n    unit: {unit}; window: {days}; source: {source}; absent is: {missing}"
