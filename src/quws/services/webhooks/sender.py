"""Sends what happens to jobs to those who have asked for it.

It sleeps until it is told that there are webhooks. Any number of these may run: each message is
claimed by one of them, for as long as a lease.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from time import time
from typing import TYPE_CHECKING

import structlog

from quws import __version__
from quws.domain.errors import Unavailable
from quws.domain.times import format_instant
from quws.domain.webhooks import ANSWER_SECONDS, KEPT_FOR, Due, NotReached, pause, signature
from quws.store.webhook_queue import Message, WebhookQueue

if TYPE_CHECKING:
    from quws.services.webhooks.post import Poster

_AT_ONCE = 64
_OF_EACH = 4
"""How many messages one webhook has at once: one that hangs must not take all places."""
_LONGEST_REST = timedelta(minutes=10)
_GONE = 410
_log = structlog.get_logger(__name__)


class WebhookSender:
    """Takes messages from the outbox, and sends them.

    Parameters
    ----------
    public_url
        Where clients reach the service; None where that is not known, and then no message says it.
    chance
        Spreads further tries over time: a number from 0 to 1.
    lease
        How long after the time that sending may take a message goes to another sender.

    """

    def __init__(
        self,
        queue: WebhookQueue,
        poster: Callable[[], Poster],
        public_url: str | None,
        chance: Callable[[], float] = random.random,
        lease: timedelta = timedelta(seconds=15),
    ) -> None:
        self._queue = queue
        self._make_poster = poster
        self._public_url = public_url
        self._chance = chance
        self._lease = timedelta(seconds=ANSWER_SECONDS) + lease
        self._told = asyncio.Event()
        self._sending: dict[asyncio.Task[None], str] = {}

    def wake(self) -> None:
        """Have it look: there are webhooks."""
        self._told.set()

    async def run(self) -> None:
        """Send until cancelled."""
        poster: Poster | None = None
        try:
            while True:
                await self._told.wait()
                self._told.clear()
                poster = poster or self._make_poster()
                try:
                    await self.look(poster)
                except Unavailable as error:
                    _log.warning("webhooks not seen to", error=str(error))
                except Exception:  # noqa: BLE001 - what is wrong with one look must not end all
                    _log.exception("webhooks not seen to")
        finally:
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)
            if poster is not None:
                await poster.close()

    async def look(self, poster: Poster) -> None:
        """Take what is new, and begin to send what is due."""
        found = await self._queue.look()
        if found is None:
            return
        bodies = {
            place: self._body(item) for place, item in enumerate(found.messages) if item.wanted
        }
        due = found.due or bool(bodies)
        if found.moved or bodies:
            await self._queue.take(found, bodies)
        if due:
            await self._claim(poster)

    async def settled(self) -> None:
        """Wait until nothing is being sent."""
        while self._sending:
            await asyncio.wait(self._sending)

    async def _claim(self, poster: Poster) -> None:
        busy = Counter(self._sending.values())
        room = _AT_ONCE - len(self._sending)
        full = [webhook for webhook, count in busy.items() if count >= _OF_EACH]
        if room <= 0:
            return
        for due in await self._queue.claim(room, _OF_EACH, self._lease, but=full):
            task = asyncio.create_task(self._send(poster, due))
            self._sending[task] = due.webhook
            task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        del self._sending[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("webhook not seen to", error=type(error).__name__)
        # The next message of the job may go.
        self._told.set()

    async def _send(self, poster: Poster, due: Due) -> None:
        body = due.body.encode()
        seconds = int(time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"quws/{__version__}",
            "webhook-id": due.message,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signature(due.secrets, due.message, seconds, body),
        }
        status: int | None = None
        try:
            status = await poster.post(due.url, headers, body)
            trouble = None if 200 <= status < 300 else f"it answered with {status}"
        except NotReached as error:
            trouble = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again for a day only
            trouble = f"it could not be sent ({type(error).__name__})"
        with suppress(Unavailable):  # It is sent once more then.
            if trouble is None:
                await self._queue.done(due)
                return
            again = pause(due.attempt, self._chance())
            dead = status == _GONE or due.age + again > KEPT_FOR
            rest = min(pause(due.failures + 1, self._chance()), _LONGEST_REST)
            await self._queue.failed(due, trouble, None if dead else again, rest)
            _log.info("webhook failed", webhook=due.webhook, trouble=trouble, dead=dead)

    def _body(self, item: Message) -> str:
        data = {
            "id": item.job_id,
            "phase": item.phase,
            "owner": item.owner,
            "run_id": item.run_id,
            "name": item.name,
        }
        if self._public_url is not None:
            data["url"] = f"{self._public_url}/jobs/{item.job_id}"
        return json.dumps(
            {"type": item.event, "timestamp": format_instant(item.time), "data": data},
            ensure_ascii=False,
        )
