"""What a client of Qiskit's primitives has sent, and how its decoder reads what it is told.

``primitive_params.json`` is what ``real_clients/primitive_params.py`` printed with the encoder of
``qiskit-ibm-runtime`` 0.51.0 (Qiskit 2.6.2).
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from qiskit import QuantumCircuit, qpy
from qiskit.primitives.containers import BitArray, DataBin

from quws.api.doors.ibm.payload import Made, made_of
from quws.domain.targets import TargetDescription

SENT: dict[str, Any] = json.loads(
    (Path(__file__).parent / "primitive_params.json").read_text(encoding="utf-8")
)
"""The ``params`` of each program."""


def in_qpy(circuit: QuantumCircuit, version: int | None = None) -> dict[str, str]:
    """Write a circuit as the client does."""
    file = io.BytesIO()
    qpy.dump(circuit, file, version=version)
    return {"__type__": "QuantumCircuit", "__value__": packed(file.getvalue())}


def in_numpy(values: Any) -> dict[str, str]:
    """Write an array as the client does."""
    file = io.BytesIO()
    np.save(file, np.asarray(values), allow_pickle=True)
    return {"__type__": "ndarray", "__value__": packed(file.getvalue())}


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def text_of(made: Made) -> str:
    """Return the text of the circuits of a job."""
    return next(item.value for item in made.posted if item.name == "CIRCUIT").decode()


def values_of(made: Made) -> dict[str, str]:
    """Return the parameters of a job but for the circuits."""
    return {item.name: item.value.decode() for item in made.posted if item.name != "CIRCUIT"}


def text_for(program: str, pubs: Sequence[Any], target: TargetDescription, **more: Any) -> str:
    """Return the text of a job that a client's PUBs make."""
    return text_of(made_of(program, {"pubs": list(pubs), "version": 2} | more, target))


def decoded(text: str) -> Any:
    """Read a result as the client does."""
    return json.loads(text, object_hook=_object)


def _object(found: dict[str, Any]) -> Any:
    value = found.get("__value__")
    match found.get("__type__"):
        case None:
            return found
        case "ndarray":
            return np.load(io.BytesIO(zlib.decompress(base64.b64decode(value))))
        case "BitArray":
            return BitArray(**value)
        case "DataBin":
            assert value["field_names"] == list(value["fields"])
            return DataBin(shape=tuple(value["shape"]), **value["fields"])
        case _:
            return value
