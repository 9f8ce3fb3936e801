"""Keys of measurements, which become the names of registers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from qiskit.circuit import QuantumRegister

from quws.circuits.formats.json_fields import refuse_at, text_at
from quws.circuits.formats.json_text import shown
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit

LONGEST_KEY = 100
"""Characters of a measurement's key that is the name of a register."""
_CUT = 60
"""Characters that are left of the name of a longer one."""
_NAME = re.compile(r"[^\W\d]\w*")
_NAMED = 5
"""Renamed keys that a note tells of."""


class Keys:
    """The keys of a circuit's measurements, in their order, and the bits that they take.

    Parameters
    ----------
    longest
        How many characters a key may have.

    """

    def __init__(self, limits: CircuitLimits, longest: int) -> None:
        self._most = limits.clbits
        self._longest = longest
        self.sizes: dict[str, int] = {}
        """How many bits each key has."""
        self._bits = 0

    def add(self, value: Any, at: str, size: int) -> tuple[str, int]:
        """Add the key of a measurement of so many bits; return it, and the number of its first bit.

        ``at`` is where the measurement stands.

        Raises
        ------
        InvalidCircuit
            It is no key, or another measurement has it, or there are too many bits.

        """
        key = text_at(value, f"{at}.key")
        if not 1 <= len(key) <= self._longest:
            refuse_at(f"{at}.key", f"must have 1 to {self._longest} characters")
        if key in self.sizes:
            refuse_at(f"{at}.key", f"is {shown(key)}, as that of a measurement before it")
        first = self._bits
        self.sizes[key] = size
        self._bits += size
        if self._bits > self._most:
            raise InvalidCircuit(
                f"the circuit has more than {self._most} classical bits, which is as many as the"
                " target takes"
            )
        return key, first


def qubit_register(size: int, taken: Collection[str]) -> QuantumRegister:
    """Return a register of qubits whose name no other one has."""
    name = "q"
    while name in taken:
        name += "_"
    return QuantumRegister(size, name)


def register_names(keys: Iterable[str]) -> dict[str, str]:
    """Give each key a name that a register can have: its own, where that is one."""
    keys = list(keys)
    found = {key: key for key in keys if len(key) <= LONGEST_KEY and _NAME.fullmatch(key)}
    taken = set(found)
    for key in keys:
        if key not in found:
            name = re.sub(r"\W", "_", key)
            name = name if _NAME.fullmatch(name) else f"m_{name}"
            if len(name) > LONGEST_KEY:
                name = f"{name[:_CUT]}_"
            while name in taken:
                name += "_"
            taken.add(name)
            found[key] = name
    return {key: found[key] for key in keys}


def renamed_keys(names: Mapping[str, str]) -> str | None:
    """Tell which keys have another name as registers; None where none has."""
    renamed = [item for item in names.items() if item[0] != item[1]]
    if not renamed:
        return None
    some = ", ".join(f"{shown(key)} is {name}" for key, name in renamed[:_NAMED])
    more = ", …" if len(renamed) > _NAMED else ""
    return f"measurement keys that are no names of registers: {some}{more}"
