"""IQM's client as a target needs it: what its answers and errors mean for a job."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

import requests
from exa.common.errors import iqm_error
from iqm.iqm_client import CircuitCompilationOptions, IQMClient
from iqm.iqm_client.transpile import simplify_architecture, transpile_insert_moves
from iqm.iqm_server_client.iqm_server_client import IQMServerClient
from iqm.iqm_server_client.iqm_server_executor import IQMServerExecutor
from iqm.iqm_server_client.iqm_server_storage import IQMServerStorage
from iqm.pulse import Circuit, CircuitOperation
from iqm.station_control.client.authentication import ClientAuthenticationError
from typing_extensions import override
from urllib3.exceptions import NewConnectionError

from quws.domain.errors import InvalidCircuit, InvalidParameter, Refusal
from quws.domain.targets import Calibration, TargetState, TargetStatus
from quws.targets.base import Doubt, Gone
from quws.targets.iqm.machine import Machine, qubit_names, read_calibration
from quws.targets.linked import asked_again

T = TypeVar("T")

_NOT_TAKEN = (
    iqm_error.AuthenticationError,
    iqm_error.ForbiddenError,
    iqm_error.RateLimitError,
    iqm_error.SystemUnavailableError,
)
"""A job that is answered with one of these is not there, and may be taken later: an operator may
mend a token while it waits.
"""
_LATER = (401, 403, 429, 503)
"""The same, by the status of an answer whose body is of no shape that the client knows."""
_FIRST_REFUSAL, _TOO_SLOW, _BROKEN = 400, 408, 500
_NO_TOKEN = "there is no valid token in the file that tokens_file names"  # noqa: S105
_REFUSED = (
    iqm_error.ConflictError,
    iqm_error.DataSizeError,
    iqm_error.InvalidOperationError,
    iqm_error.NotFoundError,
    iqm_error.ValidationError,
)


@dataclass(slots=True)
class _Last:
    """What is known of the last answer, but its body."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class _Server(IQMServerClient):  # type: ignore[misc]
    """The client, that also gives the jobs which it submits a tag: it knows of none."""

    def __init__(self, last: _Last, url: str, **options: Any) -> None:
        self._last = last
        self.tag: str | None = None
        super().__init__(url, **options)

    @override
    def send_request(
        self,
        http_method: Callable[..., requests.Response],
        url_path: str,
        *,
        params: dict[str, Any] | None = None,
        **more: Any,
    ) -> requests.Response:
        if self.tag is not None and http_method is requests.post and url_path.endswith("/circuit"):
            params = {**(params or {}), "tag": self.tag}
        self._last.status, self._last.headers = None, {}

        @wraps(http_method)
        def noted(*args: Any, **options: Any) -> requests.Response:
            found = http_method(*args, **options)
            self._last.status, self._last.headers = found.status_code, found.headers
            return found

        answer: requests.Response = super().send_request(noted, url_path, params=params, **more)
        return answer


class Site:
    """A server of IQM's, and one machine there.

    Every method raises ``ConnectionError`` where asking again may help.

    Parameters
    ----------
    url, quantum_computer, token, tokens_file
        As IQM's client takes them.
    host
        What it is called in what users are told.
    timeout
        How many seconds an answer may take.
    calibration_set
        Which one jobs run with; None for the one of the day.
    compilation
        Options of how the machine compiles, as IQM's client names them.

    Raises
    ------
    ValueError
        There is no such machine.

    """

    def __init__(
        self,
        url: str,
        host: str,
        *,
        quantum_computer: str | None,
        token: str | None,
        tokens_file: str | None,
        timeout: float,
        calibration_set: UUID | None,
        compilation: Mapping[str, Any],
    ) -> None:
        self._host = host
        self._calibration_set = calibration_set
        self._options = CircuitCompilationOptions(**compilation)
        self._last = _Last()
        try:
            with self._asking():
                self._server = _Server(
                    self._last,
                    url,
                    quantum_computer=quantum_computer,
                    token=token,
                    tokens_file=tokens_file,
                    client_signature="quws",
                    timeout=timeout,
                )
        except RuntimeError as error:
            # Its own errors of configuration; those of the network are no such ones.
            raise ValueError(f"{host}: {error}") from error
        self.machine_name = self._server.quantum_computer
        self._client = IQMClient(
            executor=IQMServerExecutor(client=self._server),
            storage=IQMServerStorage(client=self._server),
        )
        self._calibrations: dict[str, Calibration | None] = {}

    # -- the machine ----------------------------------------------------------------

    def machine(self, level: int) -> Machine:
        """Return the machine as it is now.

        Raises
        ------
        ValueError
            It cannot be used.

        """
        static = self._static()
        with self._asking(gone=ConnectionError):
            dynamic = self._client.get_dynamic_quantum_architecture(self._calibration_set)
        simple = simplify_architecture(dynamic).model_dump(mode="json")
        return Machine(static, simple, self.calibration(str(dynamic.calibration_set_id)), level)

    def calibration(self, calibration_set: str | None) -> Calibration | None:
        """Return a calibration, by default the one of jobs; None where it is not told."""
        wanted = self._calibration_set if calibration_set is None else UUID(calibration_set)
        if calibration_set is not None and calibration_set in self._calibrations:
            return self._calibrations[calibration_set]
        found = self._if_told(lambda: self._client.get_calibration_set(wanted))
        if found is None:
            return None
        metrics = self._if_told(
            lambda: self._client.get_quality_metric_set(found.observation_set_id)
        )
        with self._asking(gone=ConnectionError):
            dynamic = self._client.get_dynamic_quantum_architecture(found.observation_set_id)
        names = qubit_names(self._static(), dynamic.model_dump(mode="json"))
        made = read_calibration(
            names,
            found.model_dump(mode="json"),
            {} if metrics is None else metrics.model_dump(mode="json"),
        )
        self._calibrations[made.id] = made
        return made

    def state(self) -> TargetState:
        """Return whether the machine takes work, as far as it says."""
        health = self._if_told(self._client.get_health)
        if health is None or health.get("healthy", True):
            return TargetState()
        message = health.get("message")
        return TargetState(
            status=TargetStatus.OFFLINE, message=message if isinstance(message, str) else None
        )

    def _static(self) -> dict[str, Any] | None:
        found = self._if_told(self._client.get_static_quantum_architecture)
        return None if found is None else found.model_dump(mode="json")

    def _if_told(self, ask: Callable[[], T]) -> T | None:
        try:
            with self._asking():
                return ask()
        except Gone:
            return None

    # -- a job ------------------------------------------------------------------------

    def submit(
        self, circuits: Sequence[Mapping[str, Any]], shots: int, *, tag: str, use_timeslot: bool
    ) -> str:
        """Submit circuits in IQM's JSON under a tag; gives the id of the job.

        Raises
        ------
        Doubt
            It may have arrived, or not.
        InvalidCircuit, InvalidParameter
            The machine does not take it.

        """
        with self._asking(gone=ConnectionError):
            architecture = self._client.get_dynamic_quantum_architecture(self._calibration_set)
        try:
            with self._asking(gone=ConnectionError, final=(iqm_error.ValidationError,)):
                # It asks for the architecture again.
                definition = self._client.create_circuit_job_definition(
                    # On machines whose qubits meet in a resonator they are moved there and back.
                    [transpile_insert_moves(_circuit(item), architecture) for item in circuits],
                    shots=shots,
                    calibration_set_id=self._calibration_set,
                    options=self._options,
                )
        except iqm_error.ValidationError as error:
            raise self._refused(error) from error
        self._server.tag = tag
        try:
            with warnings.catch_warnings(action="ignore"):
                job = self._client.submit_circuit_job(definition, use_timeslot=use_timeslot)
        except _NOT_TAKEN as error:
            raise self._busy(error.message) from error
        except _REFUSED as error:
            raise self._refused(error) from error
        except ClientAuthenticationError as error:
            raise ConnectionError(_NO_TOKEN) from error
        except Exception as error:
            if _never_left(error):
                raise ConnectionError(f"{self._host} cannot be reached") from error
            raise self._unclear(error) from error
        return str(job.job_id)

    def _unclear(self, error: Exception) -> Exception:
        """Return what became of a submission whose answer is of no shape that the client knows."""
        status = self._last.status
        if status in _LATER:
            return self._busy("")
        if status is not None and _FIRST_REFUSAL <= status < _BROKEN and status != _TOO_SLOW:
            return InvalidParameter(f"{self._host} does not take the job: it answers with {status}")
        return Doubt(f"{self._host}: {error if status is None else f'it answers with {status}'}")

    def job(self, handle: str) -> Any:
        """Return the document of a job.

        Raises
        ------
        Gone

        """
        with self._asking():
            return self._client.get_job(UUID(handle)).job_data

    def cancel(self, handle: str) -> None:
        """Cancel a job, if it is not over by now.

        Raises
        ------
        Gone

        """
        with contextlib.suppress(*_REFUSED), self._asking(final=_REFUSED):
            self._client.cancel_job(UUID(handle))

    def counts(self, handle: str) -> list[Mapping[str, Any]]:
        """Return how often what was measured, of each circuit.

        Raises
        ------
        Gone

        """
        with self._asking():
            found = self._client.get_job_measurement_counts(UUID(handle))
        return [
            {"measurement_keys": item.measurement_keys, "counts": item.counts} for item in found
        ]

    def measurements(self, handle: str) -> list[Mapping[str, Any]]:
        """Return what was measured in each shot, of each circuit.

        Raises
        ------
        Gone

        """
        with self._asking():
            return list(self._client.get_job_measurements(UUID(handle)))

    @contextlib.contextmanager
    def _asking(
        self, *, gone: type[Exception] = Gone, final: tuple[type[Exception], ...] = ()
    ) -> Iterator[None]:
        """Raise ConnectionError for what may go better later.

        Parameters
        ----------
        gone
            What is raised for what is not there.
        final
            The client's errors that pass.

        """
        try:
            with warnings.catch_warnings(action="ignore"):
                yield
        except iqm_error.NotFoundError as error:
            if _is_page(error.message):
                raise self._busy(error.message) from error
            raise gone(f"{self._host}: {error.message}") from error
        except iqm_error.IQMError as error:
            if isinstance(error, final):
                raise
            raise self._busy(error.message) from error
        except ClientAuthenticationError as error:
            raise ConnectionError(_NO_TOKEN) from error
        except OSError as error:
            raise ConnectionError(f"{self._host} does not answer") from error
        except ValueError as error:
            if self._last.status is not None and self._last.status >= _FIRST_REFUSAL:
                raise self._busy("") from error
            raise ConnectionError(f"{self._host} gives an answer of another shape") from error

    def _busy(self, message: str) -> ConnectionError:
        """Return what tells of the last answer, after which may be asked again."""
        if not message or _is_page(message):
            message = f"it answers with {self._last.status}"
        return asked_again(f"{self._host}: {message}", self._last.headers)

    def _refused(self, error: Any) -> Refusal:
        sentence = f"{self._host} does not take the job: {error.message}"
        if error.error_code == "invalid_payload" or isinstance(
            error, iqm_error.CircuitValidationError
        ):
            return InvalidCircuit(sentence)
        return InvalidParameter(sentence)


def _circuit(document: Mapping[str, Any]) -> Circuit:
    return Circuit(
        name=document["name"],
        instructions=tuple(
            CircuitOperation(name=item["name"], locus=tuple(item["locus"]), args=item["args"])
            for item in document["instructions"]
        ),
    )


def _is_page(message: str) -> bool:
    """Whether an answer is a page of something that stands before the server."""
    return message.lstrip().startswith("<")


def _never_left(error: BaseException) -> bool:
    """Whether a request failed before anything was sent."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, requests.exceptions.ConnectTimeout | requests.exceptions.SSLError):
            return True
        reason = getattr(seen.args[0], "reason", None) if seen.args else None
        if isinstance(reason, NewConnectionError):
            return True
        seen = seen.__cause__
    return False
