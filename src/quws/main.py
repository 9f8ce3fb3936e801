"""The application factory of the HTTP service."""

from __future__ import annotations

from fastapi import FastAPI

from quws.api.app import build_app
from quws.api.kit.auth import AuthSettings
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specifications
from quws.processes.api import known_targets, open_services
from quws.settings import Settings


def create_app(settings: Settings, specifications: Specifications = SPECIFICATIONS) -> FastAPI:
    """Make the HTTP application. Nothing is opened before it starts.

    Parameters
    ----------
    specifications
        The parameters that jobs take.

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
    return build_app(
        lambda: open_services(settings, configs, known, specifications, rules),
        auth=AuthSettings(
            method=settings.auth,
            anonymous=settings.anonymous,
            proxy_header=settings.proxy_header,
            proxy_networks=tuple(settings.proxy_networks),
            proxy_secret=settings.resolved_proxy_secret(),
            operators=frozenset(settings.operators),
        ),
        public_url=settings.public_url,
        max_body=settings.max_body,
        allowed_hosts=settings.allowed_hosts,
        specifications=specifications,
        doors=settings.doors,
    )
