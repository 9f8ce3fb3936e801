"""What a pool of children and its zygote say to each other: one union each way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RoleConfig(_Message):
    """The first line: what the children are for, ``module:Class``, and what that class takes.

    It comes this way and not as an argument of the program since it may hold secrets, and
    arguments can be read by everybody on the machine.
    """

    role: str
    options: dict[str, Any] = Field(default_factory=dict)
    leash_seconds: float | None = None


class Spawn(_Message):
    """Fork a child that talks over the file descriptor which comes with this.

    It may write in the folder, and nowhere else.
    """

    kind: Literal["spawn"] = "spawn"
    number: int
    folder: Path | None = None


class Kill(_Message):
    """Kill the process group of a child."""

    kind: Literal["kill"] = "kill"
    pid: int


class Alive(_Message):
    """The parent is there and well."""

    kind: Literal["alive"] = "alive"


class Loaded(_Message):
    """The libraries are loaded, and children can be forked.

    ``apart`` is that of their role.
    """

    kind: Literal["loaded"] = "loaded"
    apart: bool = False


class Unusable(_Message):
    """The zygote gives up, and why."""

    kind: Literal["unusable"] = "unusable"
    why: str


class Spawned(_Message):
    """The child that was asked for is there."""

    kind: Literal["spawned"] = "spawned"
    number: int
    pid: int


class NotSpawned(_Message):
    """There was no room for the child that was asked for."""

    kind: Literal["not_spawned"] = "not_spawned"
    number: int


class Exited(_Message):
    """A child is gone; a negative status is the signal that killed it."""

    kind: Literal["exited"] = "exited"
    pid: int
    status: int


Command = Spawn | Kill | Alive
Report = Loaded | Unusable | Spawned | NotSpawned | Exited

_COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="kind")])
_REPORT: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="kind")])


def encode(message: _Message) -> bytes:
    """Return a message as a line."""
    return message.model_dump_json().encode() + b"\n"


def decode_role(line: bytes) -> RoleConfig:
    """Return what the parent wants of a zygote.

    Raises
    ------
    ValueError
        The line is no such thing.

    """
    return RoleConfig.model_validate_json(line)


def decode_command(line: bytes) -> Command:
    """Return what the parent commands.

    Raises
    ------
    ValueError
        The line is no command.

    """
    return _COMMAND.validate_json(line)


def decode_report(line: bytes) -> Report:
    """Return what the zygote reports.

    Raises
    ------
    ValueError
        The line is no report.

    """
    return _REPORT.validate_json(line)
