"""Who asks: nobody in particular, a user who signs in, or whom a trusted proxy names."""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from quws.api.kit.addresses import asker_of, comes_from, place_of
from quws.api.kit.door import door_of
from quws.api.kit.errors import refused
from quws.api.kit.pages import pages_for
from quws.api.kit.refusals import note_refusal
from quws.api.kit.services import SESSION_COOKIE, Services, address_of
from quws.domain.caller import ANONYMOUS, MOST_NAME, AuthMethod, Caller, is_user_name
from quws.domain.errors import Unauthenticated, Unavailable
from quws.telemetry import logs

_log = structlog.get_logger(__name__)
_OPEN = (
    "/health/",
    "/static/",
    "/account/",
    "/favicon.ico",
    "/availability",
    "/capabilities",
    "/keys",
    "/openapi.json",
)
PROXY_SECRET = "X-Proxy-Secret"  # noqa: S105 - the header that has it
_CHALLENGES = ('Basic realm="quws", charset="UTF-8"', 'Bearer realm="quws"')


@dataclass(frozen=True)
class AuthSettings:
    """How callers are told apart.

    Parameters
    ----------
    method
        ``none``: everybody is the one anonymous user. ``users``: Basic and
        bearer tokens of the accounts in the database. ``proxy``: a header that
        a proxy sets.
    anonymous
        Whether requests without credentials may use the service all the same.
    proxy_header
        The header in which the proxy names the user.
    proxy_networks
        From where that header is believed, and ``X-Forwarded-For``.
    proxy_secret
        What the proxy proves itself by: any process can come from a network.
    operators
        Users whom the proxy names and who may see everything.

    """

    method: AuthMethod = AuthMethod.NONE
    anonymous: bool = False
    proxy_header: str = "X-Forwarded-User"
    proxy_networks: tuple[IPv4Network | IPv6Network, ...] = field(default_factory=tuple)
    proxy_secret: str = field(default="", repr=False)
    operators: frozenset[str] = frozenset()


class Identification:
    """Finds out who sends a request, whatever it is a request of."""

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings

    async def caller(self, request: Request) -> Caller:
        """Return who asks, by the headers of a request and where it comes from.

        Raises
        ------
        Unauthenticated
            That is nobody who may, or the credentials are wrong.
        Unavailable
            Too many wrong ones were tried; or it cannot be looked at right now.

        """
        asker = asker_of(request, self._settings.proxy_networks)
        request.state.address = place_of(asker)
        if asker is not None:
            logs.note(client=str(asker))
        caller = await self._caller(request)
        logs.note(owner=caller.name)
        return Caller(caller.name, caller.operator, caller.credential, address_of(request))

    async def _caller(self, request: Request) -> Caller:
        match self._settings.method:
            case AuthMethod.NONE:
                return ANONYMOUS
            case AuthMethod.USERS:
                caller = await self._signed_in(request)
            case AuthMethod.PROXY:
                caller = self._named_by_proxy(request)
        if caller is not None:
            return caller
        if self._settings.anonymous or _is_open(request):
            return ANONYMOUS
        raise Unauthenticated("sign in: this service needs to know who asks")

    async def _signed_in(self, request: Request) -> Caller | None:
        header = request.headers.get("authorization")
        if header is None:
            return await self._in_session(request)
        door = door_of(request)
        if door is not None:
            header = door.authorization(header)
        scheme, _, rest = header.partition(" ")
        services: Services = request.state.services
        caller: Caller | None = None
        match scheme.lower():
            case "basic":
                name, password = _basic(rest)
                if not name and not password:
                    return None  # How some UWS clients say that they have no user.
                caller = await services.accounts.by_password(name, password, address_of(request))
            case "bearer":
                caller = await services.accounts.by_token(rest.strip())
        if caller is None:
            # Without the name, which may be a password in the wrong field.
            _log.warning("sign-in failed", method=scheme.lower()[:20])
            raise Unauthenticated("these credentials are wrong, or have expired")
        return caller

    async def _in_session(self, request: Request) -> Caller | None:
        secret = request.cookies.get(SESSION_COOKIE)
        if not secret or request.url.path.startswith("/static/"):
            return None
        services: Services = request.state.services
        # One that is over is as good as none: its browser is asked to sign in again.
        return await services.accounts.by_session(secret)

    def _named_by_proxy(self, request: Request) -> Caller | None:
        names = request.headers.getlist(self._settings.proxy_header)
        if not any(names) or not comes_from(request, self._settings.proxy_networks):
            return None
        header = self._settings.proxy_header
        if not self._is_proxy(request):
            raise _disbelieved(f"{header} came without the secret of the proxy in {PROXY_SECRET}")
        if len(names) > 1:
            # One of them may be the client's own.
            raise _disbelieved(f"{header} was sent more than once")
        try:
            name = names[0].encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            raise _disbelieved(f"{header} is not UTF-8") from None
        if not is_user_name(name):
            raise _disbelieved(
                f"{header} names no user: a name has 1 to {MOST_NAME} printable characters, and"
                " blanks only between words, one at a time"
            )
        return Caller(name, name in self._settings.operators)

    def _is_proxy(self, request: Request) -> bool:
        shown = request.headers.getlist(PROXY_SECRET)
        secret = self._settings.proxy_secret.encode()
        # Twice means that one is the client's own: the proxy does not replace what it should.
        return (
            bool(secret)
            and len(shown) == 1
            and hmac.compare_digest(shown[0].encode("latin-1"), secret)
        )


class Authentication:
    """Finds out who asks, once, before anything else looks at a request.

    A client that sent no credentials gets a 401 with a challenge: STILTS and
    browsers sign in only when they are asked to. One that sent wrong ones gets
    it too, and is never served as somebody else.
    """

    def __init__(self, app: ASGIApp, settings: AuthSettings) -> None:
        self._app = app
        self._settings = settings
        self._identification = Identification(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller, or challenge it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        scope.setdefault("state", {})
        try:
            request.state.caller = await self._identification.caller(request)
        except (Unauthenticated, Unavailable) as refusal:
            response = await self._refuse(request, refusal)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _refuse(self, request: Request, refusal: Unauthenticated | Unavailable) -> Response:
        if not isinstance(refusal, Unauthenticated):
            return await refused(request, refusal)
        challenges = self._challenges()
        pages = pages_for(request)
        if (
            pages is not None
            and self._settings.method is AuthMethod.USERS
            and "authorization" not in request.headers
        ):
            # A page of ours asks, not the browser itself, which a Basic challenge would make do so.
            challenges = _CHALLENGES[1:]
            following = request.url.path
            if request.url.query:
                following += f"?{request.url.query}"
            note_refusal(request, refusal.code, refusal.sentence)
            response = await pages.sign_in(request, following if request.method == "GET" else "")
        else:
            response = await refused(request, refusal)
        for challenge in challenges:
            response.headers.append("WWW-Authenticate", challenge)
        return response

    def _challenges(self) -> tuple[str, ...]:
        return _CHALLENGES if self._settings.method is AuthMethod.USERS else _CHALLENGES[1:]


def _is_open(request: Request) -> bool:
    """Whether somebody may ask for this who has not signed in."""
    path = f"{request.scope['path']}/"
    if path.startswith(_OPEN):
        return True
    door = door_of(request)
    return door is not None and request.scope["path"] in door.open


def _disbelieved(sentence: str) -> Unauthenticated:
    _log.warning("sign-in failed", method="proxy")
    return Unauthenticated(sentence)


def _basic(text: str) -> tuple[str, str]:
    try:
        name, _, password = b64decode(text, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Unauthenticated("the Authorization header is not Basic as RFC 7617 has it") from None
    if "\0" in name:
        raise Unauthenticated("these credentials are wrong, or have expired")
    return name, password
