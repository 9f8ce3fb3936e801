"""Values of OPENQASM-3 expressions that are known before anything runs.

Register sizes, loop bounds and gate modifiers are read with this twice: for
the count and for the circuit itself, so that both see the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Self

from openqasm3 import ast

Number = int | float
"""A value; truth values count as 0 and 1."""

Lookup = Callable[[str], Number | None]
"""Gives the value of a name, None if the name has none at this place."""

_BITS = 4096
"""Longest integer that is computed: registers that are compared with numbers may be as long."""


_FINE = 53
"""Bits of an angle from which on a float names it as finely."""


class Turn(float):
    """A value of type ``angle``: on a circle, so from 0 up to 2π.

    With a number of bits it is one of as many equal parts of the circle as these can name.
    """

    def __new__(cls, value: float, bits: int | None = None) -> Self:
        """Go round the circle as often as needed."""
        part = math.fmod(float(value), math.tau) / math.tau
        if bits is not None and bits < _FINE:
            part = round(part * 2.0**bits) / 2.0**bits
        return super().__new__(cls, part % 1.0 % 1.0 * math.tau)


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
        value = evaluate(node.expression, lookup)
        return Turn(-value) if isinstance(value, Turn) else -value
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


def inexact(
    node: ast.Expression, lookup: Lookup
) -> Iterator[tuple[ast.BinaryExpression, int, float]]:
    """Find the divisions of whole numbers that leave a rest; give quotient and fraction."""
    match node:
        case ast.BinaryExpression():
            yield from inexact(node.lhs, lookup)
            yield from inexact(node.rhs, lookup)
            if node.op.name == "/":
                with suppress(NotConstantError, ArithmeticError, ValueError):
                    left, right = evaluate(node.lhs, lookup), evaluate(node.rhs, lookup)
                    if isinstance(left, int) and isinstance(right, int) and left % right:
                        yield node, _quotient(left, right), left / right
        case ast.UnaryExpression():
            yield from inexact(node.expression, lookup)
        case ast.FunctionCall():
            for argument in node.arguments:
                yield from inexact(argument, lookup)


def _quotient(left: int, right: int) -> int:
    """Divide whole numbers as C does: towards zero."""
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _binary(operator: str, left: Number, right: Number) -> Number:
    result: Number
    match operator:
        case "+" | "-" | "*" if isinstance(left, Turn) or isinstance(right, Turn):
            return Turn(_binary(operator, float(left), float(right)))
        case "/" if isinstance(left, Turn) and isinstance(right, Turn):
            result = int(left / right)
        case "/" if isinstance(left, Turn):
            result = Turn(left / right)
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            result = left * right
        case "/" if isinstance(left, int) and isinstance(right, int):
            result = _quotient(left, right)
        case "/":
            result = left / right
        case "%" if isinstance(left, int) and isinstance(right, int):
            result = left - _quotient(left, right) * right
        case "%":
            result = math.fmod(left, right)
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
