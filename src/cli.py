"""The `rapport` command: every runner of the project under one name.

A runner's module is imported only when it is called, so that `rapport --help` answers at once.
"""

import sys
from importlib import import_module

COMMANDS = {
    "configure": "check params.yaml, or turn it to another source",
    "fetch": "get a public dataset",
    "ingest": "stage: source and ledger to checked tables",
    "featurize": "stage: point-in-time features and outcomes",
    "measure": "stage: relationship KPIs",
    "train": "stage: churn risk and uplift",
    "evaluate": "stage: what the run is worth",
    "assign": "stage: one intervention for everyone",
    "render": "stage: the report",
    "publish": "bundle to the MLflow registry",
    "features": "the catalogue of features, each with its meaning",
    "summary": "the finished run in a page of text",
    "absorb": "decisions as carried out and new events to the ledger",
    "loop": "the whole loop on the simulated world",
    "serve": "decide with a registered model",
}
MODULES = {"features": "list_features"}  # where the command's name is already a package's


def main() -> None:
    """Run one command; `rapport COMMAND --help` explains it."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        print(usage())
    elif name not in COMMANDS:
        print(f"error: no command {name!r}\n\n{usage()}", file=sys.stderr)
        sys.exit(2)
    else:
        sys.argv = [f"rapport {name}", *sys.argv[2:]]
        from .store.console import run

        run(import_module(f".{MODULES.get(name, name)}", __package__).app)


def usage() -> str:
    """Return the list of commands."""
    rows = "\n".join(f"  {name:<10} {purpose}" for name, purpose in COMMANDS.items())
    return f"Usage: rapport COMMAND [OPTIONS]\n\nKeep the relationships worth keeping.\n\nCommands:\n{rows}"
