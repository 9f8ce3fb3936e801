"""Whether a request came because its user wanted it: not by a name that is not ours, and not
from a page of another site, which can make a browser send what it likes, with its cookies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from quws.api.kit.errors import answer, answer_bare, problem

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CREATING_PATHS = frozenset({"/sync"})
"""Where even a GET makes a job, as DALI wants it."""
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
_LOOPBACK = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
ANY_HOST = "*"


class KnownHosts:
    """Refuses requests by a name that is not the service's.

    A page of another site can give its own name the address of this service, and is then of
    the same site for a browser (DNS rebinding). Addresses are nobody's to give, so they are
    taken: health checks and people without a name server come by them.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = _LOOPBACK | {name.strip().lower().rstrip(".") for name in names}
        self._last = ""
        """By which name the last request came that was served: the next one mostly does too."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http":
            hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
            if len(hosts) > 1 or not all(self._is_known(host) for host in hosts):
                asked = ", ".join(hosts)[:100]
                sentence = (
                    f"this service does not go by the name '{asked}'; its operator can add names"
                    " to QUWS_ALLOWED_HOSTS"
                )
                # Nothing of it goes into the answer as a link.
                await answer_bare(scope, receive, send, problem(421, "unknown_host", sentence))
                return
        await self._app(scope, receive, send)

    def _is_known(self, host: str) -> bool:
        if not host or host == self._last:
            return True
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = (found[1] or found[2]).lower().rstrip(".")
        known = ANY_HOST in self._names or name in self._names or _is_address(name)
        if known:
            self._last = host
        return known


class SameSite:
    """Refuses what a page of another site makes a browser send: it could run and delete jobs.

    Browsers say by themselves where a request comes from (Fetch Metadata, or
    Origin); other programs do not, and are not meant.
    """

    def __init__(self, app: ASGIApp, public: str) -> None:
        self._app = app
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        is_http = scope["type"] == "http"
        is_safe = is_http and scope["method"] in _SAFE
        if is_http and (not is_safe or scope["path"] in _CREATING_PATHS):
            request = Request(scope, receive)
            sentence = None
            if not is_safe:
                if self._is_foreign(request):
                    sentence = "this came from a page of another site; open the page of quws itself"
            elif self._may_be_foreign(request):
                sentence = (
                    "a link or an address must not make a job; send a POST, or a token"
                    " (Authorization: Bearer)"
                )
            if sentence is not None:
                response = answer(request, problem(403, "cross_site", sentence))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_foreign(self, request: Request) -> bool:
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site not in ("same-origin", "none")
        # Over plain http, browsers leave that out and send where the page came from.
        origin = request.headers.get("origin")
        return origin is not None and not self._is_ours(request, origin)

    def _may_be_foreign(self, request: Request) -> bool:
        """Whether a GET may have been sent by a browser without its user's wish.

        An image or a link of another site is enough for that, and so is a redirect of what
        the user typed.
        """
        if request.headers.get("authorization", "").lower().startswith("bearer "):
            return False  # No browser sends that by itself.
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site != "same-origin"
        headers = request.headers
        sources = [headers[name] for name in ("origin", "referer") if name in headers]
        if sources:
            return not all(self._is_ours(request, source) for source in sources)
        # All browsers call themselves so, and pages cannot change that.
        return headers.get("user-agent", "").startswith("Mozilla/")

    def _is_ours(self, request: Request, source: str) -> bool:
        place = _split(source)
        ours = (request.headers.get("host"), self._public)
        return place.scheme in ("http", "https") and bool(place.netloc) and place.netloc in ours


def _split(url: str) -> SplitResult:
    """Split a URL that somebody sent; what is none has no parts."""
    try:
        found = urlsplit(url)
        # Only then are all of its parts looked at.
        found.hostname, found.port  # noqa: B018
    except ValueError:
        return SplitResult("", "", "", "", "")
    return found


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
