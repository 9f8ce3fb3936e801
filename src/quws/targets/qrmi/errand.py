"""A program of its own that makes the calls to QRMI: ``python errand.py``.

Those calls have no time limit, so what makes them must be something that can be killed; and an
object of theirs serves one thread, of the process that made it. It reads a line of JSON for each
call and writes one for each answer. The first line says what the resource is; secrets come that
way too, and so stand in no command line and no environment.

It imports nothing of quws: it starts in a moment.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO


def main() -> None:
    """Answer calls until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "wb")
    # What a library prints must not stand between the answers.
    os.dup2(2, 1)
    asked = sys.stdin.buffer
    begin = asked.readline()
    if not begin:
        return
    try:
        import qrmi  # noqa: PLC0415

        wanted = json.loads(begin)
        kind = getattr(qrmi.ResourceType, wanted["type"])
        resource = qrmi.QuantumResource.from_config(wanted["resource"], kind, wanted["settings"])
    except Exception as error:  # noqa: BLE001 - it is told to who asked
        _say(answers, _told(error))
        return
    _say(answers, {"value": None})
    for line in asked:
        try:
            answer = {"value": _call(qrmi, resource, json.loads(line))}
        except Exception as error:  # noqa: BLE001 - as above
            answer = _told(error)
        _say(answers, answer)


def _call(qrmi: Any, resource: Any, asked: dict[str, Any]) -> Any:
    arguments = asked["arguments"]
    match asked["call"]:
        case "target":
            found = resource.target().value
        case "status":
            found = resource.status().to_dict()
        case "task_start":
            payload = getattr(qrmi.Payload, asked["payload"])
            found = str(resource.task_start(payload(**arguments)))
        case "task_status":
            found = str(resource.task_status(arguments["task"])).rpartition(".")[2]
        case "task_result":
            found = resource.task_result(arguments["task"]).value
        case "task_logs":
            found = resource.task_logs(arguments["task"])
        case "task_stop":
            found = resource.task_stop(arguments["task"])
        case name:
            raise ValueError(f"there is no call {name}")
    return found


def _told(error: Exception) -> dict[str, str]:
    return {"error": type(error).__name__, "message": str(error)}


def _say(answers: BinaryIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
