"""Names that a circuit may give to a gate of its own only by another name.

Transpilers and simulators know gates by name alone: a gate that a circuit
defines and calls ``h`` would be run as the Hadamard gate, whatever its
definition says. Such a gate is renamed before anybody else sees it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from qiskit.circuit.library import get_standard_gate_name_mapping

_SIMULATOR = frozenset(
    """
    break_loop c3x c4x continue_loop cu2 diagonal for_loop if_else initialize kraus mcp mcphase
    mcr mcrx mcry mcrz mcswap mcsx mcu mcu1 mcu2 mcu3 mcx mcx_gray mcy mcz multiplexer pauli
    permutation qerror_loc quantum_channel roerror save_amplitudes save_amplitudes_sq
    save_clifford save_density_matrix save_expval save_expval_var save_matrix_product_state
    save_probabilities save_probabilities_dict save_stabilizer save_state save_statevector
    save_statevector_dict save_superop save_unitary set_density_matrix set_matrix_product_state
    set_stabilizer set_statevector set_superop set_unitary snapshot store superop switch_case
    unitary while_loop
    """.split()  # noqa: SIM905 - as a list, it would fill a page
)
"""What Aer and Qiskit take by name beside the standard gates."""

RESERVED = _SIMULATOR | frozenset(get_standard_gate_name_mapping())

QELIB1 = frozenset(
    "u3 u2 u1 cx id x y z h s sdg t tdg rx ry rz cz cy ch ccx crz cu1 cu3".split()  # noqa: SIM905
)
"""What ``include "qelib1.inc";`` defines."""

STDGATES = frozenset(
    """
    p x y z h s sdg t tdg sx rx ry rz cx cy cz cp crx cry crz ch swap ccx cswap cu CX phase cphase
    id u1 u2 u3
    """.split()  # noqa: SIM905
)
"""What ``include "stdgates.inc";`` defines."""

_INCLUDES_QELIB1 = re.compile(r"\binclude\s*[\"']qelib1\.inc[\"']")


def safe_name(name: str, taken: str) -> str:
    """Find a name that nothing else goes by.

    ``taken`` is a text in which the new name must not occur.
    """
    return free_name(name, taken) if name in RESERVED else name


def free_name(name: str, taken: str) -> str:
    """Find a name like this one that does not occur in a text."""
    name += "_"
    while name in taken:
        name += "_"
    return name


def rename_gates(source: str, defined: Collection[str]) -> tuple[str, dict[str, str]]:
    """Rename the gates in an OPENQASM-2 text that bear reserved names, wherever they stand.

    Gives the text and the new names by the old ones. A gate that the text both
    defines and includes keeps its name, so that the parser can say so.
    ``delay`` keeps it too: it can be nothing else.
    """
    names = (RESERVED - {"delay"}).intersection(defined)
    if names and _INCLUDES_QELIB1.search(source):
        names -= QELIB1
    if not names:
        return source, {}
    new = {name: safe_name(name, source) for name in names}
    text = re.sub(rf"\b(?:{'|'.join(new)})\b", lambda found: new[found[0]], source)
    return text, new


_PLACE = re.compile(r"<input>:(\d+),(\d+)")


def with_old_names(message: str, text: str, new: Mapping[str, str]) -> str:
    """Make what a parser says of the renamed text true of the text that was sent."""
    if not new:
        return message
    old = {name: known for known, name in new.items()}
    renamed = re.compile(rf"\b(?:{'|'.join(old)})\b")

    def moved(place: re.Match[str]) -> str:
        line, column = int(place[1]), int(place[2])
        before = text.split("\n")[line - 1][:column]
        longer = sum(len(found[0]) - len(old[found[0]]) for found in renamed.finditer(before))
        return f"<input>:{line},{column - longer}"

    return renamed.sub(lambda found: old[found[0]], _PLACE.sub(moved, message, count=1))
