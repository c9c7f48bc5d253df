"""Where things lie in a project, and its params.yaml.

Every stage runs in the project's root, the folder that holds dvc.yaml; paths are relative to it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ..contracts.errors import ParamsError
from ..contracts.params import Params, parse_params
from .atomic import write_text
from .yaml_text import as_written, with_values

PARAMS = Path("params.yaml")
RAW = Path("data/raw")
LEDGER = Path("data/ledger")
CHAMPION = Path("data/registry/champion")
LOOKS = Path("data/registry/looks/looks.json")
TABLES = Path("data/tables")
FEATURES = Path("data/features")
KPIS = Path("data/kpis")
BUNDLE = Path("data/bundle")
OUT_OF_FOLD = Path("data/out_of_fold")
EVALUATION = Path("data/evaluation")
VERDICT = Path("data/gate/verdict.json")
JUDGED = Path("data/judged")
ASSIGNMENTS = Path("data/assignments/assignments.parquet")
RULES = Path("data/assignments/rules.json")
REVIEW = Path("data/review")
PLAN = Path("data/plan")
WHAT_IF = Path("data/what_if")
RISK = Path("data/risk/risk.parquet")
REPORT = Path("data/report/report.html")
TRUTH = Path("data/truth")


def load_params(path: Path = PARAMS) -> Params:
    """Read and check params.yaml.

    Raises:
        ParamsError: the file is missing, not YAML, or breaks a bound.
    """
    return parse_params(read_yaml(path), str(path))


def read_yaml(path: Path) -> Any:
    """Read one YAML document; its tags are never executed."""
    try:
        return YAML(typ="safe").load(path)
    except FileNotFoundError:
        raise ParamsError(str(path), "the project's parameters", "no file", "run in the project's root") from None
    except YAMLError as fault:
        raise ParamsError(str(path), "YAML", " ".join(str(fault).split()), "correct the file") from None


def read_commented(path: Path) -> Mapping[str, Any]:
    """Read a YAML mapping with its comments, to be put into another document by `overlay_params`."""
    document: Mapping[str, Any] = as_written().load(path)
    return document


def overlay_params(changes: Mapping[str, Any], path: Path = PARAMS) -> Params:
    """Replace keys of params.yaml, all else kept as `with_values` says, and return the result checked.

    Args:
        changes: new value by dotted key; a section's name replaces the whole section.
        path: the file, changed only when the result is valid.

    Raises:
        ParamsError: the result breaks a bound; the file is as before.
    """
    text = with_values(path.read_bytes().decode(), changes)
    checked = parse_params(YAML(typ="safe").load(text), str(path))
    write_text(path, text)
    return checked
