"""What a test expects of an answer, so that a failure says what came instead.

Clients that tests get from their fixtures also remember their last answers: they are in the
report of a test that fails, whatever it was that it asserted.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import httpx
from lxml import html

_last: deque[httpx.Response] = deque(maxlen=6)


def remember(answer: httpx.Response) -> None:
    """Remember an answer for the report, as a hook of a client."""
    _last.append(answer)


def forget() -> None:
    """Begin with a new test."""
    _last.clear()


def last_answers() -> str:
    """Write what is remembered, the newest last."""
    return "\n".join(told(answer) for answer in _last)


def told(answer: httpx.Response) -> str:
    """Write an answer in one line: what was asked, its status and how its body begins."""
    request = answer.request
    # A stream, such as events, may not be read by anybody else.
    text = answer.text if hasattr(answer, "_content") else "(a stream)"
    body = " ".join(text.split())[:500]
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


def alert_of(answer: httpx.Response, status: int) -> str:
    """Hold an answer to a page that says what is wrong; give what it says."""
    alerts = html.fromstring(expect(answer, status).text).xpath('//*[@role="alert"]')
    assert len(alerts) == 1, f"{told(answer)} (expected one alert, there are {len(alerts)})"
    return " ".join(alerts[0].text_content().split())
