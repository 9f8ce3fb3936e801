"""The messages and services of the protocol, made of what the files in ``proto/`` say.

`tools/protocol.py` writes their descriptors; no code is generated, which would hold for one release
of its library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

from quws.domain.errors import InvalidParameter

PACKAGE = "iqm.server"
_RAW_BYTES = 16
_POOL = descriptor_pool.Default()
# The files refer to this one of the library's own.
_TIMESTAMP = timestamp_pb2.Timestamp
_DESCRIPTORS = Path(__file__).parent / "proto" / "descriptors.binpb"
for _file in descriptor_pb2.FileDescriptorSet.FromString(_DESCRIPTORS.read_bytes()).file:
    _POOL.AddSerializedFile(_file.SerializeToString())


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


Uuid = _message("Uuid")
Keepalive = _message("Keepalive")
DataChunk = _message("DataChunk")
QuantumComputer = _message("QuantumComputerV1")
QuantumComputersList = _message("QuantumComputersListV1")
JobMessage = _message("JobV1")
JobInput = _message("JobInputSummaryV1")
JobEvent = _message("JobEventV1")
CalibrationMetadata = _message("CalibrationMetadataV1")
JOB_TYPE = _POOL.FindEnumTypeByName(f"{PACKAGE}.JobType").values_by_name
JOB_STATUS = _POOL.FindEnumTypeByName(f"{PACKAGE}.JobStatus").values_by_name


def methods_of(service: str) -> Sequence[Any]:
    """Return the descriptors of the methods of a service of this package."""
    found: Sequence[Any] = _POOL.FindServiceByName(f"{PACKAGE}.{service}").methods
    return found


def request_class(method: Any) -> Any:
    """Return the class of the messages that a method takes."""
    return message_factory.GetMessageClass(method.input_type)


def uuid_message(value: UUID) -> Any:
    """Write an id."""
    return Uuid(raw=value.bytes)


def read_uuid(message: Any, name: str) -> UUID:
    """Read an id.

    Raises
    ------
    InvalidParameter
        It is none; ``name`` is what it is called.

    """
    match message.WhichOneof("data"):
        case "raw" if len(message.raw) == _RAW_BYTES:
            return UUID(bytes=message.raw)
        case "str":
            try:
                return UUID(message.str)
            except ValueError:
                pass
    raise InvalidParameter(f"{name} must be a UUID: {_RAW_BYTES} bytes as raw, or its text as str")


def timestamp(instant: datetime) -> Any:
    """Write an instant."""
    found = _TIMESTAMP()
    found.FromDatetime(instant)
    return found
