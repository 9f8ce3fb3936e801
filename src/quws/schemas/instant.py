"""An instant, as it goes over a wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import PlainSerializer

from quws.domain.times import format_instant

Instant = Annotated[datetime, PlainSerializer(format_instant, return_type=str)]
"""An instant, written as in XML: UTC, milliseconds, ``Z``."""
