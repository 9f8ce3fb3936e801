"""The door of the clients of ``qiskit-ibm-runtime``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from quws.api.doors.ibm import account, jobs, sessions, targets
from quws.api.doors.ibm.errors import error_response
from quws.api.doors.ibm.names import PLAN, PREFIX
from quws.api.doors.ibm.token import authorization
from quws.api.kit.door import Door
from quws.api.kit.routing import PlainRoute

_TOKEN = "/identity/token"  # noqa: S105 - where one is asked for

router = APIRouter(route_class=PlainRoute, prefix=PREFIX, include_in_schema=False)


def _add(method: str, path: str, handler: Callable[..., Any]) -> None:
    router.add_api_route(path, handler, methods=[method], response_model=None)


_add("POST", _TOKEN, account.create_token)
_add("POST", "/v3/resources/search", account.search)
_add("GET", f"/{PLAN}", account.get_plan)
_add("GET", "/instance", account.get_instance)
_add("GET", "/instances/usage", account.get_usage)

_add("GET", "/backends", targets.get_backends)
_add("GET", "/backends/{name}/configuration", targets.get_configuration)
_add("GET", "/backends/{name}/properties", targets.get_properties)
_add("GET", "/backends/{name}/status", targets.get_status)

_add("POST", "/sessions", sessions.create_session)
_add("GET", "/sessions/{session_id}", sessions.get_session)
_add("PATCH", "/sessions/{session_id}", sessions.change_session)
_add("DELETE", "/sessions/{session_id}/close", sessions.cancel_session)

_add("GET", "/jobs", jobs.get_jobs)
_add("POST", "/jobs", jobs.create_job)
_add("GET", "/jobs/{job_id}", jobs.get_job)
_add("DELETE", "/jobs/{job_id}", jobs.delete_job)
_add("GET", "/jobs/{job_id}/results", jobs.get_results)
_add("POST", "/jobs/{job_id}/cancel", jobs.cancel_job)
_add("PUT", "/jobs/{job_id}/tags", jobs.put_tags)
_add("GET", "/jobs/{job_id}/metrics", jobs.get_metrics)
_add("GET", "/jobs/{job_id}/logs", jobs.get_logs)

DOOR = Door(
    (PREFIX,), router, error_response, authorization=authorization, open=(f"{PREFIX}{_TOKEN}",)
)
