"""Records of runs: hashes of all that went into a job and came out of it, signed by the service.

What is signed is the canonical JSON (RFC 8785) of the record, by Ed25519 (RFC 8032). Whoever has
the public key can check it without the service. Signing and checking take the library
cryptography, which need not be installed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.util import find_spec
from typing import Any, Literal

from pydantic import BaseModel, Field

VERSION: Literal[1] = 1
"""The layout of a record. It counts up when a reader of before would misread one."""

NAME = "record.json"
"""How a record is called in a bundle."""


class BadRecord(ValueError):
    """What is to be checked is no record, or is not what was signed. The text is for users."""


class RecordJson(BaseModel):
    """What a service says of a run. Of files it has the SHA-256, by their names in the bundle."""

    record: Literal[1] = VERSION
    job: str
    phase: str
    target: str
    calibration: str | None
    seed: str | None = Field(description="A text: it may be larger than numbers of JSON can be.")
    created: str
    started: str | None
    ended: str | None
    versions: dict[str, str]
    files: dict[str, str]


class KeyJson(BaseModel):
    """A public key as a JSON Web Key (RFC 8037); ``kid`` is its thumbprint (RFC 7638)."""

    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    x: str
    kid: str


class KeysJson(BaseModel):
    """The public keys of a service."""

    keys: list[KeyJson]


class SignedJson(BaseModel):
    """A record, with the key that has signed it and the signature, in base64url."""

    record: RecordJson
    key: KeyJson
    signature: str


def installed() -> bool:
    """Whether records can be signed and checked here."""
    return find_spec("cryptography") is not None


def canonical(value: Any) -> bytes:
    """Write JSON as RFC 8785 has it: of texts, objects with ASCII names, and small whole numbers.

    Raises
    ------
    ValueError
        There is something else in it, of which the standard says more than is known here.

    """
    _confirm(value)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def _confirm(value: Any) -> None:
    match value:
        case dict():
            if not all(isinstance(name, str) and name.isascii() for name in value):
                raise ValueError("a name is not ASCII")
            for item in value.values():
                _confirm(item)
        case list():
            for item in value:
                _confirm(item)
        case int() if abs(value) < 2**53:
            pass
        case str() | None:
            pass
        case _:
            raise ValueError(f"canonical JSON is not written of {type(value).__name__} here")


def key_of(public: bytes) -> KeyJson:
    """Return a public key, of its 32 bytes."""
    x = _text(public)
    thumb = hashlib.sha256(canonical({"crv": "Ed25519", "kty": "OKP", "x": x})).digest()
    return KeyJson(x=x, kid=_text(thumb))


def public_of(private: bytes) -> KeyJson:
    """Return the public key of a private one, of its 32 bytes."""
    return key_of(_private(private).public_key().public_bytes_raw())


def sign(record: RecordJson, private: bytes) -> SignedJson:
    """Sign a record. The same record and key give the same signature."""
    signature = _private(private).sign(canonical(record.model_dump(mode="json")))
    return SignedJson(record=record, key=public_of(private), signature=_text(signature))


def check(signed: SignedJson) -> None:
    """Make sure that a record is what was signed by the key that it names.

    Raises
    ------
    BadRecord

    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PublicKey,
    )

    try:
        public, signature = _bytes(signed.key.x), _bytes(signed.signature)
        Ed25519PublicKey.from_public_bytes(public).verify(
            signature, canonical(signed.record.model_dump(mode="json"))
        )
    except InvalidSignature:
        raise BadRecord(
            "the signature is not that of this record: one of them was changed"
        ) from None
    except ValueError as error:
        raise BadRecord(f"it is no signed record: {error}") from None
    if signed.key.kid != key_of(public).kid:
        raise BadRecord("the key is not called by its thumbprint: kid was changed")


def _private(private: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    return Ed25519PrivateKey.from_private_bytes(private)


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
