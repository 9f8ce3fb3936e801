"""What can go wrong between a client and a service."""

from __future__ import annotations


class ClientError(Exception):
    """The service refused something, or cannot be reached. The text says which."""


class InvalidUrl(ClientError):
    """What was given is no URL of a service."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"'{url}' is no URL of a service; it begins with http:// or https://, as in"
            " http://127.0.0.1:8000"
        )


class Unreachable(ClientError):
    """The service does not answer. ``reason`` says why, and does not name the service."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} cannot be reached: {reason}")
        self.reason = reason


class NotUnderstood(ClientError):
    """The answer is not what the service answers with: it may be another's, a proxy's for one.

    ``reason`` says what is wrong with it, and does not name the service.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} is not understood: {reason}")
        self.reason = reason


class Refused(ClientError):
    """The service refused a request.

    Parameters
    ----------
    code
        The service's word for the reason; None where whoever answered has no such words.

    """

    def __init__(self, sentence: str, status: int, code: str | None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status
        self.code = code

    @property
    def transient(self) -> bool:
        """Whether the same request may be taken later, without anybody changing it."""
        return self.status >= 500 or self.status in (408, 425, 429)


class NoResult(ClientError):
    """The circuit has no result, although its job has ended. The text says why."""


class JobFailed(ClientError):
    """The job ended otherwise than COMPLETED."""
