"""The operator's list of targets: one TOML file, one table for each target.

What is wrong in it is told in one sentence that names file, table and key.
"""

from __future__ import annotations

import copy
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from quws.domain.configuring import ConfigError
from quws.domain.conformance import ConformanceRule
from quws.domain.sessions import SessionChanges, SessionMode
from quws.domain.targets import TargetDescription, TargetKind
from quws.domain.timeslots import TimeslotRules

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_SECRET_BYTES = 65_536
_RULES = {
    # Their time is somebody's money.
    TargetKind.HARDWARE: ConformanceRule.REQUIRED,
    # Another quws, which has checked its own targets.
    TargetKind.REMOTE: ConformanceRule.NONE,
}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Secret(_Strict):
    """Where a secret is kept: in a file, or in a variable of the worker's environment."""

    file: Path | None = None
    environment: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) == (self.environment is None):
            raise ValueError("give either file or environment")
        return self

    def read(self) -> str:
        """Read the secret, without white space around it.

        Raises
        ------
        ConfigError
            It is not there. Says where it was looked for, never what was found.

        """
        if self.environment is not None:
            value = os.environ.get(self.environment)
            if value is None:
                raise ConfigError(f"the environment variable {self.environment} is not set")
            return value.strip()
        assert self.file is not None
        try:
            with self.file.open("rb") as file:
                content = file.read(_SECRET_BYTES + 1)
        except OSError as error:
            raise ConfigError(f"{self.file} cannot be read: {error.strerror}") from None
        if len(content) > _SECRET_BYTES:
            raise ConfigError(f"{self.file} is longer than {_SECRET_BYTES} bytes")
        try:
            return content.decode().strip()
        except UnicodeDecodeError:
            raise ConfigError(f"{self.file} is not UTF-8 text") from None


class TargetLimits(_Strict):
    """What the operator allows on a target, in place of what its adapter says."""

    qubits: PositiveInt | None = None
    clbits: PositiveInt | None = None
    operations: PositiveInt | None = None
    shots: PositiveInt | None = None
    circuits: PositiveInt | None = None

    def apply(self, description: TargetDescription) -> TargetDescription:
        """Put the limits into a description. A target does not grow: qubits can only be fewer."""
        given = self.model_dump(exclude_none=True)
        changes: dict[str, Any] = {}
        if "shots" in given:
            changes["max_shots"] = given.pop("shots")
        if "circuits" in given:
            changes["max_circuits"] = given.pop("circuits")
        if "qubits" in given:
            given["qubits"] = min(given["qubits"], description.circuit_limits.qubits)
        changes["circuit_limits"] = description.circuit_limits.model_copy(update=given)
        return description.model_copy(update=changes)


class TargetConfig(_Strict):
    """A target as the operator configures it."""

    name: str
    adapter: str = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the adapter."""
    interpreter: Path | None = None
    """The Python of an environment of its own, in which its processes run."""
    files: list[Path] = Field(default_factory=list)
    """Files and folders that its processes may read besides the libraries."""
    secrets: dict[str, Secret] = Field(default_factory=dict)
    """More options, by name; ``a.b`` goes to the key ``b`` of the table ``a`` of the options."""
    limits: TargetLimits = Field(default_factory=TargetLimits)
    conformance: ConformanceRule | None = None
    """When it has to pass the conformance circuits; by default its kind decides."""
    timeslots: TimeslotRules | None = None
    """What can be booked of it; without the table nothing can."""
    sessions: SessionChanges | None = None
    """What is allowed of sessions of it, in place of the settings."""
    noise: str | dict[str, Any] | None = None
    """The option ``noise`` of the adapter."""
    schedule: list[dict[str, Any]] | None = None
    """The option ``schedule`` of the adapter."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        for name in ("noise", "schedule"):
            if name in self.options and getattr(self, name) is not None:
                raise ValueError(f"'{name}' stands in the table and in its options")
        return self

    @field_validator("sessions")
    @classmethod
    def _possible(cls, sessions: SessionChanges | None) -> SessionChanges | None:
        if sessions is None:
            return None
        if sessions.modes == ():
            raise ValueError(f"'modes' must name {' or '.join(SessionMode)}, or be left out")
        idle, longest = sessions.idle, sessions.longest_idle
        if idle is not None and longest is not None and idle > longest:
            raise ValueError(
                f"'idle' must be at most 'longest_idle', which is {longest}, not {idle}"
            )
        return sessions

    def revealed(self) -> TargetConfig:
        """Make the configuration that the target's own process gets, its secrets among its options.

        Raises
        ------
        ConfigError
            A secret cannot be read.

        """
        options = copy.deepcopy(self.options)
        for name in ("noise", "schedule"):
            if getattr(self, name) is not None:
                options[name] = getattr(self, name)
        for key, secret in self.secrets.items():
            place = options
            *tables, last = key.split(".")
            for table in tables:
                place = place.setdefault(table, {})
                if not isinstance(place, dict):
                    raise ConfigError(f"secret '{key}' of target {self.name}: no such table")
            try:
                place[last] = secret.read()
            except ConfigError as error:
                raise ConfigError(f"secret '{key}' of target {self.name}: {error}") from None
        return TargetConfig(
            name=self.name,
            adapter=self.adapter,
            options=options,
            files=self.files,
            limits=self.limits,
            conformance=self.conformance,
            timeslots=self.timeslots,
            sessions=self.sessions,
        )

    def apply(self, description: TargetDescription) -> TargetDescription:
        """Put into a description what the operator decides."""
        rule = self.conformance or _RULES.get(description.kind, ConformanceRule.AUTOMATIC)
        decided = {
            "conformance_rule": rule,
            "timeslots": self.timeslots,
            "sessions": self.sessions,
        }
        return self.limits.apply(description).model_copy(update=decided)


def read_targets(path: Path) -> list[TargetConfig]:
    """Read the list of targets.

    Raises
    ------
    ConfigError
        With file, table and key.

    """
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8") from None
    return parse_targets(text, path)


def parse_targets(text: str, path: Path) -> list[TargetConfig]:
    """Read the text of such a file; ``path`` is where it lies, or will.

    Raises
    ------
    ConfigError

    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    if not tables:
        raise ConfigError(f"{path} lists no target; each is a table, such as [simulator]")
    return [_target(path, name, table) for name, table in tables.items()]


def _target(path: Path, name: str, table: Any) -> TargetConfig:
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: '{name}' is no table; each target is one, such as [simulator]")
    where = f"{path}, table [{name}]"
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{where}: a target's name has at most 60 letters, digits, dots, hyphens and"
            " underscores, and begins with a letter or digit"
        )
    if "name" in table:
        raise ConfigError(f"{where}, key 'name': the name of the table is the target's name")
    try:
        config = TargetConfig.model_validate({"name": name} | table)
    except ValidationError as error:
        raise ConfigError(f"{where}{_fault(error)}") from None
    # Relative to the file, not to whoever reads it. A link to an interpreter must stay one: it
    # is how a virtual environment is told from the Python that it was made of.
    folder = path.absolute().parent
    secrets = {
        key: item.model_copy(update={"file": folder / item.file.expanduser()})
        if item.file is not None
        else item
        for key, item in config.secrets.items()
    }
    interpreter = config.interpreter
    if interpreter is not None:
        interpreter = folder / interpreter.expanduser()
    return config.model_copy(update={"secrets": secrets, "interpreter": interpreter})


def _fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"] if part not in ("str", "dict[str,any]"))
    named = f", key '{key}'" if key else ""
    match first["type"]:
        case "extra_forbidden" if "." in key:
            sentence = "there is no such key"
        case "extra_forbidden":
            known = ", ".join(field for field in TargetConfig.model_fields if field != "name")
            sentence = f"there is no such key; a target has {known}"
        case "missing":
            sentence = "it is missing"
        case "dict_type" | "model_type":
            sentence = "it must be a table"
        case _:
            message = str(first["msg"]).removeprefix("Value error, ")
            message = message.replace("Input should be", "it must be")
            sentence = message[:1].lower() + message[1:]
    return f"{named}: {sentence}"
