"""The `rapport` command: every runner of the project under one name.

A runner's module is imported only when it is called, so that `rapport --help` answers at once.
"""

import ast
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from .store.pipe import closed_quietly

COMMANDS = {
    "configure": "check params.yaml, or turn it to another source",
    "fetch": "get a public dataset",
    "ingest": "stage: source and ledger to checked tables",
    "featurize": "stage: point-in-time features and outcomes",
    "measure": "stage: relationship KPIs",
    "train": "stage: churn risk and uplift",
    "evaluate": "stage: what the run is worth",
    "challenge": "the registered champion that this iteration has to beat",
    "gate": "stage: whether the bundle may become champion",
    "assign": "stage: one intervention for everyone",
    "render": "stage: the report",
    "publish": "bundle to the MLflow registry",
    "features": "the catalogue of features, each with its meaning",
    "summary": "the finished run in a page of text",
    "plan": "what another budget or limit would bring",
    "explain": "the receipt of a decision, checked by deciding again",
    "review": "proposals with their status, as people decide",
    "absorb": "decisions as carried out and new events to the ledger",
    "loop": "the whole loop on the simulated world",
    "serve": "decide with a registered model",
}
# Those without options.
PLAIN = ("ingest", "featurize", "measure", "train", "evaluate", "challenge", "gate", "assign", "render",
         "summary")  # fmt: skip
MODULES = {"features": "list_features"}  # where the command's name is already a package's


def main() -> None:
    """Run one command; `rapport COMMAND --help` explains it."""
    with closed_quietly():
        _run(sys.argv[1] if len(sys.argv) > 1 else "--help")


def _run(name: str) -> None:
    if name in ("-h", "--help"):
        print(usage())
    elif name == "--version":
        print(f"rapport {version('rapport')}")
    elif name not in COMMANDS:
        print(f"error: no command {name!r}\n\n{usage()}", file=sys.stderr)
        sys.exit(2)
    elif name in PLAIN and {"-h", "--help"} & {*sys.argv[2:]}:
        print(explained(name))  # without the libraries that a stage imports first
    else:
        sys.argv = [f"rapport {name}", *sys.argv[2:]]
        from .store.console import run

        run(import_module(f".{MODULES.get(name, name)}", __package__).app)


def explained(name: str) -> str:
    """Return what a command without options says of itself: its module's first words."""
    words = ast.get_docstring(ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")))
    return f"Usage: rapport {name}\n\n{words}"


def usage() -> str:
    """Return the list of commands."""
    rows = "\n".join(f"  {name:<10} {purpose}" for name, purpose in COMMANDS.items())
    return f"Usage: rapport COMMAND [OPTIONS] | --version\n\nKeep the relationships worth keeping.\n\nCommands:\n{rows}"
