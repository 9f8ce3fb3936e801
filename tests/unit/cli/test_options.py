"""What options are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from quws.cli.app import app
from quws.cli.lazy import load_all


def options(command: Any, name: str = "quws") -> Iterator[tuple[str, Any]]:
    for option in command.params:
        if option.param_type_name == "option":
            yield name, option
    for below, found in getattr(command, "commands", {}).items():
        yield from options(found, f"{name} {below}")


def test_what_is_off_by_itself_has_no_name_for_being_off() -> None:
    found = list(options(load_all(app)))
    assert len(found) > 20
    for command, option in found:
        if option.is_flag and option.default is False:
            assert option.secondary_opts == [], (command, option.opts)


def test_whoever_acts_on_the_data_of_a_service_can_name_it() -> None:
    named = {command for command, option in options(load_all(app)) if "--data" in option.opts}
    for group in ("user", "token", "admin", "db", "targets"):
        for name in load_all(app).commands[group].commands:
            assert f"quws {group} {name}" in named
