"""What the terminal shows is made of: text and tables; texts of data go in as `Text`, never as markup."""

import io
import sys
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

LEAST_WIDTH = 100
WIDE = 120  # for tables of many columns
_WIDEST_FIRST = 30


def new_console(least: int = LEAST_WIDTH) -> Console:
    """Return a console on standard output, at least so many columns wide; what it cannot encode becomes `?`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False, markup=False, emoji=False)
    console.width = max(console.width, least)
    return console


def show(parts: Sequence[RenderableType], console: Console) -> None:
    """Print parts one below the other; text is not broken where the console is no terminal."""
    for part in parts:
        unbroken = isinstance(part, Text) and not console.is_terminal
        console.print(part, markup=False, highlight=False, emoji=False, soft_wrap=unbroken)


def heading(text: str) -> Text:
    """Return a heading."""
    return Text(f"\n{text}", style="bold")


def new_table(first: str, *others: str, names: Sequence[str] = ()) -> Table:
    """Return a table without rows: a column of names, then columns of numbers.

    Args:
        first: head of the names.
        others: heads of the numbers.
        names: that the first column will hold, so that it is wide enough for them.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    longest = max((len(name) for name in (first, *names)), default=0)
    table.add_column(first, overflow="fold", min_width=min(longest, _WIDEST_FIRST))
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table
