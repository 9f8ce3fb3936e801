"""Cirq's gates as Qiskit's, up to a global phase, which no measurement shows.

A gate to the power t is ``exp(iπt/2)`` times a rotation by πt. Where its phase is that of Qiskit's
gate, so that it can be controlled, it is said to be exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from qiskit.circuit import Gate, ParameterExpression
from qiskit.circuit import library as gates

from quws.circuits.formats.cirq_values import Value, Values
from quws.circuits.formats.json_fields import fields_of, refuse_at
from quws.circuits.formats.json_text import shown

Steps = list[tuple[Gate, tuple[int, ...]]]
"""Gates in their order, each with the places of its qubits among those of the whole."""


class Known(NamedTuple):
    """What a type of gate is: its fields, how many qubits it has, and how it is made of them."""

    qubits: int
    fields: tuple[str, ...]
    make: Callable[..., Steps]


def _turn(value: Value) -> Value:
    return math.pi * value


def _is(value: Value, number: float) -> bool:
    return not isinstance(value, ParameterExpression) and abs(value - number) < _CLOSE


_CLOSE = 1e-12


def _named(
    plain: Mapping[float, type[Gate]], otherwise: Callable[[Value], Gate], width: int = 1
) -> Callable[[Value], Steps]:
    """Make a gate to a power that has a name for some powers."""

    def make(exponent: Value) -> Steps:
        for number, kind in plain.items():
            if _is(exponent, number):
                return [(kind(), tuple(range(width)))]
        return [(otherwise(_turn(exponent)), tuple(range(width)))]

    return make


_X = _named({1: gates.XGate, 0.5: gates.SXGate, -0.5: gates.SXdgGate}, gates.RXGate)
_Y = _named({1: gates.YGate}, gates.RYGate)
_Z = _named(
    {
        1: gates.ZGate,
        0.5: gates.SGate,
        -0.5: gates.SdgGate,
        0.25: gates.TGate,
        -0.25: gates.TdgGate,
    },
    gates.PhaseGate,
)
_CZ = _named({1: gates.CZGate}, gates.CPhaseGate, 2)


def _h(exponent: Value) -> Steps:
    if _is(exponent, 1):
        return [(gates.HGate(), (0,))]
    tilt = math.pi / 4
    return [
        (gates.RYGate(-tilt), (0,)),
        (gates.RZGate(_turn(exponent)), (0,)),
        (gates.RYGate(tilt), (0,)),
    ]


def _cx(exponent: Value) -> Steps:
    if _is(exponent, 1):
        return [(gates.CXGate(), (0, 1))]
    return [(gates.HGate(), (1,)), *_CZ(exponent), (gates.HGate(), (1,))]


def _cy(exponent: Value) -> Steps:
    if _is(exponent, 1):
        return [(gates.CYGate(), (0, 1))]
    return [(gates.SdgGate(), (1,)), *_cx(exponent), (gates.SGate(), (1,))]


def _ccz(exponent: Value) -> Steps:
    if _is(exponent, 1):
        return [(gates.CCZGate(), (0, 1, 2))]
    # By half the angle for each pair and parity: of phases, what is one on all three.
    half = _turn(exponent) / 2
    return [
        (gates.CPhaseGate(half), (1, 2)),
        (gates.CXGate(), (0, 1)),
        (gates.CPhaseGate(-half), (1, 2)),
        (gates.CXGate(), (0, 1)),
        (gates.CPhaseGate(half), (0, 2)),
    ]


def _ccx(exponent: Value) -> Steps:
    if _is(exponent, 1):
        return [(gates.CCXGate(), (0, 1, 2))]
    return [(gates.HGate(), (2,)), *_ccz(exponent), (gates.HGate(), (2,))]


def _swap(exponent: Value) -> Steps:
    if _is(exponent, 1):
        return [(gates.SwapGate(), (0, 1))]
    half = _turn(exponent) / 2
    return [(kind(half), (0, 1)) for kind in (gates.RXXGate, gates.RYYGate, gates.RZZGate)]


def _iswap(exponent: Value) -> Steps:
    if _is(exponent, 1):
        return [(gates.iSwapGate(), (0, 1))]
    return _exchange(-_turn(exponent) / 2)


def _exchange(angle: Value) -> Steps:
    return [(kind(angle), (0, 1)) for kind in (gates.RXXGate, gates.RYYGate)]


def _phased_iswap(phase_exponent: Value, exponent: Value) -> Steps:
    turn = _turn(phase_exponent)
    return [
        (gates.RZGate(turn), (0,)),
        (gates.RZGate(-turn), (1,)),
        *_iswap(exponent),
        (gates.RZGate(-turn), (0,)),
        (gates.RZGate(turn), (1,)),
    ]


def _fsim(theta: Value, phi: Value) -> Steps:
    return [*_exchange(theta), (gates.CPhaseGate(-phi), (0, 1))]


def _phased_x(phase_exponent: Value, exponent: Value) -> Steps:
    return [(gates.RGate(_turn(exponent), _turn(phase_exponent)), (0,))]


def _phased_xz(axis_phase_exponent: Value, x_exponent: Value, z_exponent: Value) -> Steps:
    turned = _phased_x(axis_phase_exponent, x_exponent)
    return [*turned, (gates.RZGate(_turn(z_exponent)), (0,))]


def _of_angle(kind: type[Gate], width: int = 1) -> Callable[[Value], Steps]:
    return lambda angle: [(kind(angle), tuple(range(width)))]


def _of_power(kind: type[Gate]) -> Callable[[Value], Steps]:
    return lambda exponent: [(kind(_turn(exponent)), (0, 1))]


_POWER = ("exponent",)
GATES: dict[str, Known] = {
    "XPowGate": Known(1, _POWER, _X),
    "YPowGate": Known(1, _POWER, _Y),
    "ZPowGate": Known(1, _POWER, _Z),
    "_PauliX": Known(1, _POWER, _X),
    "_PauliY": Known(1, _POWER, _Y),
    "_PauliZ": Known(1, _POWER, _Z),
    "HPowGate": Known(1, _POWER, _h),
    "CXPowGate": Known(2, _POWER, _cx),
    "CYPowGate": Known(2, _POWER, _cy),
    "CZPowGate": Known(2, _POWER, _CZ),
    "CCXPowGate": Known(3, _POWER, _ccx),
    "CCZPowGate": Known(3, _POWER, _ccz),
    "SwapPowGate": Known(2, _POWER, _swap),
    "ISwapPowGate": Known(2, _POWER, _iswap),
    "XXPowGate": Known(2, _POWER, _of_power(gates.RXXGate)),
    "YYPowGate": Known(2, _POWER, _of_power(gates.RYYGate)),
    "ZZPowGate": Known(2, _POWER, _of_power(gates.RZZGate)),
    "PhasedISwapPowGate": Known(2, ("phase_exponent", "exponent"), _phased_iswap),
    "PhasedXPowGate": Known(1, ("phase_exponent", "exponent"), _phased_x),
    "PhasedXZGate": Known(1, ("axis_phase_exponent", "x_exponent", "z_exponent"), _phased_xz),
    "CSwapGate": Known(3, (), lambda: [(gates.CSwapGate(), (0, 1, 2))]),
    "FSimGate": Known(2, ("theta", "phi"), _fsim),
    "Rx": Known(1, ("rads",), _of_angle(gates.RXGate)),
    "Ry": Known(1, ("rads",), _of_angle(gates.RYGate)),
    "Rz": Known(1, ("rads",), _of_angle(gates.RZGate)),
    "cirq.MSGate": Known(2, ("rads",), lambda angle: [(gates.RXXGate(2 * angle), (0, 1))]),
}
"""Those that have nothing but numbers, by Cirq's names. What is not here is refused by name."""
_SHIFTED = "global_shift"
_EXACT = frozenset(
    ["XPowGate", "YPowGate", "ZPowGate", "_PauliX", "_PauliY", "_PauliZ", "HPowGate"]
)


def made_of(kind: str, value: dict[str, Any], values: Values, at: str) -> tuple[int, Steps]:
    """Return how many qubits a gate has, and what it is made of.

    Raises
    ------
    InvalidCircuit

    """
    known = GATES[kind]
    shift = [_SHIFTED] if "exponent" in known.fields else []
    fields_of(value, at, ["cirq_type", *known.fields], shift)
    if shift and _SHIFTED in value:
        values.read(value[_SHIFTED], f"{at}.{_SHIFTED}")
    numbers = [values.read(value[name], f"{at}.{name}") for name in known.fields]
    return known.qubits, known.make(*numbers)


def controlled(
    kind: str, value: dict[str, Any], states: Sequence[int], values: Values, at: str
) -> tuple[int, Steps]:
    """Return what a gate on one qubit is made of that acts where controls have certain values.

    Raises
    ------
    InvalidCircuit
        Its phase counts then, and is not that of any gate here.

    """
    power = values.read(value.get("exponent", 1.0), f"{at}.exponent")
    shift = values.read(value.get(_SHIFTED, 0.0), f"{at}.{_SHIFTED}")
    exact = kind in ("Rx", "Ry", "Rz") or (
        kind in _EXACT and _is(shift, 0) and (kind == "ZPowGate" or _is(power, 1))
    )
    if not exact:
        refuse_at(
            at,
            f"is {shown(kind)}, and under control there can be X, Y, Z and H, powers of Z, Rx, Ry"
            " and Rz; cirq.decompose writes others out",
        )
    qubits, ((gate, _),) = made_of(kind, value, values, at)
    state = sum(value << place for place, value in enumerate(states))
    whole = gate.control(len(states), ctrl_state=state, annotated=False)
    return qubits, [(whole, tuple(range(len(states) + qubits)))]
