"""The same job as commands and programs, to copy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from quws.domain.circuits import Language, ending
from quws.domain.job import Parameter
from quws.domain.kinds import JobKind
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Kind
from quws.domain.payloads import BINARY_TYPE

_FILE = "circuit{}.{}"
_TABLE = "bindings.csv"
_RESULT = {
    JobKind.SAMPLE: "counts()",
    JobKind.ESTIMATE: "expectations()",
    JobKind.COMPILE: 'result("circuit-0").decode()',
}


def curl(
    list_url: str,
    parameters: Sequence[Parameter],
    run_id: str | None,
    languages: Sequence[Language] = (),
) -> str:
    """Write the job as a command. Long values are read from files.

    ``languages`` are those of the circuits, as far as they are known.
    """
    lines = ["curl -L"]
    files = circuits = 0
    for item in parameters:
        is_circuit = item.name in SPECIFICATIONS["CIRCUIT"].names
        language = languages[circuits : circuits + 1]
        circuits += is_circuit
        if item.count > 1:
            each = f"-F {item.name}=@{_file(item, '%d', language)} "
            lines.append(f"$(for n in $(seq {item.count}); do printf -- '{each}' $n; done)")
        elif is_circuit and not _is_short(item):
            files += 1
            lines.append(f"-F {item.name}=@{_file(item, files, language)}")
        elif item.value is not None:
            lines.append(f"--form-string {shlex.quote(f'{item.name}={item.value}')}")
        else:
            lines.append(f"-F {shlex.quote(f'{item.name}=@FILE')}")
    if run_id is not None:
        lines.append(f"--form-string {shlex.quote(f'RUNID={run_id}')}")
    lines += ["-F PHASE=RUN", shlex.quote(list_url)]
    return " \\\n  ".join(lines)


def python(
    base: str,
    parameters: Sequence[Parameter],
    run_id: str | None,
    languages: Sequence[Language] = (),
) -> str:
    """Write the job as a program with the client of quws."""
    circuits: list[str] = []
    others: dict[str, list[str]] = {}
    tables: dict[str, str] = {}
    for item in parameters:
        if item.name in SPECIFICATIONS["CIRCUIT"].names:
            language = languages[len(circuits) : len(circuits) + 1]
            if item.count > 1:
                texts = f'open(f"{_file(item, "{n}", language)}").read()'
                circuits.append(f"*({texts} for n in range(1, {item.count + 1}))")
            elif item.value is None:
                mode = ', "rb"' if item.mime_type == BINARY_TYPE else ""
                circuits.append(f'open("{_file(item, len(circuits) + 1, language)}"{mode}).read()')
            else:
                circuits.append(_literal(item.value))
        elif item.value is not None:
            others.setdefault(item.name, []).append(item.value)
        elif item.name in SPECIFICATIONS["BINDINGS"].names:
            tables["bindings"] = f"open({json.dumps(_TABLE)}).read()"
    kind = others.get("KIND", [JobKind.SAMPLE])[0].strip().lower()
    given = tables
    for name, same in others.items():
        known = SPECIFICATIONS.find(name)
        number = known is not None and known.kind is Kind.INTEGER and same[0].isdecimal()
        written = same[0] if number else json.dumps(same[0], ensure_ascii=False)
        if len(same) > 1:
            written = json.dumps(same, ensure_ascii=False)
        given[name if known is None else known.keyword] = written
    if run_id is not None:
        given["run_id"] = json.dumps(run_id, ensure_ascii=False)
    arguments = [*circuits, *(f"{key}={text}" for key, text in given.items())]
    listed = ",\n    ".join(arguments)
    return (
        "from quws.client import Client\n\n"
        f"client = Client({json.dumps(base)})\n"
        f"job = client.submit(\n    {listed},\n)\n"
        f"print(job.wait().{_RESULT[JobKind(kind)]})\n"
    )


def _file(item: Parameter, number: int | str, languages: Sequence[Language]) -> str:
    language = languages[0] if languages else None
    return _FILE.format(number, ending(language, item.mime_type))


def _is_short(item: Parameter) -> bool:
    return item.value is not None and len(item.value) <= 400


def _literal(text: str) -> str:
    # JSON's texts are Python's too; lines are easier to read as lines.
    plain = '"""' not in text and "\\" not in text and "\r" not in text
    if plain and "\n" in text and not text.endswith('"') and "\0" not in text:
        return f'"""{text}"""'
    return json.dumps(text, ensure_ascii=False)
