"""The quantum instructions of QIR: what each is called, and what it takes.

The base profile leaves the set of gates to whoever runs a program. These are those that the
released tools write: Q#'s compiler, PyQIR, qiskit-qir and pytket-qir.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from qiskit.circuit.library import (
    CCXGate,
    CCZGate,
    CHGate,
    CSwapGate,
    CXGate,
    CYGate,
    CZGate,
    HGate,
    IGate,
    PhaseGate,
    RGate,
    RXGate,
    RXXGate,
    RYGate,
    RYYGate,
    RZGate,
    RZZGate,
    SdgGate,
    SGate,
    SwapGate,
    SXdgGate,
    SXGate,
    TdgGate,
    TGate,
    UGate,
    XGate,
    YGate,
    ZGate,
    iSwapGate,
)

QIS, RT = "__quantum__qis__", "__quantum__rt__"


class Known(NamedTuple):
    """A gate: its class, the angles that it takes first, and the qubits after them."""

    kind: type[Any]
    angles: int
    qubits: int


GATES = {
    f"{QIS}{name}": known
    for name, known in {
        "i__body": Known(IGate, 0, 1),
        "x__body": Known(XGate, 0, 1),
        "y__body": Known(YGate, 0, 1),
        "z__body": Known(ZGate, 0, 1),
        "h__body": Known(HGate, 0, 1),
        "s__body": Known(SGate, 0, 1),
        "s__adj": Known(SdgGate, 0, 1),
        "t__body": Known(TGate, 0, 1),
        "t__adj": Known(TdgGate, 0, 1),
        "sx__body": Known(SXGate, 0, 1),
        "sx__adj": Known(SXdgGate, 0, 1),
        "rx__body": Known(RXGate, 1, 1),
        "ry__body": Known(RYGate, 1, 1),
        "rz__body": Known(RZGate, 1, 1),
        "r1__body": Known(PhaseGate, 1, 1),
        "p__body": Known(PhaseGate, 1, 1),
        "phasedx__body": Known(RGate, 2, 1),
        "u3__body": Known(UGate, 3, 1),
        "cnot__body": Known(CXGate, 0, 2),
        "cx__body": Known(CXGate, 0, 2),
        "cy__body": Known(CYGate, 0, 2),
        "cz__body": Known(CZGate, 0, 2),
        "ch__body": Known(CHGate, 0, 2),
        "swap__body": Known(SwapGate, 0, 2),
        "iswap__body": Known(iSwapGate, 0, 2),
        "rxx__body": Known(RXXGate, 1, 2),
        "ryy__body": Known(RYYGate, 1, 2),
        "rzz__body": Known(RZZGate, 1, 2),
        "ccx__body": Known(CCXGate, 0, 3),
        "ccz__body": Known(CCZGate, 0, 3),
        "cswap__body": Known(CSwapGate, 0, 3),
    }.items()
}

MEASUREMENTS = {f"{QIS}mz__body": False, f"{QIS}m__body": False, f"{QIS}mresetz__body": True}
"""What measures a qubit into a result, and whether it resets it then."""

RESET = f"{QIS}reset__body"
BARRIER = f"{QIS}barrier__body"

INITIALIZE = f"{RT}initialize"
RECORDED = f"{RT}result_record_output"
CONTAINERS = (f"{RT}array_record_output", f"{RT}tuple_record_output")

REASONS = {
    f"{QIS}read_result__body": "what depends on results is QIR's adaptive profile",
    f"{RT}read_result": "what depends on results is QIR's adaptive profile",
    f"{RT}result_equal": "what depends on results is QIR's adaptive profile",
    f"{RT}bool_record_output": "only results are recorded in QIR's base profile",
    f"{RT}int_record_output": "only results are recorded in QIR's base profile",
    f"{RT}double_record_output": "only results are recorded in QIR's base profile",
    f"{RT}qubit_allocate": "qubits of QIR's base profile have numbers and are not allocated",
    f"{RT}qubit_allocate_array": "qubits of QIR's base profile have numbers and are not allocated",
    f"{RT}qubit_borrow": "qubits of QIR's base profile have numbers and are not allocated",
    f"{RT}qubit_release": "qubits of QIR's base profile have numbers and are not allocated",
    f"{RT}qubit_release_array": "qubits of QIR's base profile have numbers and are not allocated",
}
"""Why functions that other profiles have are not supported."""
