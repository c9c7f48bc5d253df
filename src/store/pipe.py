"""What becomes of output that nobody reads on."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def closed_quietly() -> Iterator[None]:
    """Run the block, and end with status 1 and no word where the reader of a pipe has gone, as `head` does."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # here, not as the interpreter ends, when nothing can be caught
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still to be flushed
        sys.exit(1)
