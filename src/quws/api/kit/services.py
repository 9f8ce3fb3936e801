"""What the handlers work with, found through the application of a request."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from starlette.requests import Request

from quws.domain.caller import ANONYMOUS, AuthMethod, Caller
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specifications
from quws.services.accounts import AccountService
from quws.services.batches import Batches
from quws.services.health import Health
from quws.services.jobs.service import JobService
from quws.services.pictures import Pictures
from quws.services.queues import Queues
from quws.services.signing import Signer
from quws.services.targets import TargetService
from quws.services.workers import Workers

SESSION_COOKIE = "quws_session"
"""The cookie of a browser that has signed in."""


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases, as the wiring made them."""

    jobs: JobService
    accounts: AccountService
    health: Health
    targets: TargetService
    pictures: Pictures
    batches: Batches
    queues: Queues
    workers: Workers
    signer: Signer


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What the HTTP room itself needs to know.

    ``public_url`` is the URL of the service as clients see it, without a slash
    at its end; None to take it from each request. ``max_body`` is in bytes. ``auth``
    is how callers are told apart. ``specifications`` are the parameters that jobs take.
    """

    public_url: str | None
    max_body: int
    auth: AuthMethod = AuthMethod.NONE
    specifications: Specifications = SPECIFICATIONS


def jobs_of(request: Request) -> JobService:
    """Return the use cases of jobs."""
    services: Services = request.state.services
    return services.jobs


def health_of(request: Request) -> Health:
    """Return what knows whether the service works."""
    services: Services = request.state.services
    return services.health


def accounts_of(request: Request) -> AccountService:
    """Return the use cases of accounts."""
    services: Services = request.state.services
    return services.accounts


def targets_of(request: Request) -> TargetService:
    """Return what knows the targets."""
    services: Services = request.state.services
    return services.targets


def pictures_of(request: Request) -> Pictures:
    """Return what draws circuits."""
    services: Services = request.state.services
    return services.pictures


def batches_of(request: Request) -> Batches:
    """Return what makes circuits of what came as one."""
    services: Services = request.state.services
    return services.batches


def queues_of(request: Request) -> Queues:
    """Return what counts the queues."""
    services: Services = request.state.services
    return services.queues


def signer_of(request: Request) -> Signer:
    """Return what signs for the service."""
    services: Services = request.state.services
    return services.signer


def workers_of(request: Request) -> Workers:
    """Return what knows how workers fare."""
    services: Services = request.state.services
    return services.workers


def http_settings(request: Request) -> HttpSettings:
    """Return the settings of the HTTP room."""
    settings: HttpSettings = request.app.state.http
    return settings


def specifications_of(request: Request) -> Specifications:
    """Return the parameters that jobs take."""
    return http_settings(request).specifications


def auth_method(request: Request) -> AuthMethod:
    """Return how callers are told apart."""
    return http_settings(request).auth


def caller_of(request: Request) -> Caller:
    """Return who asks."""
    return getattr(request.state, "caller", ANONYMOUS)


def address_of(request: Request) -> str:
    """Return what requests from one place have in common; empty where that is not known."""
    return getattr(request.state, "address", "")


def base_url(request: Request) -> str:
    """Return the URL of the service as this client sees it, without a slash at its end."""
    public = http_settings(request).public_url
    if public is not None:
        return public
    scope = request.scope
    host = next((value for name, value in scope["headers"] if name == b"host"), None)
    if host is None or scope.get("app_root_path") or scope.get("root_path"):
        return str(request.base_url).rstrip("/")
    return _base_url(scope["scheme"], host)


@lru_cache(maxsize=64)
def _base_url(scheme: str, host: bytes) -> str:
    """Return what a request with a Host header has as its base: it is taken apart for that."""
    scope = {"type": "http", "scheme": scheme, "path": "/", "headers": [(b"host", host)]}
    return str(Request(scope).base_url).rstrip("/")
