"""Why a request is refused, noted for its line in the log."""

from __future__ import annotations

import re

from starlette.requests import Request

REFUSAL = "quws.refusal"
"""Where a request keeps it, in its scope."""

_QUOTED = re.compile(r"""(['"`]).*\1""", re.DOTALL)
_REASON_LENGTH = 200


def note_refusal(request: Request, code: str, sentence: str) -> None:
    """Put why a request is refused on its line in the log, without what the client sent."""
    # Into what is there: the scope may be a copy of that which the line is written from.
    request.scope.setdefault(REFUSAL, {}).update(code=code, reason=reason_of(sentence))


def reason_of(sentence: str) -> str:
    """Return of a sentence what the log may have.

    What a sentence repeats of a request stands in quotes; between the first and the last of them
    nothing is kept.
    """
    return _QUOTED.sub(r"\1…\1", sentence)[:_REASON_LENGTH]
