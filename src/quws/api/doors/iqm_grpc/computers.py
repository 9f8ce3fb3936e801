"""The service ``QuantumComputers``: the targets that take IQM's circuits."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

from quws import __version__
from quws.api.doors.iqm import architecture
from quws.api.doors.iqm.names import target_id
from quws.api.doors.iqm.use import offered, target_of
from quws.api.doors.iqm_grpc.calls import Call
from quws.api.doors.iqm_grpc.chunks import whole
from quws.api.doors.iqm_grpc.messages import (
    QuantumComputer,
    QuantumComputersList,
    read_uuid,
    uuid_message,
)
from quws.domain.errors import InvalidParameter, NotFound
from quws.domain.targets import TargetRecord
from quws.services.targets import TargetService

SERVICE = "QuantumComputers"


def computer_message(name: str, title: str) -> Any:
    """Write a target, of which only its names are told."""
    return QuantumComputer(id=uuid_message(target_id(name)), alias=name, display_name=title)


async def computer_of(targets: TargetService, name: str) -> Any:
    """Write the target of a job, which may be there no more."""
    try:
        title = (await targets.record(name)).description.title
    except NotFound:
        title = name
    return computer_message(name, title)


async def computer_by_id(targets: TargetService, message: Any) -> TargetRecord:
    """Find the target with an id.

    Raises
    ------
    NotFound
    InvalidParameter
        It is no id.

    """
    return await target_of(targets, str(read_uuid(message, "qc_id")))


async def get(call: Call) -> Any:
    """Return the target with an id or a name."""
    targets = call.services.targets
    match call.message.WhichOneof("lookup"):
        case "alias":
            record = await target_of(targets, call.message.alias)
        case "id":
            record = await computer_by_id(targets, call.message.id)
        case _:
            raise InvalidParameter("the lookup of a quantum computer must have an id or an alias")
    return computer_message(record.name, record.description.title)


async def every(call: Call) -> Any:
    """List the targets."""
    found = await offered(call.services.targets)
    items = [computer_message(record.name, record.description.title) for record in found]
    return QuantumComputersList(items=items)


async def resource(call: Call) -> AsyncGenerator[Any, None]:
    """Tell what a target is built of, in one of the ways in which the clients ask."""
    record = await computer_by_id(call.services.targets, call.message.qc_id)
    found = _resource(record, call.message.resource_name)
    async for chunk in whole(json.dumps(found)):
        yield chunk


def _resource(record: TargetRecord, name: str) -> Any:
    target = record.description
    known: dict[str, Callable[[], Any]] = {
        "about": lambda: {"name": "quws", "version": __version__, "software_versions": {}},
        "configuration": dict,
        "channel-properties": dict,
        "duts": lambda: [{"label": target.name, "dut_type": "chip"}],
        f"dut-fields/{target.name}": list,
        f"chip-design-records/{target.name}": lambda: architecture.chip_design(target),
        "static-quantum-architecture": lambda: architecture.static_architecture(target),
        "dynamic-quantum-architecture": lambda: architecture.dynamic_architecture(
            target, record.calibration
        ),
    }
    if name not in known:
        raise NotFound(
            f"quantum computer {target.name} has no '{name[:60]}'; it has {', '.join(known)}"
        )
    return known[name]()


FUNCTIONS = {
    "GetQuantumComputerV1": get,
    "ListQuantumComputersV1": every,
    "GetQuantumComputerResourceV1": resource,
}
