"""Mutation score of src/evaluation: how many small mistakes planted in a module its mirrored tests notice.

    python benchmarks/mutation.py --per-module 20 --out docs/benchmarks/mutation.json

A mutant differs in one place: a sign, a comparison, a weight dropped, a number or index shifted, a sum for a mean, a
branch turned. Of all of a module's mutants a seeded sample is run, each in a forked process with the tests of that
module only, stopped at the first failure; messages of errors and docstrings are not mutated. Doctests do not count.
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import resource
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EVALUATION, TESTS = ROOT / "src" / "evaluation", ROOT / "tests"
TESTED_BY = {
    "estimate": ["test_estimate.py", "test_policy_value.py", "test_evidence.py"],
    "held": ["test_held.py", "test_policy_scorecard.py", "test_ruled_policies.py"],
    "log": ["test_policy_value.py", "test_support.py"],
    "limits": ["test_limits.py", "test_ruled_policies.py"],
    "other_people": ["test_other_people.py", "test_staleness.py", "test_proxies.py"],
    "policies": ["test_policy_scorecard.py", "test_ruled_policies.py"],
}  # where it is not test_<module>.py
WIRING = ("evaluate",)  # which only runs of the whole pipeline test
SLOW = ("scrambled", "leaks_into", "evaluate_measures", "covers", "stated_rate", "error_and_power", "logged_rarely")
TOO_SLOW = " and ".join(f"not {part}" for part in SLOW)  # tests left out, so the score is rather too low
PRELOADED = ("pytest", "hypothesis", "scipy.stats", "scipy.optimize", "lightgbm", "rapport.models.training",
             "rapport.policy.decide", "rapport.sources.adapters", "rapport.store.project")  # fmt: skip
CPU_SECONDS = 60  # after which a mutant counts as noticed
BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
          ast.MatMult: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.FloorDiv: ast.Mult,
          ast.Mod: ast.FloorDiv}  # fmt: skip
COMPARE = {ast.Lt: ast.GtE, ast.LtE: ast.Lt, ast.Gt: ast.LtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
           ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}  # fmt: skip
NAMES = {"sum": "mean", "mean": "sum", "cumsum": "copy", "min": "max", "max": "min", "minimum": "maximum",
         "maximum": "minimum", "argmax": "argmin", "any": "all", "all": "any", "sqrt": "square", "zeros": "ones",
         "ones": "zeros", "ceil": "floor"}  # fmt: skip


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Yield (what was changed where, the mutated source) for every mutant of a module."""
    tree = ast.parse(source)
    skipped = {id(inner) for node in ast.walk(tree) for part in _no_matter(node) for inner in ast.walk(part)}
    nodes = list(ast.walk(tree))
    for at, node in enumerate(nodes):
        if id(node) in skipped:
            continue
        for label, change in changes(node):
            twin = copy.deepcopy(tree)
            change(list(ast.walk(twin))[at])
            yield f"line {node.lineno}: {label}", ast.unparse(ast.fix_missing_locations(twin))


def _no_matter(node: ast.AST) -> list[ast.AST]:
    """Return the parts of a node that are no behaviour: messages, types, and whether a dataclass is frozen."""
    if isinstance(node, ast.Raise):
        return [node]
    if isinstance(node, ast.ClassDef):
        return list(node.decorator_list)
    if isinstance(node, ast.AnnAssign | ast.arg):
        return [node.annotation] if node.annotation else []
    return [node.returns] if isinstance(node, ast.FunctionDef) and node.returns else []


def changes(node: ast.AST) -> Iterator[tuple[str, object]]:
    """Yield the changes that one node allows, each with a label."""
    if isinstance(node, ast.BinOp):
        if type(node.op) in BINARY and not isinstance(node.left, ast.Constant | ast.JoinedStr):
            to = BINARY[type(node.op)]
            yield f"{type(node.op).__name__} → {to.__name__}", lambda it: setattr(it, "op", to())
        if isinstance(node.op, ast.Mult | ast.Div):
            yield "second factor dropped", lambda it: setattr(it, "right", ast.Constant(1))
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARE:
        to = COMPARE[type(node.ops[0])]
        yield f"{type(node.ops[0]).__name__} → {to.__name__}", lambda it: setattr(it, "ops", [to()])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign flipped", lambda it: setattr(it, "op", ast.UAdd())
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield f"{node.value} shifted", lambda it: setattr(it, "value", it.value + (1 if type(it.value) is int else 0.5))
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield f"not {node.value}", lambda it: setattr(it, "value", not it.value)
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield f"{node.attr} → {NAMES[node.attr]}", lambda it: setattr(it, "attr", NAMES[it.attr])
    elif isinstance(node, ast.If | ast.IfExp):
        yield "condition negated", lambda it: setattr(it, "test", ast.UnaryOp(ast.Not(), it.test))
    elif isinstance(node, ast.BoolOp):
        to_bool = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield "and ↔ or", lambda it: setattr(it, "op", to_bool())


class Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from mutated source."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source = name, source

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Return a spec for the mutated module only."""
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module: object) -> None:
        """Run the mutated source."""
        exec(compile(self.source, f"<mutant of {self.name}>", "exec"), vars(module))


def noticed(module: str, source: str) -> bool:
    """Return whether the module's tests fail, or do not end, with this source in its place."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        sys.meta_path.insert(0, Planted(f"rapport.evaluation.{module}", source))
        os._exit(_tests(module))
    return os.waitpid(child, 0)[1] != 0


def _tests(module: str) -> int:
    import pytest
    from hypothesis import settings

    settings.register_profile("mutation", deadline=None, derandomize=True)  # a busy machine is no mistake
    settings.load_profile("mutation")
    files = [str(TESTS / "evaluation" / name) for name in TESTED_BY.get(module, [f"test_{module}.py"])]
    options = ["-x", "-q", "-p", "no:cacheprovider", "--noconftest", "-k", TOO_SLOW]
    return int(pytest.main([*options, *files]) != 0)


def main() -> None:
    """Run the sample of every module asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--per-module", type=int, default=20)
    parser.add_argument("--modules", nargs="*", default=None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "mutation.json")
    asked = parser.parse_args()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for needed in PRELOADED:
        import_module(needed)  # once for all mutants
    stored = json.loads(asked.out.read_text()) if asked.out.exists() else {}
    every_module = sorted(path.stem for path in EVALUATION.glob("[a-z]*.py") if path.stem not in WIRING)
    for module in asked.modules or every_module:
        source = (EVALUATION / f"{module}.py").read_text(encoding="utf-8")
        if not noticed(module, source + "\nraise SystemExit\n") or noticed(module, source):
            raise SystemExit(f"{module}: its tests do not import it, or fail without any mutant")
        every = list(mutants(source))
        sample = random.Random(f"{asked.seed} {module}").sample(every, min(asked.per_module, len(every)))
        missed = [label for label, mutant in sample if not noticed(module, mutant)]
        stored[module] = {
            "mutants": len(sample),
            "of": len(every),
            "noticed": len(sample) - len(missed),
            "missed": missed,
        }
        print(module, json.dumps(stored[module], ensure_ascii=False), flush=True)
        asked.out.write_text(json.dumps(dict(sorted(stored.items())), indent=1, ensure_ascii=False) + "\n")
    stored = {module: found for module, found in stored.items() if module in every_module}  # not those moved away
    asked.out.write_text(json.dumps(dict(sorted(stored.items())), indent=1, ensure_ascii=False) + "\n")
    total = [sum(each[key] for each in stored.values()) for key in ("noticed", "mutants")]
    print(f"score {total[0] / total[1]:.1%} of {total[1]}")


if __name__ == "__main__":
    main()
