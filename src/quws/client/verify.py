"""Checks records of runs, and bundles, without the service that made them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile, is_zipfile

from pydantic import ValidationError

from quws.domain.archives import SUMS
from quws.schemas.record import NAME, BadRecord, KeysJson, RecordJson, SignedJson, check, installed

_CHUNK = 1024 * 1024
_MOST = 64 * 1024 * 1024
_BESIDE = frozenset({NAME, SUMS, "README.txt", "timeline.json"})
"""What of a bundle is in no record."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found to be right: the record, the key that has signed it, and its files if any."""

    record: RecordJson
    kid: str
    files: int


def verify(path: Path, key: str | None = None) -> Verified:
    """Make sure that a record, or a bundle with its record, is what a service has signed.

    Parameters
    ----------
    key
        The key that it must be signed with: its ``kid``, or a file that has what ``/keys`` gives.
        Without one anybody may have signed it.

    Raises
    ------
    BadRecord
        It is not, with a sentence that says what differs.
    OSError
        The file cannot be read.

    """
    if not installed():
        raise BadRecord("to check signatures takes another library: install quws[records]")
    if is_zipfile(path):
        try:
            with ZipFile(path) as archive:
                signed = _signed(_read(archive))
                files = _compare(archive, signed.record)
        except (BadZipFile, EOFError) as error:
            raise BadRecord(f"the archive is damaged: {error}") from None
    else:
        with path.open("rb") as file:
            signed, files = _signed(file.read(_MOST)), 0
    check(signed)
    if key is not None and signed.key.kid not in _kids(key):
        raise BadRecord(f"it is signed by another key: {signed.key.kid}")
    return Verified(signed.record, signed.key.kid, files)


def _read(archive: ZipFile) -> bytes:
    try:
        with archive.open(NAME) as file:
            return file.read(_MOST)
    except KeyError:
        raise BadRecord(f"the archive has no {NAME}: whoever made it does not sign") from None


def _signed(content: bytes) -> SignedJson:
    try:
        return SignedJson.model_validate_json(content)
    except ValidationError:
        raise BadRecord("it is no signed record") from None


def _compare(archive: ZipFile, record: RecordJson) -> int:
    names = [name for name in archive.namelist() if name not in _BESIDE]
    if len(set(names)) < len(names):
        raise BadRecord("the archive has two files of one name")
    for name in sorted(set(names) ^ set(record.files)):
        there = "is not in the record" if name in names else "is missing"
        raise BadRecord(f"the file {name} {there}")
    for name in names:
        found = hashlib.sha256()
        with archive.open(name) as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
        if found.hexdigest() != record.files[name]:
            raise BadRecord(f"the file {name} is not what it was")
    return len(names)


def _kids(key: str) -> set[str]:
    path = Path(key)
    if not path.is_file():
        return {key}
    try:
        return {item.kid for item in KeysJson.model_validate_json(path.read_bytes()).keys}
    except ValidationError:
        raise BadRecord(f"{key} holds no keys, as /keys of a service gives them") from None
