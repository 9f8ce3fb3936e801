"""The key with which a service signs: set by the operator, or made once and kept in a file."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from quws.domain.errors import NotFound, Unavailable
from quws.schemas import record as records
from quws.schemas.record import KeyJson, RecordJson, SignedJson

KEY_BYTES = 32


def read_key(text: str) -> bytes:
    """Read a private key, 32 bytes in base64.

    Raises
    ------
    ValueError

    """
    try:
        found = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        found = b""
    if len(found) != KEY_BYTES:
        raise ValueError(f"a key for signing must be {KEY_BYTES} bytes in base64")
    return found


class NoKey(Unavailable):
    """There is no key, and none can be made. ``str()`` is the reason, for operators."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "the service has no key for signing, and cannot make one: its operator sets"
            " QUWS_SIGNING_KEY"
        )
        self.args = (reason,)


class Signer:
    """Signs for the service. All its processes on one machine have the same key.

    Parameters
    ----------
    path
        Where the key is that was made here; the first who needs one makes it.
    key
        The one that the operator has set.

    """

    def __init__(self, path: Path | None = None, key: bytes | None = None) -> None:
        self._path = path
        self._key = key

    def sign(self, record: RecordJson) -> SignedJson:
        """Sign a record.

        Raises
        ------
        NotFound, Unavailable

        """
        return records.sign(record, self._private())

    def public(self) -> KeyJson:
        """Return the public key.

        Raises
        ------
        NotFound, Unavailable

        """
        return records.public_of(self._private())

    def can_sign(self) -> bool:
        """Whether there is what it takes."""
        return records.installed() and (self._key is not None or self._path is not None)

    def _private(self) -> bytes:
        if not self.can_sign():
            raise NotFound("this service signs no records: install quws[records]")
        if self._key is None:
            assert self._path is not None
            try:
                self._key = _kept(self._path)
            except (OSError, ValueError) as error:
                raise NoKey(str(error)) from None
        return self._key


NO_SIGNER = Signer()
"""Where nothing is signed."""


def _kept(path: Path) -> bytes:
    """Read the key; who finds none makes it, and the first one stays."""
    with contextlib.suppress(FileNotFoundError):
        return read_key(path.read_text())
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Whole before it has its name: others may be reading.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
    return read_key(path.read_text())
