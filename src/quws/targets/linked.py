"""What targets with a queue of their own have in common that are reached over a network."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar
from urllib.parse import SplitResult, urlsplit

from typing_extensions import override

from quws.domain.clock import utc_now
from quws.targets.base import Busy, NotLoaded, RemoteTarget

Link = TypeVar("Link")
_LONGEST_WAIT = 300.0


class LinkedTarget(RemoteTarget, Generic[Link]):
    """A target that is asked by something which is opened when it is first needed.

    Parameters
    ----------
    name
        The target's name here.
    host
        What the other side is called in what users are told.

    """

    def __init__(self, name: str, host: str) -> None:
        super().__init__(name)
        self._host = host
        self._loaded = False
        self._link: Link | None = None

    @abstractmethod
    def _import(self) -> None:
        """Import what opens and asks the other side.

        Raises
        ------
        MissingExtra
            It is not installed.

        """

    @abstractmethod
    def _open(self) -> Link:
        """Make what asks the other side.

        Raises
        ------
        ConnectionError
            It does not answer now.
        ValueError
            There is no such thing as is asked for.

        """

    @override
    def load(self) -> None:
        self._import()
        self._loaded = True

    @property
    def _there(self) -> Link:
        """What asks the other side.

        Raises
        ------
        NotLoaded

        """
        if self._link is None:
            if not self._loaded:
                raise NotLoaded(f"target {self.name} is described by {self._host}")
            self._link = self._open()
        return self._link


@contextlib.contextmanager
def patient() -> Iterator[None]:
    """Raise ConnectionError for ValueError: a machine that is of no use now may be, later."""
    try:
        yield
    except ValueError as error:
        raise ConnectionError(str(error)) from error


def asked_again(sentence: str, headers: Mapping[str, str]) -> ConnectionError:
    """Return what says that asking again may help, and when, if the headers of an answer say that.

    By ``Retry-After`` of RFC 9110, at most some minutes: nobody would look after the job meanwhile.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return Busy(sentence, min(float(text), _LONGEST_WAIT))
    try:
        left = (parsedate_to_datetime(text) - utc_now()).total_seconds()
    except (ValueError, TypeError):
        return ConnectionError(sentence)
    return Busy(sentence, min(max(left, 0.0), _LONGEST_WAIT))


def split_url(url: str, *, such_as: str) -> SplitResult:
    """Return the parts of the URL of a server.

    Raises
    ------
    ValueError
        It is none; the sentence names ``such_as`` as an example.

    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"url must be an http or https URL, such as {such_as}")
    return parts
