"""The MLflow store: where it is, and a client of it; telemetry is off.

It is where MLFLOW_TRACKING_URI says, else an SQLite file in the project's root.
"""

import fcntl
import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..contracts.errors import InputError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_QUIET_AND_BOUNDED = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # it would show the credentials in it
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a dead server answers in seconds instead of minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
# Up to the last @ before a slash; databases also take a password that holds a slash, but a port is none.
_CREDENTIALS = re.compile(r"(?<=://)(?:[^\s/]*@|[^\s:/@]*:(?!\d+/)[^\s@]*@)")


def tracking_uri(root: Path | None = None) -> str:
    """Return the tracking address: the environment's, else an SQLite file in `root`, absolute."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(root or Path.cwd()).resolve() / 'mlflow.db'}"


def without_credentials(text: str) -> str:
    """Return an address, or text that holds some, without user and password.

    >>> without_credentials("no answer of https://ann:s3/cret@mlflow.example:5000/api, sqlite:////home/ann/mlflow.db")
    'no answer of https://mlflow.example:5000/api, sqlite:////home/ann/mlflow.db'
    """
    return _CREDENTIALS.sub("", text)


@contextmanager
def connected() -> Iterator["MlflowClient"]:
    """Yield a client of the tracking store; a new SQLite store is created once, under a lock.

    Raises:
        InputError: the store cannot be opened, does not answer, or refuses what is asked of it in the block.
    """
    for name, setting in _QUIET_AND_BOUNDED.items():
        os.environ.setdefault(name, setting)
    with warnings.catch_warnings():
        import mlflow
        from mlflow.exceptions import MlflowException

        warnings.simplefilter("ignore")  # after the import, which sets filters of its own; errors still come through
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        mlflow.set_tracking_uri(tracking_uri())
        with Path(".mlflow.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                client = mlflow.MlflowClient()
                client.search_experiments(max_results=1)
            except Exception as fault:  # MLflow's own, or anything of the database's driver
                raise refusal(fault) from None
        try:
            yield client
        except (MlflowException, OSError) as fault:  # such as a missing artifact, or a server that went away
            raise refusal(fault, "see that the store is whole, and that you may read and write it") from None


def refusal(fault: Exception, fix: str = "start the server, install its driver, or correct the address") -> InputError:
    """Return the error that names the store which cannot be opened, or refuses what it is asked."""
    got = without_credentials(f"{type(fault).__name__}: {fault}")[:300]
    return InputError("MLFLOW_TRACKING_URI", f"a tracking store at {without_credentials(tracking_uri())}", got, fix)
