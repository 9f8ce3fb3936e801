"""What a test expects of an answer, so that a failure says what came instead."""

from __future__ import annotations

from typing import Any

import httpx


def told(answer: httpx.Response) -> str:
    """Write an answer in one line: what was asked, its status and how its body begins."""
    request = answer.request
    body = " ".join(answer.text.split())[:500]
    return f"{request.method} {request.url} gave {answer.status_code}: {body}"


def expect(answer: httpx.Response, status: int = 200) -> httpx.Response:
    """Hold an answer to a status; give the answer."""
    assert answer.status_code == status, f"{told(answer)} (expected {status})"
    return answer


def location_of(answer: httpx.Response) -> str:
    """Hold an answer to a 303; give where it sends the client."""
    return str(expect(answer, 303).headers["Location"])


def json_of(answer: httpx.Response, status: int = 200) -> Any:
    """Hold an answer to a status and to JSON; give what it says."""
    kind = expect(answer, status).headers.get("content-type", "no type")
    assert kind in ("application/json", "application/problem+json"), f"{told(answer)} ({kind})"
    return answer.json()


def refusal_of(answer: httpx.Response, status: int, code: str) -> str:
    """Hold an answer to a refusal in plain text of a code; give its sentence."""
    found, _, sentence = expect(answer, status).text.partition(": ")
    assert found == code, f"{told(answer)} (expected the code {code})"
    return sentence
