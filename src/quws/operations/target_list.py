"""What an operator does to targets from the command line. No process of the service need run."""

from __future__ import annotations

import contextlib
import json
import tempfile
import tomllib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from quws.domain.clock import utc_now
from quws.domain.conformance import ConformanceReport, Verdict
from quws.domain.targets import TargetRecord, TargetStatus
from quws.domain.words import counted
from quws.settings import Settings
from quws.store.database import StoreUnavailable, opened
from quws.store.targets import TargetStore
from quws.targets import ConfigError, TargetConfig, check_options, create_target
from quws.targets.config import parse_targets

_MARKS = {Verdict.PASSED: "passed ", Verdict.FAILED: "FAILED ", Verdict.SKIPPED: "skipped"}
_DEFAULT = '[simulator]\nadapter = "simulator"\n'
"""What there is without a list of targets, as a list."""


# -- list -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listing:
    """The targets in words, what is wrong with the list of them, and why what is known of them
    could not be read.
    """

    text: str
    faults: list[str]
    trouble: StoreUnavailable | None


async def listing(settings: Settings) -> Listing:
    """List the targets: those of the list with what is known of them, and others that are known."""
    known: dict[str, TargetRecord] = {}
    trouble: StoreUnavailable | None = None
    try:
        async with _store(settings) as store:
            known = {record.name: record for record in await store.records()}
    except StoreUnavailable as error:
        trouble = error
    lines: list[str] = []
    faults: list[str] = []
    for config in settings.target_configs():
        where = (
            "" if config.interpreter is None else f", in the environment of {config.interpreter}"
        )
        lines += [f"{config.name}: adapter {config.adapter}{where}"]
        try:
            check_options(config)
        except ConfigError as error:
            faults.append(f"{settings.resolved_targets()}: {error}")
            lines.append("  its options are wrong")
        if trouble is None:
            lines += _described(known.pop(config.name, None))
    for name, record in known.items():
        lines += [f"{name}: not in {settings.resolved_targets()}", *_described(record)]
    return Listing("\n".join(lines), faults, trouble)


def _described(record: TargetRecord | None) -> list[str]:
    if record is None:
        return ["  no worker has looked at it yet"]
    target = record.description
    lines = [
        f"  {target.title} ({target.kind}), {counted(target.qubits, 'qubit')}",
        f"  {record.state.sentence(target.name) or 'online'}",
    ]
    report = record.report
    if report is None:
        lines.append(f"  conformance: not checked as it is now ({target.conformance_rule})")
    else:
        verdict = "passed" if report.passed else "FAILED"
        lines.append(f"  conformance: {verdict} on {report.time:%Y-%m-%d}; {report.summary}")
    return lines


# -- conformance ------------------------------------------------------------------------------


async def run_conformance(
    settings: Settings, config: TargetConfig, *, quick: bool
) -> tuple[ConformanceReport, StoreUnavailable | None]:
    """Run the conformance circuits on a target.

    Gives what they found, and why that could not be kept.

    Raises
    ------
    ConfigError
        The target cannot be used at all, or takes no work now: circuits would wait without end.

    """
    from quws.sandbox.pool import ChildrenUnavailable  # noqa: PLC0415
    from quws.worker.children import children_of, readers_of  # noqa: PLC0415
    from quws.worker.conformance import Conformance  # noqa: PLC0415
    from quws.worker.inspection import InspectionFailed, inspect  # noqa: PLC0415

    def scratch() -> Path:
        return Path(tempfile.gettempdir())

    check_options(config)
    children = children_of(config, scratch, spares=1)
    readers = readers_of(config, scratch)
    try:
        children.start()
        found = await inspect(children)
        target = found.description
        why = found.state.sentence(target.name)
        if why is not None and found.state.status is not TargetStatus.CALIBRATING:
            raise ConfigError(f"{why}; check it when it takes work")
        report = await Conformance(children, readers, target, quick=quick, clock=utc_now).run()
    except (ChildrenUnavailable, InspectionFailed) as error:
        raise ConfigError(f"target {config.name} cannot be used: {error}") from None
    finally:
        await readers.close()
        await children.close()
    try:
        async with _store(settings) as store:
            await store.register([found.description], utc_now(), replace=True, attended=False)
            await store.set_conformance(config.name, report.model_dump(mode="json"), report.time)
    except StoreUnavailable as error:
        return report, error
    return report, None


def printed(report: ConformanceReport) -> str:
    """Write a report for people."""
    lines = []
    for item in report.checks:
        message = "" if item.message is None else f": {item.message}"
        lines.append(f"{_MARKS[item.outcome]}  {item.title}{message}")
    verdict = "may be offered" if report.passed else "is not offered"
    return "\n".join([*lines, f"target {report.target} {verdict} ({report.seconds:.1f} s)"])


# -- add --------------------------------------------------------------------------------------


def add(
    settings: Settings,
    name: str,
    adapter: str,
    *,
    options: Sequence[str],
    secrets: Sequence[str],
    interpreter: Path | None,
) -> Path:
    """Add a target to the list of targets, if it is sound. Gives the file.

    Parameters
    ----------
    options
        Each ``NAME=VALUE``, the value as in TOML, or else text.
    secrets
        Each ``NAME=file:PATH`` or ``NAME=environment:VARIABLE``.

    Raises
    ------
    ConfigError

    """
    path = settings.resolved_targets()
    old = path.read_text(encoding="utf-8") if path.exists() else _DEFAULT
    if any(config.name == name for config in parse_targets(old, path)):
        raise ConfigError(f"{path} has a target '{name}' already")
    lines = [f"[{_key(name)}]", f"adapter = {_value(adapter)}"]
    if interpreter is not None:
        lines.append(f"interpreter = {_value(str(interpreter.absolute()))}")
    lines += [f"options.{_key(key)} = {_value(_read(text))}" for key, text in _pairs(options)]
    for key, text in _pairs(secrets):
        kind, _, place = text.partition(":")
        if kind == "file":
            place = str(Path(place).expanduser().absolute())
        lines.append(f"secrets.{_key(key)} = {{ {_key(kind)} = {_value(place)} }}")
    new = f"{old.rstrip()}\n\n" + "\n".join(lines) + "\n"
    config = next(item for item in parse_targets(new, path) if item.name == name)
    if config.interpreter is None:
        # With its secrets, since it is run next.
        create_target(config.revealed())
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.new")
    part.write_text(new, encoding="utf-8")
    part.replace(path)
    return path


def _pairs(given: Sequence[str]) -> list[tuple[str, str]]:
    pairs = []
    for item in given:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise ConfigError(f"'{item}' must be NAME=VALUE")
        pairs.append((key, value))
    return pairs


def _read(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return text


def _key(name: str) -> str:
    bare = name.replace("-", "").replace("_", "").isalnum() and name.isascii()
    return name if bare else _value(name)


def _value(value: Any) -> str:
    """Write a value as TOML; its strings, numbers and lists are written as in JSON."""
    if isinstance(value, dict):
        items = ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items())
        return f"{{ {items} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False)


@contextlib.asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[TargetStore]:
    database = await opened(settings.resolved_database_url())
    try:
        yield TargetStore(database)
    finally:
        await database.close()
