"""PUBs: circuits with arrays of values, of which each row of values makes a circuit of a job.

That is how clients of Qiskit's primitives send their work. What they have sent is one text, in
which it stands as it came; before it stands what was found in it. A circuit of the job is a place
in this text: its index counts the rows of all PUBs.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from quws.domain import packed
from quws.domain.circuits import Language
from quws.domain.payloads import PUBS_TEXT

INDEX = "circuit"
"""The only parameter of the text: which circuit of it is meant."""
_MARK = ',"params":'

Program = Literal["sampler", "estimator", "executor"]
"""What a client asks for, by the names of its programs."""


class NoPubs(ValueError):
    """A text has no PUBs as they should be. The sentence is for users."""


class Pub(BaseModel):
    """What is known of a PUB: how many circuits it makes, and how often each is run.

    ``qubits`` is how many its circuit must have; None for any number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: NonNegativeInt
    shots: NonNegativeInt
    qubits: int | None = None


class Pubs(BaseModel):
    """The PUBs of a job, and ``params``: what the client has sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pubs: list[Pub] = Field(min_length=1)
    program: Program
    params: dict[str, Any]

    @property
    def count(self) -> int:
        """How many circuits they make."""
        return self._ends[-1]

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(item.rows for item in self.pubs))

    def place(self, index: int) -> tuple[int, int]:
        """Return which PUB makes a circuit, and of which row."""
        pub = bisect_right(self._ends, index)
        return pub, index - (self._ends[pub - 1] if pub else 0)

    def first(self, pub: int) -> int:
        """Return the index of the first circuit of a PUB."""
        return self._ends[pub - 1] if pub else 0


def has_several(source: str, said: Language | None) -> bool:
    """Whether a text has several circuits, with what LANG says of it."""
    return said in (None, Language.PUBS) and source.startswith(PUBS_TEXT)


def write(program: Program, pubs: Sequence[Pub], params: Any) -> str:
    """Write the text of a job."""
    known = [item.model_dump(exclude_none=True) for item in pubs]
    found = {"pubs": known, "program": program, "params": params}
    return json.dumps(found, separators=(",", ":"))


def read(text: str) -> Pubs:
    """Read the text of a job.

    Raises
    ------
    NoPubs

    """
    try:
        return Pubs.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        where = f" at {place[:60]}" if place else ""
        raise NoPubs(f"the PUBs cannot be read{where}: {first['msg'][:200]}") from None


def inputs_of(params: dict[str, Any], program: Program) -> list[tuple[Any, Any]]:
    """Return the circuit of each PUB, and its values as they stand in the text.

    Raises
    ------
    NoPubs

    """
    if program == "executor":
        return _items_of(params)
    pubs = params.get("pubs")
    if not isinstance(pubs, list) or not pubs:
        raise NoPubs("params.pubs must be a list with one PUB at least")
    at = 2 if program == "estimator" else 1
    found = []
    for index, pub in enumerate(pubs):
        parts = pub if isinstance(pub, list) else [pub]
        if not at <= len(parts) <= at + 2 and not (at == 1 and len(parts) == 1):
            shape = "[circuit, observables, values, precision]"
            if program == "sampler":
                shape = "[circuit, values, shots]"
            raise NoPubs(f"params.pubs.{index} must be a list {shape}")
        found.append((parts[0], parts[at] if len(parts) > at else None))
    return found


def _items_of(params: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Return the items of a program of the executor: a circuit is the number of one in its file."""
    given = params.get("quantum_program")
    program = given if isinstance(given, dict) else {}
    items = program.get("items")
    if not isinstance(items, list) or not items:
        raise NoPubs("params.quantum_program.items must be a list with one item at least")
    found: list[tuple[Any, Any]] = []
    for index, item in enumerate(items):
        kind = item.get("item_type") if isinstance(item, dict) else None
        if kind != "circuit":
            # These estimators always randomize.
            estimates = str(program.get("semantic_role")).startswith("estimator")
            advice = "use the program estimator" if estimates else "turn twirling off"
            raise NoPubs(
                f"params.quantum_program.items.{index} must be a circuit, not"
                f" '{str(kind)[:20]}': circuits are not randomized here, so {advice}"
            )
        found.append((index, item.get("circuit_arguments")))
    return found


def is_tensor(values: Any) -> bool:
    """Whether values are written as the executor's clients do: shape, type, and packed numbers."""
    return isinstance(values, dict) and values.keys() == {"data", "shape", "dtype"}


# -- values --------------------------------------------------------------------------------------


def shape_of(values: Any) -> tuple[tuple[int, ...], int | None]:
    """Return the shape of the values of a PUB, and how many parameters they are for.

    Values are an array whose last axis counts the parameters of the circuit, in their order; or an
    object with a number or an array for each of them by name, and then nothing is said of how many
    there must be. Only the head of an array is read.

    Raises
    ------
    NoPubs
        The sentence goes on after the name of the PUB.

    """
    if values is None or values in ([], {}):
        return (), 0
    if is_tensor(values):
        sizes = values["shape"]
        if (
            not isinstance(sizes, list)
            or not 0 < len(sizes) <= packed.MOST_DIMENSIONS
            or not all(_is_size(size) for size in sizes)
        ):
            raise NoPubs(
                "must have a list of numbers as the shape of its values, 1 to"
                f" {packed.MOST_DIMENSIONS} of them"
            )
        return ((), 0) if sizes == [0] else (tuple(sizes[:-1]), sizes[-1])
    if isinstance(values, dict) and packed.TYPE not in values:
        shapes = {_shape_of_list(item) for item in values.values()}
        if len(shapes) > 1:
            raise NoPubs("must have arrays of one shape for all of its parameters")
        return shapes.pop(), None
    shape = _shape_of_array(values)
    if not shape:
        raise NoPubs("must have its values in a list or an array")
    return ((), 0) if shape == (0,) else (shape[:-1], shape[-1])


def _is_size(size: Any) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**31


def _shape_of_array(values: Any) -> tuple[int, ...]:
    if isinstance(values, list):
        return _shape_of_list(values)
    inside = packed.tagged(values, "ndarray")
    if isinstance(inside, list):
        return _shape_of_list(inside)
    try:
        head = packed.head_of(inside)
    except packed.Unpackable as fault:
        raise NoPubs(
            f"must have its values in a list or an array, and what is sent {fault}"
        ) from None
    if head.dtype.lstrip("<>|=")[:1] not in ("f", "i", "u"):
        raise NoPubs(f"must have real numbers as its values, not the type '{head.dtype}'")
    return head.shape


def _shape_of_list(values: Any) -> tuple[int, ...]:
    """Return the shape of nested lists, by the first item of each; who reads them sees the rest."""
    shape: list[int] = []
    while isinstance(values, list):
        shape.append(len(values))
        if not values:
            break
        values = values[0]
    return tuple(shape)


def params_text(text: str) -> str:
    """Return what the client has sent, as it stands in the text of a job.

    Raises
    ------
    NoPubs

    """
    before, mark, rest = text.partition(_MARK)
    if before.startswith(PUBS_TEXT) and mark and rest.endswith("}}"):
        return rest[:-1]
    return json.dumps(read(text).params, separators=(",", ":"))
