"""In a child: the circuit that ran, as OpenQASM 3 text and in numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

from quws.domain.outcomes import Compilation
from quws.targets.base import Compiled

MIME_TYPE = "text/plain; charset=utf-8"

MOST_OPERATIONS = 100_000
"""Writing takes about 20 µs for each; a longer circuit is not written."""


class NotWritten(Exception):
    """The circuit cannot be written; the sentence says why."""


def write(path: Path, compiled: Compiled) -> None:
    """Write a compiled circuit, with its layout and what to expect of it in comments.

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
    header, _, rest = text.partition("\n")
    remarks = "".join(f"// {line}\n" for line in _remarks(compiled))
    path.write_text(f"{header}\n{remarks}{rest}", encoding="utf-8")


def facts(compiled: Compiled) -> Compilation | None:
    """Return what is known of a compiled circuit; None where nothing was compiled."""
    made = compiled.circuit
    if made is None or not compiled.changed:
        return None
    return Compilation(
        depth=made.depth(),
        operations=made.size(),
        joining=made.num_nonlocal_gates(),
        gates={str(name): int(count) for name, count in made.count_ops().items()},
        optimization=compiled.optimization,
        seed=compiled.seed,
        shot_seconds=_digits(compiled.shot_seconds),
        fidelity=_digits(compiled.fidelity),
    )


def _digits(value: float | None) -> float | None:
    """Leave off what no calibration knows."""
    return None if value is None else float(f"{value:.6g}")


def _remarks(compiled: Compiled) -> Iterator[str]:
    if compiled.layout is not None:
        pairs = ", ".join(f"{own} on {there}" for own, there in enumerate(compiled.layout))
        yield f"qubits of the submitted circuit on those of the target: {pairs}"
    if compiled.optimization is not None:
        yield f"OPTIMIZATION={compiled.optimization}"
    if compiled.shot_seconds is not None:
        yield f"one run takes {compiled.shot_seconds:.6g} seconds"
    if compiled.fidelity is not None:
        yield f"nothing goes wrong in a run with the probability {compiled.fidelity:.6g}"
