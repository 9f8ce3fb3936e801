"""Finds the adapter that a configuration names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from quws.targets.base import Target
from quws.targets.config import ConfigError, TargetConfig

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
    installed = adapters()
    if config.adapter not in installed:
        known = ", ".join(sorted(installed)) or "none"
        raise UnknownAdapter(
            f"target {config.name}: there is no adapter '{config.adapter}'; installed are: {known}"
        )
    try:
        make = installed[config.adapter].load()
    except ImportError as error:
        raise ConfigError(
            f"target {config.name}: the adapter '{config.adapter}' cannot be loaded: {error}"
        ) from error
    options = config.options
    _check_names(config, make, options)
    try:
        target = make(config.name, **options)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"target {config.name}: {error}") from error
    if not isinstance(target, Target):
        raise ConfigError(
            f"target {config.name}: the adapter '{config.adapter}' makes a"
            f" {type(target).__name__}, which is no Target"
        )
    return target


def _check_names(config: TargetConfig, make: Callable[..., Any], options: dict[str, Any]) -> None:
    """Say in plain words what Python would say of the adapter's code."""
    takes = list(inspect.signature(make).parameters.values())[1:]
    if any(item.kind is inspect.Parameter.VAR_KEYWORD for item in takes):
        return
    named = {item.name: item for item in takes if item.kind in _NAMED}
    for name in options:
        if name not in named:
            known = ", ".join(named) or "none"
            raise ConfigError(
                f"target {config.name}: the adapter '{config.adapter}' has no option '{name}';"
                f" it has: {known}"
            )
    for name, item in named.items():
        if item.default is inspect.Parameter.empty and name not in options:
            raise ConfigError(
                f"target {config.name}: the adapter '{config.adapter}' needs the option '{name}'"
            )
