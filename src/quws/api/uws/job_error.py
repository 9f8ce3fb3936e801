"""Why a job failed, as the answer to whoever asks for it."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from starlette.responses import Response

from quws.api.kit.xml import xml_safe
from quws.api.uws import json as as_json
from quws.domain.job import JobError
from quws.schemas.votable import VOTABLE_TYPE, votable


def error_response(error: JobError, *, json: bool, status: int = 200) -> Response:
    """Write why a job failed: JSON, or the VOTable that TAP clients read."""
    if json:
        return Response(as_json.error_json(error), status, media_type="application/json")
    return Response(_error_votable(error), status, media_type=VOTABLE_TYPE)


def _error_votable(error: JobError) -> str:
    message = xml_safe(error.message)
    detail = xml_safe(error.detail or "")
    return votable(
        f'<INFO name="QUERY_STATUS" value="ERROR">{escape(message)}</INFO>'
        f'<INFO name="code" value={quoteattr(error.code)}/>'
        + (f'<INFO name="detail" value="">{escape(detail)}</INFO>' if detail else "")
    )
