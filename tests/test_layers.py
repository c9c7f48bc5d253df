"""The house stands: imports point down, only the store opens mlflow, nothing can run a pickle."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"
LAYER = {"contracts": 0, "worlds": 1, "sources": 2, "features": 2, "models": 3, "policy": 4, "evaluation": 5,
         "report": 6, "serving": 6}  # fmt: skip
STORE_MAY = {"contracts", "models", "sources", "store"}  # bundles hold models; downloads know datasets
MODULES = sorted(SRC.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Return the absolute dotted names that a module imports; ours without the package name."""
    package = path.relative_to(SRC).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join([*base, *filter(None, [node.module])])
            found |= {f"ours.{name}"} if node.level else {name}
    return found


def breaches(path: Path, imported: set[str]) -> list[str]:
    """Return what a module imports and may not."""
    place = path.relative_to(SRC).parts
    mine = place[0] if len(place) > 1 else "runner"
    ours = {name.split(".")[1] for name in imported if name.startswith("ours.") and name != "ours."}
    folders = {name for name in ours if (SRC / name).is_dir()}
    if mine == "runner":
        wrong = set()
    elif mine == "store":
        wrong = folders - STORE_MAY
    else:
        wrong = {name for name in folders if name == "store" or LAYER[name] > LAYER[mine]}
        wrong |= {name for name in folders if LAYER.get(name) == LAYER[mine] and name != mine}
        wrong |= {"worlds"} & folders if mine not in {"worlds", "sources"} else set()  # known truth stays apart
    if mine != "store":
        wrong |= {name for name in imported if name.split(".")[0] == "mlflow"}
    wrong |= {name for name in imported if name.split(".")[0] in {"pickle", "cloudpickle", "joblib", "dill", "shelve"}}
    return sorted(wrong)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SRC).as_posix())
def test_imports_point_down(path: Path) -> None:
    assert breaches(path, imports(path)) == []


@pytest.mark.parametrize(
    ("place", "imported"),
    [
        ("models/churn.py", "ours.policy.decide"),
        ("features/build.py", "ours.worlds.world"),
        ("worlds/world.py", "ours.features.build"),
        ("evaluation/ranking.py", "mlflow.pyfunc"),
        ("policy/choose.py", "ours.store.frames"),
        ("store/frames.py", "pickle"),
        ("report/page.py", "ours.serving.decisions"),
    ],
)
def test_a_breach_is_seen(place: str, imported: str) -> None:
    assert breaches(SRC / place, {imported}) != []


def test_no_rag_bag_modules() -> None:
    assert [path.name for path in MODULES if path.stem in {"utils", "helpers", "common", "misc"}] == []
