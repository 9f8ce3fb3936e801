"""Bodies that are JSON."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from quws.api.kit.body import MalformedBody, read_body

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
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))[:60]
        where = f" at '{place}'" if place else ""
        raise MalformedBody(f"the JSON of the body is not right{where}: {first['msg']}") from None
