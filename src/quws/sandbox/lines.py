"""Messages between a worker and its child as lines: how they are written, and read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from quws.sandbox.messages import (
    MOST_TOGETHER,
    CircuitFinished,
    CircuitsFinished,
    FromChild,
    MessageFault,
    ToChild,
)

T = TypeVar("T")

_TO_CHILD: TypeAdapter[ToChild] = TypeAdapter(Annotated[ToChild, Field(discriminator="kind")])
_FROM_CHILD: TypeAdapter[FromChild] = TypeAdapter(Annotated[FromChild, Field(discriminator="kind")])


def encode(message: BaseModel) -> bytes:
    """Return a message as a line."""
    # Not with pydantic: texts of strangers may hold halves of surrogate pairs.
    return json.dumps(message.model_dump(mode="json")).encode() + b"\n"


def encode_all(messages: Iterable[FromChild]) -> bytes:
    """Return messages as lines: circuits that are told of together are one."""
    found: list[bytes] = []
    together: list[CircuitFinished] = []

    def tell() -> None:
        if together:
            found.append(
                encode(together[0] if len(together) == 1 else CircuitsFinished.of(together))
            )
            together.clear()

    for message in messages:
        if isinstance(message, CircuitFinished) and message.is_small():
            if together and (len(together) == MOST_TOGETHER or not message.follows(together[-1])):
                tell()
            together.append(message)
        else:
            tell()
            found.append(encode(message))
    tell()
    return b"".join(found)


def decode_to_child(line: bytes) -> ToChild:
    """Return the message that a worker has sent.

    Raises
    ------
    MessageFault
        It is none.

    """
    return _decode(line, _TO_CHILD)


def decode_from_child(line: bytes) -> FromChild:
    """Return the message that a child has sent.

    Raises
    ------
    MessageFault
        It is none.

    """
    return _decode(line, _FROM_CHILD)


def _decode(line: bytes, models: TypeAdapter[T]) -> T:
    try:
        return models.validate_python(json.loads(line))
    except ValidationError as error:
        # Without what was said: that may be a user's, and as long as it likes.
        reasons = [
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)[:3]
        ]
        raise MessageFault(f"a message that nobody knows: {'; '.join(reasons)}") from None
    except (ValueError, RecursionError):
        raise MessageFault("a message that is no JSON") from None
