"""Writes the pages of docs/reference that say what the code says: ``./quws docs`` runs it.

A test holds the pages to what this would write, so a change of the code that forgets them fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY
from pydantic.fields import FieldInfo

from quws.api.kit import errors, heads
from quws.cli.app import app
from quws.cli.lazy import load_all
from quws.domain.errors import QuotaExceeded, Refusal
from quws.domain.failures import Failure
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specification, Specifications
from quws.domain.policy import Policy
from quws.main import create_app
from quws.settings import Settings
from quws.telemetry import metrics

FOLDER = Path(__file__).parents[1] / "docs/reference"
_NOTE = "<!-- Written by ./quws docs. -->\n\n"


def settings() -> str:
    """List all environment variables."""
    lines = [
        "# Settings\n",
        "Environment variables; the commands' `--help` shows their options. Times are in seconds,"
        " sizes in\nbytes.\n",
        "| variable | default | what |",
        "|---|---|---|",
    ]
    found = [(f"QUWS_{name.upper()}", field) for name, field in Settings.model_fields.items()]
    found += [
        (f"QUWS_POLICY__{name.upper()}", field) for name, field in Policy.model_fields.items()
    ]
    lines += [
        f"| `{name}` | {_default(field)} | {field.description} |"
        for name, field in found
        if name != "QUWS_POLICY"
    ]
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.default_factory is not None or value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def commands() -> str:
    """List every command with its arguments and options."""
    lines = ["# Commands\n"]
    for name, command in _commands(load_all(app), "quws"):
        lines.append(f"## {name}\n\n{' '.join((command.help or '').split())}\n")
        rows = [row for item in command.params if (row := _parameter(item)) is not None]
        if rows:
            lines += ["| | default | what |", "|---|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for part in sorted(inner):
        yield from _commands(inner[part], f"{name} {part}")


def _parameter(item: Any) -> str | None:
    if item.name == "help":
        return None
    names = ", ".join(f"`{name}`" for name in item.opts)
    if item.param_type_name == "argument":
        names = f"`{item.name.upper()}`"
    shown = "" if item.default in (None, False) or callable(item.default) else f"`{item.default}`"
    where = f" Also `{item.envvar}`." if getattr(item, "envvar", None) else ""
    return f"| {names} | {shown} | {getattr(item, 'help', None) or ''}{where} |"


def refusals() -> str:
    """List every code of an error that a client may be sent."""
    lines = [
        "# Errors\n",
        "A refusal has a code that stays, and a sentence for people. UWS clients get"
        " `code: sentence` as text;\n`Accept: application/json` gets problem+json (RFC 9457) with"
        " the members `code`, `detail` and, where one\nis meant, `parameter`; browsers get a"
        " page.\n",
        "## Of requests\n",
        "| code | status | when |",
        "|---|---|---|",
    ]
    rows = {}
    for kind in _kinds(Refusal):
        status = next((errors.STATUS[k] for k in kind.__mro__ if k in errors.STATUS), 400)
        when = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
        shown = "403 or 429" if kind is QuotaExceeded else status
        rows.setdefault(kind.code, f"| `{kind.code}` | {shown} | {when} |")
    rows["cross_site"] = "| `cross_site` | 403 | A page of another site made the browser send it. |"
    rows["uri_too_long"] = (
        f"| `uri_too_long` | 414 | The URI is longer than {heads.MAX_URI} bytes; a POST has its"
        " parameters in the body. |"
    )
    rows["headers_too_large"] = (
        f"| `headers_too_large` | 431 | There are more than {heads.MAX_HEADERS} headers, or"
        f" {heads.MAX_HEADER_BYTES} bytes of them. |"
    )
    rows["unknown_host"] = (
        "| `unknown_host` | 421 | The service was asked by a name that is not its own;"
        " `QUWS_ALLOWED_HOSTS` adds names. |"
    )
    rows["internal_error"] = (
        "| `internal_error` | 500 | A fault of the service; its log has more under the reference. |"
    )
    rows["method_not_allowed"] = (
        "| `method_not_allowed` | 405 | The resource does not know this method; `Allow` names those"
        " it knows. |"
    )
    lines += [rows[code] for code in sorted(rows)]
    lines += [
        "\n## Of jobs that ended in ERROR\n",
        "The code begins `errorSummary`'s message and is in `/error`. *transient*: the same job may"
        " work when\nit is sent again.\n",
        "| code | transient | whose fault | sentence |",
        "|---|---|---|---|",
        *(_failure(item) for item in sorted(Failure)),
        "\n### What to do\n",
        *(f"**`{item}`**: {item.advice}\n" for item in sorted(Failure)),
    ]
    lines[-1] = lines[-1].rstrip()
    return "\n".join(lines) + "\n"


def _kinds(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for inner in sorted(kind.__subclasses__(), key=lambda found: found.__name__):
        if inner.__module__.startswith("quws."):
            yield inner
            yield from _kinds(inner)


_TRANSIENT = {True: "yes", False: "no", None: "it depends"}


def _failure(item: Failure) -> str:
    sentence = re.sub(r"\{\w+\}", "…", item.sentence)
    return f"| `{item}` | {_TRANSIENT[item.transient]} | {item.fault} | {sentence} |"


def api() -> str:
    """List every path of the HTTP interface, from its OpenAPI description."""
    description = create_app(Settings()).openapi()
    lines = [
        "# The HTTP interface\n",
        "The service describes itself at `/openapi.json`. `/async` is another name of `/jobs`."
        " What the\nparameters of jobs mean is in [the job description](uws.md), what errors look"
        " like in\n[errors](errors.md).\n",
    ]
    for path, methods in description["paths"].items():
        lines += [f"## `{path}`\n", "| method | what | answers |", "|---|---|---|"]
        for method, operation in methods.items():
            answers = ", ".join(sorted(operation["responses"]))
            what = operation.get("summary", "")
            query = [
                f"`{item['name']}`"
                for item in operation.get("parameters", [])
                if item.get("in") == "query"
            ]
            if query:
                what += f" (query: {', '.join(query)})"
            lines.append(f"| {method.upper()} | {what} | {answers} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def counted() -> str:
    """List every metric."""
    assert metrics.exposition()
    lines = [
        "# Metrics\n",
        "Each process tells its own, at `/metrics` of the API and of its monitoring port"
        " (`QUWS_MONITOR_PORT`).\nThe lengths of queues are told by every API and sweeper alike:"
        " take their maximum, not their sum.\n",
        "| name | kind | labels | what |",
        "|---|---|---|---|",
    ]
    found = {
        collector._name: collector  # type: ignore[attr-defined]
        for collector in REGISTRY._collector_to_names
        if getattr(collector, "_name", "").startswith("quws_")
    }
    for name in sorted(found):
        metric: Any = found[name]
        shown = f"{name}_total" if metric._type == "counter" else name
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)
        lines.append(f"| `{shown}` | {metric._type} | {labels} | {metric._documentation} |")
    return "\n".join(lines) + "\n"


def parameters(specifications: Specifications = SPECIFICATIONS) -> str:
    """List every parameter of a job."""
    ignored = ", ".join(f"`{name}`" for name in sorted(specifications.ignored))
    lines = [
        "# Parameters\n",
        "What a job may be given, by name in a request, by keyword in Python"
        " (`client.submit(circuit, shots=500)`)\nand as an option of `quws submit`. How they are"
        " sent is in [the job description](uws.md).\n",
        "## Of the job\n",
        *_table(specifications.job),
        f"\n{ignored}, which TAP clients send, are kept and have no effect. Any other name is"
        " refused.\n",
        "## Of its control\n",
        "They are given at creation, at a POST to the job, and at their own child; they are not"
        " listed among the\nparameters.\n",
        *_table(item for item in specifications if item.control),
    ]
    return "\n".join(lines) + "\n"


def _table(specifications: Iterable[Specification]) -> Iterator[str]:
    yield "| name | keyword | value | default | for instance | targets |"
    yield "|---|---|---|---|---|---|"
    for item in specifications:
        name = " or ".join(f"`{name}`" for name in item.names)
        where = "all" if item.feature is None else f"with *{item.feature}*"
        shown = (name, f"`{item.keyword}`", _value(item), item.otherwise, f"`{item.example}`")
        yield f"| {' | '.join(shown)} | {where} |"


def _value(item: Specification) -> str:
    sentences = [item.help]
    if item.choices:
        sentences.append(f"One of {', '.join(f'`{choice}`' for choice in item.choices)}.")
    if item.low is not None:
        sentences.append(f"{item.low} to {item.high}.")
    if item.more:
        sentences.append(item.more)
    return " ".join(sentences)


PAGES: dict[str, Callable[[], str]] = {
    "api.md": api,
    "commands.md": commands,
    "errors.md": refusals,
    "metrics.md": counted,
    "parameters.md": parameters,
    "settings.md": settings,
}


def written(name: str) -> str:
    """Return what a page should hold."""
    return _NOTE + PAGES[name]()


def main() -> None:
    """Write all pages."""
    for name in PAGES:
        (FOLDER / name).write_text(written(name), encoding="utf-8")


if __name__ == "__main__":
    main()
