"""What stands between two services: it hands requests on, and can keep answers back."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HELD_SECONDS = 120
_NOT_HANDED_ON = ("connection", "transfer-encoding", "content-length")


class Between:
    """A door before a service at a URL, which need not be there."""

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url).netloc
        self._passes = threading.Event()
        self._passes.set()
        self._paths: tuple[str, ...] = ()
        self.kept = threading.Event()
        """Set when the service has answered, and nobody has been told."""
        between = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                between._hand_on(self)

            do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def keep_back(self, *endings: str) -> None:
        """From now on keep the answers to POST requests whose paths end so."""
        self._paths = endings
        self.kept.clear()
        self._passes.clear()

    def lose(self) -> None:
        """Hang up on whoever waits for an answer that was kept, and keep no more."""
        self._passes.set()

    def stop(self) -> None:
        self._passes.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _hand_on(self, request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        there = http.client.HTTPConnection(self._place, timeout=60)
        try:
            there.request(request.command, request.path, body, dict(request.headers))
            answer = there.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self._hang_up(request)
            return
        finally:
            there.close()
        path = urlsplit(request.path).path
        if request.command == "POST" and path.endswith(self._paths) and not self._passes.is_set():
            self.kept.set()
            self._passes.wait(_HELD_SECONDS)
            self._hang_up(request)
            return
        with contextlib.suppress(OSError):  # Whoever asked may be gone.
            request.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _NOT_HANDED_ON:
                    request.send_header(name, value)
            request.send_header("Content-Length", str(len(content)))
            # Else a client would send its next request to where nobody listens any more.
            request.send_header("Connection", "close")
            request.end_headers()
            request.wfile.write(content)

    def _hang_up(self, request: BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            request.connection.shutdown(socket.SHUT_RDWR)
