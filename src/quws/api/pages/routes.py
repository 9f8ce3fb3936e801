"""What the application takes from the pages: routes of their own, and renderings of others'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from quws.api.kit.pages import Pages
from quws.api.kit.routing import PlainRoute
from quws.api.pages import account, new, webhooks
from quws.api.pages.circuits import circuit_page, circuits_page
from quws.api.pages.job import job_page
from quws.api.pages.job_list import bulk, list_page
from quws.api.pages.operator import operator_page
from quws.api.pages.problem import problem_page
from quws.api.pages.quota import quota_page
from quws.api.pages.selection import acted, selection_page
from quws.api.pages.sessions import sessions_page
from quws.api.pages.targets import target_page, targets_page
from quws.api.pages.templates import FOLDER
from quws.api.pages.timeslots import timeslots_page

PAGES = Pages(
    problem=problem_page,
    sign_in=account.sign_in_page,
    jobs=list_page,
    selection=selection_page,
    acted=acted,
    job=job_page,
    circuits=circuits_page,
    circuit=circuit_page,
    quota=quota_page,
    targets=targets_page,
    target=target_page,
    sessions=sessions_page,
    timeslots=timeslots_page,
)
"""The pages that are renderings of the API's resources."""

router = APIRouter(route_class=PlainRoute, include_in_schema=False)


def _get(path: str, handler: Callable[..., Any]) -> None:
    router.add_api_route(path, handler, methods=["GET", "HEAD"], response_model=None)


def _post(path: str, handler: Callable[..., Any]) -> None:
    router.add_api_route(path, handler, methods=["POST"], response_model=None)


async def _account(request: Request) -> Response:
    return await account.account_page(request)


async def _webhooks(request: Request) -> Response:
    return await webhooks.webhooks_page(request)


async def _icon(request: Request) -> Response:
    # Where a document names none, as XML cannot, browsers ask for this.
    return FileResponse(FOLDER / "static/quws.svg", media_type="image/svg+xml")


_get("/favicon.ico", _icon)
_get("/new", new.new_page)
_post("/new", new.post_new)
_post("/new/check", new.check_fragment)
_post("/bulk", bulk)
_get("/account", _account)
_post("/account/sign-in", account.sign_in)
_post("/account/sign-out", account.sign_out)
_post("/account/tokens", account.create_token)
_post("/account/tokens/revoke", account.revoke_token)
_get("/manage/webhooks", _webhooks)
_post("/manage/webhooks", webhooks.add_webhook)
_post("/manage/webhooks/remove", webhooks.remove_webhook)
_post("/manage/webhooks/retry", webhooks.retry_webhook)
_post("/manage/webhooks/secret", webhooks.renew_secret)
_get("/operator", operator_page)
