"""Commands that are imported when they are called, so that ``quws --help`` loads none of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup
from typing_extensions import override


class LazyCommand(TyperCommand):
    """A name and a sentence of help in place of a command, or of a group of commands.

    Parameters
    ----------
    name
        What is typed.
    place
        ``module:attribute`` of the function, or of the `typer.Typer` that holds a group.
    help
        What `quws --help` shows of it.

    """

    def __init__(self, name: str, place: str, help: str) -> None:
        super().__init__(name, help=help)
        self._place = place

    def load(self) -> Any:
        """Return the command itself, as the library that parses command lines has it."""
        module, _, attribute = self._place.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            command: Any = typer.main.get_group(found)
        else:
            alone = typer.Typer(add_completion=False)
            alone.command(self.name)(found)
            command = typer.main.get_command(alone)
        command.name = self.name
        return command

    @override
    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Let the command itself read its arguments: from here on it takes the place of this."""
        return self.load().make_context(*args, **extra)


class LazyGroup(TyperGroup):
    """A group whose commands are `LazyCommand`; a subclass says which."""

    lazy: tuple[LazyCommand, ...] = ()

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for command in self.lazy:
            self.add_command(command)


def load_all(app: typer.Typer) -> Any:
    """Return the tree of commands with each of them loaded, for whoever describes them all."""
    group: Any = typer.main.get_command(app)
    group.commands = {name: command.load() for name, command in group.commands.items()}
    return group
