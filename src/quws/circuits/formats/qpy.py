"""QPY, Qiskit's own format: read by Qiskit."""

from __future__ import annotations

import io
import warnings

from qiskit import QuantumCircuit, qpy
from typing_extensions import override

from quws.circuits.formats.format import Format, Read
from quws.circuits.formats.plain import plain
from quws.circuits.formats.qpy_guard import look
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.errors import InvalidCircuit
from quws.domain.payloads import QPY, NoPayload, as_bytes


class Qpy(Format):
    """QPY, from the first version that holds no code."""

    @override
    def guard(self, source: str, said: Language | None, limits: CircuitLimits) -> Language:
        data = _data(source)
        if len(data) > limits.bytes_qpy:
            raise InvalidCircuit(
                f"the circuit has {len(data)} bytes, a circuit in {Language.QPY} may have"
                f" {limits.bytes_qpy}"
            )
        look(data, limits)
        return Language.QPY

    @override
    def read(self, source: str, language: Language, limits: CircuitLimits) -> Read:
        with warnings.catch_warnings():
            # That it is of a newer Qiskit is of no use to anybody here.
            warnings.simplefilter("ignore")
            (circuit,) = qpy.load(io.BytesIO(_data(source)))
        if not isinstance(circuit, QuantumCircuit):
            raise InvalidCircuit("the QPY file holds no circuit")
        found = plain(circuit, limits)
        return Read(found.circuit, language, found.operations, [], found.inputs)


def _data(source: str) -> bytes:
    try:
        data = as_bytes(source)
    except NoPayload as fault:
        raise InvalidCircuit(f"the circuit {fault}") from None
    if data is None or not data.startswith(QPY):
        raise InvalidCircuit("the circuit is bytes, and not in QPY, which begins with 'QISKIT'")
    return data
