"""All services of the door."""

from __future__ import annotations

from typing import Any

from quws.api.doors.iqm_grpc import calibrations, computers, jobs
from quws.api.doors.iqm_grpc.calls import Calls
from quws.api.doors.iqm_grpc.messages import PACKAGE
from quws.api.kit.auth import AuthSettings
from quws.api.kit.services import Services

_MODULES = (jobs, computers, calibrations)
NAMES = tuple(f"{PACKAGE}.{module.SERVICE}" for module in _MODULES)
"""What the services are called."""


def handlers(services: Services, auth: AuthSettings) -> list[Any]:
    """Return what serves the calls of all services."""
    calls = Calls(services, auth)
    return [calls.handlers(module.SERVICE, module.FUNCTIONS) for module in _MODULES]
