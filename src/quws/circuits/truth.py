"""The conditions of OPENQASM-3, said as tests of single bits.

Numbers are compared as numbers, whatever their size: a register of two bits is
below 5 in every shot. The importer knows only ``bit == bool`` and ``register
== number``, and leaves it to simulators how a number is compared that does not
fit.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from openqasm3 import ast
from qiskit.circuit import ClassicalRegister, Clbit
from qiskit.circuit.classical import expr
from qiskit_qasm3_import import ConversionError, types

Truth: TypeAlias = "bool | expr.Expr"
"""Known before anything runs, or a statement on bits."""

Condition: TypeAlias = "tuple[Clbit, bool] | tuple[ClassicalRegister, int] | expr.Expr"
"""What Qiskit takes for a condition."""

WIDEST = 256
"""Bits of a register that is compared by size, as the statement nests as deeply."""

_HELP = (
    "; conditions compare bits, registers and constants by ==, !=, <, <=, > and >=, and join such"
    " tests by !, &&, ||, &, |, ^ and ~"
)
_NO_NUMBERS = ("type error", "unsupported binary operation")
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True)
class Bits:
    """A value of bits, the lowest first. ``register`` is what they are all of, if so."""

    bits: tuple[Truth, ...]
    single: bool = False
    register: ClassicalRegister | None = None


Operand = Bits | int
"""Bits, or a number that is known; truth values count as numbers, as in C."""

Resolve = Callable[[ast.Expression], tuple[Any, types.Type]]
"""Finds what a name, an index or a constant stands for."""


def condition_of(node: ast.Expression, resolve: Resolve) -> Condition:
    """Read a condition.

    Raises
    ------
    ConversionError
        It is none, or of a kind that cannot be tested.

    """
    if isinstance(node, ast.BinaryExpression) and node.op.name == "==":
        found = _plain(node, resolve)
        if found is not None:
            return found
    return _condition(_truth(_operand(node, resolve)))


def _plain(node: ast.BinaryExpression, resolve: Resolve) -> Condition | None:
    """Keep the comparison of a whole register with a number, which engines know."""
    left, right = (_operand(side, resolve) for side in (node.lhs, node.rhs))
    if isinstance(right, Bits) and right.register is not None:
        left, right = right, left
    if not isinstance(left, Bits) or left.register is None or left.single:
        return None
    _fitting(left, right)
    number, size = _number(right), len(left.bits)
    return None if number is None or size == 1 or number >> size else (left.register, number)


def _condition(truth: Truth) -> Condition:
    if isinstance(truth, bool):
        known: Condition = expr.lift(truth)
        return known
    if isinstance(truth, expr.Var):
        return truth.var, True
    if isinstance(truth, expr.Unary) and isinstance(truth.operand, expr.Var):
        return truth.operand.var, False
    return truth


# Expressions


def _operand(node: ast.Expression, resolve: Resolve) -> Operand:
    if isinstance(node, ast.UnaryExpression) and node.op.name in ("!", "~"):
        return _negated(node, _operand(node.expression, resolve))
    if isinstance(node, ast.BinaryExpression):
        name = node.op.name
        if name in ("&&", "||"):
            join = _all if name == "&&" else _any
            sides = [_truth(_operand(side, resolve)) for side in (node.lhs, node.rhs)]
            return _as_operand(join(sides))
        if name in _ORDER:
            left, right = (_operand(side, resolve) for side in (node.lhs, node.rhs))
            return _as_operand(_compared(name, left, right))
        if name in ("&", "|", "^"):
            left, right = (_operand(side, resolve) for side in (node.lhs, node.rhs))
            return _bitwise(node, left, right)
    if isinstance(node, ast.Cast):
        return _cast(node, _operand(node.argument, resolve), resolve)
    return _leaf(node, resolve)


def _leaf(node: ast.Expression, resolve: Resolve) -> Operand:
    try:
        value, kind = resolve(node)
    except ConversionError as error:
        if isinstance(node, ast.BinaryExpression) and any(
            what in error.message for what in _NO_NUMBERS
        ):
            raise ConversionError(
                f"'{node.op.name}' cannot be used in a condition{_HELP}"
            ) from None
        raise
    if isinstance(kind, types.Bit):
        return Bits((expr.lift(value),), single=True)
    if isinstance(kind, types.BitArray):
        whole = value if isinstance(value, ClassicalRegister) else None
        return Bits(tuple([expr.lift(bit) for bit in value]), register=whole)
    if isinstance(node, ast.BitstringLiteral):
        return Bits(tuple([bool(value >> k & 1) for k in range(node.width)]))
    if isinstance(value, int) and getattr(kind, "const", False):
        return value
    if isinstance(value, float) and getattr(kind, "const", False):
        raise ConversionError("bits are compared with whole numbers")
    raise ConversionError(f"'{kind.pretty()}' cannot be tested{_HELP}")


def _cast(node: ast.Cast, value: Operand, resolve: Resolve) -> Operand:
    kind = node.type
    if isinstance(kind, ast.BoolType):
        return _as_operand(_truth(value))
    if isinstance(kind, ast.BitType | ast.UintType | ast.IntType) and isinstance(value, Bits):
        size = None if kind.size is None else resolve(kind.size)[0]
        if isinstance(kind, ast.BitType) and size is None:
            size = 1
        room = len(value.bits) + isinstance(kind, ast.IntType)
        if (
            size is None
            or size >= room
            or (size == len(value.bits) and not isinstance(kind, ast.IntType))
        ):
            return Bits(value.bits, single=isinstance(kind, ast.BitType) and size == 1)
    raise ConversionError(f"this cast is not supported in a condition{_HELP}")


def _negated(node: ast.UnaryExpression, value: Operand) -> Operand:
    if node.op.name == "!" or (isinstance(value, Bits) and value.single):
        return _as_operand(_not(_truth(value)))
    if isinstance(value, Bits):
        return Bits(tuple([_not(bit) for bit in value.bits]))
    raise ConversionError(f"this cannot be tested{_HELP}")


def _bitwise(node: ast.BinaryExpression, left: Operand, right: Operand) -> Operand:
    _fitting(left, right)
    size = max(len(side.bits) for side in (left, right) if isinstance(side, Bits))
    both = [_bits(side, size) for side in (left, right)]
    if node.op.name == "^":
        found = [_xor(*pair) for pair in zip(*both, strict=True)]
    else:
        join = _all if node.op.name == "&" else _any
        found = [join(pair) for pair in zip(*both, strict=True)]
    single = all(not isinstance(side, Bits) or side.single for side in (left, right))
    return Bits(tuple(found), single=single)


def _compared(name: str, left: Operand, right: Operand) -> Truth:
    if isinstance(left, int) and isinstance(right, int):
        return _ORDER[name](left, right)
    _fitting(left, right)
    if not isinstance(left, Bits):
        left, right, name = right, left, _MIRRORED[name]
    assert isinstance(left, Bits)
    if name not in ("==", "!=") and len(left.bits) > WIDEST:
        raise ConversionError(
            f"registers of more than {WIDEST} bits are compared by == and != only"
        )
    number = _number(right)
    if number is not None:
        return _compared_with(left.bits, name, number)
    assert isinstance(right, Bits)
    size = max(len(left.bits), len(right.bits))
    one, other = _bits(left, size), _bits(right, size)
    if name in ("==", "!="):
        same = _all([_not(_xor(*pair)) for pair in zip(one, other, strict=True)])
        return same if name == "==" else _not(same)
    if name in (">", "<="):
        one, other = other, one
    less: Truth = False
    for low, high in zip(one, other, strict=True):
        less = _any([_all([_not(low), high]), _all([_any([_not(low), high]), less])])
    return less if name in ("<", ">") else _not(less)


def _compared_with(bits: Sequence[Truth], name: str, number: int) -> Truth:
    if name in ("==", "!="):
        same = 0 <= number < 1 << len(bits) and _all(
            [bit if number >> k & 1 else _not(bit) for k, bit in enumerate(bits)]
        )
        return same if name == "==" else _not(same)
    bound = number + 1 if name in ("<=", ">") else number
    less = _below(bits, bound)
    return less if name in ("<", "<=") else _not(less)


def _below(bits: Sequence[Truth], bound: int) -> Truth:
    if bound <= 0 or bound >> len(bits):
        return bound > 0
    less: Truth = False
    for place, bit in enumerate(bits):
        join = _any if bound >> place & 1 else _all
        less = join([_not(bit), less])
    return less


# Operands


def _fitting(left: Operand, right: Operand) -> None:
    """Refuse to compare registers of different sizes, or a register with a truth value."""
    if not isinstance(left, Bits) and not isinstance(right, Bits):
        raise ConversionError(f"this cannot be tested{_HELP}")
    if isinstance(left, Bits) and isinstance(right, Bits):
        sizes = len(left.bits), len(right.bits)
        if sizes[0] != sizes[1]:
            raise ConversionError(
                f"a condition compares {sizes[0]} bits with {sizes[1]}; both must be as many"
            )
    for bits, other in ((left, right), (right, left)):
        if isinstance(bits, Bits) and isinstance(other, bool) and len(bits.bits) > 1:
            raise ConversionError(
                f"a register of {len(bits.bits)} bits is compared with a truth value; compare it"
                " with a number, or test one of its bits",
            )


def _number(value: Operand) -> int | None:
    if isinstance(value, int):
        return int(value)
    if all(isinstance(bit, bool) for bit in value.bits):
        return sum(bool(bit) << place for place, bit in enumerate(value.bits))
    return None


def _bits(value: Operand, size: int) -> Sequence[Truth]:
    if isinstance(value, Bits):
        return [*value.bits, *[False] * (size - len(value.bits))]
    return [bool(value >> place & 1) for place in range(size)]


def _as_operand(truth: Truth) -> Operand:
    return truth if isinstance(truth, bool) else Bits((truth,), single=True)


def _truth(value: Operand) -> Truth:
    """Tell whether any bit is 1."""
    return _any(value.bits) if isinstance(value, Bits) else value != 0


# Logic


def _not(truth: Truth) -> Truth:
    if isinstance(truth, bool):
        return not truth
    if isinstance(truth, expr.Unary):
        return truth.operand
    return expr.logic_not(truth)


def _all(truths: Sequence[Truth]) -> Truth:
    if any(item is False for item in truths):
        return False
    return _tree(expr.logic_and, [item for item in truths if not isinstance(item, bool)], True)


def _any(truths: Sequence[Truth]) -> Truth:
    if any(item is True for item in truths):
        return True
    return _tree(expr.logic_or, [item for item in truths if not isinstance(item, bool)], False)


def _xor(left: Truth, right: Truth) -> Truth:
    if isinstance(left, bool):
        return _not(right) if left else right
    if isinstance(right, bool):
        return _not(left) if right else left
    return expr.not_equal(left, right)


def _tree(
    join: Callable[[expr.Expr, expr.Expr], expr.Expr], parts: list[expr.Expr], empty: bool
) -> Truth:
    """Join in pairs, so that many bits do not nest deeply."""
    if not parts:
        return empty
    while len(parts) > 1:
        parts = [
            join(*parts[at : at + 2]) if at + 1 < len(parts) else parts[at]
            for at in range(0, len(parts), 2)
        ]
    return parts[0]
