"""Arithmetic on named parameters, such as `fast < slow` or `slow + 20`: read, never executed."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = Mapping[str, NDArray[np.float64]]

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip


def arithmetic(text: str, names: tuple[str, ...]) -> Callable[[Values], Any]:
    """What a text says of parameters, as a function of their values.

    Args:
        text: numbers, the names, `+ - * /`, comparisons (chained ones too), `and`, `or`, `not`.
        names: the parameters.

    Raises:
        UserError: anything else, or an unknown name.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{text!r} is no arithmetic on {', '.join(names)}: {error}") from error
    _check(tree, text, names)
    return lambda values: _value(tree, values)


def _check(tree: ast.AST, text: str, names: tuple[str, ...]) -> None:
    for node in ast.walk(tree):
        known = isinstance(node, (ast.BinOp, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Load))
        known |= isinstance(node, (ast.And, ast.Or, ast.Not, ast.USub)) or type(node) in _BINARY
        known |= isinstance(node, ast.Constant) and isinstance(node.value, (int, float))
        known |= isinstance(node, ast.Name) and node.id in names
        if not known:
            part = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
            raise UserError(
                f"{text!r} has {part}, which is no parameter and no arithmetic: "
                f"use {', '.join(names)}, numbers, + - * /, comparisons, and, or, not"
            )


def _value(node: ast.AST, values: Values) -> Any:
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)](_value(node.left, values), _value(node.right, values))
    if isinstance(node, ast.UnaryOp):
        inner = _value(node.operand, values)
        return -inner if isinstance(node.op, ast.USub) else np.logical_not(inner)
    if isinstance(node, ast.BoolOp):
        join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return join.reduce([_value(part, values) for part in node.values])
    if isinstance(node, ast.Compare):
        sides = [_value(part, values) for part in (node.left, *node.comparators)]
        steps = zip(node.ops, sides, sides[1:], strict=False)
        return np.logical_and.reduce([_BINARY[type(op)](a, b) for op, a, b in steps])
    assert isinstance(node, ast.Constant)
    return float(node.value)  # type: ignore[arg-type]  # numbers only, see `_check`
