"""Bodies that are JSON."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from quws.api.kit.body import MalformedBody, read_body
from quws.domain.words import first_fault

Model = TypeVar("Model", bound=BaseModel)
_AT_ONCE = 64 * 1024
"""Bodies up to this are read on the event loop, larger ones beside it."""


def is_json(request: Request) -> bool:
    """Whether a request says that its body is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0]
    return kind.strip().lower() == "application/json"


async def read_json(request: Request, model: type[Model]) -> Model:
    """Read a body as what it stands for.

    Raises
    ------
    MalformedBody
        It is no JSON, or of another shape.
    TooLarge, UnsupportedMediaType

    """
    body = await read_body(request, circuits=True)
    try:
        if len(body) <= _AT_ONCE:
            return model.model_validate_json(body)
        # Others are served meanwhile.
        return await asyncio.to_thread(model.model_validate_json, body)
    except ValidationError as error:
        place, why = first_fault(error)
        where = f" at '{place[:60]}'" if place else ""
        raise MalformedBody(f"the JSON of the body is not right{where}: {why}") from None
