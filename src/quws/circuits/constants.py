"""Values of OPENQASM-3 expressions that are known before anything runs.

Register sizes, loop bounds and gate modifiers are read with this twice: for
the count and for the circuit itself, so that both see the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from openqasm3 import ast

Number = int | float
"""A value; truth values count as 0 and 1."""

Lookup = Callable[[str], Number | None]
"""Gives the value of a name, None if the name has none at this place."""

_BITS = 128
"""Longest integer that is computed; nothing that a circuit needs comes near."""

BUILTIN: dict[str, Number] = {
    "pi": math.pi,
    "π": math.pi,
    "tau": math.tau,
    "τ": math.tau,
    "euler": math.e,
    "ℇ": math.e,
}

_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "arccos": math.acos,
    "arcsin": math.asin,
    "arctan": math.atan,
    "ceiling": math.ceil,
    "cos": math.cos,
    "exp": math.exp,
    "floor": math.floor,
    "log": math.log,
    "mod": math.fmod,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
}


class NotConstantError(Exception):
    """An expression depends on something that is known only when the circuit runs."""


def evaluate(node: ast.Expression, lookup: Lookup) -> Number:
    """Compute an expression.

    Raises
    ------
    NotConstantError
        The expression has no value yet, or is of a kind that is not computed.
    ArithmeticError
        A division by zero or a result too large.
    ValueError
        A function outside its domain.

    """
    if isinstance(node, ast.IntegerLiteral | ast.FloatLiteral | ast.BooleanLiteral):
        return node.value
    if isinstance(node, ast.Identifier):
        value = lookup(node.name)
        if value is None:
            raise NotConstantError(node.name)
        return value
    if isinstance(node, ast.UnaryExpression) and node.op.name == "-":
        return -evaluate(node.expression, lookup)
    if isinstance(node, ast.BinaryExpression):
        return _binary(node.op.name, evaluate(node.lhs, lookup), evaluate(node.rhs, lookup))
    if isinstance(node, ast.FunctionCall):
        arguments = [evaluate(argument, lookup) for argument in node.arguments]
        if node.name.name == "pow" and len(arguments) == 2:
            return _power(arguments[0], arguments[1])
        function = _FUNCTIONS.get(node.name.name)
        if function is not None and len(arguments) == (2 if node.name.name == "mod" else 1):
            return _bounded(function(*arguments))
    raise NotConstantError(type(node).__name__)


def _binary(operator: str, left: Number, right: Number) -> Number:
    result: Number
    match operator:
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            result = left * right
        case "/" if isinstance(left, int) and isinstance(right, int):
            result = left // right
        case "/":
            result = left / right
        case "%":
            result = left % right
        case "**":
            result = _power(left, right)
        case _:
            raise NotConstantError(operator)
    return _bounded(result)


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        if base.bit_length() * exponent > _BITS:
            raise OverflowError("a constant is too large")
        return _bounded(base**exponent)
    return _bounded(math.pow(base, exponent))


def _bounded(value: Number) -> Number:
    if isinstance(value, int):
        if value.bit_length() > _BITS:
            raise OverflowError("a constant is too large")
    elif not math.isfinite(value):
        raise OverflowError("a constant is too large")
    return value
