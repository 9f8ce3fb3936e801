"""A service that a command asks, and what it says where that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from quws.cli.options import stop
from quws.client import Client, ClientError
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specifications


@contextmanager
def asking(
    url: str, token: str | None, specifications: Specifications = SPECIFICATIONS
) -> Iterator[Client]:
    """Give a client of a service; end the command where the service refuses or does not answer."""
    try:
        with Client(url, token=token, specifications=specifications) as client:
            yield client
    except ClientError as error:
        stop(str(error))
