"""The results of a job in hand, on their way into the artifact store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from quws.domain.errors import QuotaExceeded
from quws.domain.failures import Failure
from quws.domain.job import Result
from quws.worker.interruptions import TooMuch
from quws.worker.workplace import Workplace

if TYPE_CHECKING:
    from quws.worker.held import HeldJob


class Small(NamedTuple):
    """A result that is at hand, and small."""

    id: str
    content: bytes
    mime_type: str


class Files:
    """Stores files of the present attempt, and sees that they are not too many.

    Where the store is away it is waited for.
    """

    def __init__(self, held: HeldJob, place: Workplace) -> None:
        self._held = held
        self._place = place
        self._results_bytes = sum(item.size for item in held.claim.job.results)

    async def put(
        self, result_id: str, name: str, content: bytes | BinaryIO, mime_type: str
    ) -> Result:
        """Store a file of this attempt; nobody sees it before it is named in a later write.

        Raises
        ------
        Fenced
            The job was lost while the artifact store was away.

        """
        # By attempt: whoever has lost the job must not write over what its successor has made.
        key = f"{self._held.id}/{self._held.claim.attempt}/{name}"
        size = await self._held.persistently(lambda: self._place.artifacts.put(key, content))
        return Result(result_id, key, size, mime_type)

    async def put_together(self, name: str, items: Sequence[Small]) -> list[Result]:
        """Store small files of this attempt in one, as `put` does each.

        Raises
        ------
        Fenced

        """
        if not items:
            return []
        key = f"{self._held.id}/{self._held.claim.attempt}/{name}"
        contents = [item.content for item in items]
        keys = await self._held.persistently(
            lambda: self._place.artifacts.put_together(key, contents)
        )
        return [
            Result(item.id, where, len(item.content), item.mime_type)
            for item, where in zip(items, keys, strict=True)
        ]

    async def admit(self, results: Sequence[Result]) -> None:
        """Make sure that all the results of the job so far may be kept, with these.

        Raises
        ------
        Fenced
        TooMuch
            They are too large for one job, or for its owner beside the others.

        """
        place, owner = self._place, self._held.claim.job.owner
        size = sum(item.size for item in results)
        self._results_bytes += size
        if place.results_bytes and self._results_bytes > place.results_bytes:
            raise TooMuch(Failure.RESULTS_TOO_LARGE.error(bytes=place.results_bytes))
        try:
            await self._held.persistently(lambda: place.quotas.admit(owner, size=size))
        except QuotaExceeded as exceeded:
            raise TooMuch(Failure.QUOTA_EXCEEDED.error(why=exceeded.sentence)) from None
        place.quotas.add(owner, size=size)
