"""One store for all artifacts, on obstore: a local folder, S3, GCS or Azure by URL."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Collection, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from quws.domain.errors import Unavailable
from quws.domain.places import Place
from quws.telemetry import metrics

if TYPE_CHECKING:
    from obstore import GetOptions

_CHUNK = 1024 * 1024
_SMALL = 64 * 1024


class ArtifactStoreUnavailable(Unavailable):
    """The store does not answer, is full or refuses us.

    ``str()`` is the reason, for operators; users are shown the sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("the service cannot reach its files right now; try again later")
        self.args = (reason,)


class ArtifactMissing(Exception):
    """There is no artifact under this key."""


class ArtifactStore:
    """Puts, streams and deletes artifacts.

    Keys look like ``JOB/ATTEMPT/NAME``; whatever begins with a job's id
    belongs to that job alone. What is small may lie in one file with others (`domain.places`).

    Raises
    ------
    ArtifactStoreUnavailable
        The address is none, or the folder cannot be made.

    Parameters
    ----------
    url
        ``file:///FOLDER`` (made when missing), or ``s3://…``, ``gs://…``,
        ``az://…`` with credentials from the environment, as obstore reads them.

    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.folder: Path | None = None
        """Where it keeps everything, if that is a folder."""
        try:
            if parts.scheme == "file":
                self.folder = Path(unquote(parts.path))
                self.folder.mkdir(parents=True, exist_ok=True)
                self._store: ObjectStore = LocalStore(self.folder, automatic_cleanup=True)
            else:
                self._store = from_url(url)
        except (BaseError, OSError, ValueError) as error:
            raise ArtifactStoreUnavailable(
                f"the artifact store '{url}' cannot be used: {_first_line(error)}"
            ) from error

    async def put(self, key: str, content: bytes | BinaryIO) -> int:
        """Store bytes or an open file under a key, and tell how many bytes there were.

        Readers see all of it or nothing.

        Raises
        ------
        ArtifactStoreUnavailable
            Nothing was stored.

        """
        try:
            if not isinstance(content, bytes):
                content.seek(0)  # It may have been tried before.
                # A file is read piece by piece in a thread: for a small one half of the work.
                start = content.read(_SMALL)
                if len(start) < _SMALL:
                    content = start
                else:
                    content.seek(0)
            if self.folder is not None and isinstance(content, bytes) and len(content) < _SMALL:
                # A small file is written sooner than two threads have heard of it.
                obstore.put(self._store, key, content)
            else:
                await obstore.put_async(self._store, key, content)
            size = len(content) if isinstance(content, bytes) else content.tell()
        except (BaseError, OSError) as error:
            raise ArtifactStoreUnavailable(_first_line(error)) from error
        metrics.moved_bytes("written", size)
        return size

    async def put_together(self, key: str, contents: Sequence[bytes]) -> list[str]:
        """Store several artifacts in one file, and return under which key each is read.

        To write a file takes longer than what is in a small one.

        Raises
        ------
        ArtifactStoreUnavailable
            Nothing was stored.

        """
        await self.put(key, b"".join(contents))
        ends = list(accumulate(map(len, contents), initial=0))
        return [Place(key, begin, end).key for begin, end in pairwise(ends)]

    async def read(self, key: str) -> bytes:
        """Read a whole artifact into memory: for small ones."""
        return b"".join([chunk async for chunk in self.stream(key)])

    async def stream(
        self, key: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """Read an artifact in chunks, from byte ``start`` up to, not including, ``end``.

        Raises
        ------
        ArtifactMissing
            Before the first chunk.
        ArtifactStoreUnavailable
            At any time.

        """
        file, begin, last = Place.of(key).part(start, end)
        if last is not None and last <= begin:
            return
        options: GetOptions = {}
        if last is not None:
            options = {"range": (begin, last)}
        elif begin:
            options = {"range": {"offset": begin}}
        try:
            if self.folder is None:
                found = await obstore.get_async(self._store, file, options=options)
            else:
                # As with what is written: a thread takes longer than the file.
                found = obstore.get(self._store, file, options=options)
                first, behind = found.range
                if behind - first < _SMALL:
                    chunk = bytes(found.bytes())
                    metrics.moved_bytes("read", len(chunk))
                    yield chunk
                    return
            async for chunk in found.stream(min_chunk_size=_CHUNK):
                metrics.moved_bytes("read", len(chunk))
                yield bytes(chunk)
        except (NotFoundError, FileNotFoundError) as error:
            raise ArtifactMissing(key) from error
        except (BaseError, OSError) as error:
            raise ArtifactStoreUnavailable(_first_line(error)) from error

    async def delete(self, prefix: str, keep: Collection[str] = ()) -> int:
        """Delete everything below a prefix (whole path segments), save the files of some keys.

        Returns how many there were.
        """
        kept = {Place.of(key).file for key in keep}
        try:
            found = await obstore.list(self._store, prefix).collect_async()
            gone = [item["path"] for item in found if item["path"] not in kept]
            for key in gone:
                # Somebody else may be deleting the same: the request and the sweep do.
                with contextlib.suppress(NotFoundError, FileNotFoundError):
                    await obstore.delete_async(self._store, key)
            if self.folder is not None and len(gone) == len(found):
                # Folders, and what a writer that was killed had half done: no artifacts, so
                # they are not listed.
                await asyncio.to_thread(shutil.rmtree, self.folder / prefix, ignore_errors=True)
        except (BaseError, OSError) as error:
            raise ArtifactStoreUnavailable(_first_line(error)) from error
        return len(gone)

    async def owners(self) -> list[str]:
        """List the job ids under which anything is stored."""
        try:
            found = await obstore.list_with_delimiter_async(self._store)
        except (BaseError, OSError) as error:
            raise ArtifactStoreUnavailable(_first_line(error)) from error
        return [prefix.strip("/") for prefix in found["common_prefixes"]]

    async def probe(self) -> None:
        """Make sure that the store can be written and read.

        Raises
        ------
        ArtifactStoreUnavailable
            It cannot.

        """
        await self.put(_PROBE, b"quws")
        try:
            await self.read(_PROBE)
        except ArtifactMissing as error:
            raise ArtifactStoreUnavailable("what was just written cannot be read") from error


_PROBE = "health/probe"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
