"""Numbers in Cirq's JSON: plain ones, and formulas of sympy, whose symbols are parameters."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from qiskit.circuit import Parameter, ParameterExpression

from quws.circuits.formats.json_fields import fields_of, list_at, number_at, refuse_at, text_at
from quws.circuits.formats.json_text import shown

Value: TypeAlias = "float | ParameterExpression"

_LONGEST_NAME = 100
_LARGEST_POWER = 16
_CONSTANTS = {"sympy.pi": math.pi, "sympy.E": math.e, "sympy.EulerGamma": 0.5772156649015329}
_NUMBERS: dict[str, list[str]] = {
    "sympy.Integer": ["i"],
    "sympy.Float": ["approx"],
    "sympy.Rational": ["p", "q"],
    **{name: [] for name in _CONSTANTS},
}
_FORMULAS = ("sympy.Add", "sympy.Mul", "sympy.Pow")
_KNOWN_ARE = "; there are numbers, sympy's Symbol, Add, Mul, Pow, Integer, Float, Rational and pi"


class Values:
    """Reads numbers, and remembers the parameters that are in them, in their order."""

    def __init__(self) -> None:
        self.parameters: dict[str, Parameter] = {}

    def read(self, value: Any, at: str) -> Value:
        """Read a number or a formula.

        Raises
        ------
        InvalidCircuit
            It is neither, or has something that is not known.

        """
        if not isinstance(value, dict):
            return number_at(value, at)
        kind = text_at(value.get("cirq_type"), f"{at}.cirq_type")
        if kind in _FORMULAS:
            fields_of(value, at, ["cirq_type", "args"])
            items = list_at(value["args"], f"{at}.args")
            parts = [self.read(item, f"{at}.args[{n}]") for n, item in enumerate(items)]
            return _joined(kind, parts, at)
        if kind == "sympy.Symbol":
            fields_of(value, at, ["cirq_type", "name"])
            return self._symbol(text_at(value["name"], f"{at}.name"), f"{at}.name")
        return _number(kind, value, at)

    def _symbol(self, name: str, at: str) -> Parameter:
        if not 1 <= len(name) <= _LONGEST_NAME:
            refuse_at(at, f"must have 1 to {_LONGEST_NAME} characters")
        return self.parameters.setdefault(name, Parameter(name))


def _number(kind: str, value: dict[str, Any], at: str) -> float:
    if kind not in _NUMBERS:
        refuse_at(f"{at}.cirq_type", f"is {shown(kind)}{_KNOWN_ARE}")
    names = _NUMBERS[kind]
    fields_of(value, at, ["cirq_type", *names])
    if kind in _CONSTANTS:
        return _CONSTANTS[kind]
    first, *others = (number_at(value[name], f"{at}.{name}") for name in names)
    if kind != "sympy.Rational":
        return first
    (under,) = others
    if not under:
        refuse_at(f"{at}.q", "must not be 0")
    return first / under


def _joined(kind: str, parts: list[Value], at: str) -> Value:
    if len(parts) < 1 or (kind == "sympy.Pow" and len(parts) != 2):
        refuse_at(f"{at}.args", "must have two items" if parts else "must have an item")
    try:
        return _computed(kind, parts, at)
    except (OverflowError, ZeroDivisionError, TypeError, ValueError):
        refuse_at(at, "has no finite value")


def _computed(kind: str, parts: list[Value], at: str) -> Value:
    first, *others = parts
    if kind == "sympy.Pow":
        (power,) = others
        if isinstance(power, ParameterExpression):
            refuse_at(f"{at}.args[1]", "must be a number")
        if isinstance(first, ParameterExpression) and (
            not float(power).is_integer() or abs(power) > _LARGEST_POWER
        ):
            refuse_at(f"{at}.args[1]", f"must be a whole number up to {_LARGEST_POWER}")
        if isinstance(first, ParameterExpression):
            return _power(first, int(power))
        found = first**power
        if isinstance(found, complex) or not math.isfinite(found):
            raise ValueError
        return float(found)
    for other in others:
        first = first + other if kind == "sympy.Add" else first * other
    if not isinstance(first, ParameterExpression) and not math.isfinite(first):
        raise ValueError
    return first


def _power(base: ParameterExpression, power: int) -> Value:
    found: Value = 1.0
    for _ in range(abs(power)):
        found = found * base
    return found if power >= 0 else 1 / found
