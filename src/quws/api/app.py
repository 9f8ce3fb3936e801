"""The HTTP application: routes, middleware and error handlers in one place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from quws import __version__
from quws.api.doors.known import DOORS
from quws.api.kit.auth import Authentication, AuthSettings
from quws.api.kit.errors import http_error, refused
from quws.api.kit.heads import HeadLimits, UsualHeaders
from quws.api.kit.middleware import CleanPath, FaultBarrier
from quws.api.kit.negotiation import Rendering, rendering_of
from quws.api.kit.observation import Observation
from quws.api.kit.origin import KnownHosts, SameSite
from quws.api.kit.routing import Application
from quws.api.kit.services import HttpSettings, Services
from quws.api.metrics import router as metrics_router
from quws.api.openapi.describing import describe
from quws.api.pages.home import home_page
from quws.api.pages.routes import PAGES
from quws.api.pages.routes import router as pages_router
from quws.api.pages.templates import FOLDER
from quws.api.quota import router as quota_router
from quws.api.sessions import router as sessions_router
from quws.api.targets.routes import router as targets_router
from quws.api.targets.timeslots import router as timeslots_router
from quws.api.uws.bundle import router as keys_router
from quws.api.uws.events import router as events_router
from quws.api.uws.routes import make_router
from quws.api.uws.selection import router as selection_router
from quws.api.uws.sync import router as sync_router
from quws.api.vosi import router as vosi_router
from quws.api.webhooks import router as webhooks_router
from quws.domain.doors import DoorName
from quws.domain.errors import Refusal
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specifications


def build_app(
    services: Callable[[], AbstractAsyncContextManager[Services]],
    *,
    auth: AuthSettings,
    public_url: str | None,
    max_body: int,
    allowed_hosts: Iterable[str] = (),
    specifications: Specifications = SPECIFICATIONS,
    doors: Iterable[DoorName] = tuple(DoorName),
) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    services
        Opens what the handlers work with, when the application starts.
    auth
        How callers are told apart.
    public_url
        The URL of the service as clients see it; None to take it from requests.
    max_body
        The largest request body in bytes.
    allowed_hosts
        Names by which clients may ask for the service, beside those of loopback and of the
        public URL; ``*`` allows any.
    specifications
        The parameters that jobs take.
    doors
        Which protocols of other services are spoken beside UWS.

    """
    public = urlsplit(public_url or "")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Services]]:
        async with services() as opened:
            loop = asyncio.get_running_loop()
            app.state.stop_waiting = partial(
                loop.call_soon_threadsafe, opened.jobs.follower.stop_waiting
            )
            yield {"services": opened}

    app = Application(
        title="quws",
        version=__version__,
        description="A job service for quantum circuits that speaks IVOA UWS 1.1.",
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.state.stop_waiting = lambda: None
    app.state.http = HttpSettings(
        public_url=public_url,
        max_body=max_body,
        auth=auth.method,
        specifications=specifications,
    )
    app.state.pages = PAGES
    app.state.doors = [DOORS[name] for name in doors]
    # One flat list of routes: what a path allows can then be read off it.
    for mount in ("/jobs", "/async"):
        router = make_router(mount, in_schema=mount == "/jobs")
        app.router.routes.extend(router.routes)
    app.add_api_route("/", home, methods=["GET"], include_in_schema=False)
    app.router.routes.extend(pages_router.routes)
    parts = (
        sync_router,
        events_router,
        selection_router,
        webhooks_router,
        quota_router,
        sessions_router,
        timeslots_router,
        targets_router,
        vosi_router,
        keys_router,
    )
    for part in (*parts, metrics_router):
        app.router.routes.extend(part.routes)
    for door in app.state.doors:
        app.router.routes.extend(door.router.routes)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"))
    app.openapi = partial(describe, app, specifications)  # type: ignore[method-assign]
    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(HTTPException, http_error)
    # The last one added is the outermost.
    app.add_middleware(Authentication, settings=auth)
    app.add_middleware(SameSite, public=public.netloc)
    app.add_middleware(FaultBarrier)
    app.add_middleware(KnownHosts, names=[*allowed_hosts, public.hostname or ""])
    app.add_middleware(HeadLimits)
    app.add_middleware(UsualHeaders)
    app.add_middleware(Observation)
    app.add_middleware(CleanPath, prefix=public.path)
    return app


async def home(request: Request) -> Response:
    """Greet a browser; send a program to the job list."""
    if rendering_of(request) is Rendering.HTML:
        return await home_page(request)
    return RedirectResponse("jobs", 303)
