"""A session of a service, from Python: its jobs run back to back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from typing_extensions import override

from quws.client.closing import Closing
from quws.client.job import Job
from quws.client.selection import Selection
from quws.client.transport import Transport
from quws.schemas.session import SessionJson


class Session(Closing):
    """Jobs that run back to back on one target; closed at the end of its ``with`` block.

    Every method raises ``ClientError`` where the service does not answer, or refuses.

    Parameters
    ----------
    submit
        ``Client.submit``.

    """

    def __init__(self, transport: Transport, session_id: str, submit: Callable[..., Job]) -> None:
        self._transport = transport
        self._submit = submit
        self._path = f"sessions/{quote(session_id, safe='')}"
        self.id = session_id

    def submit(self, *circuits: str | bytes, **parameters: Any) -> Job:
        """Send circuits as one job of the session; see ``Client.submit``."""
        return self._submit(*circuits, session=self.id, **parameters)

    def jobs(self) -> Selection:
        """Return its jobs, to go through or to act on all of them."""
        return Selection(self._transport, {"session": self.id})

    def details(self) -> SessionJson:
        """Fetch what it does, and how long it has."""
        return self._transport.get(self._path, SessionJson)

    @override
    def close(self) -> SessionJson:
        """Take no new jobs: those that it has go on, and then it is over."""
        closing = {"accepting_jobs": False}
        answer = self._transport.send("PATCH", self._path, json=closing, harmless=True)
        return SessionJson.model_validate_json(answer.content)

    def cancel(self) -> SessionJson:
        """Close it, and abort its jobs that do not run."""
        answer = self._transport.send("DELETE", self._path, harmless=True)
        return SessionJson.model_validate_json(answer.content)
