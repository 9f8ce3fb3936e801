"""In a child: the circuit that ran, as OpenQASM 3 text."""

from __future__ import annotations

import warnings
from pathlib import Path

from quws.targets.base import Compiled

MIME_TYPE = "text/plain; charset=utf-8"

MOST_OPERATIONS = 100_000
"""Writing takes about 20 µs for each; a longer circuit is not written."""


class NotWritten(Exception):
    """The circuit cannot be written; the sentence says why."""


def write(path: Path, compiled: Compiled) -> None:
    """Write a compiled circuit, with its layout in a comment.

    Raises
    ------
    NotWritten
    OSError

    """
    from qiskit import qasm3  # noqa: PLC0415

    operations = compiled.circuit.size()
    if operations > MOST_OPERATIONS:
        raise NotWritten(
            f"the compiled circuit has {operations} operations, too many to be kept as text"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = qasm3.dumps(compiled.circuit)
    except Exception as error:  # noqa: BLE001 - the language has no words for some instructions
        raise NotWritten(f"the compiled circuit cannot be written as OpenQASM 3: {error}") from None
    if compiled.layout is not None:
        pairs = ", ".join(f"{own} on {there}" for own, there in enumerate(compiled.layout))
        header, _, rest = text.partition("\n")
        text = (
            f"{header}\n// qubits of the submitted circuit on those of the target: {pairs}\n{rest}"
        )
    path.write_text(text, encoding="utf-8")
