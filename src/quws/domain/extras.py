"""Packages that come with an extra of quws only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class MissingExtra(Exception):
    """What an extra brings is not installed; the sentence says how to install it."""

    def __init__(self, extra: str, why: str) -> None:
        super().__init__(
            f"it needs what the extra '{extra}' brings: pip install 'quws[{extra}]' ({why})"
        )


@contextmanager
def brought_by(extra: str) -> Iterator[None]:
    """Import packages that an extra brings.

    Raises
    ------
    MissingExtra
        One of them is not there.

    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(extra, str(error)) from error
