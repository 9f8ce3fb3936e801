"""In a child: the result files of a job.

``counts`` (JSON) is always there, or ``expectation`` or ``compilation`` where the job has another
kind; ``result`` is the same as a VOTable, JSON or CSV, whatever RESPONSEFORMAT says; ``memory``
(JSON) lists every shot, if asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

from quws.domain.outcome_texts import NO_TEXTS, circuit_json, memory_json, outcomes_json
from quws.domain.outcomes import DOCUMENT, CircuitOutcome, JobOutcomes, read_circuits
from quws.domain.parameters.values import ResponseFormat
from quws.sandbox.messages import ResultFile
from quws.schemas.outcomes import comma, votable
from quws.schemas.outcomes.tables import frame_of, rows_of

_MIME = {
    ResponseFormat.VOTABLE: ("result.vot", "application/x-votable+xml"),
    ResponseFormat.JSON: ("result.json", "application/json"),
    ResponseFormat.CSV: ("result.csv", "text/csv"),
}


def write(
    folder: Path,
    outcomes: JobOutcomes,
    response_format: ResponseFormat,
    small: int = 0,
    texts: Mapping[int, str] = NO_TEXTS,
) -> list[ResultFile]:
    """Write a finished job's files.

    Parameters
    ----------
    texts
        What `write_circuit` has made of circuits, as far as that is at hand.

    Returns
    -------
    list of ResultFile
        In the order in which they are listed. Those of at most ``small`` characters have their
        content, and are not in the folder.

    Raises
    ------
    OSError

    """
    name, mime_type = _MIME[response_format]

    def file(result_id: str, name: str, pieces: Iterable[str], mime_type: str) -> ResultFile:
        content = _write_or_keep(folder / name, pieces, small)
        return ResultFile(id=result_id, file=name, mime_type=mime_type, content=content)

    files = [file("result", name, _main(outcomes, response_format, texts), mime_type)]
    document = DOCUMENT[outcomes.kind]
    files.append(
        file(document, f"{document}.json", outcomes_json(outcomes, texts), "application/json")
    )
    if outcomes.has_memory:
        files.append(file("memory", "memory.json", memory_json(outcomes), "application/json"))
    return files


def write_circuit(path: str, outcome: CircuitOutcome, small: int) -> str | None:
    """Write what one circuit of a batch gave, from which the batch can go on later.

    Returns
    -------
    str or None
        The text itself where it has at most so many characters; else it is in the file.

    Raises
    ------
    OSError

    """
    return _write_or_keep(path, circuit_json(outcome), small)


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


def _main(
    outcomes: JobOutcomes, response_format: ResponseFormat, texts: Mapping[int, str]
) -> Iterable[str]:
    match response_format:
        case ResponseFormat.VOTABLE:
            return votable.written(frame_of(outcomes), rows_of(outcomes))
        case ResponseFormat.JSON:
            return outcomes_json(outcomes, texts)
        case ResponseFormat.CSV:
            return comma.written(frame_of(outcomes), rows_of(outcomes))


def _write_or_keep(path: str | Path, pieces: Iterable[str], small: int) -> str | None:
    """Return a text of at most so many characters; a longer one is written into a file."""
    written: list[str] = []
    size = 0
    left = iter(pieces)
    for piece in left:
        written.append(piece)
        size += len(piece)
        if size > small:
            with Path(path).open("w", encoding="utf-8", newline="") as file:
                file.writelines(chain(written, left))
            return None
    return "".join(written)
