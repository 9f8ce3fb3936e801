"""In a child: the result files of a job.

``counts`` (JSON) is always there, or ``expectation`` or ``compilation`` where the job has another
kind; ``result`` is the same as a VOTable, JSON or CSV, whatever RESPONSEFORMAT says; ``memory``
(JSON) lists every shot, if asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

from quws.domain.outcomes import (
    DOCUMENT,
    CircuitOutcome,
    JobOutcomes,
    circuit_json,
    memory_json,
    outcomes_json,
    read_circuits,
)
from quws.domain.parameters.values import ResponseFormat
from quws.sandbox.messages import ResultFile
from quws.schemas.outcomes import comma, votable
from quws.schemas.outcomes.tables import frame_of, rows_of

_MIME = {
    ResponseFormat.VOTABLE: ("result.vot", "application/x-votable+xml"),
    ResponseFormat.JSON: ("result.json", "application/json"),
    ResponseFormat.CSV: ("result.csv", "text/csv"),
}


def write(folder: Path, outcomes: JobOutcomes, response_format: ResponseFormat) -> list[ResultFile]:
    """Write a finished job's files.

    Returns
    -------
    list of ResultFile
        In the order in which they are listed.

    Raises
    ------
    OSError

    """
    name, mime_type = _MIME[response_format]
    match response_format:
        case ResponseFormat.VOTABLE:
            _write(folder / name, votable.written(frame_of(outcomes), rows_of(outcomes)))
        case ResponseFormat.JSON:
            _write(folder / name, outcomes_json(outcomes))
        case ResponseFormat.CSV:
            _write(folder / name, comma.written(frame_of(outcomes), rows_of(outcomes)))
    document = DOCUMENT[outcomes.kind]
    _write(folder / f"{document}.json", outcomes_json(outcomes))
    files = [
        ResultFile(id="result", file=name, mime_type=mime_type),
        ResultFile(id=document, file=f"{document}.json", mime_type="application/json"),
    ]
    if outcomes.has_memory:
        _write(folder / "memory.json", memory_json(outcomes))
        files.append(ResultFile(id="memory", file="memory.json", mime_type="application/json"))
    return files


def write_circuit(path: Path, outcome: CircuitOutcome, small: int) -> str | None:
    """Write what one circuit of a batch gave, from which the batch can go on later.

    Returns
    -------
    str or None
        The text itself where it has at most so many characters; else it is in the file.

    Raises
    ------
    OSError

    """
    written: list[str] = []
    size = 0
    pieces = circuit_json(outcome)
    for piece in pieces:
        written.append(piece)
        size += len(piece)
        if size > small:
            _write(path, chain(written, pieces))
            return None
    return "".join(written)


def read_done(files: Mapping[int, str]) -> dict[int, CircuitOutcome]:
    """Read what circuits gave in attempts before this one, by index.

    Parameters
    ----------
    files
        The file that has the outcome of each; it may have those of several.

    Raises
    ------
    OSError, UnreadableOutcomes, KeyError

    """
    found: dict[int, CircuitOutcome] = {}
    for name in dict.fromkeys(files.values()):
        found |= {item.index: item for item in read_circuits(Path(name).read_bytes())}
    return {index: found[index] for index in files}


def _write(path: Path, pieces: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(pieces)
