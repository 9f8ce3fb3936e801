"""PUBs: many circuits in one text, each a QPY file or OpenQASM 3 with an array of values."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from quws.circuits.formats.format import Format, Input, Read
from quws.circuits.formats.openqasm3 import OpenQasm3
from quws.circuits.formats.qpy import Qpy
from quws.circuits.formats.qpy_files import split
from quws.domain import packed, pubs
from quws.domain.bindings import LARGEST
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.errors import InvalidCircuit
from quws.domain.packed import Unpackable
from quws.domain.payloads import as_text

if TYPE_CHECKING:
    import numpy.typing as npt

    Rows = npt.NDArray[np.float64]

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of the values of one PUB, when they are unpacked."""
_TENSORS = {"f64": "<f8", "f32": "<f4"}
Reader = Callable[[str, Language, CircuitLimits], Read]
"""Reads a circuit that stands alone, or raises ``InvalidCircuit``."""
_QPY, _OPENQASM = Qpy(), OpenQasm3()


class PubsText(Format):
    """PUBs. As one circuit they are the first that they make, without its values."""

    @override
    def guard(self, source: str, said: Language | None, limits: CircuitLimits) -> Language:
        _check_size(source, limits)
        return Language.PUBS

    @override
    def read(self, source: str, language: Language, limits: CircuitLimits) -> Read:
        return Opened(source, limits).read(0, _read)


class Opened:
    """A text of PUBs, of which each is read when it is wanted.

    Raises
    ------
    InvalidCircuit
        It has none.

    """

    def __init__(self, source: str, limits: CircuitLimits) -> None:
        _check_size(source, limits)
        self.limits = limits
        try:
            self.pubs = pubs.read(source)
            self._inputs = pubs.inputs_of(self.pubs.params, self.pubs.program)
        except pubs.NoPubs as fault:
            raise InvalidCircuit(str(fault)) from None
        if len(self._inputs) != len(self.pubs.pubs):
            raise InvalidCircuit(
                f"the text tells of {len(self.pubs.pubs)} PUBs and has {len(self._inputs)}"
            )

    def source(self, pub: int) -> tuple[str, Language]:
        """Return the circuit of a PUB as a text by itself, and its language.

        Raises
        ------
        InvalidCircuit

        """
        if self.pubs.program == "executor":
            return as_text(self._files[pub]), Language.QPY
        circuit = self._inputs[pub][0]
        if isinstance(circuit, str):
            return circuit, Language.OPENQASM_3
        try:
            inside = packed.tagged(circuit, "QuantumCircuit")
            data = packed.unpack(inside, self.limits.bytes_qpy)
        except Unpackable as fault:
            raise InvalidCircuit(f"{_called(pub)}: its circuit {fault}") from None
        if not data.startswith(b"QISKIT"):
            raise InvalidCircuit(f"{_called(pub)}: its circuit is not in QPY")
        return as_text(data), Language.QPY

    @cached_property
    def _files(self) -> list[bytes]:
        """The circuits of a program of the executor, which has all of them in one file."""
        circuits = self.pubs.params["quantum_program"].get("circuits")
        packed_file = circuits.get("b64_data") if isinstance(circuits, dict) else None
        try:
            data = packed.unpack(packed_file, self.limits.bytes_qpy)
        except Unpackable as fault:
            raise InvalidCircuit(f"the file of circuits {fault}") from None
        found = split(data, self.limits, len(self._inputs))
        if len(found) != len(self._inputs):
            raise InvalidCircuit(
                f"the QPY file has {len(found)} circuits for {len(self._inputs)} items"
            )
        return found

    def read(self, pub: int, reader: Reader) -> Read:
        """Have the circuit of a PUB read; its inputs are in the order of its values.

        Raises
        ------
        InvalidCircuit

        """
        source, said = self.source(pub)
        try:
            found = reader(source, said, self.limits)
        except InvalidCircuit as refusal:
            raise of_pub(pub, refusal) from None
        wanted = self.pubs.pubs[pub].qubits
        if wanted not in (None, found.circuit.num_qubits):
            raise InvalidCircuit(
                f"{_called(pub)}: its observables are for {wanted} qubits, and its circuit has"
                f" {found.circuit.num_qubits}"
            )
        return found._replace(inputs=dict(_in_order(found)))

    def rows(self, pub: int, inputs: Mapping[str, Input]) -> Rows:
        """Return the values of a PUB: a row for each circuit, a column for each input.

        Raises
        ------
        InvalidCircuit
            They are not for these inputs, or not as many as it was told.

        """
        count = self.pubs.pubs[pub].rows
        try:
            found = _rows(self._inputs[pub][1], inputs)
        except pubs.NoPubs as fault:
            raise InvalidCircuit(f"{_called(pub)} {fault}") from None
        except Unpackable as fault:
            raise InvalidCircuit(f"{_called(pub)}: its array of values {fault}") from None
        except (ValueError, TypeError, OverflowError):
            raise InvalidCircuit(f"{_called(pub)}: its values are no array of numbers") from None
        if found.shape[1] != len(inputs):
            raise InvalidCircuit(
                f"{_called(pub)}: it has values for {found.shape[1]} parameters, and its circuit"
                f" has {len(inputs)}"
            )
        if found.shape[0] != count:
            raise InvalidCircuit(
                f"{_called(pub)}: it has {found.shape[0]} rows of values, not {count}"
            )
        if not np.all(np.abs(found) <= LARGEST):
            raise InvalidCircuit(
                f"{_called(pub)}: its values must be finite numbers of at most {LARGEST:g}"
            )
        return found


def _check_size(source: str, limits: CircuitLimits) -> None:
    # A character takes four bytes at most.
    if len(source) * 4 > limits.bytes_pubs:
        size = len(source.encode("utf-8", "surrogatepass"))
        if size > limits.bytes_pubs:
            raise InvalidCircuit(
                f"the PUBs have {size} bytes, and {Language.PUBS} may have {limits.bytes_pubs}"
            )


def _read(source: str, language: Language, limits: CircuitLimits) -> Read:
    reader: Format = _QPY if language is Language.QPY else _OPENQASM
    return reader.read(source, reader.guard(source, language, limits), limits)


def of_pub(pub: int, refusal: InvalidCircuit) -> InvalidCircuit:
    """Return a refusal of the circuit of a PUB as that of the whole text."""
    return InvalidCircuit(
        f"{_called(pub)}: {refusal.sentence}", line=refusal.line, column=refusal.column
    )


def _called(pub: int) -> str:
    return f"PUB {pub}"


def _in_order(found: Read) -> Iterator[tuple[str, Input]]:
    """List the inputs by which values are counted: those that are used, as Qiskit orders them."""
    by_parameter = {item.parameter: (name, item) for name, item in found.inputs.items()}
    if found.language is Language.QPY:
        # As they were in the circuit that was written.
        yield from found.inputs.items()
        return
    for parameter in found.circuit.parameters:
        yield by_parameter[parameter]


def _rows(values: Any, inputs: Mapping[str, Input]) -> Rows:
    shape, columns = pubs.shape_of(values)
    count = int(np.prod(shape, dtype=np.int64))
    if columns == 0:
        return np.empty((count, 0))
    if pubs.is_tensor(values):
        return _of_tensor(values).reshape(count, columns or 0)
    if columns is None:
        if values.keys() != inputs.keys():
            names = ", ".join(list(inputs)[:5])
            raise pubs.NoPubs(f"must have values of the parameters {names or '(there are none)'}")
        named = [np.asarray(values[name], dtype=np.float64).reshape(count) for name in inputs]
        return np.stack(named, axis=1)
    array = _array(values)
    return array.astype(np.float64).reshape(count, columns)


def _of_tensor(values: dict[str, Any]) -> Rows:
    dtype = _TENSORS.get(values["dtype"])
    if dtype is None:
        raise pubs.NoPubs(f"must have values of the type {' or '.join(_TENSORS)}")
    size = int(np.prod(values["shape"], dtype=np.int64)) * int(dtype[-1])
    if not 0 <= size <= MOST_BYTES:
        raise Unpackable(f"has {size} bytes, and may have {MOST_BYTES}")
    data = packed.unpack(values["data"], size)
    if len(data) != size:
        raise Unpackable(f"has {len(data)} bytes, and its shape takes {size}")
    return np.frombuffer(data, dtype=dtype).astype(np.float64)


def _array(values: Any) -> npt.NDArray[Any]:
    if isinstance(values, list):
        return np.asarray(values, dtype=np.float64)
    inside = packed.tagged(values, "ndarray")
    if isinstance(inside, list):
        return np.asarray(inside, dtype=np.float64)
    size = packed.head_of(inside).size
    if size > MOST_BYTES:
        raise Unpackable(f"has {size} bytes, and may have {MOST_BYTES}")
    data = packed.unpack(inside, size)
    if len(data) != size:
        raise Unpackable(f"has {len(data)} bytes, and its shape takes {size}")
    return np.asarray(np.lib.format.read_array(io.BytesIO(data), allow_pickle=False))
