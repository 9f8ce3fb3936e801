"""The first look at a QPY file: a walk over its parts, before Qiskit reads it.

A file can say that it has a circuit of four thousand million qubits, name any class of Qiskit's
library as a gate, and hold definitions that are copied at each use. So the parts are counted here,
by their headers alone: nothing is built, and what nobody needs is refused by its name. Every part
takes bytes of the file, so the walk ends.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Any, NoReturn

from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.qpy import QPY_VERSION, formats

from quws.circuits.count import ENOUGH, finish
from quws.circuits.tokens import quote
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit

OLDEST = 13
"""Reading older files can run code that is in them (CVE-2025-2000)."""

LOADED = 400_000
"""Instructions that a file becomes when it is read, where each use copies its definition."""

_OTHERS = frozenset(
    """
    Measure Reset Barrier Delay IfElseOp ForLoopOp BreakLoopOp ContinueLoopOp UnitaryGate
    Initialize StatePreparation DiagonalGate QFTGate PauliGate MCXGate MCPhaseGate
    MCU1Gate C3SXGate C3XGate C4XGate RC3XGate RCCXGate UCRXGate UCRYGate UCRZGate MSGate
    """.split()  # noqa: SIM905 - as a list, it would fill a page
)
_DEFINED = frozenset(["Gate", "Instruction", "ControlledGate"])
_BLOCK, _TUPLE, _ELEMENT = b"q", b"t", b"v"
_EXPRESSION = 2
_ANNOTATED = 0x80

Sizes = dict[str, tuple[int, int]]
"""For each definition its operations, and the instructions that a use of it becomes."""

_ARGUMENT_BYTES = formats.CIRCUIT_INSTRUCTION_ARG_SIZE
_LONGEST_VECTOR = 100_000


@cache
def _classes() -> frozenset[str]:
    """List the classes that an instruction may name."""
    gates = get_standard_gate_name_mapping().values()
    return _OTHERS | {gate.base_class.__name__ for gate in gates}


def look(data: bytes, limits: CircuitLimits) -> int:
    """Count the operations of a QPY file, once all definitions are written out.

    Raises
    ------
    InvalidCircuit
        It is none, is beyond the limits, or has something that no circuit of a job needs.

    """
    walk = Walk(data, limits)
    try:
        operations = walk.file()
    except struct.error:
        raise InvalidCircuit("the QPY file ends in the middle of its circuit") from None
    finish(operations, 0, limits)
    return operations


class Walk:
    """A walk over the parts of a QPY file; others may begin where it is."""

    def __init__(self, data: bytes, limits: CircuitLimits) -> None:
        self.data = data
        self._limits = limits
        self.at = 0
        self.version = 0

    def file(self) -> int:
        """Look at a file of one circuit; return its operations, written out."""
        head = self.head("the circuit is")
        if head.num_programs != 1:
            raise InvalidCircuit(
                f"the QPY file has {head.num_programs} circuits; send a file of its own for each"
            )
        self.circuits_follow()
        if self.version >= 16 and self._number("!Q") != self.at:
            raise InvalidCircuit("the QPY file says that its circuit begins elsewhere")
        return self.circuit(0)[0]

    def head(self, they_are: str) -> Any:
        """Read the head of the file, with its version, which must be one that may be read.

        Raises
        ------
        InvalidCircuit

        """
        head = self.take(formats.FILE_HEADER_V10, formats.FILE_HEADER_V10_PACK)
        self.version = head.qpy_version
        if not OLDEST <= self.version <= QPY_VERSION:
            raise InvalidCircuit(
                f"{they_are} in version {self.version} of QPY; allowed are {OLDEST} to"
                f" {QPY_VERSION}"
            )
        return head

    def circuits_follow(self) -> None:
        """Make sure that what follows the head are circuits.

        Raises
        ------
        InvalidCircuit

        """
        if self.bytes_of(1) != _BLOCK:
            raise InvalidCircuit("the QPY file holds no circuit")

    # -- parts ------------------------------------------------------------------------------

    def circuit(self, depth: int) -> tuple[int, int]:
        """Look at a circuit, a block or a definition.

        Return its operations, written out, and the instructions that it becomes when it is read.
        """
        if depth > self._limits.nesting:
            raise InvalidCircuit(
                f"the circuit nests blocks or gates more than {self._limits.nesting} deep"
            )
        head = self.take(formats.CIRCUIT_HEADER_V12, formats.CIRCUIT_HEADER_V12_PACK)
        self._sizes(head.num_qubits, head.num_clbits)
        if head.num_vars:
            raise InvalidCircuit("the circuit has variables, which are not supported")
        self.bytes_of(head.name_size + head.global_phase_size + head.metadata_size)
        for _ in range(head.num_registers):
            self.register()
        if self.version >= 15 and self._number("!I"):
            raise InvalidCircuit("the circuit has annotations, which are not supported")
        if self.version >= 18:
            for _ in range(self._number("!H")):
                size, length, _ = struct.unpack("!HQ16s", self.bytes_of(26))
                self.bytes_of(size)
                self._vector(length)
        own = self._definitions(depth)
        operations = loaded = 0
        for _ in range(head.num_instructions):
            more, copied = self._instruction(own, depth)
            operations, loaded = min(operations + more, ENOUGH), min(loaded + copied, ENOUGH)
        if self.version < 18 and self._number(formats.CALIBRATION_PACK):
            raise InvalidCircuit("the circuit has pulses, which are not supported")
        if not depth and loaded > LOADED:
            raise InvalidCircuit(
                "the QPY file has too many uses of gate definitions; send the circuit as OpenQASM,"
                " or with its gates decomposed"
            )
        return operations, loaded

    def register(self) -> None:
        """Pass over a register."""
        head = self.take(formats.REGISTER_V4, formats.REGISTER_V4_PACK)
        if self.version < 18:
            self.bytes_of(head.name_size + 8 * head.size)
            return
        # A register that lies in one piece has its beginning only.
        most = max(self._limits.qubits, self._limits.clbits)
        if head.size > most:
            raise InvalidCircuit(f"a register has {head.size} bits; at most {most} are allowed")
        whole = self.bytes_of(1) == b"\x01"
        self.bytes_of(head.name_size + 4 * (1 if whole else head.size))

    def _vector(self, length: int) -> None:
        if length > _LONGEST_VECTOR:
            raise InvalidCircuit(
                f"a vector of parameters has {length} elements; at most {_LONGEST_VECTOR} are"
                " allowed"
            )

    def _sizes(self, qubits: int, clbits: int) -> None:
        limits = self._limits
        if qubits > limits.qubits:
            raise InvalidCircuit(f"the circuit has {qubits} qubits, the target has {limits.qubits}")
        if clbits > limits.clbits:
            raise InvalidCircuit(
                f"the circuit has {clbits} classical bits, the target takes {limits.clbits}"
            )

    def _definitions(self, depth: int) -> Sizes:
        """Look at the definitions of a circuit: what each use of one is, by their names."""
        found: Sizes = {}
        bases: list[str] = []
        for _ in range(self._number("!Q")):
            head = self.take(
                formats.CUSTOM_CIRCUIT_INST_DEF_V2, formats.CUSTOM_CIRCUIT_INST_DEF_V2_PACK
            )
            name = self._text(head.gate_name_size)
            if name.startswith("###"):
                _refuse_class(name.strip("#").split("_", maxsplit=1)[0])
            self._sizes(head.num_qubits, head.num_clbits)
            one = (1, 1)
            if head.custom_definition:
                one = self._within(head.size, depth)
            end = self.at + head.base_gate_size
            if head.base_gate_size:
                # Of a gate with controls, whose definition is written out besides; the one below
                # may be defined later.
                self._instruction(None, depth, bases)
            self._ends(end)
            found[name] = (max(one[0], 1), one[1] + 1)
        for name in bases:
            _check_class(name, found)
        return found

    def _instruction(
        self, own: Sizes | None, depth: int, bases: list[str] | None = None
    ) -> tuple[int, int]:
        """Look at an instruction, or at the gate below one with controls, which is on no qubits.

        The name of the latter goes to ``bases``.
        """
        head = self.take(formats.CIRCUIT_INSTRUCTION_V2, formats.CIRCUIT_INSTRUCTION_V2_PACK)
        name = self._text(head.name_size)
        if own is not None:
            _check_class(name, own)
        elif bases is not None:
            bases.append(name)
        if head.num_ctrl_qubits > self._limits.qubits:
            raise InvalidCircuit(f"a gate has {head.num_ctrl_qubits} controls")
        self.bytes_of(head.label_size + head.condition_register_size)
        if head.extras_key & _ANNOTATED:
            raise InvalidCircuit("the circuit has annotations, which are not supported")
        if head.extras_key & 3 == _EXPRESSION:
            self.bytes_of(self._value()[1])
        if own is not None:
            self.bytes_of(_ARGUMENT_BYTES * (head.num_qargs + head.num_cargs))
        operations = loaded = 0
        times = 1
        for _ in range(head.num_parameters):
            kind, size = self._value()
            if kind == _BLOCK:
                more, copied = self._within(size, depth)
                operations, loaded = operations + more, loaded + copied
                continue
            value = self.bytes_of(size)
            if kind == _ELEMENT and self.version < 18:
                self._vector(struct.unpack_from(formats.PARAMETER_VECTOR_ELEMENT_PACK, value)[1])
            if name == "ForLoopOp":
                times = max(times, _length(kind, value))
            elif kind == _TUPLE:
                raise InvalidCircuit(f"{quote(name)} has a parameter that is not supported")
        if name in ("IfElseOp", "ForLoopOp"):
            return min(times * operations, ENOUGH), loaded + 1
        return (own or {}).get(name, (0 if name == "Barrier" else 1, 1))

    def _within(self, size: int, depth: int) -> tuple[int, int]:
        end = self.at + size
        found = self.circuit(depth + 1)
        self._layout(end)
        return found

    def _layout(self, end: int) -> None:
        """Pass over the layout of a compiled circuit, which stands last."""
        if self.at > end or end > len(self.data):
            raise InvalidCircuit("the parts of the QPY file do not have the sizes that it says")
        self.at = end

    # -- bytes ------------------------------------------------------------------------------

    def _value(self) -> tuple[bytes, int]:
        kind, size = struct.unpack(formats.INSTRUCTION_PARAM_PACK, self.bytes_of(9))
        return kind, size

    def _number(self, layout: str) -> int:
        (found,) = struct.unpack(layout, self.bytes_of(struct.calcsize(layout)))
        return int(found)

    def take(self, kind: Any, layout: str) -> Any:
        """Return the fields of a head."""
        return kind._make(struct.unpack(layout, self.bytes_of(struct.calcsize(layout))))

    def bytes_of(self, size: int) -> bytes:
        """Return the next bytes.

        Raises
        ------
        InvalidCircuit
            There are not so many.

        """
        start, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise InvalidCircuit("the QPY file ends in the middle of its circuit")
        return self.data[start : self.at]

    def _text(self, size: int) -> str:
        try:
            return self.bytes_of(size).decode()
        except UnicodeDecodeError:
            raise InvalidCircuit("a gate in the QPY file has a name that is no UTF-8") from None

    def _ends(self, end: int) -> None:
        if self.at != end:
            raise InvalidCircuit("the parts of the QPY file do not have the sizes that it says")


def _length(kind: bytes, value: bytes) -> int:
    """How often a loop is run, by the parameter that may be its values."""
    if kind == b"r" and len(value) == formats.RANGE_SIZE:
        start, stop, step = struct.unpack(formats.RANGE_PACK, value)
        return len(range(start, stop, step)) if step else 0
    if kind == _TUPLE and len(value) >= formats.SEQUENCE_SIZE:
        return int(struct.unpack_from(formats.SEQUENCE_PACK, value)[0])
    return 0


def _check_class(name: str, own: Sizes) -> None:
    if name not in own and name not in _DEFINED and name not in _classes():
        _refuse_class(name)


def _refuse_class(name: str) -> NoReturn:
    raise InvalidCircuit(
        f"{quote(name)} is not supported in QPY; decompose the circuit, so that it consists of"
        " gates, measurements, resets, barriers, delays, 'if' and 'for'"
    )
