"""The circuits of a job, as resources of their own."""

from __future__ import annotations

from collections.abc import Container
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from quws.api.kit.body import read_posted
from quws.api.kit.filters import check_names, query_of, read_limit, read_place
from quws.api.kit.pages import ShownCircuits, pages_for
from quws.api.kit.services import caller_of, jobs_of
from quws.api.kit.urls import Urls, see_other, urls_of
from quws.domain.batch import CircuitState, CircuitStatus, read_indices
from quws.domain.errors import InvalidFilter, InvalidParameter, NotFound
from quws.domain.job import Job
from quws.domain.outcomes import DOCUMENT
from quws.domain.words import cut
from quws.schemas.circuit import CircuitJson

_PAGE = 100
JSON = "application/json"


async def get_circuits(request: Request, job_id: str) -> Response:
    """List the circuits of a job, in pages.

    STATUS (repeatable: any of them) restricts the list; the header Link has the next page.
    """
    query = query_of(request)
    check_names(query, "STATUS", "LIMIT", "PAST")
    statuses = _statuses(query.get("STATUS", []))
    limit = read_limit(query) or _PAGE
    after = _after(query.get("PAST", []))
    circuits = jobs_of(request).circuits
    page = await circuits.page(caller_of(request), job_id, limit, after=after, statuses=statuses)
    urls, following = urls_of(request), None
    if page.more:
        last = page.circuits[-1].index
        parts = [*(("STATUS", item) for item in statuses), ("LIMIT", limit), ("PAST", last)]
        following = f"{urls.circuits(job_id)}?{urlencode(parts)}"
    if pages := pages_for(request):
        return await pages.circuits(request, ShownCircuits(page, urls, statuses, following))
    names = {item.id for item in page.job.results}
    written = ",".join(circuit_json(page.job, item, urls, names) for item in page.circuits)
    headers = {} if following is None else {"Link": f'<{following}>; rel="next"'}
    return Response(f"[{written}]", media_type=JSON, headers=headers)


async def get_circuit(request: Request, job_id: str, index: str) -> Response:
    """Show where one circuit of a job stands, with links to its text and to what it gave."""
    job, state = await jobs_of(request).circuits.one(
        caller_of(request), job_id, _index(job_id, index)
    )
    if pages := pages_for(request):
        return await pages.circuit(request, job, state)
    names = {item.id for item in job.results}
    return Response(circuit_json(job, state, urls_of(request), names), media_type=JSON)


async def post_circuits(request: Request, job_id: str) -> Response:
    """Abort circuits of a job: ACTION=ABORT, and INDEX for which, as in 3,5-9; repeatable.

    Those of them that have ended stay as they are; where all have, it is refused.
    """
    jobs, caller = jobs_of(request), caller_of(request)
    await jobs.reader.authorise(caller, job_id)
    given = await _read_action(request, "INDEX")
    count = (await jobs.reader.get(caller, job_id)).circuits
    await jobs.circuits.abort(caller, job_id, read_indices(given, count))
    return see_other(urls_of(request).circuits(job_id))


async def post_circuit(request: Request, job_id: str, index: str) -> Response:
    """Abort one circuit of a job by ACTION=ABORT; the others go on."""
    jobs, caller = jobs_of(request), caller_of(request)
    await jobs.reader.authorise(caller, job_id)
    place = _index(job_id, index)
    await _read_action(request)
    await jobs.circuits.abort(caller, job_id, {place})
    return see_other(urls_of(request).circuit(job_id, place))


def circuit_json(job: Job, state: CircuitState, urls: Urls, results: Container[str]) -> str:
    """Write where a circuit stands; ``results`` are those of its job, by their ids."""
    result_url = compiled_url = None
    # An archived job has no files any more.
    if state.status is CircuitStatus.COMPLETED and job.results:
        document = DOCUMENT[job.spec.kind]
        name = document if job.circuits == 1 else f"{document}-{state.index}"
        result_url = urls.result(job.id, name)
        compiled = f"circuit-{state.index}"
        if compiled in results:
            compiled_url = urls.result(job.id, compiled)
    return CircuitJson(
        index=state.index,
        url=urls.circuit(job.id, state.index),
        status=state.status,
        message=state.message,
        attempt=state.attempt,
        start_time=state.start_time,
        end_time=state.end_time,
        source_url=urls.source(job, state.index),
        result_url=result_url,
        compiled_url=compiled_url,
    ).model_dump_json()


async def _read_action(request: Request, *others: str) -> list[str]:
    """Make sure that ABORT is wanted; return the values of the other parameter that may come."""
    posted = await read_posted(request)
    actions = [item.value for item in posted if item.name.upper() == "ACTION"]
    if actions != [b"ABORT"]:
        raise InvalidParameter("ACTION must be ABORT", parameter="ACTION")
    rest = [item for item in posted if item.name.upper() != "ACTION"]
    for item in rest:
        if item.name.upper() not in others:
            name = item.name[:60]
            raise InvalidParameter(f"ABORT takes no '{name}' here", parameter=name)
    return [item.value.decode("utf-8", "replace") for item in rest]


def _index(job_id: str, text: str) -> int:
    place = read_place(text)
    if place is None:
        raise NotFound(f"job {job_id} has no circuit {cut(text)}")
    return place


def _statuses(texts: list[str]) -> list[CircuitStatus]:
    try:
        return sorted({CircuitStatus(text) for text in texts if text})
    except ValueError:
        raise InvalidFilter(
            f"STATUS must be one of {', '.join(CircuitStatus)}", parameter="STATUS"
        ) from None


def _after(texts: list[str]) -> int:
    if not texts:
        return -1
    place = read_place(texts[-1])
    if place is None:
        raise InvalidFilter("PAST must be the index of a circuit", parameter="PAST")
    return place
