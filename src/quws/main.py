"""The application factory of the HTTP service."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from quws.api.app import build_app
from quws.api.kit.auth import AuthSettings
from quws.api.kit.services import Services
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specifications
from quws.processes.api import known_targets, open_services
from quws.processes.grpc_place import GrpcPlace
from quws.settings import Settings


def create_app(
    settings: Settings,
    specifications: Specifications = SPECIFICATIONS,
    grpc: GrpcPlace | None = None,
) -> FastAPI:
    """Make the HTTP application. Nothing is opened before it starts.

    Parameters
    ----------
    specifications
        The parameters that jobs take.
    grpc
        Where the gRPC services are served beside it, as long as it runs; None where they are not.

    Raises
    ------
    ConfigError
        The list of targets names an adapter that is not installed here, or whose
        options are wrong; or the list of quotas has a fault.
    ValueError
        A proxy is to name users, and has no secret; or the key for signing is none.

    """
    configs = settings.target_configs()
    known = known_targets(configs)
    rules = settings.quota_rules()
    settings.resolved_signing_key()
    auth = AuthSettings(
        method=settings.auth,
        anonymous=settings.anonymous,
        proxy_header=settings.proxy_header,
        proxy_networks=tuple(settings.proxy_networks),
        proxy_secret=settings.resolved_proxy_secret(),
        operators=frozenset(settings.operators),
    )

    @asynccontextmanager
    async def opened() -> AsyncIterator[Services]:
        async with open_services(settings, configs, known, specifications, rules) as services:
            if grpc is None:
                yield services
                return
            # Processes that are started from this one need nothing of gRPC, whose handlers of forks
            # would say so on the log each time. It looks when it is loaded.
            os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
            # What takes memory is loaded only where it is used.
            from quws.processes.grpc_server import grpc_served  # noqa: PLC0415

            async with grpc_served(services, grpc, auth, settings.max_body):
                yield services

    return build_app(
        opened,
        auth=auth,
        public_url=settings.public_url,
        max_body=settings.max_body,
        allowed_hosts=settings.allowed_hosts,
        specifications=specifications,
        doors=settings.doors,
    )
