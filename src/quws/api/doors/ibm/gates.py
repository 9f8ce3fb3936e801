"""The gates of a target as these clients compile for it.

They leave gates with parameters out, but for rotations about Z, unless their user asks for them. So
a target whose own gates are universal only with the others is told with some more: what is made of
those is compiled once more when it runs, on the same qubits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quws.domain.targets import Feature, TargetDescription

_KEPT = ("rz", "sx", "x")
"""With a gate of two qubits without parameters these are enough."""
_PAIRS = ("cz", "cx", "ecr")
_EVERY = (
    *("id", "x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "t", "tdg"),
    *("rz", "p", "rx", "ry", "r", "u"),
    *("cx", "cy", "cz", "ch", "cs", "csdg", "csx", "swap", "iswap", "dcx", "ecr"),
    *("cp", "crx", "cry", "crz", "cu", "rxx", "ryy", "rzz", "rzx"),
    *("ccx", "ccz", "cswap", "rccx"),
)
"""What runs where any gate does."""
_PARAMETERS = {
    **dict.fromkeys(("rz", "p", "rx", "ry", "cp", "crx", "cry", "crz"), ("theta",)),
    **dict.fromkeys(("rxx", "ryy", "rzz", "rzx"), ("theta",)),
    "r": ("theta", "phi"),
    "u": ("theta", "phi", "lam"),
    "cu": ("theta", "phi", "lam", "gamma"),
    "u1": ("lam",),
    "u2": ("phi", "lam"),
    "u3": ("theta", "phi", "lam"),
}
_WIDTHS = {
    **dict.fromkeys(("cx", "cy", "cz", "ch", "cs", "csdg", "csx", "swap", "iswap", "dcx"), 2),
    **dict.fromkeys(("ecr", "cp", "crx", "cry", "crz", "cu", "rxx", "ryy", "rzz", "rzx"), 2),
    **dict.fromkeys(("ccx", "ccz", "cswap", "rccx"), 3),
}
_OTHER_THAN_GATES = frozenset(
    ("measure", "reset", "delay", "barrier", "if_else", "for_loop", "while_loop", "switch_case")
)


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate by Qiskit's name; ``qubits`` is how many it takes."""

    name: str
    parameters: tuple[str, ...]
    qubits: int


def gates_of(target: TargetDescription) -> list[Gate]:
    """Return what circuits for a target may be made of."""
    native = [name for name in target.native_gates if name not in _OTHER_THAN_GATES]
    if not native:
        return [_gate(name) for name in _EVERY]
    if not is_enough(native):
        native += [name for name in _KEPT if name not in native]
        if not any(name in native for name in _PAIRS):
            native.append(_PAIRS[0])
    return [_gate(name) for name in native]


def is_enough(native: Sequence[str]) -> bool:
    """Whether circuits can be made of the gates that these clients keep of a target's own."""
    return set(native) >= {"rz", "sx"} and any(name in native for name in _PAIRS)


def instructions_of(target: TargetDescription, gates: Iterable[Gate]) -> list[str]:
    """Return all that circuits for a target may have, beside gates too."""
    found = [*(gate.name for gate in gates), "measure"]
    features = target.features
    if Feature.RESET in features:
        found.append("reset")
    if Feature.DELAY in features:
        found.append("delay")
    if Feature.CONTROL_FLOW in features:
        # No loops of unknown length, and no switches.
        found += ["if_else", "for_loop"]
    return found


def _gate(name: str) -> Gate:
    return Gate(name, _PARAMETERS.get(name, ()), _WIDTHS.get(name, 1))
