"""In a child: the result files of a job.

``counts`` (JSON) is always there; ``result`` is the same as a VOTable, JSON or
CSV, whatever RESPONSEFORMAT says; ``memory`` (JSON) lists every shot, if asked.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quws.domain.parameters.values import ResponseFormat

BIT_ORDER = (
    "one group of bits per classical register, the register that was declared last first;"
    " within a group bit 0 is the last character"
)
"""How every bit string in a result is to be read; Qiskit's convention."""

_MIME = {
    ResponseFormat.VOTABLE: ("result.vot", "application/x-votable+xml"),
    ResponseFormat.JSON: ("result.json", "application/json"),
    ResponseFormat.CSV: ("result.csv", "text/csv"),
}


def load() -> None:
    """Import what writing a VOTable needs, in the zygote."""
    import astropy.io.votable.tree  # noqa: F401, PLC0415


def warm() -> None:
    """Write a table once, into nothing: the first one is ten times slower."""
    import io  # noqa: PLC0415

    _votable([_SAMPLE], "", "", 1).to_xml(io.BytesIO())


def write(
    folder: Path,
    circuits: Sequence[dict[str, Any]],
    *,
    job_id: str,
    target: str,
    shots: int,
    response_format: ResponseFormat,
) -> list[dict[str, str]]:
    """Write a finished job's files.

    Parameters
    ----------
    circuits
        One entry per circuit, in order: index, registers, counts, engine,
        seconds, and memory if it was asked for.

    Returns
    -------
    list of dict
        For each file, in the order in which it is listed: id, file, mime_type.

    """
    head = {"job": job_id, "target": target, "shots": shots, "bit_order": BIT_ORDER}
    counts = head | {
        "circuits": [
            {key: value for key, value in item.items() if key != "memory"} for item in circuits
        ]
    }
    name, mime_type = _MIME[response_format]
    match response_format:
        case ResponseFormat.VOTABLE:
            _votable(circuits, job_id, target, shots).to_xml(str(folder / name))
        case ResponseFormat.JSON:
            write_json(folder / name, counts)
        case ResponseFormat.CSV:
            _write_csv(folder / name, circuits)
    write_json(folder / "counts.json", counts)
    files = [
        {"id": "result", "file": name, "mime_type": mime_type},
        {"id": "counts", "file": "counts.json", "mime_type": "application/json"},
    ]
    if any("memory" in item for item in circuits):
        write_json(
            folder / "memory.json",
            head
            | {
                "circuits": [
                    {
                        "index": item["index"],
                        "registers": item["registers"],
                        "memory": item["memory"],
                    }
                    for item in circuits
                ]
            },
        )
        files.append({"id": "memory", "file": "memory.json", "mime_type": "application/json"})
    return files


def write_json(path: Path, content: Any) -> None:
    """Write a value as a JSON file."""
    with path.open("w", encoding="utf-8") as file:
        json.dump(content, file, separators=(",", ":"))


def _rows(circuits: Sequence[dict[str, Any]]) -> list[tuple[int, str, int, float]]:
    return [
        (item["index"], outcome, count, count / sum(item["counts"].values()))
        for item in circuits
        for outcome, count in item["counts"].items()
    ]


def _write_csv(path: Path, circuits: Sequence[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["circuit", "outcome", "count", "fraction"])
        writer.writerows(_rows(circuits))


def _votable(circuits: Sequence[dict[str, Any]], job_id: str, target: str, shots: int) -> Any:
    from astropy.io.votable import tree  # noqa: PLC0415

    document = tree.VOTableFile()
    resource = tree.Resource(type="results")
    document.resources.append(resource)
    resource.infos.append(tree.Info(name="QUERY_STATUS", value="OK"))
    table = tree.TableElement(document, name="counts")
    resource.tables.append(table)
    table.description = f"How often each outcome was measured. Bit strings: {BIT_ORDER}."
    for name, datatype, value, what in (
        ("job", "char", job_id, "the job that made this table"),
        ("target", "char", target, "what ran the circuits"),
        ("shots", "long", shots, "runs of each circuit"),
    ):
        size = {"arraysize": "*"} if datatype == "char" else {}
        param = tree.Param(document, name=name, datatype=datatype, value=value, **size)
        param.description = what
        table.params.append(param)
    for item in circuits:
        for register in item["registers"]:
            measured = ",".join(
                "-" if qubit is None else str(qubit) for qubit in register["qubits"]
            )
            param = tree.Param(
                document,
                ID=f"register.{item['index']}.{len(table.params)}",
                name=f"register {register['name']}",
                datatype="char",
                arraysize="*",
                value=measured,
            )
            param.description = (
                f"circuit {item['index']}, {register['size']} bits: the qubit that was measured"
                " into each bit, from bit 0 up"
            )
            table.params.append(param)
    columns = [
        ("circuit", "int", None, "index of the circuit in the job, from 0"),
        ("outcome", "char", "*", "the bits that were measured"),
        ("count", "long", None, "in how many shots"),
        ("fraction", "double", None, "in which part of the shots"),
    ]
    for name, datatype, arraysize, what in columns:
        size = {} if arraysize is None else {"arraysize": arraysize}
        field = tree.Field(document, name=name, datatype=datatype, **size)
        field.description = what
        table.fields.append(field)
    rows = _rows(circuits)
    table.create_arrays(len(rows))
    for position, (name, *_) in enumerate(columns):
        table.array[name] = [row[position] for row in rows]
    return document


_SAMPLE = {
    "index": 0,
    "registers": [{"name": "c", "size": 1, "qubits": [0]}],
    "counts": {"0": 1},
}
