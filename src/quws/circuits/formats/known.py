"""The formats that there are, and which of them a circuit is in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from quws.circuits.formats.cirq_json import CirqJson, is_cirq
from quws.circuits.formats.format import Format
from quws.circuits.formats.iqm_json import IqmJson
from quws.circuits.formats.json_text import is_object_with
from quws.circuits.formats.openqasm2 import OpenQasm2
from quws.circuits.formats.openqasm3 import OpenQasm3
from quws.circuits.formats.pubs import PubsText
from quws.circuits.formats.qir import Qir
from quws.circuits.formats.qir_guard import is_qir
from quws.circuits.formats.qpy import Qpy
from quws.circuits.formats.stim import Stim
from quws.circuits.formats.stim_guard import is_stim
from quws.domain.circuits import Language
from quws.domain.errors import InvalidCircuit
from quws.domain.payloads import (
    BINARY_FORMATS,
    BINARY_TEXT,
    PUBS_TEXT,
    beginning,
    is_binary,
    is_bitcode,
)

FORMATS: dict[Language, Format] = {
    Language.OPENQASM_2: OpenQasm2(),
    Language.OPENQASM_3: OpenQasm3(),
    Language.QPY: Qpy(),
    Language.STIM: Stim(),
    Language.IQM_JSON: IqmJson(),
    Language.CIRQ_JSON: CirqJson(),
    Language.QIR: Qir(),
    Language.PUBS: PubsText(),
}
"""By the language whose grammar they have."""

_BEGINNINGS: dict[Language, Callable[[str], bool]] = {
    Language.QIR: is_qir,
    Language.STIM: is_stim,
    Language.CIRQ_JSON: is_cirq,
    Language.IQM_JSON: partial(is_object_with, "instructions"),
}
"""Whether a text can be in these and in no other."""


def find(source: str, said: Language | None) -> Format:
    """Return the format of a circuit: what LANG says, else what the text looks like.

    A circuit in OpenQASM is given to either format of it; its guard tells which it is.

    Raises
    ------
    InvalidCircuit
        It surely is in another language than LANG says.

    """
    looks = _looks(source)
    if said is None:
        return FORMATS[looks or Language.OPENQASM_3]
    if looks is not None and looks is not said:
        raise InvalidCircuit(f"the parameter LANG says {said} but the circuit is in {looks}")
    if looks is None and said is Language.QPY:
        raise InvalidCircuit(f"the parameter LANG says {said} and the circuit is not in it")
    return FORMATS[said.grammar]


def _looks(source: str) -> Language | None:
    """Return the language by what only texts in it begin with; None for the others."""
    if source.startswith(BINARY_TEXT):
        first = beginning(source)
        if first and not is_binary(first):
            raise InvalidCircuit(f"the circuit is bytes, and not in {BINARY_FORMATS}")
        return Language.QIR if is_bitcode(first) else Language.QPY
    if source.startswith(PUBS_TEXT):
        return Language.PUBS
    return next((language for language, begins in _BEGINNINGS.items() if begins(source)), None)
