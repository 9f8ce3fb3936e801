"""Traces from a request to the child process that runs its circuits, by OpenTelemetry.

On when ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set, as for every program that speaks
OpenTelemetry, and the extra ``quws[tracing]`` is installed; else all of this does nothing.
Children report to nobody: they run what strangers sent. Their parent tells for them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import structlog

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_log = structlog.get_logger(__name__)
_tracer: Any = None
_provider: Any = None


def wanted() -> bool:
    """Whether the environment asks for traces."""
    return any(os.environ.get(name) for name in _ENDPOINTS)


def configure(process: str, version: str) -> None:
    """Begin to send traces, if that is wanted and possible."""
    global _tracer, _provider  # noqa: PLW0603 - one per process, as the log is
    if not wanted():
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        _log.warning("no traces are sent: the extra quws[tracing] is not installed")
        return
    resource = Resource.create({"service.name": f"quws-{process}", "service.version": version})
    _provider = TracerProvider(resource=resource)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer("quws", version)


def shutdown() -> None:
    """Send what has not been sent yet."""
    if _provider is not None:
        _provider.shutdown()


def fields() -> set[str]:
    """Return the names of the headers that tell of a span elsewhere; none where nothing is sent."""
    if _tracer is None:
        return set()
    from opentelemetry.propagate import get_global_textmap  # noqa: PLC0415

    return get_global_textmap().fields


@contextmanager
def span(
    name: str, parent: Mapping[str, str] | None = None, *, server: bool = False, **attributes: Any
) -> Iterator[None]:
    """Trace what happens inside. ``parent`` holds a ``traceparent`` from another process."""
    if _tracer is None:
        yield
        return
    from opentelemetry.propagate import extract  # noqa: PLC0415
    from opentelemetry.trace import SpanKind  # noqa: PLC0415

    with _tracer.start_as_current_span(
        name,
        context=None if parent is None else extract(dict(parent)),
        kind=SpanKind.SERVER if server else SpanKind.INTERNAL,
        attributes=_attributes(attributes),
    ):
        yield


def tell(name: str, start: datetime, end: datetime, **attributes: Any) -> None:
    """Trace what another process did between two instants, as part of the current span."""
    if _tracer is not None:
        made = _tracer.start_span(
            name, start_time=_nanoseconds(start), attributes=_attributes(attributes)
        )
        made.end(_nanoseconds(end))


def describe(name: str | None = None, **attributes: Any) -> None:
    """Say more of the current span, once it is known."""
    if _tracer is not None:
        from opentelemetry.trace import get_current_span  # noqa: PLC0415

        current = get_current_span()
        if name is not None:
            current.update_name(name)
        current.set_attributes(_attributes(attributes))


def carrier() -> dict[str, str]:
    """Write down the current span, for a process that goes on with the work."""
    found: dict[str, str] = {}
    if _tracer is not None:
        from opentelemetry.propagate import inject  # noqa: PLC0415

        inject(found)
    return found


def _attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    return {f"quws.{name}": value for name, value in given.items() if value is not None}


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000) * 1000
