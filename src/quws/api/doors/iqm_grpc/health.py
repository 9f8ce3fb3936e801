"""The service that tells balancers and clients whether the others serve: gRPC's own protocol."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from typing_extensions import override

from quws.api.doors.iqm_grpc.services import NAMES
from quws.services.health import Health as Checks

_LOOK_SECONDS = 5.0
_KNOWN = frozenset({health.OVERALL_HEALTH, *NAMES})
_Status = health_pb2.HealthCheckResponse


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Tells what ``/health/ready`` tells, and that the process is about to end.

    Nobody signs in for it. The library's own would let whoever reads slowly keep the process from
    its end.
    """

    def __init__(self, checks: Checks, closing: asyncio.Event) -> None:
        self._checks = checks
        self._closing = closing

    @override
    async def Check(self, request: Any, context: Any) -> Any:
        """Tell how a service is now."""
        if request.service not in _KNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return _Status(status=await self._status(request.service))

    @override
    async def Watch(self, request: Any, context: Any) -> None:
        """Tell how a service is, and again when that has changed."""
        told = None
        while True:
            status = await self._status(request.service)
            if status != told:
                told = status
                await context.write(_Status(status=status))
            if self._closing.is_set():
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._closing.wait()

    async def _status(self, service: str) -> Any:
        if service not in _KNOWN:
            return _Status.SERVICE_UNKNOWN
        if self._closing.is_set() or not (await self._checks.report()).available:
            return _Status.NOT_SERVING
        return _Status.SERVING
