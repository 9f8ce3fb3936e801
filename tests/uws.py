"""What a UWS client does, for the tests: create, wait, look."""

from __future__ import annotations

import time
from typing import Any

import httpx
from circuits import BELL2
from lxml import etree
from schemas import validate

NS = {
    "uws": "http://www.ivoa.net/xml/UWS/v1.0",
    "xlink": "http://www.w3.org/1999/xlink",
    "q": "urn:quws:job:1",
}
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
HREF = "{http://www.w3.org/1999/xlink}href"
FINAL = ("COMPLETED", "ERROR", "ABORTED", "ARCHIVED")


def create(http: httpx.Client, circuit: str | list[str] = BELL2, **parameters: Any) -> str:
    """Create a job and give its URL."""
    answer = http.post("/jobs", data={"CIRCUIT": circuit, **parameters})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def wait(http: httpx.Client, job: str, *phases: str, seconds: float = 60) -> str:
    """Wait until a job is in one of some phases (by default: until it is over)."""
    wanted = phases or FINAL
    limit = time.monotonic() + seconds
    seen: dict[str, str] = {}  # At first only a look: it may be there already.
    while True:
        document = http.get(job, params=seen)
        assert document.status_code == 200, document.text
        found = text(validate(document.content), "phase")
        if found in wanted:
            return found
        assert time.monotonic() < limit, f"still {found}; {story(job_json(http, job))}"
        assert found not in FINAL, f"{found} instead of {wanted}: {document.text}"
        # With the phase that was seen: the next one may have begun since.
        seen = {"WAIT": "5", "PHASE": found}


def story(told: dict[str, Any]) -> str:
    """Return what happened to a job, one line for each entry of its timeline."""
    lines = [f"job {told['id']}, {told['phase']}, attempt {told['attempt']}: {told['status']}"]
    lines += [
        f"{entry['time']} {entry['source']} {entry['status']}: {entry['message']}"
        for entry in told["timeline"]
    ]
    return "\n".join(lines)


def document(http: httpx.Client, url: str) -> etree._Element:
    """Fetch an XML document, which must be valid."""
    answer = http.get(url)
    assert answer.status_code == 200, answer.text
    return validate(answer.content)


def text(root: etree._Element, path: str) -> str | None:
    """The text of an element, None where it is nil, missing or empty."""
    found = root.find("/".join(f"uws:{step}" for step in path.split("/")), NS)
    return None if found is None else found.text


def job_json(http: httpx.Client, job: str) -> dict[str, Any]:
    return http.get(job, headers={"Accept": "application/json"}).json()


def listed(http: httpx.Client, **query: Any) -> list[str]:
    """The ids of all jobs in the list."""
    root = document(http, str(httpx.URL("/jobs", params=query)))
    return [ref.get("id") or "" for ref in root.findall("uws:jobref", NS)]
