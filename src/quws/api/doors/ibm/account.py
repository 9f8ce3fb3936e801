"""Who asks, for which instance, and how much of it is used."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from quws.api.doors.ibm.names import INSTANCE, INSTANCE_NAME, PLAN, PLAN_NAME
from quws.api.doors.ibm.token import MOST_KEY, issue
from quws.api.kit.body import read_form
from quws.api.kit.services import caller_of, jobs_of
from quws.domain.clock import utc_now
from quws.domain.quotas import Limit, shown
from quws.domain.times import format_instant


async def create_token(request: Request) -> Response:
    """Give who sends a key a token to come back with; nobody is asked here who they are."""
    keys = [item.value for item in await read_form(request) if item.name.lower() == "apikey"]
    try:
        key = keys[-1].decode() if keys else ""
    except UnicodeDecodeError:
        key = ""
    if not 0 < len(key) <= MOST_KEY:
        wrong = {
            "errorCode": "BXNIM0109E",
            "errorMessage": f"apikey must be a token, of 1 to {MOST_KEY} characters",
            "context": {},
        }
        return JSONResponse(wrong, 400)
    return JSONResponse(issue(key, utc_now()))


async def search(request: Request) -> Response:
    """List the instances: there is one."""
    found = {
        "crn": INSTANCE,
        "name": INSTANCE_NAME,
        "service_plan_unique_id": str(PLAN),
        "tags": [],
        "doc": {"extensions": {"quws": {}}},
    }
    return JSONResponse({"items": [found], "limit": 100, "search_cursor": None})


async def get_plan(request: Request) -> Response:
    """Tell what an instance costs: nothing."""
    return JSONResponse(
        {
            "id": str(PLAN),
            "name": PLAN_NAME,
            "overview_ui": {"en": {"display_name": PLAN_NAME}},
            "metadata": {"pricing": {"type": "free"}},
        }
    )


async def get_instance(request: Request) -> Response:
    """Tell what the instance is."""
    return JSONResponse({"crn": INSTANCE, "name": INSTANCE_NAME, "plan": PLAN_NAME})


async def get_usage(request: Request) -> Response:
    """Tell how many seconds the caller has run this month: the clients ask before each job.

    Where that is not limited nobody counts it, and nothing is told.
    """
    use = await jobs_of(request).quotas.tightest(caller_of(request).name, Limit.MONTH_SECONDS)
    told = {"instance_id": INSTANCE, "plan_id": str(PLAN), "usage_limit_reached": False}
    if use is None:
        return JSONResponse(told)
    used, most = shown(Limit.MONTH_SECONDS, use.used), use.bound.most
    told |= {
        "usage_consumed_seconds": used,
        "usage_limit_seconds": most,
        "usage_limit_reached": used >= most,
    }
    if use.frees is not None:
        begin = (use.frees - timedelta(days=1)).replace(day=1)
        told["usage_period"] = {
            "start_time": format_instant(begin),
            "end_time": format_instant(use.frees),
        }
    return JSONResponse(told)
