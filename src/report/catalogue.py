"""The catalogue of features for the terminal; texts go in as `Text`, so that nothing in them is taken for markup."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..features.declare import Feature
from .features import window


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
    """Print the features as a table that wraps at the console's width, and how many they are of all `of`."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    longest = max((len(each.name) for each in features), default=0)
    table.add_column("feature", overflow="fold", min_width=min(longest, console.width // 3))
    for head in ("meaning", "unit", "window", "source", "absent is"):
        table.add_column(head, overflow="fold")
    for each in features:
        cells = (each.name, each.meaning, each.unit, window(each.window_days), each.source, each.missing)
        table.add_row(*(Text(cell) for cell in cells))
    if features:
        console.print(table)
    console.print(Text(f"{len(features)} of {of} features" if len(features) < of else f"{of} features"))
