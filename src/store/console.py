"""Run a command line so that a person's mistake ends in one line and status 1, and a defect in its traceback."""

import sys

import typer
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ..contracts.errors import RapportError
from .pipe import closed_quietly


def new_app(purpose: str) -> typer.Typer:
    """Return an empty command line; `purpose` heads its `--help`."""
    return typer.Typer(help=purpose, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def run(app: typer.Typer) -> None:
    """Run `app` on the process's arguments and exit.

    Linear algebra has one thread, or as many as a fit takes from params: the last bits of its results depend on how
    many share the work, and outputs must not on a machine's cores.
    """
    with closed_quietly(), threadpool_limits(1, user_api="blas"):
        try:
            app()
        except RapportError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)


def say(message: str) -> None:
    """Print one line of progress, at once even into a pipe."""
    print(message, flush=True)
