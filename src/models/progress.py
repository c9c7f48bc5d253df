"""Where the fits of a training tell how far they are."""

from collections.abc import Callable

Say = Callable[[str], None]  # receives a line of progress


def silent(_: str) -> None:
    """Take a line of progress and say nothing."""
