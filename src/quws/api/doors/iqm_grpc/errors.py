"""Refusals as gRPC tells them: a status, a sentence, and in the metadata what programs read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from google.protobuf import json_format, struct_pb2
from grpc import StatusCode

from quws.api.kit.body import MalformedBody
from quws.api.kit.errors import sentence_of
from quws.domain.errors import (
    Forbidden,
    IllegalMove,
    InvalidCircuit,
    InvalidParameter,
    KindNotSupported,
    NoBookedTimeslots,
    NotFound,
    QuotaExceeded,
    Refusal,
    StorageFull,
    TimeslotRequired,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnknownTarget,
)

_LONGEST = 1000
"""What is said goes over the wire as a header, and percent-encoded: of those all is not much."""
_INVALID = "invalid_payload"


class StreamEnded(Exception):
    """A stream that its reader did not want to end, and why: no request was refused."""

    code: ClassVar[str]


class JobDeleted(StreamEnded):
    """The job that somebody follows is gone."""

    code = "job_deleted"


class ServerCancel(StreamEnded):
    """The process that serves somebody is about to end; another one goes on."""

    code = "server_cancel"


_TOLD: dict[type[Refusal], tuple[StatusCode, str | None]] = {
    InvalidParameter: (StatusCode.INVALID_ARGUMENT, _INVALID),
    InvalidCircuit: (StatusCode.INVALID_ARGUMENT, _INVALID),
    MalformedBody: (StatusCode.INVALID_ARGUMENT, _INVALID),
    TooLarge: (StatusCode.INVALID_ARGUMENT, _INVALID),
    KindNotSupported: (StatusCode.INVALID_ARGUMENT, None),
    QuotaExceeded: (StatusCode.RESOURCE_EXHAUSTED, None),
    TooManyRequests: (StatusCode.RESOURCE_EXHAUSTED, None),
    StorageFull: (StatusCode.RESOURCE_EXHAUSTED, None),
    NoBookedTimeslots: (StatusCode.FAILED_PRECONDITION, None),
    TimeslotRequired: (StatusCode.FAILED_PRECONDITION, None),
    IllegalMove: (StatusCode.FAILED_PRECONDITION, "job_not_submitted_to_qc"),
    NotFound: (StatusCode.NOT_FOUND, None),
    UnknownTarget: (StatusCode.NOT_FOUND, NotFound.code),
    Unauthenticated: (StatusCode.UNAUTHENTICATED, None),
    Forbidden: (StatusCode.PERMISSION_DENIED, None),
    Unavailable: (StatusCode.UNAVAILABLE, None),
}
"""The status of each refusal, and its code where clients know it by another than its own."""


@dataclass(frozen=True, slots=True)
class Told:
    """An error as it goes over the wire."""

    status: StatusCode
    code: str
    sentence: str
    metadata: tuple[tuple[str, str | bytes], ...]


def told(refusal: Refusal | StreamEnded) -> Told:
    """Write a refusal; that of a payload with the list of what is wrong with it."""
    if isinstance(refusal, StreamEnded):
        return _told(StatusCode.ABORTED, refusal.code, str(refusal))
    known = (_TOLD[kind] for kind in type(refusal).__mro__ if kind in _TOLD)
    status, code = next(known, (StatusCode.INVALID_ARGUMENT, None))
    sentence = sentence_of(refusal)[:_LONGEST]
    wrong = None
    if code == _INVALID:
        wrong = [_fault(refusal, sentence)]
    return _told(status, code or refusal.code, sentence, wrong)


def told_fault(reference: str) -> Told:
    """Write that something went wrong here; the log has more under the reference."""
    return _told(
        StatusCode.INTERNAL,
        "internal_error",
        f"something went wrong in the service; its log has more under {reference}",
    )


def _fault(refusal: Refusal, sentence: str) -> dict[str, Any]:
    found: dict[str, Any] = {"message": sentence}
    if isinstance(refusal, InvalidCircuit):
        place = {"circuit": refusal.circuit, "line": refusal.line, "column": refusal.column}
        found |= {name: value for name, value in place.items() if value is not None}
    return found


def _told(status: StatusCode, code: str, sentence: str, details: Any = None) -> Told:
    metadata: tuple[tuple[str, str | bytes], ...] = (("error_code", code),)
    if details is not None:
        # Not the Status that others put there: the clients read a bare Value.
        value = json_format.ParseDict(details, struct_pb2.Value())
        metadata += (("grpc-status-details-bin", value.SerializeToString()),)
    return Told(status, code, sentence, metadata)
