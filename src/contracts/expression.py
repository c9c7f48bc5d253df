"""Conditions on attributes, as params.yaml writes them: parsed to a small tree, never run as code.

Grammar: comparisons (== != < <= > >=, also chained), `in [..]` and `not in [..]`, `is None` and `is not None`, `and`,
`or`, `not`, and names of columns; literals are numbers, quoted text, True and False. A column of true/false stands
for itself, also with blanks among its cells or written as 1 and 0. Logic has three values: a comparison with a missing
cell is neither true nor false, `not` leaves it so, and a condition that is not true in the end does not hold.
"""

import ast
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import ParamsError

Flags = NDArray[np.bool_]
_LONGEST = 2000  # characters
_DEEPEST = 50  # levels
_NOTHING = "nothing"
_NAMES = "its columns named in letters, digits and _ and by no keyword such as class (rename others at the source)"
_FLAGS: Mapping[str, tuple[NDArray[np.generic], NDArray[np.generic]]] = {  # how columns may hold true, and false
    "text": (np.array(["true", "True"]), np.array(["false", "False"])), "a number": (np.ones(1), np.zeros(1)),
}  # fmt: skip
_Side = tuple[NDArray[np.generic], str, Flags]  # values, what they are, and where they are known
_ORDERS: Mapping[type[ast.cmpop], Callable[..., NDArray[np.bool_]]] = {
    ast.Eq: np.equal, ast.NotEq: np.not_equal, ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}  # fmt: skip
_ALLOWED = (ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.Name,
            ast.Load, ast.Constant, ast.List, ast.Tuple, ast.In, ast.NotIn, ast.Is, ast.IsNot, *_ORDERS)  # fmt: skip


@dataclass(frozen=True)
class _Truth:
    """Where a condition is true, and where it is false; where neither, it is unknown."""

    true: Flags
    false: Flags

    def negated(self) -> "_Truth":
        return _Truth(self.false, self.true)


@dataclass(frozen=True)
class Condition:
    """A parsed condition.

    Attributes:
        text: as it was written.
        columns: the names in it, sorted.
    """

    text: str
    columns: tuple[str, ...]

    def holds(self, table: pd.DataFrame, key: str) -> Flags:
        """Return where the condition is true, shape (n,).

        Args:
            table: has the columns as numbers, true/false or text; missing cells allowed.
            key: of params.yaml, for messages.

        Raises:
            ParamsError: a column is absent, or compared with what it is not (text with a number, say).
        """
        absent = [name for name in self.columns if name not in table.columns]
        if absent:
            raise ParamsError(f"params.yaml, {key}", "names of columns", repr(absent[0]), "correct the name")
        return _Reader(table, key).truth(_parsed(self.text).body).true


def condition(text: str) -> Condition:
    """Return the parsed condition.

    Raises:
        ValueError: it is no condition of the grammar; says which part is not.

    >>> condition("region in ['north', 'south'] and not size < 3").columns
    ('region', 'size')
    >>> condition("__import__('os')")
    Traceback (most recent call last):
    ValueError: a condition such as "region == 'north' and size >= 3", without call
    """
    tree = _parsed(text)
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise ValueError(_expected(f", without {type(node).__name__.lower()}"))
    _check(tree.body, 0)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return Condition(text, tuple(sorted(names)))


def _parsed(text: str) -> ast.Expression:
    if len(text) > _LONGEST:
        raise ValueError(f"a condition of at most {_LONGEST} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in literals
            return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(_expected(f", {_NAMES}")) from None


def _expected(but: str) -> str:
    return f"a condition such as \"region == 'north' and size >= 3\"{but}"


def _check(node: ast.expr, depth: int) -> None:
    """Refuse trees that are conditions by their nodes but not by their form."""
    if depth > _DEEPEST:
        raise ValueError(f"a condition of at most {_DEEPEST} levels")
    if isinstance(node, ast.BoolOp):
        for each in node.values:
            _check(each, depth + 1)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check(node.operand, depth + 1)
    elif isinstance(node, ast.Compare):
        _check_comparison(node)
    elif not isinstance(node, ast.Name):
        raise ValueError(_expected(", not a value alone"))


def _check_comparison(node: ast.Compare) -> None:
    sides = [node.left, *node.comparators]
    for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
        if isinstance(operator, ast.In | ast.NotIn):
            fits = isinstance(left, ast.Name) and isinstance(right, ast.List | ast.Tuple) and bool(right.elts)
            fits = fits and all(_is_literal(each) for each in getattr(right, "elts", []))
        elif isinstance(operator, ast.Is | ast.IsNot):
            fits = isinstance(left, ast.Name) and isinstance(right, ast.Constant) and right.value is None
        else:
            fits = all(isinstance(side, ast.Name) or _is_literal(side) for side in (left, right))
            fits = fits and isinstance(left, ast.Name) | isinstance(right, ast.Name)
        if not fits:
            raise ValueError(_expected(": compare a column with a literal, a list of literals or another column"))


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return isinstance(node.operand, ast.Constant) and type(node.operand.value) in (int, float)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float, str, bool)


class _Reader:
    """Evaluates a checked tree on one table."""

    def __init__(self, table: pd.DataFrame, key: str) -> None:
        self.table, self.key = table, key

    def truth(self, node: ast.expr) -> _Truth:
        if isinstance(node, ast.BoolOp):
            parts = [self.truth(each) for each in node.values]
            true, false = [part.true for part in parts], [part.false for part in parts]
            if isinstance(node.op, ast.And):
                return _Truth(np.logical_and.reduce(true), np.logical_or.reduce(false))
            return _Truth(np.logical_or.reduce(true), np.logical_and.reduce(false))
        if isinstance(node, ast.UnaryOp):
            return self.truth(node.operand).negated()
        if isinstance(node, ast.Name):
            return self._compare(node, ast.Eq(), ast.Constant(True))
        assert isinstance(node, ast.Compare)
        sides = [node.left, *node.comparators]
        parts = [self._compare(*each) for each in zip(sides, node.ops, sides[1:], strict=False)]
        return _Truth(np.logical_and.reduce([part.true for part in parts]),
                      np.logical_or.reduce([part.false for part in parts]))  # fmt: skip

    def _compare(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> _Truth:
        if isinstance(operator, ast.Is | ast.IsNot):
            assert isinstance(left, ast.Name)
            missing = self.table[left.id].isna().to_numpy(dtype=bool)
            found = _Truth(missing, ~missing)
            return found if isinstance(operator, ast.Is) else found.negated()
        if isinstance(operator, ast.In | ast.NotIn):
            assert isinstance(right, ast.List | ast.Tuple)
            each = [self._compare(left, ast.Eq(), element) for element in right.elts]
            found = _Truth(np.logical_or.reduce([one.true for one in each]),
                           np.logical_and.reduce([one.false for one in each]))  # fmt: skip
            return found if isinstance(operator, ast.In) else found.negated()
        sides = self._side(left), self._side(right)
        if any(kind == "true/false" for _, kind, _ in sides):
            sides = _as_flags(*sides[0]), _as_flags(*sides[1])
        (a, kind, known), (b, other, also) = sides
        ordered = not isinstance(operator, ast.Eq | ast.NotEq)
        if _NOTHING in (kind, other):  # a column of blanks has no type: nothing is known of it
            return _Truth(np.zeros(len(self.table), dtype=bool), np.zeros(len(self.table), dtype=bool))
        if kind != other or (ordered and kind != "a number"):
            got = f"{kind} and {other} in {ast.unparse(ast.Compare(left, [operator], [right]))!r}"
            raise ParamsError(f"params.yaml, {self.key}", "numbers compared with numbers, text and true/false only for "
                              "equality with their like", got, "correct the condition")  # fmt: skip
        true = np.broadcast_to(_ORDERS[type(operator)](a, b), len(self.table)) & known & also
        return _Truth(true, known & also & ~true)

    def _side(self, node: ast.expr) -> _Side:
        every = np.ones(len(self.table), dtype=bool)
        if not isinstance(node, ast.Name):
            value = ast.literal_eval(node)
            kind = "true/false" if isinstance(value, bool) else "text" if isinstance(value, str) else "a number"
            return np.asarray(value), kind, every
        column = self.table[node.id]
        known = column.notna().to_numpy(dtype=bool)
        if not known.any():
            return np.asarray(0.0), _NOTHING, known
        if pd.api.types.is_bool_dtype(column.dtype):
            return column.fillna(False).to_numpy(dtype=bool), "true/false", known
        if pd.api.types.is_numeric_dtype(column.dtype):
            return column.to_numpy(dtype=np.float64, na_value=np.nan), "a number", known
        return column.astype("str").to_numpy(dtype=object), "text", known


def _as_flags(values: NDArray[np.generic], kind: str, known: Flags) -> _Side:
    """Return a side as true/false where it is a column of nothing else, which blanks leave as text or numbers."""
    if values.ndim and kind in _FLAGS:
        true, false = (np.isin(values, words) for words in _FLAGS[kind])
        if (true | false)[known].all():
            return true, "true/false", known
    return values, kind, known
