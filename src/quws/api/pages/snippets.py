"""The same job as commands and programs, to copy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from quws.domain.job import Parameter

_FILE = "circuit{}.qasm"


def curl(list_url: str, parameters: Sequence[Parameter], run_id: str | None) -> str:
    """Write the job as a command. Long values are read from files."""
    lines = ["curl -L"]
    files = 0
    for item in parameters:
        if item.name in ("CIRCUIT", "QUERY") and not _is_short(item):
            files += 1
            lines.append(f"-F {item.name}=@{_FILE.format(files)}")
        elif item.value is not None:
            lines.append(f"--form-string {shlex.quote(f'{item.name}={item.value}')}")
        else:
            lines.append(f"-F {shlex.quote(f'{item.name}=@FILE')}")
    if run_id is not None:
        lines.append(f"--form-string {shlex.quote(f'RUNID={run_id}')}")
    lines += ["-F PHASE=RUN", shlex.quote(list_url)]
    return " \\\n  ".join(lines)


def python(base: str, parameters: Sequence[Parameter], run_id: str | None) -> str:
    """Write the job as a program with the client of quws."""
    circuits: list[str] = []
    others: list[tuple[str, str]] = []
    for item in parameters:
        if item.name in ("CIRCUIT", "QUERY"):
            if item.value is None:
                circuits.append(f'open("{_FILE.format(len(circuits) + 1)}").read()')
            else:
                circuits.append(_literal(item.value))
        elif item.value is not None:
            others.append((item.name, item.value))
    names = {"SHOTS": "shots", "SEED": "seed", "TARGET": "target"}
    given: dict[str, str] = {}
    for name, value in others:
        number = name in ("SHOTS", "SEED") and value.isdecimal()
        text = value if number else json.dumps(value, ensure_ascii=False)
        key = names.get(name, name)
        same = [known for known, _ in others if known == name]
        if len(same) > 1:
            values = [known for kind, known in others if kind == name]
            text = json.dumps(values, ensure_ascii=False)
        given[key] = text
    if run_id is not None:
        given["RUNID"] = json.dumps(run_id, ensure_ascii=False)
    arguments = [*circuits, *(f"{key}={text}" for key, text in given.items())]
    written = ",\n    ".join(arguments)
    return (
        "from quws.client import Client\n\n"
        f"client = Client({json.dumps(base)})\n"
        f"job = client.submit(\n    {written},\n)\n"
        "print(job.wait().counts())\n"
    )


def _is_short(item: Parameter) -> bool:
    return item.value is not None and len(item.value) <= 400


def _literal(text: str) -> str:
    # JSON's texts are Python's too; lines are easier to read as lines.
    plain = '"""' not in text and "\\" not in text and "\r" not in text
    if plain and "\n" in text and not text.endswith('"') and "\0" not in text:
        return f'"""{text}"""'
    return json.dumps(text, ensure_ascii=False)
