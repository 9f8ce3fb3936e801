"""What LLVM reads of QIR: a module, its entry point, and the calls in it.

LLVM comes with PyQIR, and is loaded when the first such circuit is read, in the process that reads
it. Nothing but the calls of one function is looked at: whatever else a function may do is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from quws.circuits.formats.qir_gates import QIS
from quws.circuits.formats.qir_guard import bare_bitcode
from quws.circuits.messages import clean
from quws.circuits.tokens import quote, refuse
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit
from quws.domain.payloads import NoPayload, as_bytes

if TYPE_CHECKING:
    import pyqir

_POINTER = re.compile(r"ptr (?:null|inttoptr \(i(?:8|16|32|64) (-?\d+) to ptr\))")
_LONGEST_LABEL = 200
_ADAPTIVE = "what branches or computes is QIR's adaptive profile, and only the base profile is read"


def bytes_of(source: str) -> bytes | None:
    """Return the bytes that a circuit is; None where it is a text.

    Raises
    ------
    InvalidCircuit
        It begins as bytes do that travel as text, and is broken.

    """
    try:
        return as_bytes(source)
    except NoPayload as fault:
        raise InvalidCircuit(f"the circuit {fault}") from None


def read_module(source: str, limits: CircuitLimits) -> pyqir.Module:
    """Have LLVM read a module that has passed the guard.

    Raises
    ------
    InvalidCircuit
        It is none, or one that contradicts itself.

    """
    import pyqir  # noqa: PLC0415 - costs nobody who sends none

    data = bytes_of(source)
    try:
        if data is None:
            module = pyqir.Module.from_ir(pyqir.Context(), source)
        else:
            module = pyqir.Module.from_bitcode(pyqir.Context(), bare_bitcode(data, limits))
    except ValueError as error:
        _refuse_what_llvm_does(source, str(error))
    wrong = module.verify()
    if wrong is not None:
        _refuse_what_llvm_does(source, wrong)
    return module


def _refuse_what_llvm_does(source: str, said: str) -> NoReturn:
    """Repeat what LLVM says of a module, with the place where the line that it quotes stands."""
    sentence, *quoted = said.removeprefix("error: ").split("\n")
    sentence = f"LLVM cannot read it: {clean(sentence)}"
    line = quoted[0] if quoted else ""
    place = source.find(line) if line.strip() else -1
    if place >= 0 and source.find(line, place + 1) < 0:
        refuse(source, place + max(0, quoted[1].find("^") if len(quoted) > 1 else 0), sentence)
    raise InvalidCircuit(sentence)


def entry_of(module: pyqir.Module) -> pyqir.Function:
    """Return the function where a program begins.

    Raises
    ------
    InvalidCircuit
        There is none, several, or one that takes something.

    """
    import pyqir  # noqa: PLC0415

    entries = [function for function in module.functions if pyqir.is_entry_point(function)]
    if len(entries) != 1:
        raise InvalidCircuit(
            "no function has the attribute 'entry_point', by which QIR says where to begin"
            if not entries
            else f"{len(entries)} functions are entry points; a circuit has one"
        )
    (entry,) = entries
    if entry.params:
        raise InvalidCircuit("the entry point takes arguments, which QIR's base profile has not")
    if not entry.basic_blocks:
        raise InvalidCircuit("the entry point is declared and not defined")
    return entry


class Sizes(NamedTuple):
    """How many qubits and results the attributes of the entry point ask for."""

    qubits: int
    results: int


def sizes_of(entry: pyqir.Function, limits: CircuitLimits) -> Sizes:
    """Return what the entry point asks for; 0 where it says nothing.

    Raises
    ------
    InvalidCircuit
        It is no number, or more than the target has.

    """
    attributes = entry.attributes.func

    def said(*names: str) -> int:
        for name in names:
            if name in attributes:
                value = attributes[name].string_value or ""
                if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
                    raise InvalidCircuit(
                        f"{quote(name)} must be a whole number, not {quote(clean(value))}"
                    )
                return int(value)
        return 0

    found = Sizes(
        said("required_num_qubits", "requiredQubits", "num_required_qubits"),
        said("required_num_results", "requiredResults", "num_required_results"),
    )
    check_number("qubit", found.qubits - 1, limits.qubits)
    check_number("result", found.results - 1, limits.clbits)
    return found


def calls_of(entry: pyqir.Function) -> Iterator[tuple[str, list[pyqir.Value]]]:
    """Yield the calls of a function whose blocks follow one another: callee and arguments.

    Raises
    ------
    InvalidCircuit
        It does anything else.

    """
    import pyqir  # noqa: PLC0415

    names: dict[pyqir.Value, str] = {}
    seen: set[pyqir.BasicBlock] = set()
    block = entry.basic_blocks[0]
    while True:
        if block in seen:
            raise InvalidCircuit(f"the entry point has a loop; {_ADAPTIVE}")
        seen.add(block)
        *instructions, last = block.instructions
        for instruction in instructions:
            if not isinstance(instruction, pyqir.Call):
                raise InvalidCircuit(
                    f"the instruction {_opcode(instruction)} stands in the entry point; {_ADAPTIVE}"
                )
            callee = instruction.callee
            name = names.get(callee)
            if name is None:
                name = names[callee] = _called(callee)
            yield name, instruction.args
        if last.opcode == pyqir.Opcode.RET:
            return
        following = last.successors
        if last.opcode != pyqir.Opcode.BR or len(following) != 1:
            raise InvalidCircuit(f"a block ends with {_opcode(last)}, which branches; {_ADAPTIVE}")
        (block,) = following


def _opcode(instruction: pyqir.Instruction) -> str:
    return quote(str(instruction.opcode).rpartition(".")[2].lower().replace("_", ""))


def _called(callee: pyqir.Value) -> str:
    import pyqir  # noqa: PLC0415

    if not isinstance(callee, pyqir.Function):
        raise InvalidCircuit("something is called that is no function by name")
    if callee.basic_blocks:
        raise InvalidCircuit(
            f"{shown(callee.name)} is defined and called; in QIR's base profile the entry point is"
            " the only function that is defined: have it inlined"
        )
    return callee.name


def shown(name: str) -> str:
    """Write the name of a function in a sentence."""
    return quote(clean(name.removeprefix(QIS)))


def check_number(what: str, number: int, most: int) -> None:
    """Refuse a qubit or a result whose number is beyond those that there are.

    Raises
    ------
    InvalidCircuit

    """
    if number >= most:
        raise InvalidCircuit(f"the circuit needs {number + 1} {what}s, the target has {most}")


# -- arguments ------------------------------------------------------------------------------------


def number_of(value: pyqir.Value) -> int | None:
    """Return the number of the qubit or the result that a pointer stands for; None for others.

    PyQIR's own helper takes the lowest bits of a number, and breaks down where there is none.
    """
    import pyqir  # noqa: PLC0415

    # Of other values the text may be long.
    if type(value) is not pyqir.Constant or not isinstance(value.type, pyqir.PointerType):
        return None
    found = _POINTER.fullmatch(str(value))
    return None if found is None else int(found[1] or 0)


def angle_of(value: pyqir.Value) -> float | None:
    """Return the number that is a value; None where it is none, or not known."""
    import pyqir  # noqa: PLC0415

    return float(value.value) if isinstance(value, pyqir.FloatConstant) else None


def size_of(value: pyqir.Value) -> int | None:
    """Return the whole number that is a value; None where it is none, not known or below 0."""
    import pyqir  # noqa: PLC0415

    if not isinstance(value, pyqir.IntConstant) or not 0 <= value.value < 1 << 31:
        return None
    return value.value


def label_of(value: pyqir.Value) -> str | None:
    """Read the text that a label points to; None where there is none, or none that can be shown."""
    import pyqir  # noqa: PLC0415

    if not isinstance(value, pyqir.GlobalVariable):
        return None
    held = value.initializer
    if not isinstance(held, pyqir.ArrayConstant) or held.count > _LONGEST_LABEL:
        return None
    codes = [item.value for item in held.elements if isinstance(item, pyqir.IntConstant)]
    while codes and codes[-1] == 0:
        codes.pop()
    text = bytes(codes).decode("utf-8", "replace") if all(code < 256 for code in codes) else ""
    return text if text.isprintable() else None
