"""The OpenAPI document tells the truth: schemathesis sends what it allows, and what it forbids."""

from __future__ import annotations

from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from circuits import BELL2
from harness import Service
from hypothesis import HealthCheck, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance
from uws import create, wait

_EXAMPLES = 10
"""How many requests of each kind."""
_SEEDS = {"embedded": 20, "cluster": 21}
"""Each form gets others."""


@pytest.fixture(scope="module")
def api_schema(service: Service) -> Any:
    with service.client() as http:
        job = create(http, PHASE="RUN")
        wait(http, job)
    job_id = job.rsplit("/", 1)[1]
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")

    @schema.hook
    def map_path_parameters(context: Any, path_parameters: Any) -> Any:
        # Half of the requests are for a job that exists, so that more than 404 is seen.
        if path_parameters and len(str(path_parameters.get("job_id"))) % 2:
            path_parameters["job_id"] = job_id
        return path_parameters

    @schema.hook
    def map_query(context: Any, query: Any) -> Any:
        if query and "WAIT" in query:
            query["WAIT"] = 0  # Nobody waits here.
        return query

    @schema.hook
    def map_body(context: Any, body: Any) -> Any:
        if isinstance(body, dict) and len(body) % 2:
            body["CIRCUIT"] = BELL2
        return body

    return schema


CHECKS = [not_a_server_error, status_code_conformance]


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """One connection for all requests, each of which comes without a cookie all the same."""
    with requests.Session() as made:
        made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield made


@pytest.mark.usefixtures("no_sessions")
def test_no_answer_is_a_fault_or_undocumented(
    service: Service, api_schema: Any, session: requests.Session
) -> None:
    tried = 0
    # /events has no end to wait for; the others would change what other tests have made.
    safe = api_schema.exclude(path="/events")
    for path in ("/selection", "/webhooks"):
        safe = safe.exclude(path=path, method="POST")
    for found in safe.get_all_operations():
        operation = found.ok()

        @seed(_SEEDS[service.form])
        @settings(
            max_examples=_EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def send(case: Any) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(checks=CHECKS, allow_redirects=False, session=session)

        send()
    assert tried > 500


def test_the_document_names_all_renderings(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    job = document["paths"]["/jobs/{job_id}"]["get"]["responses"]["200"]["content"]
    assert set(job) == {"application/xml", "application/json", "text/html"}
    assert "CIRCUIT" in str(document["paths"]["/jobs"]["post"]["requestBody"])
    assert "422" not in document["paths"]["/jobs"]["post"]["responses"]
