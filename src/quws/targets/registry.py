"""Finds the adapter that a configuration names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import TypeAdapter, ValidationError

from quws.domain.configuring import ConfigError
from quws.domain.words import first_fault
from quws.targets.base import Target
from quws.targets.config import TargetConfig

GROUP = "quws.targets"

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class UnknownAdapter(ConfigError):
    """No installed package offers an adapter of this name."""


def adapters() -> dict[str, EntryPoint]:
    """Find the adapters that are installed here, by name."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def create_target(config: TargetConfig) -> Target:
    """Make the target that a configuration describes.

    Raises
    ------
    UnknownAdapter
        With the names of those that are installed.
    ConfigError
        The adapter does not take the options. The sentence names target and option.

    """
    make = _adapter(config)
    takes = _takes(make)
    if takes is not None:
        _check_names(config, takes, config.options)
        _check_types(config, takes)
    try:
        target = make(config.name, **config.options)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"target {config.name}: {error}") from error
    if not isinstance(target, Target):
        raise ConfigError(
            f"target {config.name}: the adapter '{config.adapter}' makes a"
            f" {type(target).__name__}, which is no Target"
        )
    return target


def check_options(config: TargetConfig) -> None:
    """Make sure that the adapter takes the options of a target, as far as can be told here.

    Nothing is read that is kept secret, and a target with an environment of its own is looked at
    there only.

    Raises
    ------
    UnknownAdapter
        With the names of those that are installed.
    ConfigError
        The adapter does not take the options. The sentence names target and option.

    """
    if config.interpreter is not None:
        return
    if not config.secrets:
        create_target(config.revealed())
        return
    make = _adapter(config)
    takes = _takes(make)
    if takes is not None:
        own = {name for name in ("noise", "schedule") if getattr(config, name) is not None}
        kept = {key.partition(".")[0] for key in config.secrets}
        _check_names(config, takes, [*config.options, *sorted(own | kept)])
        _check_types(config, takes)


def _adapter(config: TargetConfig) -> Callable[..., Any]:
    installed = adapters()
    if config.adapter not in installed:
        known = ", ".join(sorted(installed)) or "none"
        raise UnknownAdapter(
            f"target {config.name}: there is no adapter '{config.adapter}'; installed are: {known}"
        )
    try:
        made: Callable[..., Any] = installed[config.adapter].load()
    except ImportError as error:
        raise ConfigError(
            f"target {config.name}: the adapter '{config.adapter}' cannot be loaded: {error}"
        ) from error
    return made


def _takes(make: Callable[..., Any]) -> Mapping[str, inspect.Parameter] | None:
    """Return the options of an adapter by name; None where it takes any."""
    try:
        signature = inspect.signature(make, eval_str=True)
    except NameError:  # It names types that are there for a type checker only.
        signature = inspect.signature(make)
    takes = list(signature.parameters.values())[1:]
    if any(item.kind is inspect.Parameter.VAR_KEYWORD for item in takes):
        return None
    return {item.name: item for item in takes if item.kind in _NAMED}


def _check_names(
    config: TargetConfig, takes: Mapping[str, inspect.Parameter], given: Collection[str]
) -> None:
    """Say in plain words what Python would say of the adapter's code."""
    for name in given:
        if name not in takes:
            known = ", ".join(takes) or "none"
            raise ConfigError(
                f"target {config.name}: the adapter '{config.adapter}' has no option '{name}';"
                f" it has: {known}"
            )
    for name, item in takes.items():
        if item.default is inspect.Parameter.empty and name not in given:
            raise ConfigError(
                f"target {config.name}: the adapter '{config.adapter}' needs the option '{name}'"
            )


def _check_types(config: TargetConfig, takes: Mapping[str, inspect.Parameter]) -> None:
    """Refuse values of another type than the adapter's code says, as far as it says so."""
    for name, value in config.options.items():
        wanted = takes[name].annotation
        if wanted is inspect.Parameter.empty or isinstance(wanted, str):
            continue
        try:
            TypeAdapter(wanted).validate_python(value, strict=True)
        except ValidationError as error:
            _, why = first_fault(error)
            why = why.removeprefix("Input should be ")
            raise ConfigError(
                f"target {config.name}: the option '{name}' of the adapter '{config.adapter}' must"
                f" be {why}"
            ) from None
